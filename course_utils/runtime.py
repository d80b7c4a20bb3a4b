"""The ground everything stands on: device, seeds, input checks, and running a model without leaving a trace."""

from __future__ import annotations

import contextlib
import difflib
import os
import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

_chosen: dict[str, torch.device] = {}  # the only global state of the course: the device in use
_defaults: dict[str, str | int] = {"seed": 0}


# ---------------------------------------------------------------- device, data profile, seeds


def device(name: str | torch.device | None = None) -> torch.device:
    """The device in use; `device("cuda")` changes it.

    At first: `COURSE_DEVICE` if it is set, else the GPU if there is one, else the CPU.
    """
    if name is not None:
        _chosen["device"] = usable(name)
    if "device" not in _chosen:
        automatic = "cuda" if torch.cuda.is_available() else "cpu"
        _chosen["device"] = usable(os.environ.get("COURSE_DEVICE") or automatic)
    return _chosen["device"]


def usable(name: str | torch.device) -> torch.device:
    """The device of this name, if this machine has it."""
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:  # AssertionError: torch was built without this kind of device
        why = str(error).split("\n")[0]
        raise ValueError(f"device {str(name)!r} cannot be used here ({why}); choose 'cpu' (COURSE_DEVICE or runtime.device).") from error
    return torch.device(name)


def data_profile() -> str:
    """"drawn" or "real": which pictures `data.load` gives when it is not told."""
    if _defaults.get("data"):
        return str(_defaults["data"])
    return pick("data profile in COURSE_DATA", os.environ.get("COURSE_DATA") or "drawn", ("drawn", "real"))


def course_folder() -> Path:
    """The folder of the course, where `data/` lies: above this package, or COURSE_ROOT for a package installed elsewhere."""
    named = os.environ.get("COURSE_ROOT")
    beside = Path(__file__).resolve().parents[1]
    for place in [Path(named)] if named else [beside, Path.cwd(), *Path.cwd().parents]:
        if (place / "data" / "checkpoints").is_dir():
            return place
    raise FileNotFoundError(
        f"the course's data folder was not found from {named or beside}; "
        "set COURSE_ROOT to your clone of the course, or start Python inside it."
    )


def seed_everything(seed: int = 0) -> None:
    """Seed Python, NumPy and torch (all devices)."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    _defaults["seed"] = seed


def generator(seed: int | None = None) -> torch.Generator:
    """A CPU generator: draw on the CPU, then move, so that a seed means the same on every device."""
    return torch.Generator().manual_seed(int(_defaults["seed"]) if seed is None else seed)


def setup(world: str | None = None, data: str | None = None, seed: int = 0) -> None:
    """The last line of every chapter's set-up cell: choose the data profile, seed, style the figures.

    `data` is "drawn" (pictures that the course draws itself), "real" (fetched data sets), or None
    (what the environment variable COURSE_DATA says, else "drawn"). With `world` and `data="real"`
    that world's files are fetched now; otherwise they are fetched when first loaded.
    """
    _defaults["data"] = "" if data is None else pick("data profile", data, ("drawn", "real"))
    profile = data_profile()
    seed_everything(seed)
    from . import show  # here, not above: runtime is below every other module

    show.style()
    if world is not None and profile == "real":
        from .data import fetch

        fetch(world)
    print(f"Ready: {profile} pictures, seed {seed}, computing on {describe_device()}.")


def describe_device() -> str:
    """A few words about the device, for people."""
    if device().type == "cuda":
        return torch.cuda.get_device_name(device())
    threads = torch.get_num_threads()
    return f"{device().type.upper()} ({threads} thread{'s' if threads > 1 else ''})"


# ---------------------------------------------------------------- claims


def claim(text: str, condition: bool | Tensor) -> None:
    """State a fact and verify it: prints one stable line, or fails loudly when the fact does not hold."""
    if not bool(condition):
        raise AssertionError(f"This claim does not hold in this run: {text}")
    print(f"✓ {text}")


# ---------------------------------------------------------------- running a model without a trace


@contextlib.contextmanager
def frozen(model: nn.Module) -> Iterator[nn.Module]:
    """Use `model` as a fixed function: eval mode, no parameter gradients, gradients enabled for inputs.

    On exit every submodule's mode and every parameter's `requires_grad` are as they were; `.grad`
    and buffers are never touched.
    """
    modes = [(module, module.training) for module in model.modules()]
    flags = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        for module, _ in modes:
            module.training = False
        for parameter, _ in flags:
            parameter.requires_grad_(False)
        with torch.enable_grad():
            yield model
    finally:
        for module, mode in modes:
            module.training = mode
        for parameter, flag in flags:
            parameter.requires_grad_(flag)


def model_tensor(model: nn.Module) -> Tensor | None:
    """One of the model's tensors, to read its device and precision from; None for a model without any."""
    floats = (t for tensors in (model.parameters(), model.buffers()) for t in tensors if t.is_floating_point())
    return next(floats, None)


def model_device(model: nn.Module) -> torch.device | None:
    """Where the model's tensors live, or None for a model without any."""
    tensor = model_tensor(model)
    return None if tensor is None else tensor.device


def logits(model: nn.Module, x: Tensor, batch_size: int = 256) -> Tensor:
    """The model's class scores `[N, classes]` for pictures `[N, C, H, W]`, in batches, without gradients."""
    with frozen(model), torch.no_grad():
        return torch.cat([model(part.clone()) for part in x.split(batch_size)])  # the model may change its input in place


def predict(model: nn.Module, x: Tensor, batch_size: int = 256) -> Tensor:
    """The model's predicted classes `[N]`."""
    return logits(model, x, batch_size).argmax(1)


