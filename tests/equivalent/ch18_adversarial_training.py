"""Mutants of chapter 18 that are as right as the original, each with its reason; … stands for any text."""

COPY = "autograd.grad leaves x alone and gives a tensor without a graph, whatever x was"
SIGN = "only the sign of the slope counts: a mean divides it, and dividing by a sign multiplies by it"
UNUSED = "what only wrong answers use"
FILLED = "every row of the table is written"
RANKING = "steps decide, and a part below 1 that grows with the loss decides between equals"
EQUIVALENT = {
    "mixed_loss/…: clone dropped: …": COPY,
    "mixed_loss/…: detach dropped: …": COPY,
    "mixed_loss/…: * and / swapped: …": SIGN,
    "mixed_loss/mixed_in_one_pass: keyword dropped: slope = …": SIGN,
    "mixed_loss/mixed_in_one_pass: sum for mean: slope = …": SIGN,
    "mixed_loss/reference: statement deleted: x = x.detach() -> (deleted)": COPY,
    "watched_climb/…: clone dropped: …": COPY,
    "watched_climb/…: detach dropped: x, z, …": COPY,
    "watched_climb/climbed_plainly: detach dropped: z = …": "z may carry the graph of the steps before; its slope is asked for where it stands",
    "watched_climb/climbed_with_a_table: detach dropped: z, table = …": COPY,
    "watched_climb/…: mean for sum: …": SIGN,
    "watched_climb/climbed_with_a_table: sum for mean: …": SIGN,
    "watched_climb/climbed_with_a_table: keyword dropped: slope = …": SIGN,
    "watched_climb/climbed_with_a_table: ones for zeros: …": FILLED,
    "watched_climb/climbed_with_a_table: softmax added: …": "the logarithm of the softmax has the same logarithm of the softmax",
    "watched_climb/reference: sign flipped: for _ in …": UNUSED,
    "watched_climb/reference: operand dropped: for _ in …": UNUSED,
    "watched_climb/reference: condition dropped: z = …": UNUSED,
    "still_right/right_by_counting: ceil for int: …": "the count is a whole number",
    "hardest_first/…: precision fixed: …": "the result is whole numbers; losses that differ beyond single precision only are no two losses",
    "hardest_first/hardest_by_one_number: double dropped: …": RANKING,
    "hardest_first/hardest_by_one_number: operand dropped: tied = … -> tied = steps.double() - loss.double() / loss.double().max()": RANKING,
    "hardest_first/hardest_by_one_number: number off by one: tied = …": RANKING,
    "hardest_first/hardest_by_one_number: max dropped: tied = …": "l / (1 + l) lies below 1 and grows with l",
    "hardest_first/hardest_by_one_number: keyword dropped: …": "sorted=True is what torch.topk does by itself",
    "hardest_first/hardest_as_python_sorts: ceil for int: …": "steps are whole numbers",
    "hardest_first/hardest_as_python_sorts: int dropped: …": "tensors of one number compare as numbers do",
    "hardest_first/hardest_as_python_sorts: float dropped: …": "tensors of one number compare as numbers do",
    "worst_view/…: no_grad dropped: …": "what is returned are the views, which have no graph",
    "worst_view/…: detach dropped: return …": "what is returned are the views, which have no graph",
    "worst_view/worst_so_far: clone dropped: …": "torch.where makes a tensor of its own",
    "worst_view/worst_so_far: number off by one: best, height = …": "the first view is taken whatever was there",
    "worst_view/worst_so_far: zeros_like for ones_like: take = …": "the first view is there already",
    "worst_view/worst_so_far: edge of a comparison: take = …": "no two views have the same loss",
    "worst_view/worst_in_one_batch: softmax for log_softmax: …": "the probability of the right class is lowest where its logarithm is",
    "worst_view/worst_in_one_batch: number off by one: index = …": "only the first of the two copies is used",
}
