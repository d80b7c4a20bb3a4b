"""Mutants of chapter 20 that are as right as the original, each with its reason; … stands for any text."""

NO_GRAPH = "classes are whole numbers: they have no graph"
ORDER = "softmax keeps the order of the scores"
EQUIVALENT = {
    "found_by_chance/…: no_grad dropped: …": NO_GRAPH,
    "found_by_chance/…: softmax added: …": ORDER,
}
