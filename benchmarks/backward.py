"""Guided and deconvnet maps of SqueezeNet 1.0 at 224x224, against a bare forward and input gradient of the same neuron.

The bare limit is what anyone would write: the scores of the model in eval mode, its weights frozen, and `torch.autograd.grad`.
"""

from __future__ import annotations

import sys

import torch
from benchmarks.common import bracketed, one_thread, report
from torch import Tensor, nn
from torchvision.models import squeezenet1_0

from course_utils.models import Normalized
from course_utils.visualize import activation, project_back

LAYER = "model.features.12"  # the last block's map, before the classifier


def bare(model: nn.Module, x: Tensor, channel: int) -> Tensor:
    """d (the channel's strongest value of each picture) / dx."""
    z = x.detach().clone().requires_grad_()
    strongest = model.model.features((z - model.mean) / model.std)[:, channel].flatten(1).amax(1)
    return torch.autograd.grad(strongest.sum(), z)[0]


def main() -> int:
    one_thread()
    model = Normalized(squeezenet1_0(), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)).eval().requires_grad_(False)
    rows = []
    for count in (1, 8):
        x = nn.functional.interpolate(torch.rand(count, 3, 14, 14), (224, 224), mode="bilinear").clamp(0, 1)
        with torch.no_grad():
            channel = int(activation(model, x, LAYER).amax((2, 3)).amin(0).argmax())  # active in every picture
        same = (project_back(model, x, LAYER, channel) - bare(model, x, channel)).abs().max().item()
        assert same <= 1e-6, f"plain backprop differs from the bare gradient by {same}"
        for rule in ("backprop", "deconvnet", "guided"):
            own, limit = (lambda: project_back(model, x, LAYER, channel, rule=rule)), (lambda: bare(model, x, channel))  # noqa: B023
            run = bracketed(own, limit, repeats=11 if count == 8 else 31)
            rows.append({"what": f"{rule}, {count} picture{'s' if count > 1 else ''}", "bar": 1.10, **run})
    return 0 if report("backward", rows, layer=LAYER) else 1


if __name__ == "__main__":
    sys.exit(main())
