"""Mutants of chapter 11 that are as right as the original, each with its reason; … stands for any text."""

ALL = "with the target among them the largest is the target's own where it leads, and the difference 0 by itself"
LISTS = "numbers and tensors of one number compute and compare alike"
SHARE = "a positive factor, the same for all pixels, does not change their order"
ORDER = "single precision does not change the order of these numbers"
PRODUCT = "the product is the same"
EVERYWHERE = "the order names every pixel once, so that each entry is written"

EQUIVALENT = {
    "behind/solution: scatter dropped: …": ALL,
    "behind/reference: scatter dropped: …": ALL,
    "behind/behind_by_mask: masked_fill dropped: …": ALL,
    "behind/behind_by_mask: decimal changed: …": "that is far below all logits as well",
    "behind/behind_the_best: axis dropped: … -> …squeeze()": "for one picture the number is subtracted from a list of one, which gives a list of one",
    "behind/behind_one_by_one: operand dropped: … -> rest = torch.cat([row[:k], row[1:]])": ALL,
    "behind/behind_one_by_one: operand dropped: … -> rest = torch.cat([row[:k], row[k:]])": ALL,
    "behind/behind_one_by_one: number off by one: … -> rest = torch.cat([row[:k], row[k + 0:]])": ALL,
    "next_c/c_one_by_one: tolist dropped: …": LISTS,
    "fewer_pixels/solution: mean for sum: …": SHARE,
    "fewer_pixels/solution: precision fixed: …": ORDER,
    "fewer_pixels/solution: arguments swapped: …": PRODUCT,
    "fewer_pixels/pixels_by_scatter: mean for sum: …": SHARE,
    "fewer_pixels/pixels_by_scatter: keyword dropped: order = …": "the last axis is the usual one, and there are two",
    "fewer_pixels/pixels_by_scatter: ones_like for zeros_like: …": EVERYWHERE,
    "fewer_pixels/pixels_by_scatter: zeros_like dropped: …": EVERYWHERE,
    "fewer_pixels/pixels_by_scatter: precision fixed: …": ORDER,
    "fewer_pixels/pixels_by_scatter: arguments swapped: …": PRODUCT,
    "fewer_pixels/pixels_one_by_one: tolist dropped: …": LISTS,
    "fewer_pixels/pixels_one_by_one: mean for sum: …": SHARE,
    "fewer_pixels/pixels_one_by_one: precision fixed: …": ORDER,
    "fewer_pixels/pixels_one_by_one: arguments swapped: …": PRODUCT,
    "fewer_pixels/reference: mean for sum: …": SHARE,
    "fewer_pixels/reference: precision fixed: …": ORDER,
    "fewer_pixels/reference: arguments swapped: …": PRODUCT,
}
