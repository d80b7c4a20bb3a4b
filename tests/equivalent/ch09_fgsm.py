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
    "linear_step/linear_step_loop: edge of a comparison: …": "a coordinate without a weight may go anywhere within eps",
    "linear_step/linear_step_by_the_gradient_of_the_score: graph kept: …": "the gradient is w itself: there is no graph to keep",
    "fgsm/fgsm_with_a_change_of_zero: softmax for log_softmax: …": "dp is p d(log p), and p is positive",
    "fgsm/fgsm_with_a_change_of_zero: edge of a comparison: … x, torch.where(slope >= 0, …": "0 was dealt with before",
    "honest_success/honest_in_numpy: statement deleted: …": "NumPy takes tensors of the CPU as they are",
    "honest_success/honest_in_numpy: numpy dropped: …": "NumPy takes tensors of the CPU as they are",
    "honest_success/honest_in_numpy: float dropped: …": "NumPy's double is one of Python's floats",
    "noise_of_size/noise_where: edge of a comparison: …": "a coin does not stand on its edge",
    "noise_of_size/noise_where: comparison turned: …": "a coin has no preferred side",
    "targeted_fgsm/targeted_by_logsumexp: softmax added: … -> scores = model(z).log_softmax(1)": "log_softmax only subtracts logsumexp, and the loss adds it again",
    "targeted_fgsm/targeted_by_logsumexp: mean for sum: …": "a positive factor does not change the gradient's sign",
}
