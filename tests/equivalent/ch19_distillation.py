"""Mutants of chapter 19 that are as right as the original, each with its reason; … stands for any text."""

COPY = "autograd.grad leaves x alone, and what is computed from its gradient has no graph"
LAST = "the last axis is the usual one, and there are two"
ONE = "soft labels add up to 1"
FACTOR = "a factor changes neither what is exactly 0 nor a sign"
ALIKE = "what is taken off all logits of a picture cancels in the margin"
THIRD = "the third best is not asked for"
FLAGS = "autograd.grad for the pictures leaves the weights alone"
EQUIVALENT = {
    "softened/by_log_softmax: keyword dropped: …": LAST,
    "soft_loss/by_logsumexp: * and / swapped: return (z.logsumexp(1) * soft.sum(1) - (soft * z).sum(1)).mean() -> return (z.logsumexp(1) / soft.sum(1) …": ONE,
    "soft_loss/by_logsumexp: operand dropped: … -> return (z.logsumexp(1) - (soft * z).sum(1)).mean()": ONE,
    "soft_loss/by_a_product: keyword dropped: …": LAST,
    "vanished/…: clone dropped: …": COPY,
    "vanished/…: detach dropped: …": COPY,
    "vanished/solution: keyword dropped: …": FACTOR,
    "vanished/solution: sum for mean: loss = …": FACTOR,
    "vanished/by_log_probabilities: sign flipped: gradient, = …": FACTOR,
    "vanished/by_log_probabilities: mean for sum: …": FACTOR,
    "vanished/by_counting: mean for sum: gradient, = …": FACTOR,
    "vanished/by_counting: keyword dropped: …": FACTOR,
    "vanished/reference: with dropped: …": FLAGS,
    "margin_fgsm/…: clone dropped: …": COPY,
    "margin_fgsm/…: detach dropped: … -> … = x.clone().requires_grad_()": COPY,
    "margin_fgsm/…: softmax added: scores = … -> ….log_softmax(1)": ALIKE,
    "margin_fgsm/…: mean for sum: …": FACTOR,
    "margin_fgsm/by_two_best: other axis: … -> best, which = scores.topk(3, dim=1)": THIRD,
    "margin_fgsm/by_two_best: keyword dropped: …": LAST,
    "margin_fgsm/reference: with dropped: …": FLAGS,
}
