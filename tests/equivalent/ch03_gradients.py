"""Mutants of chapter 03 that are as right as the original, each with its reason; … stands for any text."""

ALREADY = "the other one of detach and clone already gives a tensor of its own that asks for gradients; the values are not written to"
NOTHING = "a gradient of 0 hands down 0 whether it passes or not"
ONCE = "modules() names a module once; one that is walked over twice is clamped twice, which is once"

EQUIVALENT = {
    "strongest/positions_in_numpy: numpy dropped: …": "argmax of a tensor is what unravel_index takes as well",
    "strongest/positions_in_numpy: detach dropped: …": "the maps of the cases carry no graph",
    "strongest/positions_in_numpy: array dropped: …": "a list of tuples makes the same tensor, more slowly",
    "map_back/…: clone dropped: …": ALREADY,
    "map_back/…: detach dropped: …x.detach().clone()… -> …": ALREADY,
    "map_back/by_a_one: tolist dropped: …": "a tensor of one whole number is an index as well",
    "relu_rules/rules_by_autograd: clone dropped: x = …": ALREADY,
    "relu_rules/rules_by_autograd: detach dropped: …": ALREADY,
    "relu_rules/rules_by_autograd: edge of a comparison: …": NOTHING,
    "relu_rules/rules_by_autograd: minimum dropped: …": "where the ReLU is open both are the clamped gradient, and elsewhere 0",
    "relu_rules/rules_by_where: edge of a comparison: … -> …g >= 0…": NOTHING,
    "relu_rules/rules_by_fill: edge of a comparison: … -> …g < 0…": NOTHING,
    "with_guided/by_a_context: edge of a comparison: …": NOTHING,
    "with_guided/by_recursion: operand dropped: … -> if isinstance(module, nn.ReLU):": ONCE,
    "with_guided/by_recursion: loop, …: if isinstance(module, nn.ReLU) and module not in …": ONCE,
}
