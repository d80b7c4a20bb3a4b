"""Mutants of chapter 06 that are as right as the original, each with its reason; … stands for any text."""

CENTRED = "the features have mean 0, so that a constant taken from the labels drops out of A^T Y"
WIDER = "on the CPU the sum takes the wider precision; the device is tried where there is one"
BROADCAST = "one row or none, a mean is subtracted from every row alike"

EQUIVALENT = {
    "variation/variation_in_place_of_zeros: not added up: squares[:, :, :-1] … -> …": "the first sum is added to zeros",
    "variation/variation_in_place_of_zeros: keyword dropped: squares[:, :, :, :-1] …": "diff takes the last axis by itself",
    "variation/variation_in_parts: keyword dropped: … -> down, right = (x.diff(dim=2), x.diff())": "diff takes the last axis by itself",
    "probe_scores/…: sign flipped: … -> …labels + …": CENTRED,
    "probe_scores/solution: operand dropped: … -> …a.T @ labels) + base": CENTRED,
    "probe_scores/probe_by_inverse: operand dropped: … -> …a.T @ labels": CENTRED,
    "probe_scores/probe_by_pictures: operand dropped: … -> …solve(kernel, labels))…": CENTRED,
    "probe_scores/probe_by_least_squares: operand dropped: … -> …, labels)": CENTRED,
    "probe_scores/probe_by_svd: operand dropped: … -> …(u.T @ labels))…": CENTRED,
    "probe_scores/probe_by_…: axis dropped: … -> …labels - labels.mean()…": CENTRED,
    "probe_scores/probe_by_…: sum for mean: … -> …labels - labels.sum(0)…": CENTRED,
    "probe_scores/…: to dropped: …": WIDER,
    "probe_scores/probe_by_inverse: keyword dropped: centre, base = …": BROADCAST,
    "probe_scores/probe_by_inverse: True for False: centre, base = …": BROADCAST,
    "probe_scores/probe_by_inverse: keyword dropped: table = …": WIDER,
    "probe_scores/probe_by_least_squares: keyword dropped: more = …": WIDER,
    "carried/carried_in_numpy: numpy dropped: …": "np.pad takes a tensor as well",
    "carried/carried_in_numpy: detach dropped: …": "the maps of the cases carry no graph",
    "carried/carried_in_numpy: to dropped: …": "numpy keeps the precision; the device is tried where there is one",
}
