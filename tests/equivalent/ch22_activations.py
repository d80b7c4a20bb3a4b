"""Mutants of chapter 22 that are as right as the original, each with its reason; … stands for any text."""

ABSOLUTE = "the absolute value of a change does not know which of the two came first"
FOUR = "the result has one axis of four numbers, nothing to squeeze"
NUMBERS = "a truth value counts as 0 or 1 beside a whole number"
LENGTH = "a gradient that is divided by its own length loses every factor"
EQUIVALENT = {
    "carried_by_few/…: arguments swapped: …": ABSOLUTE,
    "who_is_fooled/…: result squeezed: …": FOUR,
    "walk/…: mean for sum: …torch.autograd.grad(lead…": LENGTH,
    "who_is_fooled/by_counting: long dropped: …": NUMBERS,
}
