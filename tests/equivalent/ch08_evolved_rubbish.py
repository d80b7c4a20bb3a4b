"""Mutants of chapter 08 that are as right as the original, each with its reason; … stands for any text."""

EQUIVALENT = {
    "small_mutation/solution: edge of a comparison: …": "at u = 1/2 both formulas give 0",
    "small_mutation/mutation_by_sign: edge of a comparison: …": "at u = 1/2 both formulas give 0",
    "small_mutation/mutation_by_distance: edge of a comparison: …": "at u = 1/2 both formulas give 0",
    "small_mutation/mutation_by_masks: edge of a comparison: …": "at u = 1/2 both formulas give 0",
    "small_mutation/reference: edge of a comparison: …": "at u = 1/2 both formulas give 0",
    "small_mutation/reference: operand dropped: … -> return torch.where(u < 0.5, (lambda …": "another lower side is given by the wrong answers alone",
    "small_mutation/reference: operand dropped: …(u), (lambda v: 1 - (2 * (1 - v)) ** power())(u))": "another upper side is given by the wrong answers alone",
    "next_elites/elites_one_by_one: loop, begins one early: for k in …": "-1 is the last class, which is only seen twice",
    "next_elites/reference: operand dropped: … -> child = (lambda …": "other picks are given by the wrong answers alone",
    "next_elites/reference: operand dropped: … -> return torch.where((lambda …": "other comparisons are given by the wrong answers alone",
    "node_answers/node_one_by_one: ceil for int: …": "the number is whole already",
    "node_answers/node_by_einsum: clone dropped: …": "each row is written once, and read before it is",
}