def gradient(value: Tensor, x: Tensor) -> Tensor:
    """d value.sum() / d x, for pictures `x` that the model's `value` was computed from."""
    if not value.requires_grad:
        raise ValueError("the model's scores have no gradient for the pixels; does its forward use no_grad or detach?")
    return torch.autograd.grad(value.sum(), x)[0]


# ---------------------------------------------------------------- input checks


def pick(kind: str, name: str, known: Iterable[str]) -> str:
    """`name` if it is known, else a ValueError that lists the nearest known names."""
    known = list(known)
    if name in known:
        return name
    near = difflib.get_close_matches(str(name), known, n=5, cutoff=0.4)
    hint = f"Nearest: {', '.join(near)}." if near else f"Known: {', '.join(known[:20])}{' ...' if len(known) > 20 else ''}."
    raise ValueError(f"unknown {kind} {name!r}. {hint}")


def check_pictures(x: Tensor, model: nn.Module | None = None, *, name: str = "x") -> Tensor:
    """Require a batch of pictures: floating point `[N, C, H, W]`, not empty, finite, inside [0, 1], on the model's device."""
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
    low, high = (value.item() for value in x.detach().aminmax())
    if low != low or high != high:
        raise ValueError(f"{name} holds NaN; every pixel must be a number in [0, 1].")
    if low < 0 or high > 1:
        raise ValueError(
            f"{name} holds pixels from {low:.3g} to {high:.3g}; pixels in [0, 1] are expected. "
            "Divide bytes by 255, and put mean and deviation inside the model (models.Normalized)."
        )
    weight = model_tensor(model) if model is not None else None
    if weight is not None and weight.device != x.device:
        here, there = str(x.device), str(weight.device)
        raise ValueError(f"{name} is on {here} but the model is on {there}; move one: {name}.to({there!r}).")
    if weight is not None and weight.dtype != x.dtype:
        raise ValueError(f"{name} holds {x.dtype} but the model computes in {weight.dtype}; use {name}.to({weight.dtype}).")
    return x


def check_labels(y: Tensor, count: int, classes: int, *, where: torch.device | None = None, name: str = "y") -> Tensor:
    """Require labels: int64 `[count]`, each in 0 .. classes - 1."""
    if not isinstance(y, Tensor) or y.dtype != torch.int64:
        given = y.dtype if isinstance(y, Tensor) else type(y).__name__
        raise ValueError(f"{name} holds {given}; class numbers as torch.int64 are expected: {name}.long().")
    if y.shape != (count,):
        raise ValueError(f"{name} has shape {list(y.shape)}; one label a picture is expected: [{count}].")
    if where is not None and y.device != where:
        raise ValueError(f"{name} is on {y.device} but the pictures are on {where}; move it: {name}.to({str(where)!r}).")
    low, high = (value.item() for value in y.aminmax())
    if low < 0 or high >= classes:
        raise ValueError(f"{name} holds labels from {low} to {high}; the model has {classes} classes: 0 to {classes - 1}.")
    return y


def settle(y: Tensor | None, scores: Tensor) -> Tensor:
    """The classes that are meant, `[N]`: `y` checked against the model's scores `[N, classes]`, or for None its own prediction."""
    if not isinstance(scores, Tensor) or scores.dim() != 2:
        given = f"shape {list(scores.shape)}" if isinstance(scores, Tensor) else f"a {type(scores).__name__}"
        raise ValueError(f"the model gives {given}; class scores [N, classes] are expected.")
    if y is None:
        return scores.detach().argmax(1)
    return check_labels(y, len(scores), scores.shape[1], where=scores.device)


def check_positive(value: float, name: str, *, zero: bool = True) -> float:
    """Require a finite number that is not negative (or, with `zero=False`, above 0)."""
    if not isinstance(value, (int, float, np.number, Tensor)) or (isinstance(value, Tensor) and value.numel() != 1):
        raise ValueError(f"{name} is a {type(value).__name__}; one number is expected.")
    if not (value >= 0 and value != float("inf")) or (value == 0 and not zero):
        raise ValueError(f"{name} is {value}; a finite number {'of at least' if zero else 'above'} 0 is expected.")
    return value


def check_colour(fill: float | Sequence[float] | Tensor, x: Tensor, name: str = "fill") -> Tensor:
    """A colour to paint on pictures `x`: a number, or one for each channel, in [0, 1]; gives `[C or 1, 1, 1]` like `x`."""
    colour = torch.as_tensor(fill).to(x).flatten()
    if len(colour) not in (1, x.shape[1]) or not bool(((colour >= 0) & (colour <= 1)).all()):
        raise ValueError(f"{name} is {fill}; a number in [0, 1], or one for each of the {x.shape[1]} channels, is expected.")
    return colour[:, None, None]


# ---------------------------------------------------------------- progress


class progress:
    """A plain progress bar: `for item in progress(items, "training")`. Silent unless a person is watching.

    It writes to a terminal or a notebook that asked for it (COURSE_PROGRESS=1), never into stored outputs,
    unless `shown` decides otherwise (downloads do: someone waits for them).
    """

    def __init__(
        self, items: Iterable, label: str = "", total: int | None = None, *, shown: bool | None = None
    ) -> None:
        self.items, self.label, self.shown = items, label, shown
        self.total = total if total is not None else (len(items) if hasattr(items, "__len__") else None)

    def __iter__(self) -> Iterator:
        watched = self.shown
        if watched is None:
            watched = os.environ.get("COURSE_PROGRESS", "1" if sys.stderr.isatty() else "0") == "1"
        for done, item in enumerate(self.items):
            if watched:
                share = f"{100 * done / self.total:3.0f} %" if self.total else f"{done}"
                print(f"\r{self.label} {share}", end="", file=sys.stderr, flush=True)
            yield item
        if watched:
            print(f"\r{self.label} done ", file=sys.stderr)
