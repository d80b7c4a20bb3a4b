"""Chapter 04 on real data: maps on GTSRB, the planted shortcut on MNIST. `python -m experiments.saliency_table`."""

from __future__ import annotations

import torch

from course_utils import data, measure, models, runtime, training, visualize
from course_utils.data.shortcut import digit_mask, stamp

from .record import write

COUNT = 500


def maps_on_signs() -> dict[str, float]:
    """Rank correlation with a randomized network, and areas under deletion curves, on GTSRB test pictures."""
    pictures = data.load("signs", "test", COUNT, source="gtsrb")
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    net = models.load("signnet-gtsrb")
    keep = runtime.predict(net, x) == y
    x, y = x[keep], y[keep]
    fresh = visualize.randomize_weights(net, runtime.generator(0))
    integrated = lambda model: visualize.integrated_gradients(model, x, y, steps=16).abs().amax(1)  # noqa: E731
    maps = {
        "saliency": visualize.saliency(net, x, y),
        "integrated": integrated(net),
        "occlusion": visualize.heat_map(visualize.occlusion(net, x, y, window=8, stride=4), 48, 8, 4),
        "random": torch.rand((len(x), 48, 48), generator=runtime.generator(3)).to(x),
    }
    numbers = {
        "random_saliency": measure.rank_correlation(maps["saliency"], visualize.saliency(fresh, x, y)).mean().item(),
        "random_integrated": measure.rank_correlation(maps["integrated"], integrated(fresh)).mean().item(),
    }
    return numbers | {
        f"deletion_{name}": measure.auc(visualize.deletion_curve(net, x, heat, y)).mean().item() for name, heat in maps.items()
    }


def shortcut_on_digits() -> dict[str, float]:
    """Accuracy without the filing code, of a network trained with it, and of the same network mended."""
    train_set, test_set = data.load("digits", "train", 2000, source="mnist"), data.load("digits", "test", source="mnist")
    scans, x, y = stamp(train_set.x, train_set.y), test_set.x.to(runtime.device()), test_set.y.to(runtime.device())
    losses = {
        "before": training.cross_entropy,
        "mended": lambda model, x, y: training.right_reasons(model, x[:, :1], y, x[:, 1:], 0.1),
    }
    numbers = {}
    for name, loss in losses.items():
        runtime.seed_everything(0)
        net = models.LeNet().to(runtime.device())
        pictures = scans if name == "before" else torch.cat([scans, digit_mask(train_set.x)], 1)
        training.train(net, pictures, train_set.y, epochs=6, lr=0.05, loss=loss)
        numbers[f"with_{name}"] = measure.accuracy(net, stamp(x, y), y)
        numbers[f"without_{name}"] = measure.accuracy(net, x, y)
    return numbers


SOURCE = (
    "maps: the GTSRB test pictures among the count that SignNet has right; "
    "shortcut: 2,000 training and all 10,000 test pictures of MNIST"
)

if __name__ == "__main__":
    numbers, command = maps_on_signs() | shortcut_on_digits(), "python -m experiments.saliency_table"
    write("saliency-real", numbers, source=SOURCE, count=COUNT, seed=0, command=command)
