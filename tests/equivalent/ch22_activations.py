"""Mutants of chapter 22 that are as right as the original, each with its reason; … stands for any text."""

ABSOLUTE = "the absolute value of a change does not know which of the two came first"
FOUR = "the result has one axis of four numbers, nothing to squeeze"
NUMBERS = "a truth value counts as 0 or 1 beside a whole number"
LENGTH = "a gradient that is divided by its own length loses every factor"
MEET = "the pieces meet there: at 0 and at the bound both give the same value"
ONE_AXIS = "a bound has one axis; no layout of it resists view"
SPREADS = "torch spreads it by itself"
MAPS = "the exercise's layers have four axes"
EQUIVALENT = {
    "bounded_leaky/…: edge of a comparison: …": MEET,
    "bounded_leaky/by_leaky_relu: view for reshape: …": ONE_AXIS,
    "bounded_leaky/by_masks: expand_as dropped: …": SPREADS,
    "bounded_leaky/reference: operand dropped: b = … -> b = bound.view(-1, *[1] * 2)": MAPS,
    "carried_by_few/…: arguments swapped: …": ABSOLUTE,
    "who_is_fooled/…: result squeezed: …": FOUR,
    "walk/…: mean for sum: …torch.autograd.grad(lead…": LENGTH,
    "who_is_fooled/by_counting: long dropped: …": NUMBERS,
}
