"""The exercises of chapter 17: a wanted answer taken back to the pixels, whole grey levels, the smallest scale, SSIM in a window, the nearest person."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from ..checking import ATTACK, TENSORS, Case, Exercise, expect_inside, probe
from ..runtime import generator

Works = Callable[[float], bool]


def origin_target(features: nn.Module, x: Tensor, wanted: Tensor) -> Tensor:
    """B(wanted - features(x)): the change of the answer that is wanted, backpropagated to the pixels."""
    return back(lambda own, wanted: wanted - own)(features, x, wanted)


def moved_by(x: Tensor, direction: Tensor, scale: float) -> Tensor:
    """x + scale d / max|d| / 255, picture by picture, in whole grey levels from 0 to 255, divided by 255."""
    return moved()(x, direction, scale)


def smallest_scale_for(works: Works, growth: float, largest: float, halvings: int) -> float:
    """Scales 1, growth, growth^2, ... until one works; then the last interval is halved. 0.0 where none works."""
    return searched()(works, growth, largest, halvings)


def window_ssim(a: Tensor, b: Tensor) -> Tensor:
    """(2 m_a m_b + c1) (2 cov + c2) / ((m_a^2 + m_b^2 + c1) (v_a + v_b + c2)) of windows [K, P]."""
    return index()(a, b)


def nearest_person(stored: Tensor, people: Tensor, faces: Tensor) -> Tensor:
    """Whose stored answer makes the smallest angle with each face's."""
    return people[(unit(faces) @ unit(stored).T).argmax(1)]



