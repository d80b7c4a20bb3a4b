"""The one-pixel attack: a few pixels of any colour, found by differential evolution, which asks a network for scores only."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeVar, Protocol

import torch
from torch import Tensor, nn

from .. import runtime
from ..runtime import check_count, check_positive
from .common import attacking, wide
from .margins import lead
from .painting import Canvas, normal, painted, placed, uniform
from .universal import two_classes

PART = 2**18  # pixels of the pictures that are attacked side by side: 256 of 32x32
LOOK = {"cuda": 5, "mps": 5}  # after so many generations it is seen which pictures are finished; else after each
SURE = {True: math.log(0.9 / 0.1), False: math.log(0.95 / 0.05)}  # p(target) > 0.9, p(true) < 0.05, as log-odds


class Generation(NamedTuple):
    """What `watch` is called with, after each generation, 0 being the first candidates: the numbers `[n]` of the pictures that are not
    finished, their candidates `[n, P, d, 2 + C]` (row, column and grey levels of each pixel) and these candidates' fitness `[n, P]`."""

    number: int
    pictures: Tensor
    candidates: Tensor
    fitness: Tensor


class Scored(Protocol):
    """What candidates are put on: `scores` gives a model's scores `[n, P, classes]` for those of the pictures `index` `[n]`."""

    def scores(self, candidates: Tensor, index: Tensor) -> Tensor: ...


Watch = Callable[[Generation], None]
Breed = Callable[[Tensor, Tensor, Tensor], Tensor]  # parents `[n, P, ...]`, the numbers `[n]` of their pictures, fitness `[n, P]` -> children


