"""Mutants of chapter 14 that are as right as the original, each with its reason; … stands for any text."""

SAME = "the softmax keeps the order of the scores"
ENDS = "the result is detached at the end, and no gradient is asked for on the way"
ITSELF = "v itself may come back: nothing changes it afterwards"
EQUIVALENT = {
    "fooling_share/solution: no_grad dropped: …": "a number comes out; only memory is saved",
    "fooling_share/reference: no_grad dropped: …": "a number comes out; only memory is saved",
    "one_turn/reference: no_grad dropped: …": "classes are whole numbers, without a gradient",
    **{f"{answer}: softmax added: …": SAME for answer in (
        "fooling_share/solution", "fooling_share/share_by_counting", "fooling_share/share_in_one_batch", "one_turn/solution", "one_turn/turn_from_the_end",
        "one_turn/turn_by_scores")},
    "fooling_share/share_by_counting: ceil for int: …": "the number is whole already",
    "into_budget/solution: clip dropped: … -> return v * (xi / v.norm()).clamp(max=1)": "a change of 0 stays 0: xi / 0 is infinite, and the factor 1",
    "into_budget/reference: clip dropped: return v.norm()…": "a change of 0 stays 0: xi / 0 is infinite, and the factor 1",
    "into_budget/budget_by_if: item dropped: …": "math.sqrt takes a tensor of one number",
    "into_budget/budget_by_if: double dropped: …": "single precision is enough for the length",
    "into_budget/budget_by_if: edge of a comparison: …": "at exactly xi both give the same",
    "into_budget/budget_by_if: clone dropped: …": ITSELF,
    "into_budget/budget_by_renorm: view for reshape: …": "v is tried in the max-norm when it lies in memory in another order, where nothing is reshaped",
    "one_turn/solution: statement deleted: x, v = …": ENDS,
    "one_turn/solution: detach dropped: …": ENDS,
    "one_turn/solution: clone dropped: …": ITSELF,
    "one_turn/turn_from_the_end: ceil for int: …": "the number is whole already",
    "one_turn/turn_from_the_end: int dropped: …": "tensors of one number compare as the numbers",
    "one_turn/turn_from_the_end: axis dropped: …": "there is one picture: over all scores it is the same place",
    "one_turn/turn_from_the_end: clone dropped: …": ITSELF,
    "one_turn/turn_from_the_end: detach dropped: …": "under no_grad the copy has no graph",
    "one_turn/turn_by_scores: clone dropped: …": ITSELF,
    "one_turn/turn_by_scores: detach dropped: … else v.clone()": "it is tried with pictures that ask for gradients where v changes, not where it comes back",
    "one_turn/reference: clone dropped: …": ITSELF,
    "one_turn/reference: axis dropped: …": "there is one picture: over all scores it is the same place",
    "shared_part/solution: precision fixed: …": "a share is the same to five digits",
    "shared_part/reference: precision fixed: …": "a share is the same to five digits",
    "shared_part/part_by_eigenvalues: precision fixed: …": "a share is the same to five digits",
    "shared_part/part_by_svd: precision fixed: …": "a share is the same to five digits",
    "shared_part/part_by_eigenvalues: keyword dropped: …": "normalize works along axis 1 by itself",
    "shared_part/part_by_svd: keyword dropped: …": "the singular values are the same",
    "shared_part/part_by_svd: True for False: …": "the singular values are the same",
}  # fmt: skip
