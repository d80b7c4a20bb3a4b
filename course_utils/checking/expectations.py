"""What a checker may expect of a result. Each raises a Mistake when it is not so."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .exercise import Case, Mistake


class Differs(Mistake):
    """The result has the right form, but other values."""


def expect(condition: bool | Tensor, message: str) -> None:
    """Raise Mistake(message) unless the condition holds."""
    if not bool(condition):
        raise Mistake(message)


def expect_something(got: Any) -> None:
    """Require that the student's function returned something at all."""
    expect(got is not None, "your function returns nothing, None; end it with `return` and the result (print only shows it).")


ATTACHED = "the result still carries the graph; finish with .detach(), or compute under torch.no_grad()."


def returned(got: Any, like: Tensor, what: str, case: Case | None = None) -> Tensor:
    """Require that the student's function returned a tensor of the shape, precision and device of `like`, without a graph.

    case: the arguments, where `like` is not one of them.
    """
    expect_something(got)
    form = f"a torch tensor of shape {list(like.shape)}"
    expect(isinstance(got, Tensor), f"{what} is {type(got).__name__}; {form} is expected.{made_a_tensor(got)}")
    why = " .squeeze() without an axis takes the batch's axis away, too; name the axis." if lost_batch(got, like) else ""
    expect(got.shape == like.shape, f"{what} has shape {list(got.shape)}; {list(like.shape)} is expected.{why}")
    expect(got.dtype == like.dtype, f"{what} holds {got.dtype}; {like.dtype} is expected{origin(like.dtype, case)}")
    expect(got.device == like.device, f"{what} is on {got.device}; {like.device} is expected, where the input is.")
    expect(not got.isnan().any(), f"{what} holds NaN; do you divide by 0 somewhere?")
    expect(like.requires_grad or not got.requires_grad, ATTACHED)
    return got


def origin(dtype: torch.dtype, case: Case | None) -> str:
    """How one comes to this precision: it is that of the input, unless all tensors among the arguments have another one."""
    given = [value.dtype for value in (case or {}).values() if isinstance(value, Tensor)]
    return ", as in the input." if case is None or dtype in given else f": .to({dtype})."


def made_a_tensor(got: Any) -> str:
    """How to come from what a function returned to a tensor."""
    if type(got).__module__ == "torch.return_types":
        return " It holds two things, .values and .indices: take the one that is asked for."
    if isinstance(got, tuple) and len(got) == 1:
        return " Unpack it: (one,) = ...; and no comma stands behind the result."
    if isinstance(got, (list, tuple)):
        return f" torch.stack makes one of a {type(got).__name__} of tensors."
    return " Stay in torch: no .numpy() is needed." if type(got).__module__ == "numpy" else ""


def lost_batch(got: Any, like: Any) -> bool:
    """Whether the result for one picture alone lacks the batch's axis, and is otherwise of the right shape."""
    one = isinstance(like, Tensor) and isinstance(got, Tensor) and like.dim() > 0 and len(like) == 1
    return one and got.shape != like.shape and got.shape in (like[0].shape, like.squeeze().shape)


def expect_inside(got: Tensor, case: Case | None = None) -> None:
    """Require pixels in [0, 1]. Usable as a rule of an exercise."""
    low, high = (float(value) for value in got.detach().aminmax())
    seen = f"pixels leave [0, 1], from {low:.2f} up to {high:.2f}"
    expect(0 <= low and high <= 1, f"{seen}; clip after the step: .clamp(0, 1).")


def expect_budget(got: Tensor, case: Case) -> None:
    """Require that no pixel of `x` moved by more than `eps`. Usable as a rule of an exercise."""
    most, eps = float((got - case["x"]).detach().abs().max()), case["eps"]
    expect(most <= eps + 1e-6, f"something moved by {most:.3f} with eps {eps}; nothing may move by more than eps.")


def expect_close(got: Any, want: Tensor | float, what: str = "the result", *, tol: float = 1e-5, why: str = "") -> None:
    """Require that `got` equals `want` within `tol` (relative and absolute): type, shape, no NaN, values.

    `why` is the sentence that names the likely mistake; without it the message says how far apart they are.
    """
    kind = "a tensor" if isinstance(want, Tensor) else "a number"
    expect(is_value(got), f"{what} is {type(got).__name__}; {kind} is expected. Does the function return it?")
    a, b = comparable(got), comparable(want)
    expect(a.shape == b.shape, f"{what} has shape {list(a.shape)}; {list(b.shape)} is expected.")
    expect(not a.isnan().any(), f"{what} holds NaN.")
    if not torch.allclose(a, b, rtol=tol, atol=tol):
        far = (a - b).abs().where(a != b, 0)  # infinity less infinity is no number
        at = int(far.argmax())
        seen = f"{what} is off by up to {far.max():.3g}: {a.flatten()[at]:.4g} where {b.flatten()[at]:.4g} is expected."
        raise Differs(why or seen)


def expect_trains(loss: Tensor, like: Tensor, model: nn.Module, why: str) -> None:
    """Require that a loss has the gradient of the loss `like` for the model's weights; `why` says what it may lack."""
    weights = list(model.parameters())
    try:
        slopes = torch.autograd.grad(loss, weights, allow_unused=True)
    except RuntimeError as error:  # no way to the weights, or an earlier torch.autograd.grad has freed the graph
        raise Mistake(f"the value is right but it cannot train: {why}") from error
    wanted = torch.autograd.grad(like, weights)
    near = 1e-4 + 1e-5 * max(float(want.abs().max()) for want in wanted)  # small slopes carry the rounding of large ones
    for slope, want in zip(slopes, wanted):
        reaches = slope is not None and torch.allclose(slope, want, rtol=1e-3, atol=near)
        expect(reaches, f"the value is right but {why}")


def is_number(value: Any) -> bool:
    """Whether this is one of Python's numbers; True and False are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_value(value: Any) -> bool:
    """Whether this can be compared: a tensor, a number, or a tuple of such."""
    return isinstance(value, Tensor) or is_number(value) or (isinstance(value, tuple) and all(map(is_value, value)))


def same(a: Any, b: Any, tol: float = 1e-6) -> bool:
    """Whether two results have the same shape and the same values within `tol`."""
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(same(x, y, tol) for x, y in zip(a, b))
    if not (is_value(a) and is_value(b)) or isinstance(a, tuple) or isinstance(b, tuple):
        return False
    a, b = comparable(a), comparable(b)
    return a.shape == b.shape and torch.allclose(a, b, rtol=tol, atol=tol, equal_nan=True)


def comparable(value: Tensor | float) -> Tensor:
    """A value as it is compared: a tensor of double precision on the CPU, without a graph."""
    return torch.as_tensor(value).detach().cpu().double()
