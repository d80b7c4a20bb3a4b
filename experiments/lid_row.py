"""The row "lid" of chapter 20's table: a CIFAR-10 network behind a detector of large local intrinsic dimensionality, as published and attacked."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from course_utils import attacks, data, defenses, models, runtime
from course_utils.runtime import generator

from .common import in_parts, known

BUDGETS = (4, 8)  # 255ths: the paper's .015 and .031
CROWD, LESSONS, TOGETHER = 100, 800, 100  # neighbours, pictures that the detector learns from, pictures at a time


def lid(share: float) -> tuple[dict[str, float], int, str]:
    """All numbers of the row, of this share of the pictures; how many pictures were attacked; where they are from."""
    net = models.load("allconv-cifar10")
    lessons = known(net, data.load("objects", "train", max(300, round(1500 * share)), source="cifar10"), CROWD + max(60, round(LESSONS * share)))
    every = data.load("objects", "test", max(40, round(1000 * share)), source="cifar10")
    tested = known(net, every, max(20, round(500 * share)))
    right = 100 * (runtime.predict(net, every.x.to(runtime.device())) == every.y.to(runtime.device())).float().mean().item()
    numbers: dict[str, float] = {}
    for budget in BUDGETS:
        numbers |= {f"lid_{budget}_{name}": value for name, value in fought(net, lessons, tested, budget / 255).items()}
        print("lid", budget, {key: round(value, 1) for key, value in numbers.items() if f"_{budget}_" in key}, flush=True)
    numbers["lid_clean"] = right * (1 - numbers[f"lid_{BUDGETS[-1]}_alarms_clean"] / 100)  # right, and not refused
    return numbers, len(tested[0]), "CIFAR-10 test"


def fought(net: nn.Module, lessons: tuple[Tensor, Tensor], tested: tuple[Tensor, Tensor], eps: float) -> dict[str, float]:
    """What is left in one budget, in percent of the pictures: not taken for another class, or refused.

    undefended, stands (and grey): without and with the detector, under PGD that stops where it just fools, which the detector has learned from.
    sure: PGD that goes on. adaptive: the better of these and of the attack past the detector, for each picture. noise: random signs.
    alarms_*: percent refused.
    """
    (x, y), (x0, y0) = tested, lessons
    just = partial(attacks.pgd, net, eps=eps, step=eps / 4, steps=15, loss="margin", kappa=0.5, random_start=False)
    attacked, noisy = in_parts(just, x0[CROWD:], y0[CROWD:], TOGETHER), attacks.random_sign(x0[CROWD:], eps=eps, generator=generator(0))
    detector = defenses.lid_detector(net, x0[:CROWD], x0[CROWD:], attacked, noisy)
    guarded = defenses.Guarded(net, detector, classes=10)
    found = {
        "stands": in_parts(just, x, y, TOGETHER), "noise": attacks.random_sign(x, eps=eps, generator=generator(1)), "clean": x,
        "sure": in_parts(partial(attacks.pgd, net, eps=eps, steps=100, generator=generator(2)), x, y, TOGETHER),
        "past": in_parts(partial(attacks.past_detector, net, detector, eps=eps, steps=100, generator=generator(3)), x, y, TOGETHER),
    }  # fmt: skip
    says = {name: runtime.predict(guarded, moved, TOGETHER) for name, moved in found.items()}
    kept = {name: (said == y) | (said == guarded.refuses) for name, said in says.items()}
    kept |= {"grey": kept["stands"], "adaptive": kept["stands"] & kept["sure"] & kept["past"]}
    kept["undefended"] = runtime.predict(net, found["stands"]) == y
    del kept["clean"]
    alarms = {f"alarms_{name}": said == guarded.refuses for name, said in says.items()}
    return {name: 100 * share.float().mean().item() for name, share in (kept | alarms).items()}

