"""Chapter 03 on real data: who notices that the network forgot? `python -m experiments.backward_table`."""

from __future__ import annotations

from torch import Tensor

from course_utils import data, measure, models, runtime, visualize

from .record import write

COUNT = 300


def alike(a: Tensor, b: Tensor) -> float:
    """Mean rank correlation of the maps' sizes, the largest of the colours."""
    return measure.rank_correlation(a.abs().amax(1), b.abs().amax(1)).mean().item()


def numbers() -> dict[str, float]:
    """Rank correlations of SignNet's map of the right class, for each rule, with that of other networks and of another class."""
    signs = data.load("signs", "test", COUNT, source="gtsrb")
    x, y = signs.x.to(runtime.device()), signs.y.to(runtime.device())
    net, twin = models.load("signnet-gtsrb"), models.load("signnet-gtsrb-twin")
    both = (runtime.predict(net, x) == y) & (runtime.predict(twin, x) == y)
    x, y = x[both], y[both]
    weighted = [name for name, layer in net.named_children() if any(True for _ in layer.parameters())]
    new = {name: visualize.randomize_weights(net, runtime.generator(k), layers=weighted[-k:]) for k, name in ((2, "two"), (4, "four"), (6, "six"))}
    found = {}
    for rule in visualize.RULES:
        own = visualize.project_back(net, x, "16", y, rule=rule)
        for name, model in {**new, "twin": twin}.items():
            found[f"{rule}_{name}"] = alike(own, visualize.project_back(model, x, "16", y, rule=rule))
        wrong = visualize.project_back(net, x, "16", (y + 7) % len(signs.names), rule=rule)
        found[f"{rule}_class"] = measure.rank_correlation(own, wrong).mean().item()
    return found


if __name__ == "__main__":
    about = "the GTSRB test pictures among the count that SignNet and its twin have right"
    write("backward-real", numbers(), source=about, count=COUNT, seed=0, command="python -m experiments.backward_table")
