"""What Python and torch raise, in words: the sentence that tells a student what it most likely means."""

from __future__ import annotations

import ast
import inspect
import linecache
import re
import textwrap
import traceback
from collections.abc import Callable

from .guard import TimeUp

# What the error's text holds -> what it means. The first that is found counts.
MEANINGS = (
    (r"'tuple' object has no attribute|operand.*'tuple'|must be Tensor, not tuple",
     "torch.autograd.grad gives a tuple, one gradient for each input; unpack it: (gradient,) = torch.autograd.grad(value, x)."),
    (r"'NoneType' object has no attribute",
     "something is None: x.grad is None where x is not a leaf or .backward() was not called (use torch.autograd.grad(value, x)), "
     "and a function without `return` gives None."),
    (r"does not require grad|element 0 of tensors",
     "nothing asks for a gradient here: begin with x = x.clone().requires_grad_(), before the model is called, and not under no_grad."),
    (r"appears to not have been used in the graph",
     "the value was not computed from the x that you differentiate: call the model on the very tensor that asks for gradients."),
    (r"can be implicitly created only for scalar outputs",
     "a gradient is taken of one number: add up the batch first, .sum()."),
    (r"backward through the graph a second time|saved intermediate values of the graph",
     "the graph was used up by an earlier gradient: compute the scores anew, or keep it (retain_graph=True, create_graph=True)."),
    (r"leaf Variable that requires grad is being used in an in-place|modified by an inplace operation",
     "a tensor was changed in place while its gradient is still to be computed: make a new one instead (no _ at the end, no +=)."),
    (r"only change requires_grad flags of leaf variables",
     "this tensor was computed from others; give requires_grad_() to a copy of its values: x.detach().clone().requires_grad_()."),
    (r"Can't call numpy\(\) on Tensor that requires grad", "the tensor still carries the graph: .detach() first."),
    (r"view size is not compatible", "this tensor lies in memory in another order: use .reshape or .flatten instead of .view."),
    (r"expected scalar type|must have the same dtype|same dtype|expected m1 and m2",
     "two precisions meet: make new tensors like the input, torch.zeros_like(x) or .to(x)."),
    (r"Expected all tensors to be on the same device|on different devices",
     "two devices meet: make new tensors where x is, torch.zeros_like(x) or .to(x.device)."),
    (r"cannot be converted to Scalar|only one element tensors", ".item() is for one number: reduce the tensor first, or leave it a tensor."),
    (r"Boolean value of Tensor with more than one value is ambiguous",
     "an `if` needs one truth value, and so do Python's own max() and min(): use torch.where, a mask, .any(), .amax() or .amin()."),
    (r"Index tensor must have the same number of dimensions",
     "the index of gather needs as many axes as the table: y[:, None] is [N, 1]."),
    (r"Size does not match at dimension .* expected index",
     "the index of gather does not fit: along all axes but the one it picks along it may not be longer than the table. Is it the right axis?"),
    (r"log_softmax\S* not implemented for 'Long'", "F.cross_entropy takes the scores first, then the classes."),
    (r"expected input\[.*\] to have \d+ channels",
     "the weights and the pictures do not fit together: is another network called than the one that is given, or a number of colours fixed?"),
    (r"Expected dtype \S+ for index|used as indices must be", "an index must be of whole numbers, torch.long."),
    (r"Dimension out of range", "the tensor has fewer axes than you think: print its .shape."),
    (r"The size of tensor a .* must match|shape mismatch|cannot be broadcast|shape .* is invalid for input",
     "two shapes do not fit together: print both .shape; an axis of one (x[:, None]) makes them fit."),
)  # fmt: skip


def in_words(error: BaseException, answer: Callable, parameters: list[str]) -> str:
    """An exception in words: what it means, its own first line, and the line of the student's code where it arose."""
    situation = getattr(error, "situation", "")
    before = f"{situation}: " if situation else ""
    text = f"{type(error).__name__}: {error}".strip().split("\n")[0].rstrip(":. ")
    frames = list(traceback.walk_tb(error.__traceback__))
    entered = next((i for i, (frame, _) in enumerate(frames) if frame.f_code in codes(answer)), None)
    if entered is None and isinstance(error, TypeError) and "argument" in str(error):
        return f"{before}your function must take the arguments ({', '.join(parameters)}), in this order ({text})."
    if entered is None:
        return f"{before}the check could not use what your function returns ({text})."
    where = f"in the line: {last_line(frames[entered:])}"
    order = list(inspect.signature(answer).parameters)
    if order != parameters and sorted(order) == sorted(parameters):
        return f"{before}your function takes the arguments ({', '.join(order)}); they come in the order ({', '.join(parameters)})."
    if isinstance(error, TimeUp):
        return f"{before}your function was still running after {error.args[0] if error.args else 'some'} seconds; does a loop never end? It was {where}."
    meaning = next((words for pattern, words in MEANINGS if re.search(pattern, str(error))), "")
    if meaning:
        return f"{before}{meaning} (Your code raised {text}, {where})"
    return f"{before}your code raised {text}, {where}."


def codes(answer: Callable) -> list:
    """The code of a function, or of all functions of a class or of an object's class."""
    unwrapped = inspect.unwrap(answer)
    if hasattr(unwrapped, "__code__"):
        return [unwrapped.__code__]
    holder = answer if inspect.isclass(answer) else type(answer)
    return [inspect.unwrap(f).__code__ for f in vars(holder).values() if hasattr(inspect.unwrap(f), "__code__")]


def last_line(frames: list) -> str:
    """The last line of the student's own file or notebook that was being run."""
    home = frames[0][0].f_code.co_filename
    own = [(frame.f_code.co_filename, line) for frame, line in frames]
    file, line = [place for place in own if place[0] == home or "ipykernel_" in place[0]][-1]
    return linecache.getline(file, line).strip()


def is_untouched_stub(answer: Callable) -> bool:
    """Whether a function holds nothing but its docstring and the line that raises; True as well where its text is not known."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(answer))))
    except (OSError, TypeError, SyntaxError, IndentationError):
        return True
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.Lambda))]
    if not functions or isinstance(functions[0], ast.Lambda):
        return True
    written = [node for node in functions[0].body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    return all(isinstance(node, ast.Raise) for node in written)
