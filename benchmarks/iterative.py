"""The iterative attacks against the bare passes that they cannot do without: FGSM, PGD, PGD with restarts, DeepFool.

On 256 MNIST test pictures that LeNet has right where they are found (COURSE_DATA_DIR), else on drawn digits. DeepFool's limit
is one forward and nine gradients on the pictures that are still to be fooled, step by step; PGD's with restarts is all of its
starts in full, so that dropping the fooled pictures shows.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.common import bracketed, one_thread, report
from course_utils import data, measure, models, runtime
from course_utils.attacks import deepfool, fgsm, pgd
from course_utils.data.downloads import FetchError


def bare(model: nn.Module, x: Tensor, y: Tensor, times: int = 1) -> None:
    """Nothing but gradients."""
    for _ in range(times):
        z = x.detach().requires_grad_()
        torch.autograd.grad(F.cross_entropy(model(z), y, reduction="sum"), z)


def bare_jacobian(model: nn.Module, batches: list[Tensor]) -> None:
    """One forward and nine gradients for each batch."""
    for batch in batches:
        z = batch.detach().requires_grad_()
        scores = model(z)
        for k in range(9):
            torch.autograd.grad(scores[:, k].sum(), z, retain_graph=True)


def pictures(count: int = 256) -> tuple[nn.Module, Tensor, Tensor, str]:
    """LeNet and the first pictures that it has right."""
    try:
        loaded, name = data.load("digits", "test", n=400, source="mnist"), "lenet-mnist"
    except FetchError:
        loaded, name = data.load("digits", "test", n=400, source="drawn"), "lenet-digits"
    net = models.load(name).requires_grad_(False)
    right = runtime.predict(net, loaded.x) == loaded.y
    return net, loaded.x[right][:count], loaded.y[right][:count], loaded.source


def active(attack: Callable, model: nn.Module, x: Tensor, y: Tensor) -> list[Tensor]:
    """The batches that the attack took gradients of."""
    seen = []
    handle = model.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()) if given[0].requires_grad else None)
    attack(model, x, y)
    handle.remove()
    return seen


def main() -> int:
    one_thread()
    net, x, y, source = pictures()
    few, classes = x[:16], y[:16]
    steps = active(deepfool, net, x, y)
    runs = {
        "fgsm, eps 0.1, 10 calls": (1.03, 9, lambda: [fgsm(net, x, y, eps=0.1) for _ in range(10)], lambda: bare(net, x, y, 10)),
        "pgd, 40 steps, eps 0.3": (1.06, 5, lambda: pgd(net, x, y, eps=0.3, step=0.01), lambda: bare(net, x, y, 40)),
        "pgd, 100 steps, 20 restarts, eps 0.12, 16 pictures": (
            0.85, 3, lambda: pgd(net, few, classes, eps=0.12, step=0.01, steps=100, restarts=20), lambda: bare(net, few, classes, 2000)),
        "deepfool, 50 steps": (1.25, 3, lambda: deepfool(net, x, y), lambda: bare_jacobian(net, steps)),
    }  # fmt: skip
    rows = [{"what": what, "bar": bar, **bracketed(run, limit, repeats)} for what, (bar, repeats, run, limit) in runs.items()]
    found = deepfool(net, x, y)
    near = {
        "deepfool_success": measure.success_rate(net, found, y),
        "deepfool_mean_l2": round(measure.norms(x, found).l2.mean().item(), 4),
        "deepfool_gradients": round(sum(map(len, steps)) / len(x), 2),
        "pgd_40_success": measure.success_rate(net, pgd(net, x, y, eps=0.3, step=0.01), y),
        "restarts_success": measure.success_rate(net, pgd(net, few, classes, eps=0.12, step=0.01, steps=100, restarts=20), classes),
    }
    print(source, near)
    return 0 if report("iterative", rows, source=source, **near) and near["deepfool_success"] == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
