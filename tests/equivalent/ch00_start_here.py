"""Mutants of chapter 00 that are as right as the original, each with its reason; … stands for any text."""

EQUIVALENT = {
    "largest_change/…: arguments swapped: … -> x, x_adv = (x_adv, x)": "the size of a change is the same from either end",
    "largest_change/largest_change_loop: item dropped: …": "torch.tensor takes numbers and tensors without dimensions alike",
}
