"""The device that the course computes on, and where a model lives."""

from __future__ import annotations

import os

import torch
from torch import Tensor, nn

_chosen: dict[str, torch.device] = {}  # the device in use, once it is known


def device(name: str | torch.device | None = None) -> torch.device:
    """The device in use; `device("cuda")` changes it.

    At first: `COURSE_DEVICE` if it is set, else the GPU if there is one, else the CPU. When a GPU is chosen, its convolutions
    are set to compute in full single precision.
    """
    if name is not None or "device" not in _chosen:
        automatic = "cuda" if torch.cuda.is_available() else "cpu"
        _chosen["device"] = usable(name or os.environ.get("COURSE_DEVICE") or automatic)
        if _chosen["device"].type == "cuda":
            # By default they keep 10 bits of each factor. Pictures that end right behind a boundary would fall back over it.
            torch.backends.cudnn.allow_tf32 = False
    return _chosen["device"]


def usable(name: str | torch.device) -> torch.device:
    """The device of this name, if this machine has it."""
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:  # AssertionError: torch was built without this kind of device
        why = str(error).split("\n")[0]
        raise ValueError(f"device {str(name)!r} cannot be used here ({why}); choose 'cpu' (COURSE_DEVICE or runtime.device).") from error
    return torch.device(name)


def describe_device() -> str:
    """A few words about the device, for people."""
    if device().type == "cuda":
        return torch.cuda.get_device_name(device())
    threads = torch.get_num_threads()
    return f"{device().type.upper()} ({threads} thread{'s' if threads > 1 else ''})"


def model_tensor(model: nn.Module) -> Tensor | None:
    """One of the model's tensors, to read its device and precision from; None for a model without any."""
    floats = (t for tensors in (model.parameters(), model.buffers()) for t in tensors if t.is_floating_point())
    return next(floats, None)


def model_device(model: nn.Module) -> torch.device | None:
    """Where the model's tensors live, or None for a model without any."""
    tensor = model_tensor(model)
    return None if tensor is None else tensor.device
