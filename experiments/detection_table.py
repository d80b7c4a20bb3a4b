"""Chapter 21 at full scale, on real data: consistency and its adaptive attack, LID by attack, strangers of a CIFAR-10 network.

`COURSE_DATA_DIR=... python -m experiments.detection_table [PART ...] [--share S]`. Parts: "signs" (500 clean and 500 attacked GTSRB signs), "objects" (CIFAR-10: stickers,
and adaptive ones), "lid" (MNIST and CIFAR-10), "strangers" (GTSRB at 32x32, MNIST in colour, ORL faces and noise). Each part is written as soon as it is done.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_utils import attacks, data, defenses, measure, models, runtime

from .common import in_parts, known, strange
from .record import add


def right_ones(net: nn.Module, world: str, source: str, n: int) -> tuple[Tensor, Tensor]:
    """Up to n test pictures that the network has right, with their classes."""
    return known(net, data.load(world, "test", n=2 * n, source=source), n)


def compared(key: str, net: nn.Module, clean: Tensor, sets: dict[str, tuple[Tensor, Tensor]]) -> dict[str, float]:
    """For each set of pictures and classes: the share that fools, AUROC of consistency and of doubt for these, the share that fools without an alarm."""
    calm, unsure = defenses.consistency_score(net, clean), defenses.unsure(runtime.logits(net, clean))
    level, numbers = measure.alarm_threshold(calm, 0.1), {}
    for name, (x, y) in sets.items():
        wrong, score = runtime.predict(net, x) != y, defenses.consistency_score(net, x)
        counted = wrong if name != "harmless" else ~wrong
        numbers |= {f"{key}_{name}_fooled": wrong.double().mean().item(), f"{key}_{name}_silent": (wrong & (score <= level)).double().mean().item()}
        numbers |= {f"{key}_{name}_auroc": measure.auroc(score[counted], calm), f"{key}_{name}_doubt": measure.auroc(defenses.unsure(runtime.logits(net, x))[counted], unsure)}
    return numbers


def harmless_against(key: str, net: nn.Module, attacked: Tensor, harmless: Tensor) -> dict[str, float]:
    """AUROC of both scores, fooling stickers against harmless ones."""
    scores = (lambda z: defenses.consistency_score(net, z)), (lambda z: defenses.unsure(runtime.logits(net, z)))
    return {f"{key}_harmless{name}": measure.auroc(f(attacked), f(harmless)) for name, f in zip(("", "_doubt"), scores)}


def signs(share: float) -> tuple[dict[str, float], int]:
    """500 attacked and 500 other clean signs, the paper's 2 + 2 stickers."""
    net, n = models.load("signnet-gtsrb"), max(10, round(500 * share))
    x, y = right_ones(net, "signs", "gtsrb", 2 * n)
    n = len(x) // 2
    stuck = attacks.stickers(net, x[:n], y[:n], generator=runtime.generator(0)).images
    loose = attacks.scattered(x[:n], generator=runtime.generator(1)).images
    begin = time.perf_counter()
    numbers = compared("gtsrb", net, x[n:], {"stickers": (stuck, y[:n])})
    numbers["gtsrb_seconds"] = time.perf_counter() - begin
    wrong, safe = runtime.predict(net, stuck) != y[:n], runtime.predict(net, loose) == y[:n]
    numbers |= harmless_against("gtsrb", net, stuck[wrong], loose[safe])
    return numbers | {"gtsrb_auroc": numbers["gtsrb_stickers_auroc"], "gtsrb_doubt": numbers["gtsrb_stickers_doubt"]}, n


def objects(share: float) -> tuple[dict[str, float], int]:
    """CIFAR-10: stickers that stop at the first success, and those that go on for a large lead of the class reached."""
    net, n = models.load("smallvgg-cifar10"), max(10, round(200 * share))
    x, y = right_ones(net, "objects", "cifar10", 2 * n)
    plain = attacks.stickers(net, x[:n], y[:n], generator=runtime.generator(0)).images
    reached = runtime.predict(net, plain)
    aims = torch.where(reached == y[:n], (y[:n] + 1) % 10, reached)
    longer = attacks.stickers(defenses.Scaled(net, 0.1), x[:n], aims, targeted=True, until="sure", generator=runtime.generator(0)).images
    loose = attacks.scattered(x[:n], generator=runtime.generator(1)).images
    numbers = compared("objects", net, x[n:], {name: (z, y[:n]) for name, z in (("stickers", plain), ("longer", longer), ("loose", loose))})
    return numbers | {"objects_auroc": numbers["objects_stickers_auroc"], "objects_adaptive": numbers["objects_longer_auroc"]}, n


class Refusing(nn.Module):
    """The network with one class more, "refused", as large as the first one where the detector is undecided."""

    def __init__(self, net: nn.Module, detector: nn.Module) -> None:
        super().__init__()
        self.net, self.detector = net, detector

    def forward(self, x: Tensor) -> Tensor:
        z = self.net(x)
        return torch.cat([z, (z.amax(1) + self.detector(x))[:, None]], 1)