def one_pixel(
    model: nn.Module, x: Tensor, y: Tensor | None = None, *, pixels: int = 1, population: int = 400, generations: int = 100,
    targeted: bool = False, scale: float = 0.5, until: str = "sure", local: bool = True, batch_size: int | None = None,
    watch: Watch | None = None, generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    """Few-pixel attack by differential evolution (Su, Vargas, Sakurai 2017): |x_adv - x|_0 <= pixels, each pixel in any colour.

    A candidate is d pixels: row, column, colour. Each of the `population` candidates has one child a generation,
    x_a + scale * (x_b - x_c) with three different parents drawn at random, with no crossover; the child takes its own parent's place if
    it is fitter. The fitness is the probability of the target, or, without one, of any other class than y. First rows and
    columns are uniform, first grey levels N(128, 127).

    A picture is finished, for until="sure", when p(target) > 0.9, or p(y) < 0.05; for until="fooled", as soon as it is taken for the
    target, or for another class than y. The others go on without it. Each gets the best candidate that it met: one that
    fools before one that does not, then the fitter; a picture that no candidate makes better comes back as it was.

    x: pictures `[N, C, H, W]` in [0, 1]. y: classes `[N]`, or None for the model's own; with `targeted` the classes wanted.
    """
    check_positive(scale, "scale"), check_count(population, "population", least=3)
    chance = generator or runtime.generator()

    def evolution(part: Tensor) -> tuple[Tensor, Breed]:
        def children(parents: Tensor, left: Tensor, fitness: Tensor) -> Tensor:
            return offspring(parents, trios(len(part), population, chance).to(left.device)[left], scale)

        return normal(part, population, pixels, chance), children

    return search(model, x, y, evolution, pixels, population, generations, targeted, until, local, batch_size, watch)


def random_pixels(
    model: nn.Module, x: Tensor, y: Tensor | None = None, *, pixels: int = 1, population: int = 400, generations: int = 100,
    targeted: bool = False, until: str = "sure", local: bool = True, batch_size: int | None = None, watch: Watch | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    """Random search, the baseline of `one_pixel`, with the same number of queries: each candidate drawn anew, all pixels and colours
    equally likely. Everything else is as there."""
    check_count(population, "population")
    chance = generator or runtime.generator()

    def anew(part: Tensor) -> tuple[Tensor, Breed]:
        draw = lambda *_: uniform(part, population, pixels, chance)  # noqa: E731
        return draw(), lambda _, left, fitness: draw()[left]

    return search(model, x, y, anew, pixels, population, generations, targeted, until, local, batch_size, watch)


def offspring(parents: Tensor, trio: Tensor, scale: float) -> Tensor:
    """Differential evolution's children: for `trio` `[n, P, 3]`, numbers of parents `[n, P, ...]`, x_a + scale * (x_b - x_c)."""
    pictures = torch.arange(len(parents), device=parents.device)[:, None]
    a, b, c = (parents[pictures, number] for number in trio.unbind(-1))
    return a + scale * (b - c)


def trios(count: int, population: int, chance: torch.Generator) -> Tensor:
    """Three different numbers below `population` for each child, `[count, population, 3]`."""
    a = torch.randint(population, (count, population), generator=chance)
    b, c = (torch.randint(population - k, (count, population), generator=chance) for k in (1, 2))
    c = c + (c >= b).long()  # b and c count the others from a on: two different ones
    return torch.stack([a, (a + 1 + b) % population, (a + 1 + c) % population], 2)


def evolve(canvas: Scored, first: Tensor, breed: Breed, wish: Wish, best: Champions, generations: int, watch: Watch | None) -> None:
    """Candidates compete, each child with its own parent; `best` keeps the best one of each picture."""
    left, parents = torch.arange(len(first), device=first.device), first
    fitness = parents.new_full(parents.shape[:2], -torch.inf)
    for number in range(generations + 1):
        if number % LOOK.get(left.device.type, 1) == 0:  # the only thing read from the device
            going = ~best.finished[left]
            left, parents, fitness = left[going], parents[going], fitness[going]
            if not len(left):
                break
        children = breed(parents, left, fitness) if number else parents
        found, fools = wish(canvas.scores(children, left), left)
        best.challenge(left, children, found, fools)
        fitter = found > fitness
        parents, fitness = torch.where(fitter[..., None, None], children, parents), torch.where(fitter, found, fitness)
        if watch is not None:
            watch(Generation(number, left, parents, fitness))


class Wish(NamedTuple):
    """What is wanted of the pictures: to be taken for the classes y `[N]`, or for others."""

    y: Tensor
    targeted: bool
    until: str

    def __call__(self, scores: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """For the scores `[n, P, classes]` of pictures `index` the fitness, and which are taken for what is wanted, both `[n, P]`.

        The fitness is the log-odds of what is wanted, log p / (1 - p): it orders as p does, also where p rounds to 0 or 1.
        """
        y = self.y[index].repeat_interleave(scores.shape[1])
        flat = wide(scores).flatten(0, 1)
        own, rest = flat.gather(1, y[:, None])[:, 0], flat.scatter(1, y[:, None], -torch.inf).logsumexp(1)
        fitness = own - rest if self.targeted else rest - own
        return fitness.view(scores.shape[:2]), (lead(flat, y, self.targeted) > 0).view(scores.shape[:2])

    def met(self, fitness: Tensor, fools: Tensor) -> Tensor:
        """Which pictures are finished with a best candidate like that."""
        return fools & (fitness > SURE[self.targeted]) if self.until == "sure" else fools


class Champions:
    """The best candidate of each picture so far; to begin with, the picture as it is."""

    def __init__(self, x: Tensor, scores: Tensor, wish: Wish, form: tuple[int, ...]) -> None:
        self.x, self.wish = x, wish
        fitness, fools = wish(scores[:, None], torch.arange(len(x), device=x.device))
        self.fitness, self.fools = fitness[:, 0], fools[:, 0]
        self.candidates = torch.zeros(len(x), *form, device=x.device)
        self.changed = torch.zeros_like(self.fools)

    @property
    def finished(self) -> Tensor:
        return self.wish.met(self.fitness, self.fools)

    def challenge(self, index: Tensor, candidates: Tensor, fitness: Tensor, fools: Tensor) -> None:
        """The best of the candidates of pictures `index`, by `fools`, then by fitness, where it is better and the picture not finished."""
        some = fools.any(1)
        top, which = fitness.where(fools | ~some[:, None], -torch.inf).max(1)
        before = self.fools[index]
        better = ((some & ~before) | ((some == before) & (top > self.fitness[index]))) & ~self.finished[index]
        mine = candidates[torch.arange(len(index), device=index.device), which]
        self.candidates[index] = torch.where(better[:, None, None], mine, self.candidates[index])
        self.fitness[index], self.fools[index] = torch.where(better, top, self.fitness[index]), torch.where(better, some, before)
        self.changed[index] |= better

    def pictures(self, new: Tensor) -> Tensor:
        """Their pictures, `new` with the candidates on them; as they were where no candidate was better."""
        return torch.where(self.changed[:, None, None, None], new, self.x)


def search(
    model: nn.Module, x: Tensor, y: Tensor | None, start: Callable[[Tensor], tuple[Tensor, Breed]], pixels: int, population: int,
    generations: int, targeted: bool, until: str, local: bool, batch_size: int | None, watch: Watch | None,
) -> Tensor:  # fmt: skip
    """Search for so many pictures at a time as memory holds. start: first candidates, and how to go on."""

    def hunt(part: Tensor, own: Tensor, wish: Wish, tell: Watch | None) -> Tensor:
        canvas = Canvas(model, part, pixels=pixels, queries=len(part) * population * (generations + 1), batch_size=batch_size, local=local)
        best = Champions(canvas.x, own, wish, (pixels, 2 + part.shape[1]))
        evolve(canvas, *start(part), wish, best, generations, tell)
        return best.pictures(painted(canvas.x.clone(), *placed(best.candidates, canvas.x)))

    def fits(x: Tensor) -> None:
        if check_count(pixels, "pixels") > x[0, 0].numel():
            raise ValueError(f"pixels is {pixels}; at most the {x[0, 0].numel()} pixels of a picture are expected.")

    return torch.cat(hunted(model, x, y, PART, fits, hunt, generations, targeted, until, batch_size, watch))


Found = TypeVar("Found")


def hunted(
    model: nn.Module, x: Tensor, y: Tensor | None, room: int, fits: Callable[[Tensor], object],
    hunt: Callable[[Tensor, Tensor, Wish, Watch | None], Found], generations: int, targeted: bool, until: str,
    batch_size: int | None, watch: Watch | None,
) -> list[Found]:  # fmt: skip
    """Check everything once, `fits` among it; then `hunt` for as many pictures at a time as have `room` pixels together.

    hunt is given these pictures, the model's scores for them, what is wanted of them, and whom to tell of each generation.
    """
    runtime.pick("rule to stop", until, ("sure", "fooled")), check_count(generations, "generations", least=0)
    if batch_size is not None:
        check_count(batch_size, "batch_size")
    with attacking(model, x, y, targeted=targeted) as (x, labels), torch.no_grad():
        fits(x)
        scores, size, done = two_classes(runtime.logits(model, x)), max(1, room // x[0, 0].numel()), []
        for begin, part, own, goal in zip(range(0, len(x), size), x.split(size), scores.split(size), labels(scores).split(size)):
            tell = None if watch is None else lambda g, begin=begin: watch(g._replace(pictures=g.pictures + begin))
            done.append(hunt(part, own, Wish(goal, targeted, until), tell))
        return done
