"""Mutants of chapter 02 that are as right as the original, each with its reason; … stands for any text."""

LAST = "the last axis is the usual one"
WHOLE = "a tensor of one whole number is an index and a count as well"
AS_THEY_ARE = "NumPy takes tensors of the CPU as they are"
NEVER_SEEN = "what lies outside of the picture is filled afterwards, whatever stands there"
FOLLOWS = "in single and double precision NumPy keeps the precision; on the GPU the battery would see the device"
AGAIN = "the map or picture -1 is the last one, which is written to again"

EQUIVALENT = {
    "strongest_places/strongest_map_by_map: ones for zeros: …": "every cell is written to",
    "strongest_places/strongest_map_by_map: loop, begins one early: …": AGAIN,
    "strongest_places/strongest_map_by_map: ceil for int: …": "a place is a whole number already",
    "strongest_places/strongest_by_sorting: keyword dropped: … -> best = maps.flatten(2).sort(descending=True)": LAST,
    "update/…: keyword dropped: … -> …sort(descending=True, stable=True)": LAST,
    "update/update_picture_by_picture: tolist dropped: …": "tensors of one number are sorted and compared like numbers",
    "update/update_picture_by_picture: to dropped: … -> …for row in best]))": "whole numbers become torch.int64 anyway; on the GPU the battery would see the device",
    "update/update_in_numpy: numpy dropped: …": AS_THEY_ARE,
    "update/update_in_numpy: number off by one: …(len(every), 2))…": "the numbers are only repeated behind those that are looked up",
    "update/update_in_numpy: keyword dropped: … -> …np.argsort(-every, kind='stable')…": LAST,
    "update/update_in_numpy: to dropped: …": FOLLOWS,
    "update/update_by_insertion: ceil for int: …": "a count is a whole number already",
    "update/update_by_insertion: int dropped: …": WHOLE,
    "update/update_with_argsort: number off by one: …repeat(len(values), 2)…": "the numbers are only repeated behind those that are looked up",
    "update/update_with_argsort: keyword dropped: … -> …both.argsort(descending=True, stable=True)…": LAST,
    "cut/cut_by_mask: clip on one side: … -> …clamp_max(…": NEVER_SEEN,
    "cut/cut_by_mask: number off by one: …clamp(-1, …": NEVER_SEEN,
    "purity/purity_by_counting: ceil for int: …": "a label is a whole number already",
    "purity/purity_by_counting: int dropped: counts = …": WHOLE,
    "purity/purity_by_counting: number off by one: … -> …+ 2) for row in labels])": "one more label that never comes",
    "purity/purity_by_pairs: keyword dropped: ordered = …": LAST,
    "purity/purity_by_pairs: other axis: counts = … -> ….sum(1)": "who equals whom is symmetric",
}
