"""Input checks, made once at the border of a method. Each says what was given, what is expected and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from .devices import model_tensor


def pick(kind: str, name: str, known: Iterable[str]) -> str:
    """`name` if it is known, else a ValueError that lists the nearest known names."""
    known = list(known)
    if name in known:
        return name
    near = difflib.get_close_matches(str(name), known, n=5, cutoff=0.4)
    hint = f"Nearest: {', '.join(near)}." if near else f"Known: {', '.join(known[:20])}{' ...' if len(known) > 20 else ''}."
    raise ValueError(f"unknown {kind} {name!r}. {hint}")


# ---------------------------------------------------------------- models, pictures and labels


def check_model(model: nn.Module) -> nn.Module:
    """Require a network: something with modes and parameters that can be frozen and given back."""
    if not isinstance(model, nn.Module):
        raise ValueError(f"model is a {type(model).__name__}; a torch.nn.Module is expected. Put a function into a module's forward.")
    return model


def _picture_form(x: Tensor, model: nn.Module | None, name: str) -> None:
    """All that can be seen without reading pixels."""
    if not isinstance(x, Tensor):
        raise ValueError(f"{name} is a {type(x).__name__}; a torch tensor [N, C, H, W] is expected.")
    if x.dim() != 4:
        raise ValueError(
            f"{name} has {x.dim()} dimensions, shape {list(x.shape)}; four are expected: [N, C, H, W]. "
            f"For a single picture use {name}[None]."
        )
    if x.numel() == 0:
        raise ValueError(f"{name} is an empty batch, shape {list(x.shape)}; at least one picture is expected.")
    if not x.is_floating_point():
        raise ValueError(f"{name} holds {x.dtype}; floating point pixels in [0, 1] are expected. Divide bytes by 255.")
    weight = model_tensor(check_model(model)) if model is not None else None
    if weight is not None and weight.device != x.device:
        here, there = str(x.device), str(weight.device)
        raise ValueError(f"{name} is on {here} but the model is on {there}; move one: {name}.to({there!r}).")
    if weight is not None and weight.dtype != x.dtype:
        raise ValueError(f"{name} holds {x.dtype} but the model computes in {weight.dtype}; use {name}.to({weight.dtype}).")


def _picture_range(low: float, high: float, name: str) -> None:
    if low != low or high != high:
        raise ValueError(f"{name} holds NaN; every pixel must be a number in [0, 1].")
    if low < 0 or high > 1:
        raise ValueError(
            f"{name} holds pixels from {low:.3g} to {high:.3g}; pixels in [0, 1] are expected. "
            "Divide bytes by 255, and put mean and deviation inside the model (models.Normalized)."
        )


def _label_form(y: Tensor, count: int, where: torch.device | None, name: str) -> None:
    if not isinstance(y, Tensor) or y.dtype != torch.int64:
        given = y.dtype if isinstance(y, Tensor) else type(y).__name__
        raise ValueError(f"{name} holds {given}; class numbers as torch.int64 are expected: {name}.long().")
    if y.shape != (count,):
        raise ValueError(f"{name} has shape {list(y.shape)}; one label a picture is expected: [{count}].")
    if where is not None and y.device != where:
        raise ValueError(f"{name} is on {y.device} but the pictures are on {where}; move it: {name}.to({str(where)!r}).")


def _label_range(low: int, high: int, classes: int, name: str) -> None:
    if low < 0 or high >= classes:
        raise ValueError(f"{name} holds labels from {low} to {high}; the model has {classes} classes: 0 to {classes - 1}.")


def check_pictures(x: Tensor, model: nn.Module | None = None, *, name: str = "x") -> Tensor:
    """Require a batch of pictures: floating point `[N, C, H, W]`, not empty, finite, inside [0, 1], on the model's device."""
    _picture_form(x, model, name)
    _picture_range(*torch.stack(x.detach().aminmax()).tolist(), name)
    return x


def check_labels(y: Tensor, count: int, classes: int, *, where: torch.device | None = None, name: str = "y") -> Tensor:
    """Require labels: int64 `[count]`, each in 0 .. classes - 1."""
    _label_form(y, count, where, name)
    _label_range(*torch.stack(y.aminmax()).tolist(), classes, name)
    return y


