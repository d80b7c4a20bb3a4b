"""The fast gradient sign method against one bare forward and the gradient of its loss for the pixels."""

from __future__ import annotations

import sys

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import squeezenet1_0

from benchmarks.common import bracketed, one_thread, report
from course_utils.attacks import fgsm
from course_utils.models import LeNet


def bare(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Nothing but the gradient; the model's parameters want none."""
    x = x.detach().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(model(x), y, reduction="sum"), x)[0]


def main() -> int:
    one_thread()
    rows = []
    for what, model, x, calls in [
        ("SqueezeNet 224x224, batch 8", squeezenet1_0(), torch.rand(8, 3, 224, 224), 1),
        ("LeNet 28x28, batch 128", LeNet(), torch.rand(128, 1, 28, 28), 10),
    ]:
        y = torch.randint(10, (len(x),))
        quiet = model.eval().requires_grad_(False)
        measured = bracketed(
            lambda: [fgsm(model, x, y, eps=0.03) for _ in range(calls)],
            lambda: [bare(quiet, x, y) for _ in range(calls)],
            repeats=15,
        )  # fmt: skip
        rows.append({"what": f"fgsm, {what}, {calls} calls", "bar": 1.03, **measured})
    return 0 if report("fgsm", rows) else 1


if __name__ == "__main__":
    sys.exit(main())
