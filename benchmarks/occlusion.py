"""Occlusion of a 224x224 picture, 15x15 windows at stride 8 (784 of them), against 784 bare forwards of SqueezeNet.

The bare limit is the forward itself on pictures that already lie in memory, at the batch size that is best for it.
"""

from __future__ import annotations

import sys

import torch
from benchmarks.common import bracketed, cpu_seconds, one_thread, report
from torch import Tensor, nn
from torchvision.models import SqueezeNet1_0_Weights, squeezenet1_0

from course_utils.layers import Local
from course_utils.models import Normalized
from course_utils.visualize import occlusion_logits, window_starts

WINDOWS = 784


class Standardized(nn.Module):
    """Standardizes each picture by its own mean and deviation: every unit sees every pixel, so nothing stays local."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model((x - x.mean((1, 2, 3), keepdim=True)) / x.std((1, 2, 3), keepdim=True))


def networks() -> tuple[nn.Module, nn.Module, str]:
    """SqueezeNet with its normalizer inside, and a variant that mixes all positions; trained weights if they are here."""
    weights = SqueezeNet1_0_Weights.IMAGENET1K_V1
    cached = torch.hub.get_dir() + "/checkpoints/" + weights.url.rsplit("/", 1)[-1]
    net = squeezenet1_0()
    try:
        net.load_state_dict(torch.load(cached, weights_only=True))
        which = "trained"
    except FileNotFoundError:
        which = "random"
    net.eval()
    return Normalized(net, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)).eval(), Standardized(net).eval(), which


def bare(model: nn.Module, x: Tensor, count: int, batch_size: int) -> None:
    batch = x.expand(batch_size, -1, -1, -1).contiguous()
    with torch.no_grad():
        for _ in range(count // batch_size):
            model(batch)


def main() -> int:
    one_thread()
    model, mixing, which = networks()
    x = torch.rand(1, 3, 14, 14)
    x = nn.functional.interpolate(x, (224, 224), mode="bilinear").clamp(0, 1)
    assert len(window_starts(224, 15, 8)) ** 2 == WINDOWS

    sizes = (4, 8, 16, 32)
    bare(model, x, 8, 8)
    per_forward = {size: min(cpu_seconds(lambda: bare(model, x, 32, size)) for _ in range(2)) / 32 for size in sizes}
    best = min(per_forward, key=per_forward.get)
    own = {size: cpu_seconds(lambda: occlusion_logits(model, x, batch_size=size)) for size in sizes[1:]}
    mine = min(own, key=own.get)
    print("bare forward, ms by batch size: ", {size: round(1000 * s, 1) for size, s in per_forward.items()})
    print("784 windows, s by batch size:   ", {size: round(s, 2) for size, s in own.items()})

    count = 64  # a part of the bare run is enough; it is scaled to 784
    local = bracketed(
        lambda: occlusion_logits(model, x, batch_size=mine), lambda: bare(model, x, count, best), repeats=3
    )
    local = {key: value * (WINDOWS / count if key == "bare_seconds" else 1) for key, value in local.items()}
    local |= {key: value * count / WINDOWS for key, value in local.items() if key.startswith("ratio")}

    boxes = torch.cartesian_prod(window_starts(224, 15, 8), window_starts(224, 15, 8))
    some = boxes[torch.randperm(WINDOWS)[:count]]
    patch = torch.full((1, 3, 15, 15), 0.5)
    exact = Local(model, x)(some, patch, batch_size=mine) - Local(model, x, local=False)(some, patch, batch_size=best)
    error = exact.abs().max().item()

    prepared = Local(mixing, x)
    prepare = cpu_seconds(lambda: Local(mixing, x))  # once for all 784 windows
    plain = bracketed(
        lambda: prepared(some[:32], patch, batch_size=best), lambda: bare(mixing, x, 32, best), repeats=9
    )
    extra = prepare / (plain["bare_seconds"] * WINDOWS / 32)
    plain |= {key: value + extra for key, value in plain.items() if key.startswith("ratio")}
    rows = [
        {"what": f"784 windows, local, batch {mine} (bare: batch {best})", "bar": 0.55, **local},
        {"what": "32 windows, a network that mixes all positions", "bar": 1.05, **plain},
    ]
    fast = report("occlusion", rows, weights=which, largest_logit_difference=error, windows_compared=count)
    print(f"  largest difference in the logits over {count} windows: {error:.1e} (bar 1e-4)")
    return 0 if fast and error <= 1e-4 else 1


if __name__ == "__main__":
    sys.exit(main())
