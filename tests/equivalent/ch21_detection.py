"""Mutants of chapter 21 that are as right as the original, each with its reason; … stands for any text."""

COPIES = "of several copies of the same logit the first is taken"
NUMBER = "a class number is whole, and a tensor of one number serves as an index"
ALIKE = "a truth value added to a number counts 1 or 0"
SINGLE = "torch compares whole numbers with the limit in single precision, where 28.999999999999996 is 29; and no count lies between"
SCALE = "a factor cancels in r_i / r_k"
LAST = "the last axis is the usual one, and there are two"
ONE_AXIS = "scores have one axis"
EQUIVALENT = {
    "covered_lead/solution: number off by one: …expand(-1, covered.shape[1], 2)": COPIES,
    "covered_lead/picture_by_picture: ceil for int: …": NUMBER,
    "covered_lead/picture_by_picture: int dropped: …": NUMBER,
    "area_by_pairs/solution: to dropped: …": ALIKE,
    "area_by_pairs/by_sign: view for reshape: …": ONE_AXIS,
    "alarm_level/by_counting: edge of a comparison: return clean[above <= …": SINGLE,
    "alarm_level/by_counting: operand dropped: … -> return clean[above <= rate * len(clean)].min()": SINGLE,
    "local_dimension/by_squares: keyword dropped: squares = …": LAST,
    "local_dimension/by_squares: mean for sum: …": SCALE,
    "local_dimension/by_squares: axes swapped: … -> return -2.0 / (squares / squares[:, None, -1]).log().mean(dim=1)": LAST,
    "local_dimension/reference: keyword dropped: … -> nearest = (features[:, None] - among).norm(dim=2).topk(k, largest=False).values": LAST,
}