def back(change: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """The gradient of <change, features(x)> for the pixels, the change held fixed."""

    def answer(features: nn.Module, x: Tensor, wanted: Tensor) -> Tensor:
        x = x.detach().clone().requires_grad_()
        own = features(x)
        return torch.autograd.grad((own * change(own.detach(), wanted.detach())).sum(), x)[0]

    return answer


def feature_cases() -> Iterator[Case]:
    model, x, _ = probe(channels=3)
    for seed, pictures in ((1, x), (2, x.flip(0))):
        yield {"features": model, "x": pictures, "wanted": model(pictures.roll(seed, 0)).detach() + 0.3 * torch.randn(len(x), 4, generator=generator(seed))}



def each(values: Tensor, like: Tensor) -> Tensor:
    return values.view(-1, *[1] * (like.dim() - 1))


def moved(size: Callable[[Tensor], Tensor] = lambda d: each(d.abs().flatten(1).amax(1), d), level: Callable[[Tensor], Tensor] = torch.round, low: float = 0, high: float = 255, each_level: float = 255) -> Callable[..., Tensor]:
    """What a direction is divided by, how a level is rounded, and where levels end."""
    def answer(x: Tensor, direction: Tensor, scale: float) -> Tensor:
        x, d = x.detach(), direction.detach()
        return level(255 * x + 255 / each_level * scale * d / size(d)).clamp(low, high) / 255

    return answer


def ways() -> Iterator[Case]:
    for seed, scale in ((1, 40.3), (2, 7.7), (3, 300.4), (4, 0.3)):
        chance = generator(seed)
        x = (1.4 * torch.rand(5, 2, 4, 6, generator=chance) - 0.2).clamp(0, 1)
        direction = torch.randn(x.shape, generator=chance) * torch.tensor([2.3, 0.02, 1.1, 7.0, 0.4])[:, None, None, None]
        direction[:, 0, 0, 0] = -1.3 * direction.abs().flatten(1).amax(1)  # the largest is a negative one
        yield {"x": x, "direction": direction, "scale": scale}



def searched(first: float = 1.0, bisect: bool = True, give: str = "high", reach: Callable[[float, float], bool] = lambda s, largest: s <= largest,
             start: float = 0.0, nothing: Callable[[float], float] = lambda low: 0.0) -> Callable[..., float]:  # fmt: skip
    def answer(works: Works, growth: float, largest: float, halvings: int) -> float:
        low, high = start, first
        while reach(high, largest):
            if works(high):
                break
            low, high = high, high * growth
        else:
            return nothing(low)
        for _ in range(halvings if bisect else 0):
            middle = (low + high) / 2
            low, high = (low, middle) if works(middle) else (middle, high)
        return {"high": high, "low": low, "middle": (low + high) / 2}[give]

    return answer


def never(s: float) -> bool:
    if s > 200:
        raise ValueError("works was asked about a scale above largest; stop there")
    return False


def scales() -> Iterator[Case]:
    above = lambda least: lambda s: bool(s >= least)  # noqa: E731
    islands = lambda s: 5.5 < s < 6.9 or s >= 20.3  # noqa: E731 - what counts is the first one met
    for works, growth, largest, halvings in (
        (above(23.7), 1.5, 400.0, 6), (above(0.37), 1.5, 400.0, 5), (above(130.1), 2.0, 512.0, 9), (above(77.7), 1.31, 300.0, 3), (above(50.0), 2.0, 40.0, 5),
        (above(64.0), 2.0, 64.0, 4), (islands, 1.45, 100.0, 8), (above(9.9), 3.0, 100.0, 0), (above(70.0), 2.0, 64.0, 4), (never, 1.7, 200.0, 7),
    ):
        yield {"works": works, "growth": growth, "largest": largest, "halvings": halvings}



def index(c1: float = 0.01**2, c2: float = 0.03**2, spread: Callable[[Tensor], Tensor] = lambda a: a.square().mean(1),
          structure: Callable[[Tensor, Tensor], Tensor] = lambda a, b: (a * b).mean(1), light: bool = True) -> Callable[[Tensor, Tensor], Tensor]:  # fmt: skip
    def answer(a: Tensor, b: Tensor) -> Tensor:
        m, n = a.mean(1), b.mean(1)
        a, b = a - m[:, None], b - n[:, None]
        alike = (2 * structure(a, b) + c2) / (spread(a) + spread(b) + c2)
        return alike * ((2 * m * n + c1) / (m**2 + n**2 + c1) if light else 1)

    return answer


def windows() -> Iterator[Case]:
    for seed, count in ((3, 16), (1, 121), (2, 49)):
        chance = generator(seed)
        a = torch.rand(6, count, generator=chance)
        b = (a + 0.3 * torch.randn(6, count, generator=chance)).clamp(0, 1)
        a[3], b[4], a[5], b[2] = 0.02 * a[3], 0.4, b[5], 1 - a[2]
        b[0], a[0] = 0.01 * b[0], 0.02 * a[0]
        yield {"a": a, "b": b}
    yield {"a": a[:1], "b": b[:1]}



def unit(rows: Tensor) -> Tensor:
    return rows / rows.norm(dim=1, keepdim=True)


def galleries() -> Iterator[Case]:
    for seed, people in ((1, (4, 0, 2, 2, 7, 1, 0, 3)), (2, (1, 1, 0, 5, 5, 3, 2, 9))):
        chance = generator(seed)
        stored = torch.randn(8, 12, generator=chance) * torch.tensor([0.2, 5.0, 1.0, 0.7, 3.0, 9.0, 0.1, 2.0])[:, None]
        pick = torch.tensor([0, 3, 6, 7, 2, 1, 6])
        faces = (unit(stored[pick]) + 0.25 * torch.randn(7, 12, generator=chance)) * torch.tensor([1.0, 0.1, 6.0, 2.0, 0.5, 3.0, 9.0])[:, None]
        yield from ({"stored": stored, "people": torch.tensor(people), "faces": some} for some in (faces, faces[:1]))


EXERCISES = (
    Exercise("origin_target", origin_target, feature_cases, difficulty=2, minutes=12, battery=ATTACK, what="the direction", hints=(
        "B takes a change of the layer's answer back to the pixels, as backpropagation does with an error. Which change is wanted here?",
        "torch.autograd.grad(own, x, grad_outputs=change)[0], with own = features(x) of an x that asks for gradients, and a change that is held fixed: .detach().",
        "x = x.detach().clone().requires_grad_(); own = features(x); return torch.autograd.grad(own, x, (wanted - own).detach())[0]",
    ), mistakes=(
        (lambda features, x, wanted: -origin_target(features, x, wanted), "the sign is turned round: the way leads from the own answer to the wanted one, wanted - features(x)."),
        (back(lambda own, wanted: wanted), "the own answer is not taken away; wanted - features(x) is the change."), (back(lambda own, wanted: wanted + own), "the own answer is added; it is taken away: wanted - features(x)."),
        (back(lambda own, wanted: (wanted - own).sign()), "only the signs of the change go back; take the change itself."), (lambda features, x, wanted: origin_target(features, x, wanted).sign(), "these are the signs of the direction; the direction itself is expected."),
        (back(lambda own, wanted: 2 * (wanted - own)), "this is twice the direction: the gradient of the squared distance has a factor 2 that is left out here."), (back(lambda own, wanted: (wanted - own) / len(own)), "this is divided by the number of pictures; each has its own direction: no mean over the batch."),
        (back(lambda own, wanted: wanted - 2 * own), "the gradient flows through the change, too; hold it fixed: (wanted - own).detach()."), (back(lambda own, wanted: 2 * (wanted - own) / own.numel()), "a mean square (mse_loss) divides by the number of values; take no mean, and no factor 2."), (back(lambda own, wanted: torch.ones_like(own)), "the change that is wanted is not used; give it to autograd.grad as grad_outputs."),
    )),
    Exercise("moved_by", moved_by, ways, difficulty=1, minutes=8, battery=ATTACK, what="the batch of pictures", rules=(expect_inside,), hints=(
        "First make each direction 1 large: its largest absolute value, picture by picture. Then think in grey levels, 0 to 255.",
        "d.abs().amax((1, 2, 3), keepdim=True) is one number for each picture; (255 * x + scale * ...).round().clamp(0, 255) / 255.",
        "d = direction / direction.abs().amax((1, 2, 3), keepdim=True); return (255 * x + scale * d).round().clamp(0, 255) / 255",
    ), mistakes=(
        (moved(lambda d: d.abs().max()), "all directions are divided by one number; each picture has a largest pixel of its own."),
        (moved(lambda d: each(d.flatten(1).amax(1), d)), "the largest value is taken, not the largest in size: a negative one counts, too (abs)."),
        (moved(torch.ones_like), "the direction is not made 1 large; divide by its largest absolute value."), (moved(lambda d: each(d.flatten(1).norm(dim=1), d)), "the direction is divided by its L2 norm; by its largest absolute value is meant."),
        (moved(level=lambda v: v), "the levels are not rounded; a file holds whole ones."), (moved(level=torch.floor), "the levels are cut off; round them."), (moved(low=-1e9, high=1e9), "levels below 0 and above 255 are left; clip them."), (moved(each_level=1), "scale counts grey levels; a pixel of 1 is 255 of them."),
        (lambda x, direction, scale: 255 * moved_by(x, direction, scale), "these are grey levels; divide by 255 at the end."),
    )),
    Exercise("smallest_scale_for", smallest_scale_for, scales, difficulty=2, minutes=12, what="the scale", hints=(
        "Two loops, one after the other. The first makes the scale larger until it works; what does it know then about the scale before?",
        "Keep low, the last that did not work (0 at first), and high. After the first loop: middle = (low + high) / 2 becomes high where it works, else low.",
        "low, high = 0.0, 1.0; while high <= largest and not works(high): low, high = high, high * growth; if high > largest: return 0.0; then the halvings.",
    ), mistakes=(
        (searched(start=1.0), "low begins at 1; where 1 works already, it may be smaller: begin at 0."), (searched(bisect=False), "this is the first scale met that works; then the last interval is halved."),
        (lambda works, growth, largest, halvings: searched()(works, growth, largest, halvings + 1), "the interval is halved once too often; there are `halvings` of them."), (lambda works, growth, largest, halvings: searched()(works, growth, largest, max(0, halvings - 1)), "the interval is halved once too seldom; there are `halvings` of them."), (searched(give="low"), "this is the largest that did not work; the smallest that did is expected."), (searched(give="middle"), "this is the middle of the last interval, which nobody tried; return the smallest that worked."),
        (searched(first=0.5), "the search begins at another scale than 1."), (searched(reach=lambda s, largest: s < 1e12), "scales above largest are tried; give 0.0 instead."),
        (searched(reach=lambda s, largest: s < largest), "largest itself may be tried: <=."), (searched(nothing=lambda low: low), "where nothing works, 0.0 is expected."),
    )),
    Exercise("window_ssim", window_ssim, windows, difficulty=2, minutes=10, battery=TENSORS, what="the index", hints=(
        "Five numbers for each pair of windows: two means, two variances, one covariance. All are means over the P pixels.",
        "Take the means away first. Then va = (a * a).mean(1), vb = (b * b).mean(1), cov = (a * b).mean(1).",
        "c1, c2 = 0.01**2, 0.03**2; (2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))",
    ), mistakes=(
        (index(spread=lambda a: a.var(1), structure=lambda a, b: (a * b).sum(1) / (a.shape[1] - 1)), "the sums are divided by P - 1; here by P: .mean(1)."),
        (index(spread=lambda a: a.var(1)), "a.var(1) divides by P - 1 while the covariance is divided by P; here all by P: a.var(1, unbiased=False)."), (lambda a, b: index(structure=lambda p, q: (p * q).mean(1) + a.mean(1) * b.mean(1))(a, b), "the covariance is not that: take the means away before the product is averaged."), (index(spread=lambda a: a.square().mean(1).sqrt()), "the deviations are used where the variances belong."), (index(c1=0.01, c2=0.03), "the constants are not squared: 0.01**2 and 0.03**2."), (index(c1=1e-9, c2=1e-9), "the two constants are left out."),
        (index(light=False), "the part with the means is left out."), (index(c1=(0.01 * 255) ** 2, c2=(0.03 * 255) ** 2), "these constants are for levels up to 255; the pixels go up to 1."),
        (lambda a, b: window_ssim(a, b).mean(), "one number for all windows is given; each pair has one."), (lambda a, b: window_ssim(a.T, b.T), "the mean goes over the windows; it goes over the pixels of each, dimension 1."),
    )),
    Exercise("nearest_person", nearest_person, galleries, difficulty=1, minutes=6, battery=TENSORS, what="the people", hints=(
        "Each face is compared with every stored answer. The largest cosine wins: lengths do not count.",
        "Make all rows 1 long: stored / stored.norm(dim=1, keepdim=True). Then faces @ stored.T holds all cosines, [N, M].",
        "s = stored / stored.norm(dim=1, keepdim=True); return people[(faces @ s.T).argmax(1)]",
    ), mistakes=(
        (lambda stored, people, faces: people[(faces @ stored.T).argmax(1)], "long stored answers win; divide each by its length."), (lambda stored, people, faces: people[torch.cdist(faces, stored).argmin(1)], "distances are compared; the cosine is: lengths must not count."),
        (lambda stored, people, faces: (unit(faces) @ unit(stored).T).argmax(1), "these are the numbers of stored answers; people[...] says whose they are."),
        (lambda stored, people, faces: people[(unit(faces) @ unit(stored).T).argmin(1)], "the smallest cosine is taken; the largest is the nearest."),
        (lambda stored, people, faces: people[(unit(faces) @ unit(stored).T).abs().argmax(1)], "the opposite direction counts as near; no abs."),
        (lambda stored, people, faces: people[(unit(faces) @ unit(stored).T).argmax(0)], "the best face is found for each stored answer; the best stored answer for each face is asked for."),
    )),
)  # fmt: skip
