"""Mutants of chapter 05 that are as right as the original, each with its reason; … stands for any text."""

EQUIVALENT = {
    "climb/climb…: mean for sum: …": "a positive factor of the gradient is divided away again",
    "climb/climb_with_backward: clone dropped: …": "detach has made a tensor of its own flag; its values are only read",
    "climb/climb_with_backward: detach dropped: …": "backward(inputs=[z]) stops at z, and the result is detached",
    "climb/climb_by_func: to dropped: …": "whole numbers times scores are floats of the scores' precision",
    "climb/climb_by_func: detach dropped: …": "torch.func.grad begins at its argument",
    "climb/climb_one_by_one: detach dropped: …": "each result is detached",
    "climb/climb_one_by_one: tolist dropped: …": "a tensor of one whole number is an index as well",
    "climb/climb_one_by_one: clone dropped: …": "the slice of the detached pictures is a tensor of its own flag; its values are only read",
    "climb/climb_by_the_change: in place: …": "the change is zero: adding it in place changes nothing",
    "climb/climb_by_the_change: detach dropped: …": "the result is detached, or the picture was",
    "soften/soften_by_index: clip on one side: …": "the left neighbour cannot lie beyond the right border, nor the right one beyond the left",
    "soften/soften_by_index: number off by one: … (places + 1).clamp(1, last)…": "a right neighbour is 1 at least",
    "soften/soften_by_index: number off by one: … (places + 1).clamp(-1, last)…": "a right neighbour is 1 at least",
    "octave_sizes/octaves_in_numpy: round for int: …": "rint has rounded already",
    "octave_sizes/octaves_in_numpy: ceil for int: …": "rint has rounded already",
    "octave_sizes/octaves_in_numpy: int dropped: …": "NumPy's double is one of Python's floats, and whole",
    "octave_sizes/octaves_in_numpy: float dropped: …": "every ratio is a float",
}
