"""Chapter 18: "if the noise is arbitrary, the features are arbitrary". What two kinds of attack find hard, what that predicts, and the maps of networks trained on each.

`python -m experiments.arbitrary_table PART[,PART...] [SHARE]`, PART: `digits` (drawn, with the parameters of their scenes) or `mnist` (with a camera's): rankings of SHARE of 1,000
pictures; `maps`: of SHARE of 500 drawn digits, on the networks of `beyond_table` and on
the PGD-trained one of this chapter, which has another width, another start and another budget.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils import attacks, data, measure, models, runtime, transforms, visualize

from .record import add

VIEWS = 20  # draws of each natural shift
NETS = {"digits": ("madry-digits", "lenet-digits", ("lenet-digits-twin", "stridenet-digits"), "lenet-mnist"),
        "mnist": ("madry-mnist", "lenet-mnist", ("lenet-mnist-twin", "stridenet-mnist"), "lenet-digits")}  # fmt: skip


def alike(a: Tensor, b: Tensor, seed: int = 0) -> tuple[float, float, float]:
    """Spearman's correlation of two rankings `[N]`, and its 95 % interval from 500 draws of the pictures with repetition."""
    one = measure.rank_correlation(a[None].float(), b[None].float()).item()
    again = torch.randint(len(a), (500, len(a)), generator=runtime.generator(seed))
    low, high = measure.rank_correlation(a.cpu().float()[again], b.cpu().float()[again]).quantile(torch.tensor([0.025, 0.975])).tolist()
    return one, low, high


def wrong_under(nets: list[nn.Module], y: Tensor, view: Callable[[torch.Generator], Tensor]) -> Tensor:
    """How often independent networks have each picture wrong, over draws of a shift: `[N]`."""
    chance, count = runtime.generator(7), torch.zeros(len(y))
    for _ in range(VIEWS):
        x = view(chance)
        count += sum((runtime.predict(net, x) != y).float().cpu() for net in nets)
    return count


def rankings(world: str, share: float) -> tuple[dict[str, float], int]:
    own, second, others, foreign = NETS[world]
    n = max(60, int(1000 * share))
    net, twin, rest, far = models.load(own), models.load(second), [models.load(name) for name in others], models.load(foreign)
    if world == "digits":
        knobs = data.adjustable("digits", n, seed=5)
        x, y = knobs.render(knobs.own), knobs.y
    else:
        test = data.load("digits", "test", n, source="mnist")
        x, y = test.x.to(runtime.device()), test.y.to(runtime.device())
        knobs = attacks.Camera(x)
    parts = list(torch.arange(n).split(500))
    steps = lambda model: torch.cat([attacks.steps_needed(model, x[p], y[p], steps=80) for p in parts]).cpu()  # noqa: E731
    scene = lambda model: attacks.change_needed(model, knobs, y, tries=10, levels=20, generator=runtime.generator(1)).cpu()  # noqa: E731
    found = {"pixels": steps(net), "scene": scene(net), "pixels_other": steps(twin), "scene_other": scene(twin)}
    found["loss"] = -F.cross_entropy(runtime.logits(net, x), y, reduction="none").cpu()
    shifts = {
        "scene": lambda chance: attacks.worst_change(rest[0], knobs, y, tries=1, generator=chance).images,
        "noise": lambda chance: transforms.add_noise(x, 0.3, generator=chance),
    }
    errors = {name: wrong_under(rest, y, view) for name, view in shifts.items()}
    errors["foreign"] = -(runtime.logits(far, x).log_softmax(1).gather(1, y[:, None])[:, 0]).cpu()  # its loss: it learned another kind of digit
    numbers = {f"{world}_{name}_rate": 100 * value.mean().item() / (VIEWS * len(rest)) for name, value in errors.items() if name != "foreign"}
    numbers[f"{world}_foreign_rate"] = 100 * (1 - measure.accuracy(far, x, y))
    pairs = {"pixels_scene": ("pixels", "scene"), "pixels_pixels": ("pixels", "pixels_other"), "scene_scene": ("scene", "scene_other"), "pixels_loss": ("pixels", "loss"), "scene_loss": ("scene", "loss")}
    numbers["%s_scene_never" % world] = 100 * (found["scene"] == 21).float().mean().item()
    for name, (a, b) in pairs.items():
        numbers |= {f"{world}_{name}{tail}": v for tail, v in zip(("", "_low", "_high"), alike(found[a], found[b]))}
    shuffled = found["scene"][torch.randperm(n, generator=runtime.generator(2))]
    numbers |= {f"{world}_pixels_shuffled{tail}": v for tail, v in zip(("", "_low", "_high"), alike(found["pixels"], shuffled))}
    for ranking in ("pixels", "scene", "loss"):
        for shift, count in errors.items():
            numbers |= {f"{world}_{ranking}_predicts_{shift}{tail}": v for tail, v in zip(("", "_low", "_high"), alike(-found[ranking].float(), count))}
    return numbers, n


def on_ink(maps: Tensor, x: Tensor) -> Tensor:
    """Which share of each map lies on the digit and the pixels beside it."""
    ink = F.max_pool2d(x, 3, 1, 1) > 0.2
    heat = maps.reshape(x.shape)
    return (heat * ink).sum((1, 2, 3)) / heat.sum((1, 2, 3)).clamp_min(1e-12)


def maps(_: str, share: float) -> tuple[dict[str, float], int]:
    scene = data.adjustable("digits", max(60, int(500 * share)), seed=6)
    x, y = scene.render(scene.own), scene.y
    nets = {kind: models.load(f"madry-digits-{kind}") for kind in ("random", "scenes", "pixels", "pgd")} | {"plain": models.load("madry-digits")}
    with runtime.seeded_weights(3):
        nets["untrained"] = models.MadryNet(width=2).to(runtime.device()).eval()
    heat = {kind: visualize.saliency(net, x, y).flatten(1) for kind, net in nets.items()}
    numbers = {f"maps_{kind}_on_ink": 100 * on_ink(h, x).mean().item() for kind, h in heat.items()}
    numbers["maps_area"] = 100 * (F.max_pool2d(x, 3, 1, 1) > 0.2).float().mean().item()
    for a, b in (("scenes", "random"), ("pixels", "pgd"), ("scenes", "pixels"), ("random", "pgd"), ("scenes", "plain"), ("pixels", "plain"), ("scenes", "untrained"), ("pixels", "untrained")):
        values = measure.mean_interval(measure.rank_correlation(heat[a], heat[b]))
        numbers |= {f"maps_{a}_{b}{tail}": v for tail, v in zip(("", "_low", "_high"), values)}
    return numbers, len(x)


PARTS = {"digits": rankings, "mnist": rankings, "maps": maps}


def main(parts: str = "digits,mnist,maps", share: float = 1.0) -> None:
    for part in parts.split(","):
        numbers, count = PARTS[runtime.pick("part", part, PARTS)](part, float(share))
        print(part, {k: round(v, 3) for k, v in numbers.items()}, flush=True)
        add("arbitrary", part, numbers, source="drawn digits and MNIST test digits", count=count, seed=0, command=f"python -m experiments.arbitrary_table {part} {share}")


if __name__ == "__main__":
    main(*sys.argv[1:])
