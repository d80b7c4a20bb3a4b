"""Mutants of chapter 09 that are as right as the original, each with its reason; … stands for any text."""

EQUIVALENT = {
    "linear_step/linear_step_where: edge of a comparison: …": "a coordinate without a weight may go anywhere within eps",
    "fgsm/fgsm_one_by_one: loop, one step too many: …": "the last round takes an empty slice and adds nothing",
    "fgsm/fgsm_one_by_one: loop, begins one early: …": "the first round takes an empty slice and adds nothing",
    "fgsm/fgsm_one_by_one: clone dropped: …": "a slice is a tensor of its own: the flag is not set on x",
    "noise_of_size/…: sign flipped: … -> return (x - eps * …": "a coin has no preferred side",
    "noise_of_size/…: * and / swapped: … -> return (x + eps / …": "the coins are -1 and 1: dividing by them is multiplying",
    "honest_success/…: arguments swapped: … -> before, y = (y, before)": "only pictures with before == y count: either name does",
    "targeted_fgsm/targeted_by_log_probability: mean for sum: …": "a positive factor does not change the gradient's sign",
    "targeted_fgsm/targeted_by_log_probability: softmax for log_softmax: …": "dp is p d(log p), and p is positive",
}
