"""A unit's picture on SqueezeNet at 224x224: `unit_image` beside torch-lucent's `render_vis`, same unit, same number of steps.

Where torch-lucent is not installed (`pip install torch-lucent`) the limit is the loop that most people write: the whole network, with
gradients for its weights. `render_vis` runs so too; its own transforms, which take more time, are left out here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

import torch
from benchmarks.common import bracketed, one_thread, report
from torch import Tensor, nn
from torchvision.models import squeezenet1_0

from course_utils.layers import capture
from course_utils.models import Normalized
from course_utils.visualize import unit_image

STEPS, CHANNEL = 24, 7
LAYERS = ("features.9.expand3x3", "features.3.expand3x3")


def whole_loop(model: nn.Module, layer: str) -> Tensor:
    """Gradient ascent as it is written most often: all layers are run, all weights get gradients."""
    x = torch.full((1, 3, 224, 224), 0.5, requires_grad=True)
    for _ in range(STEPS):
        model.zero_grad()
        with capture(model, f"model.{layer}") as seen:
            model(x)
        seen[f"model.{layer}"][:, CHANNEL].mean().backward()
        with torch.no_grad():
            x += 0.02 * x.grad / x.grad.abs().mean()
            x.clamp_(0, 1)
        x.grad = None
    return x.detach()


def rendered(model: nn.Module, layer: str) -> object:
    from lucent.optvis import param, render

    return render.render_vis(
        model.model, f"{layer.replace('.', '_')}:{CHANNEL}", lambda: param.image(224), transforms=[], thresholds=(STEPS,), progress=False,
        show_image=False,
    )  # fmt: skip


def references() -> dict[str, Callable]:
    try:
        import lucent.optvis  # noqa: F401
    except ImportError:
        return {"the whole network": whole_loop}
    return {"the whole network": whole_loop, "torch-lucent": rendered}


def main() -> int:
    one_thread()
    model = Normalized(squeezenet1_0(), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)).eval()
    rows = []
    for layer in LAYERS:
        for name, other in references().items():
            own = partial(unit_image, model, f"model.{layer}", [CHANNEL], (3, 224, 224), steps=STEPS)
            run = bracketed(own, partial(other, model, layer), repeats=5)
            bar = 1 / 1.3 if other is rendered else 1.0  # how much lies behind the layer decides the second
            rows.append({"what": f"{layer}, beside {name}", "bar": bar, **run})
    return 0 if report("optimize", rows, steps=STEPS) else 1


if __name__ == "__main__":
    sys.exit(main())
