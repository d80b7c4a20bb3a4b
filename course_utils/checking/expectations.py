"""What a checker may expect of a result. Each raises a Mistake when it is not so."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .exercise import Mistake


def expect(condition: bool | Tensor, message: str) -> None:
    """Raise Mistake(message) unless the condition holds."""
    if not bool(condition):
        raise Mistake(message)


def expect_something(got: Any) -> None:
    """Require that the student's function returned something at all."""
    expect(got is not None, "your function returns nothing; end it with `return` and the result (print only shows it).")


def returned(got: Any, like: Tensor, what: str, *, dtype: bool = True) -> Tensor:
    """Require that the student's function returned a tensor of the shape (and precision) of `like`; gives it back."""
    expect_something(got)
    form = f"a torch tensor of shape {list(like.shape)}"
    expect(isinstance(got, Tensor), f"{what} is {type(got).__name__}; {form} is expected.")
    expect(got.shape == like.shape, f"{what} has shape {list(got.shape)}; {list(like.shape)} is expected.")
    expect(not dtype or got.dtype == like.dtype, f"{what} holds {got.dtype}; {like.dtype} is expected, as in the input.")
    expect(not got.isnan().any(), f"{what} holds NaN; do you divide by 0 somewhere?")
    return got


def expect_inside(got: Tensor) -> None:
    """Require pixels in [0, 1]."""
    low, high = (float(value) for value in got.detach().aminmax())
    seen = f"pixels leave [0, 1], from {low:.2f} up to {high:.2f}"
    expect(0 <= low and high <= 1, f"{seen}; clip after the step: .clamp(0, 1).")


def rule_out(got: Tensor | float, *known: tuple[Tensor | float, str], rtol: float = 1e-5, atol: float = 1e-6) -> None:
    """Name the mistake when `got` equals one of the `known` wrong results, each given with its message."""
    for wrong, message in known:
        a, b = comparable(got), comparable(wrong)
        expect(a.shape != b.shape or not torch.allclose(a, b, rtol=rtol, atol=atol), message)


def expect_close(got: Any, want: Tensor | float, what: str = "the result", *, tol: float = 1e-5, why: str = "") -> None:
    """Require that `got` equals `want` within `tol` (relative and absolute): type, shape, no NaN, values.

    `why` is the sentence that names the likely mistake; without it the message says how far apart they are.
    """
    kind = "a tensor" if isinstance(want, Tensor) else "a number"
    is_value = isinstance(got, (Tensor, int, float))
    expect(is_value, f"{what} is {type(got).__name__}; {kind} is expected. Does the function return it?")
    a, b = comparable(got), comparable(want)
    expect(a.shape == b.shape, f"{what} has shape {list(a.shape)}; {list(b.shape)} is expected.")
    expect(not a.isnan().any(), f"{what} holds NaN.")
    if not torch.allclose(a, b, rtol=tol, atol=tol):
        far = (a - b).abs()
        at = int(far.argmax())
        seen = f"{what} is off by up to {far.max():.3g}: {a.flatten()[at]:.4g} where {b.flatten()[at]:.4g} is expected."
        raise Mistake(why or seen)


def expect_trains(loss: Tensor, like: Tensor, model: nn.Module, why: str) -> None:
    """Require that a loss has the gradient of the loss `like` for the model's weights; `why` says what it may lack."""
    weights = list(model.parameters())
    try:
        slopes = torch.autograd.grad(loss, weights)
    except RuntimeError as error:  # no way to the weights, or an earlier torch.autograd.grad has freed the graph
        raise Mistake(f"the value is right but it cannot train: {why}") from error
    for slope, want in zip(slopes, torch.autograd.grad(like, weights)):
        expect(torch.allclose(slope, want, rtol=1e-3, atol=1e-4), f"the value is right but {why}")


def comparable(value: Tensor | float) -> Tensor:
    """A value as it is compared: a tensor of double precision on the CPU, without a graph."""
    return torch.as_tensor(value).detach().cpu().double()