def one_lid(key: str, net: nn.Module, world: str, source: str, eps: float, n: int) -> dict[str, float]:
    """A detector that learned from PGD, against other attacks, and one that knows it: AUROC, and the share that fools without an alarm."""
    x, y = right_ones(net, world, source, 2 * n)
    n = len(x) // 2
    crowd = data.load(world, "train", n=100, source=source).x.to(x.device)

    def pgd(model: nn.Module, a: Tensor, b: Tensor, **more) -> Tensor:
        return attacks.pgd(model, a, b, eps=eps, step=eps / 8, steps=40, generator=runtime.generator(0), **more)

    hit, grain = in_parts(lambda a, b: pgd(net, a, b), x, y), attacks.random_sign(x, eps=eps, generator=runtime.generator(3))
    lid = defenses.lid_detector(net, crowd, x[:n], hit[:n], grain[:n])
    x, y = x[n:], y[n:]
    second = runtime.logits(net, x).scatter(1, y[:, None], -torch.inf).argmax(1)
    tries = {
        "pgd": hit[n:], "noise": grain[n:], "fgsm": attacks.fgsm(net, x, y, eps=eps), "deepfool": attacks.deepfool(net, x, y),
        "features": in_parts(lambda a, b: attacks.match_features(net, a, a.roll(7, 0), layer=lid.of.layers[-1], eps=eps, steps=50), x, y),
        "adaptive": in_parts(lambda a, b: pgd(Refusing(net, lid), a, b, targeted=True), x, second),
    }  # fmt: skip
    with torch.no_grad():
        scores = {name: torch.cat([lid(part) for part in z.split(100)]) for name, z in ({"clean": x} | tries).items()}
    level, numbers = measure.alarm_threshold(scores["clean"], 0.1), {}
    for name, z in tries.items():
        wrong = runtime.predict(net, z) != y
        numbers |= {f"{key}_{name}": measure.auroc(scores[name], scores["clean"]), f"{key}_{name}_fooled": wrong.double().mean().item()}
        numbers[f"{key}_{name}_silent"] = (wrong & (scores[name] <= level)).double().mean().item()
    return numbers


def lid(share: float) -> tuple[dict[str, float], int]:
    n = max(25, round(500 * share))
    digits = one_lid("lid", models.load("lenet-mnist"), "digits", "mnist", 0.3, n)
    return digits | one_lid("lid_cifar10", models.load("nin-cifar10"), "objects", "cifar10", 8 / 255, n), n


def strangers(share: float) -> tuple[dict[str, float], int]:
    """NiN and the all-convolutional network, trained on CIFAR-10: how sure they are of what is none of their classes."""
    n = max(40, round(2000 * share))
    sets = strange(n, 32, signs=data.load("signs", "test", n=n, source="gtsrb", size=32).x)
    own, numbers = data.load("objects", "test", n=2 * n, source="cifar10"), {}
    for key, net in (("", "nin-cifar10"), ("allconv_", "allconv-cifar10")):
        judge = models.load(net)
        z, y = runtime.logits(judge, own.x.to(runtime.device())), own.y.to(runtime.device())
        half = len(y) // 2
        degree = defenses.calibrated_temperature(z[:half], y[:half])
        scores: dict[str, Callable[[Tensor], Tensor]] = {"doubt": defenses.unsure, "calibrated": lambda v: defenses.unsure(v, degree), "energy": defenses.energy}
        numbers |= {f"{key}temperature": degree, f"{key}own_sure": (defenses.unsure(z) < 0.1).double().mean().item()}
        numbers |= {f"{key}error": defenses.calibration_error(z[half:], y[half:]), f"{key}error_calibrated": defenses.calibration_error(z[half:] / degree, y[half:])}
        for name, x in sets.items():
            s = runtime.logits(judge, x.to(z.device))
            numbers |= {f"{key}{name}_sure": (defenses.unsure(s) < 0.1).double().mean().item(), f"{key}{name}_sure_calibrated": (defenses.unsure(s, degree) < 0.1).double().mean().item()}
            numbers |= {f"{key}{name}_{kind}": measure.auroc(f(s), f(z[half:])) for kind, f in scores.items()}
    return numbers, n


PARTS = {"signs": signs, "objects": objects, "lid": lid, "strangers": strangers}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=", ".join(PARTS))
    parser.add_argument("--share", type=float, default=1.0, help="of the pictures")
    given = parser.parse_args()
    runtime.seed_everything(0)
    for part in given.parts:
        numbers, count = PARTS[runtime.pick("part", part, PARTS)](given.share)
        command = f"python -m experiments.detection_table {part}" + (f" --share {given.share:g}" if given.share != 1 else "")
        add("detection", part, numbers, source="GTSRB, CIFAR-10, MNIST, ORL faces", count=count, seed=0, command=command)
        print(part, {key: round(value, 3) for key, value in numbers.items()}, flush=True)


if __name__ == "__main__":
    main()
