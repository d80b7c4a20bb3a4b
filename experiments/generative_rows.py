"""Two rows of chapter 20's table of claims: PixelDefend on CIFAR-10, Defense-GAN on MNIST. `experiments.obfuscated_table` calls them.

Keys: for each budget b `<row>_<b>_undefended`, `_grey` (those made for the undefended network), `_noise` and `_adaptive`: percent still
right of those that both networks have right; `<row>_clean` of those that the undefended one has right.
PixelDefend: b in 255ths, the largest change of a value; its network has no gradient, so there is no `_stands`. Defense-GAN: b is 100 times an L2 distance;
`_adaptive` is the best of three ways (chapter 20, section 6). `defense_gan_chosen_*` is the reparameterised attack without a limit, as in the paper.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from course_utils import attacks, data, defenses, measure, models, runtime
from course_utils.runtime import generator

from .common import in_parts, known

REACH, LEVELS = 16 / 255, (4, 6, 8)
LENGTHS = (2.0, 3.0, 4.0)
SEARCH = {"steps": 200, "restarts": 10, "rate": 20.0}  # the paper's steps and starts
QUICK = {"steps": 50, "restarts": 1, "rate": 60.0}  # for BPDA, which searches at each of its steps


def right_ones(net: nn.Module, world: str, source: str, count: int) -> tuple[Tensor, Tensor]:
    """The first test pictures that the network has right."""
    return known(net, data.load(world, "test", count + max(4, count // 2), source=source), count)


def both(defended: nn.Module, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Those that the defended network has right, too."""
    kept = runtime.predict(defended, x) == y
    return x[kept], y[kept]


def percent(net: nn.Module, x: Tensor, y: Tensor) -> float:
    return 100 * measure.accuracy(net, x, y)


def pixel_defend(share: float) -> tuple[dict[str, float], int, str]:
    """SmallVGG behind PixelDefend, attacked by BPDA with the identity."""
    net, cnn = models.load("smallvgg-cifar10"), models.load("pixelcnn-cifar10")
    purify = partial(defenses.pixel_defend, cnn, eps=REACH)
    defended, opened = defenses.expectation(net, purify, 1), nn.Sequential(defenses.bpda(purify), net)
    x, y = right_ones(net, "objects", "cifar10", max(6, round(500 * share)))
    numbers = {"pixel_defend_clean": percent(defended, x, y)}
    x, y = both(defended, x, y)
    for level in LEVELS:
        how = {"eps": level / 255, "step": level / 255 / 8, "steps": 40, "generator": generator(0)}
        plain = in_parts(lambda a, b: attacks.pgd(net, a, b, **how), x, y)  # noqa: B023
        adapted = in_parts(lambda a, b: attacks.pgd(opened, a, b, **how), x, y)  # noqa: B023
        noise = attacks.random_sign(x, eps=level / 255, generator=generator(1))
        values = {"undefended": percent(net, plain, y), "grey": percent(defended, plain, y), "noise": percent(defended, noise, y), "adaptive": percent(defended, adapted, y)}
        numbers |= {f"pixel_defend_{level}_{who}": value for who, value in values.items()}
        print("pixel_defend", level, values, flush=True)
    return numbers, len(x), "CIFAR-10 test"


def guarded(net: nn.Module, painter: models.Generator, **search: float) -> nn.Module:
    """A network behind Defense-GAN, with a fresh search at each call."""
    return defenses.expectation(net, partial(defenses.defense_gan, painter, **search), 1, generator=generator(5))


def defense_gan(share: float) -> tuple[dict[str, float], int, str]:
    """LeNet behind Defense-GAN, attacked within an L2 distance, and by codes without a limit."""
    net, painter = models.load("lenet-mnist"), models.load("generator-mnist")
    defended = guarded(net, painter, **SEARCH)
    x, y = right_ones(net, "digits", "mnist", max(8, round(500 * share)))
    clean = percent(defended, x, y)
    x, y = both(defended, x, y)
    nearest = defenses.project(painter, x, **SEARCH, generator=generator(3))
    chosen = attacks.reparameterised(net, painter, x, y, start=nearest.z, c=0.03, steps=300)
    apart = lambda part: (part - x).flatten(1).norm(dim=1)  # noqa: E731
    numbers = {
        "defense_gan_clean": clean, "defense_gan_chosen_right": percent(defended, chosen, y),
        "defense_gan_chosen_l2": apart(chosen).mean().item(), "defense_gan_drawn_l2": apart(nearest.x).mean().item(),
    }  # fmt: skip
    for eps in LENGTHS:
        how = {"eps": eps, "norm": "l2", "steps": 40, "generator": generator(0)}
        search = defenses.bpda(partial(defenses.defense_gan, painter, **QUICK))
        ways = [
            in_parts(lambda a, b: attacks.pgd(net, a, b, **how), x, y),  # noqa: B023
            in_parts(lambda a, b: attacks.pgd(nn.Sequential(search, net), a, b, **how), x, y),  # noqa: B023
            (x + (chosen - x) * (eps / apart(chosen)).clamp(max=1)[:, None, None, None]).clamp(0, 1),
        ]
        best = ways[0].clone()
        fools = [runtime.predict(defended, part) != y for part in ways]
        for part, won in reversed([*zip(ways, fools)]):
            best = torch.where(won[:, None, None, None], part, best)
        noise = torch.randn(x.shape, generator=generator(1)).to(x)
        noise = (x + eps * noise / noise.flatten(1).norm(dim=1)[:, None, None, None]).clamp(0, 1)
        values = {"undefended": percent(net, ways[0], y), "grey": percent(defended, ways[0], y), "noise": percent(defended, noise, y), "adaptive": percent(defended, best, y)}
        numbers |= {f"defense_gan_{round(100 * eps)}_{who}": value for who, value in values.items()}
        print("defense_gan", eps, values, flush=True)
    return numbers, len(x), "MNIST test"


ROWS = {"pixel_defend": pixel_defend, "defense_gan": defense_gan}
