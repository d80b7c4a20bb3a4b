"""Mutants of chapter 22 that are as right as the original, each with its reason; … stands for any text."""

ABSOLUTE = "the absolute value of a change does not know which of the two came first"
FOUR = "the result has one axis of four numbers, nothing to squeeze"
NUMBERS = "a truth value counts as 0 or 1 beside a whole number"
LENGTH = "a gradient that is divided by its own length loses every factor"
MEET = "the pieces meet there: at 0 and at the bound both give the same value"
ONE_AXIS = "a bound has one axis; no layout of it resists view"
SPREADS = "torch spreads it by itself"
MAPS = "the exercise's layers have four axes"
PROMOTED = "units of -1 and sums that begin at 0 are exact, and beside the states they take on their precision; the tests run on the CPU"
LAST = "without dim it goes along the last axis, which is meant"
NOT_WRITTEN = "nothing is written into these pictures"
NUMBERS_TOO = "tensors of one number are sorted, added and compared like numbers"
EQUIVALENT = {
    "bounded_leaky/…: edge of a comparison: …": MEET,
    "bounded_leaky/by_leaky_relu: view for reshape: …": ONE_AXIS,
    "bounded_leaky/by_masks: expand_as dropped: …": SPREADS,
    "bounded_leaky/reference: operand dropped: b = … -> b = bound.view(-1, *[1] * 2)": MAPS,
    "carried_by_few/…: arguments swapped: …": ABSOLUTE,
    "who_is_fooled/…: result squeezed: …": FOUR,
    "walk/…: mean for sum: …torch.autograd.grad(lead…": LENGTH,
    "walk/by_margin: clone dropped: x = x.detach().clone() -> …": NOT_WRITTEN, "walk/alone_each: clone dropped: …": NOT_WRITTEN,
    "walk/by_margin: keyword dropped: … -> …clamp_min(1e-37)).view_as(x)": "along axis 1 is what F.normalize does by itself",
    "walk/by_margin: detach dropped: walking = …": "a comparison has no gradient",
    "walk/alone_each: detach dropped: …": "the pictures come without a graph, and each end is detached",
    "walk/alone_each: tolist dropped: …": NUMBERS_TOO,
    "walk/until_nobody_walks: axis dropped: … -> …squeeze()": "beside a single picture's score a number spreads",
    "walk/until_nobody_walks: statement deleted: if not walking.any(): -> (deleted)": "that only ends a walk of nobody sooner",
    "memory_scores/…: to dropped: …": PROMOTED,
    "speakers/by_a_loop: double dropped: …": "tolist gives numbers in double precision anyway, and the row's own sum is rounded as the reference's is",
    "speakers/by_a_loop: tolist dropped: …": NUMBERS_TOO,
    "speakers/by_a_loop: item dropped: …": NUMBERS_TOO,
    "speakers/by_first_place: keyword dropped: … -> …torch.sort(activations, descending=True)": LAST,
    "speakers/by_topk: keyword dropped: … -> …activations.topk(k).values…": LAST,
    "who_is_fooled/by_counting: long dropped: …": NUMBERS,
}
