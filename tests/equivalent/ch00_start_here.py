"""Mutants of chapter 00 that are as right as the original, each with its reason; … stands for any text."""

ALREADY = "the other one of detach and clone already gives a tensor of its own that asks for gradients; the values are not written to"
PROMOTED = "whole numbers become what they are multiplied with or subtracted from; on the GPU the battery would see a tensor elsewhere"
DEVICE = "the numbers are in the right precision already; on the GPU the battery would see them elsewhere"

EQUIVALENT = {
    "largest_change/…: arguments swapped: … -> x, x_adv = (x_adv, x)": "the size of a change is the same from either end",
    "largest_change/in_numpy_and_back: detach dropped: …": "nothing asks for gradients in this exercise",
    "largest_change/in_numpy_and_back: to dropped: …": DEVICE,
    "largest_change/in_numpy_and_back: number off by one: … -> return torch.from_numpy(change.reshape(len(x), -2)…": "NumPy takes any negative number for the length that is left over",
    "own_score/by_one_hot: to dropped: …": PROMOTED,
    "picture_gradient/…: clone dropped: …": ALREADY,
    "picture_gradient/…: detach dropped: … -> … = x.clone().requires_grad_()": ALREADY,
    "picture_gradient/backward_to_the_picture_only: to dropped: …": DEVICE,
    "picture_gradient/by_hand_through_the_softmax: softmax added: scores = model(own) -> scores = model(own).log_softmax(1)":
        "the softmax of log-probabilities is the softmax of the scores, and p - onehot sums to 0, so nothing more comes back through it",
    "picture_gradient/by_hand_through_the_softmax: detach dropped: slope = … -> slope = scores.softmax(1) …":
        "torch.autograd.grad does not differentiate its grad_outputs",
    "picture_gradient/by_hand_through_the_softmax: to dropped: …": PROMOTED,
}  # fmt: skip