def check_scores(scores: Tensor, count: int) -> Tensor:
    """Require that a model returned class scores: one tensor `[count, classes]`."""
    if not isinstance(scores, Tensor) or scores.dim() != 2:
        given = f"shape {list(scores.shape)}" if isinstance(scores, Tensor) else f"a {type(scores).__name__}"
        hint = "" if isinstance(scores, Tensor) else " Wrap the model in one whose forward returns only the scores."
        raise ValueError(f"the model gives {given}; class scores [N, classes] are expected.{hint}")
    if len(scores) != count:
        raise ValueError(f"the model gives {len(scores)} rows of scores for {count} pictures; one row a picture is expected.")
    return scores


def detached(tensor: Tensor) -> Tensor:
    """The tensor without its graph; a copy of it where it was made in inference mode, which gradients refuse."""
    return tensor.clone() if tensor.is_inference() else tensor.detach()


class Labels:
    """The classes that are meant, checked: called with a model's scores `[N, classes]` it gives them, `[N]`.

    For `y` None they are the model's own prediction, taken from the first scores and kept. Whether given labels fit the
    model shows once the number of its classes is known, so that comes at the same moment; nothing here waits for a GPU.
    """

    def __init__(self, y: Tensor | None, count: int, low: int = 0, high: int = 0) -> None:
        self.y, self.count, self.low, self.high = y, count, low, high

    @property
    def known(self) -> bool:
        """Whether they were given, or taken from scores already."""
        return self.y is not None

    def __call__(self, scores: Tensor) -> Tensor:
        check_scores(scores, self.count)
        if self.y is None:
            self.y = scores.detach().argmax(1)
        _label_range(self.low, self.high, scores.shape[1], "y")
        return detached(self.y)

    def __getitem__(self, chosen: Tensor) -> Labels:
        """The labels of some of the pictures (their numbers, or a mask), which need no further check."""
        if not self.known:
            raise ValueError("the labels are not known yet: call them with the model's scores first.")
        kept = self.y[chosen]
        return Labels(kept, len(kept), self.low, self.high)


def check_batch(x: Tensor, y: Tensor | None, model: nn.Module) -> Labels:
    """The border of a method that takes `(model, x, y)`: all checks of pictures and labels, with one read from the device."""
    _picture_form(x, model, "x")
    weight = model_tensor(model)
    if weight is not None and weight.is_inference():
        raise ValueError(
            "the model was made inside torch.inference_mode(), where nothing can be differentiated; "
            "build or load it outside of that block."
        )
    extremes = [*x.detach().aminmax()]
    if y is not None:
        _label_form(y, len(x), x.device, "y")
        extremes += y.aminmax()
    exact = torch.promote_types(x.dtype, torch.float32)  # half precision would round class numbers
    low, high, *labels = torch.stack([value.to(exact) for value in extremes]).tolist()
    _picture_range(low, high, "x")
    return Labels(y, len(x), *map(int, labels))


def labels_or_prediction(y: Tensor | Labels | None, scores: Tensor) -> Tensor:
    """The classes that are meant, `[N]`: `y`, which must fit the model's scores `[N, classes]`, or for None its own prediction."""
    if isinstance(y, Labels):
        return y(scores)
    check_scores(scores, len(scores) if isinstance(scores, Tensor) else 0)
    return scores.detach().argmax(1) if y is None else check_labels(y, len(scores), scores.shape[1], where=scores.device)


# ---------------------------------------------------------------- numbers and colours


def check_positive(value: float, name: str, *, zero: bool = True) -> float:
    """Require a finite number that is not negative (or, with `zero=False`, above 0)."""
    if not isinstance(value, (int, float, np.number, Tensor)) or (isinstance(value, Tensor) and value.numel() != 1):
        raise ValueError(f"{name} is a {type(value).__name__}; one number is expected.")
    if not (value >= 0 and value != float("inf")) or (value == 0 and not zero):
        raise ValueError(f"{name} is {value}; a finite number {'of at least' if zero else 'above'} 0 is expected.")
    return value


def check_count(value: int, name: str, least: int = 1) -> int:
    """Require a whole number of at least `least`: steps, samples, a batch size."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} is {value!r}; a whole number of at least {least} is expected.")
    return int(value)


def check_colour(fill: float | Sequence[float] | Tensor, x: Tensor, name: str = "fill") -> Tensor:
    """A colour to paint on pictures `x`: a number, or one for each channel, in [0, 1]; gives `[C or 1, 1, 1]` like `x`."""
    colour = torch.as_tensor(fill).to(x).flatten()
    if len(colour) not in (1, x.shape[1]) or not bool(((colour >= 0) & (colour <= 1)).all()):
        raise ValueError(f"{name} is {fill}; a number in [0, 1], or one for each of the {x.shape[1]} channels, is expected.")
    return colour[:, None, None]
