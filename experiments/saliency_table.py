"""Chapter 04 on real data: maps on GTSRB, the planted shortcut on MNIST. `python -m experiments.saliency_table`."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import data, measure, models, runtime, training, visualize
from course_utils.data.shortcut import digit_mask, stamp

from .record import write

COUNT = 500


def edges(x: Tensor) -> Tensor:
    """The chapter's edge detector `[N, H, W]`: the size of the brightness gradient."""
    grey = F.pad(x.mean(1), (1, 1, 1, 1), mode="replicate")
    return (grey[:, 1:-1, 2:] - grey[:, 1:-1, :-2]).abs() + (grey[:, 2:, 1:-1] - grey[:, :-2, 1:-1]).abs()


def middle(x: Tensor) -> Tensor:
    """An order that looks at nothing: the middle of the picture first, `[N, H, W]`."""
    axis = torch.linspace(-1, 1, x.shape[-1]).to(x)
    return -(axis[:, None] ** 2 + axis**2).expand(len(x), -1, -1)


def maps_on_signs() -> dict[str, float]:
    """Rank correlations with other networks, and areas under deletion curves, on GTSRB test pictures."""
    pictures = data.load("signs", "test", COUNT, source="gtsrb")
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    net = models.load("signnet-gtsrb")
    keep = runtime.predict(net, x) == y
    x, y = x[keep], y[keep]
    methods = {
        "saliency": lambda model: visualize.saliency(model, x, y),
        "integrated": lambda model: visualize.integrated_gradients(model, x, y, steps=16).abs().amax(1),
    }
    others = {"random": visualize.randomize_weights(net, runtime.generator(0)), "twin": models.load("signnet-gtsrb-twin")}
    own = {name: method(net) for name, method in methods.items()}
    numbers = {
        f"{kind}_{name}": measure.rank_correlation(own[name], method(other)).mean().item()
        for kind, other in others.items() for name, method in methods.items()
    }  # fmt: skip
    numbers["next_saliency"] = measure.rank_correlation(own["saliency"], own["saliency"].roll(1, 0)).mean().item()
    orders = own | {
        "occlusion": visualize.heat_map(visualize.occlusion(net, x, y, window=8, stride=4), 48, 8, 4),
        "edges": edges(x),
        "middle": middle(x),
        "random": torch.rand((len(x), 48, 48), generator=runtime.generator(3)).to(x),
    }
    return numbers | {
        f"deletion_{name}": measure.auc(visualize.deletion_curve(net, x, heat, y)).mean().item() for name, heat in orders.items()
    }


def right_reasons(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The loss of the chapter's exercise; the mask is the second channel."""
    return training.right_reasons(model, x[:, :1], y, x[:, 1:], 0.1)


def shortcut_on_digits() -> dict[str, float]:
    """Networks trained with the filing code, with it and the other loss, and without it: accuracy, and obeying a false code."""
    train_set, test_set = data.load("digits", "train", 2000, source="mnist"), data.load("digits", "test", source="mnist")
    scans, x, y = stamp(train_set.x, train_set.y), test_set.x.to(runtime.device()), test_set.y.to(runtime.device())
    false = (y + torch.randint(1, 10, y.shape, generator=runtime.generator(9)).to(y)) % 10
    plans = {
        "before": (scans, training.cross_entropy),
        "mended": (torch.cat([scans, digit_mask(train_set.x)], 1), right_reasons),
        "honest": (train_set.x, training.cross_entropy),
    }
    numbers = {}
    for name, (pictures, loss) in plans.items():
        runtime.seed_everything(0)
        net = models.LeNet().to(runtime.device())
        training.train(net, pictures, train_set.y, epochs=6, lr=0.05, loss=loss)
        numbers[f"with_{name}"] = measure.accuracy(net, stamp(x, y), y)
        numbers[f"without_{name}"] = measure.accuracy(net, x, y)
        numbers[f"obeys_{name}"] = measure.accuracy(net, stamp(x, false), false)
    return numbers


SOURCE = (
    "maps: the GTSRB test pictures among the count that SignNet has right; "
    "shortcut: 2,000 training and all 10,000 test pictures of MNIST"
)

if __name__ == "__main__":
    numbers, command = maps_on_signs() | shortcut_on_digits(), "python -m experiments.saliency_table"
    write("saliency-real", numbers, source=SOURCE, count=COUNT, seed=0, command=command)
