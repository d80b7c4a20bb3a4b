"""Mutants of chapter 15 that are as right as the original, each with its reason; … stands for any text."""

DTYPE = "what is put into the pictures takes their precision"
GRAPH = "no situation of this battery asks for gradients"
ZEROS = "further rows of zeros add nothing to the sum"
EQUIVALENT = {
    "first_candidates/first_in_a_new_tensor: detach dropped: …": GRAPH,
    "paint/solution: to dropped: …": DTYPE,
    "paint/reference: to dropped: …": DTYPE,
    "paint/paint_by_mask: to dropped: …": "a tensor of one number beside another takes the other's precision",
    "paint/paint_one_by_one: detach dropped: …": GRAPH,
    "paint/paint_by_mask: detach dropped: …": GRAPH,
    "one_generation/generation_by_loop: tolist dropped: …": "tensors of one number pick as the numbers do",
    "one_generation/generation_by_index: detach dropped: …": GRAPH,
    "reached/reached_by_pooling: number off by one: row, counts = (torch.zeros(1, 1, size), []) -> row, counts = (torch.zeros(2, 1, size), [])": ZEROS,
    "reached/reached_by_pooling: number off by one: row, counts = (torch.zeros(1, 1, size), []) -> row, counts = (torch.zeros(1, 2, size), [])": ZEROS,
    "reached/reference: condition dropped: … -> low, high = (max(low, 0), min(high, size - 1))": "the reference always clips; only wrong answers made from it do not",
    "reached/reached_by_pooling: ceil for int: …": "the number is whole already",
}
