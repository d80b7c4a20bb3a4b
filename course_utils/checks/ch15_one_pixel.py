"""The exercises of chapter 15: first candidates, painting them, one generation of differential evolution, what a pixel can reach."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import reduce

import torch
from torch import Tensor

from ..checking import TENSORS, Case, Exercise
from ..runtime import generator

Score = Callable[[Tensor], Tensor]
Layers = Sequence[tuple[int, int, int]]


def first_candidates(u: Tensor, z: Tensor, height: int, width: int) -> Tensor:
    """Rows and columns uniform from the first to the last, grey levels N(128, 127): [P, 5]."""
    return drawn()(u, z, height, width)


def paint(x: Tensor, candidates: Tensor) -> Tensor:
    """Copies of the picture, in each the pixel of one candidate: row, column and levels rounded and clipped."""
    return brush()(x, candidates)


def one_generation(parents: Tensor, fitness: Tensor, trios: Tensor, score: Score) -> Tensor:
    """Each parent's child a + (b - c) / 2 takes its place where it is fitter."""
    return bred()(parents, fitness, trios, score)


def reached(place: int, size: int, layers: Layers) -> tuple[int, ...]:
    """How many rows of each map the pixel at row `place` can reach, for a chain of (kernel, stride, padding)."""
    return followed()(place, size, layers)



def drawn(rows: Callable = lambda u, height, width: u * torch.tensor([height - 1.0, width - 1.0]).to(u), mean: float = 128.0, spread: float = 127.0) -> Callable[..., Tensor]:
    return lambda u, z, height, width: torch.cat([rows(u, height, width), mean + spread * z], 1)


def chances() -> Iterator[Case]:
    for seed, count, height, width in ((0, 7, 24, 20), (1, 5, 9, 32), (2, 1, 227, 3)):
        chance = generator(seed)
        yield {"u": torch.rand(count, 2, generator=chance), "z": torch.randn(count, 3, generator=chance), "height": height, "width": width}



def brush(place: Callable = torch.round, level: Callable = lambda c: c.round().clamp(0, 255) / 255, limits: Callable = lambda h, w: (h - 1, w - 1),
          start: Callable = lambda x, p: x[None].repeat(p, 1, 1, 1)) -> Callable[..., Tensor]:  # fmt: skip - what becomes of a place and a level; last row and column; what to begin with
    def answer(x: Tensor, candidates: Tensor) -> Tensor:
        count, (last_row, last_column) = len(candidates), limits(*x.shape[1:])
        rows, columns = place(candidates[:, 0]).clamp(0, last_row).long(), place(candidates[:, 1]).clamp(0, last_column).long()
        pictures = start(x, count)
        pictures[torch.arange(count, device=x.device), :, rows, columns] = level(candidates[:, 2:]).to(x.dtype)
        return pictures

    return answer


def canvases() -> Iterator[Case]:
    for seed, channels, height, width in ((0, 3, 6, 9), (3, 3, 6, 9), (1, 3, 8, 5), (2, 1, 7, 7)):
        chance = generator(seed)
        places = torch.rand(9, 2, generator=chance) * torch.tensor([height + 3.0, width + 3.0]) - 1.7
        places[0], places[1], places[2] = torch.tensor([height - 0.6, width - 0.7]), torch.tensor([-0.4, 1.6]), torch.tensor([2.7, 3.3])
        places[3], places[4], places[5] = torch.tensor([height + 1.2, 2.2]), torch.tensor([1.4, width + 0.8]), torch.tensor([2.3, -0.9])
        yield {"x": torch.rand(channels, height, width, generator=chance), "candidates": torch.cat([places, 128 + 127 * torch.randn(9, channels, generator=chance)], 1)}


def transposed(x: Tensor, candidates: Tensor) -> Tensor:
    return paint(x, torch.cat([candidates[:, [1, 0]], candidates[:, 2:]], 1))



def bred(child: Callable = lambda own, a, b, c: a + 0.5 * (b - c), better: Callable = lambda new, old: new > old) -> Callable[..., Tensor]:  # a child's making; when it takes over

    def answer(parents: Tensor, fitness: Tensor, trios: Tensor, score: Score) -> Tensor:
        children = child(parents, *parents[trios].unbind(1))
        return torch.where(better(score(children), fitness)[:, None], children, parents)

    return answer


def hills(children: Tensor) -> Tensor:  # stands for the network: higher near one place, with ripples; in whole eighths
    return ((4 - (children - 0.3).abs().sum(1) / 2 + torch.sin(3 * children[:, 0])) * 8).round() / 8


def population() -> Iterator[Case]:
    for seed, count, size in ((0, 24, 5), (1, 9, 5), (2, 20, 10), (3, 12, 1)):
        chance = generator(seed)
        parents = 1.5 * torch.randn(count, size, generator=chance)
        trios, fitness = torch.stack([torch.randperm(count, generator=chance)[:3] for _ in range(count)]), hills(parents)
        fitness[:2] = hills(parents[trios[:, 0]] + 0.5 * (parents[trios[:, 1]] - parents[trios[:, 2]]))[:2]  # as good as the child: it stays
        yield {"parents": parents, "fitness": fitness, "trios": trios, "score": hills}


def everyone(parents: Tensor, fitness: Tensor, trios: Tensor, score: Score) -> Tensor:
    """The fittest of parents and children together, as other evolutionary algorithms keep them."""
    both = torch.cat([parents, parents[trios[:, 0]] + 0.5 * (parents[trios[:, 1]] - parents[trios[:, 2]])])
    return both[torch.cat([fitness, score(both[len(parents) :])]).topk(len(parents)).indices]



def followed(first: Callable = lambda low, k, s, p: math.ceil((low + p - k + 1) / s), last: Callable = lambda high, k, s, p: (high + p) // s,
             clip: bool = True, grid: Callable = lambda n, k, s, p: (n + 2 * p - k) // s + 1) -> Callable[..., tuple[int, ...]]:  # fmt: skip - the first and the last row of each map that can be reached

    def answer(place: int, size: int, layers: Layers) -> tuple[int, ...]:
        low, high, counts = place, place, []
        for k, s, p in layers:
            size = grid(size, k, s, p)
            low, high = first(low, k, s, p), last(high, k, s, p)
            low, high = (max(low, 0), min(high, size - 1)) if clip else (low, high)
            counts.append(high - low + 1)
        return tuple(counts)

    return answer


def chains() -> Iterator[Case]:
    allconv, mixed = ((3, 1, 1), (3, 1, 1), (3, 2, 1), (3, 1, 1), (3, 1, 1), (3, 2, 1), (3, 2, 1), (1, 1, 0)), ((5, 1, 2), (1, 1, 0), (3, 2, 1), (5, 1, 2), (3, 2, 1))
    for place, size, layers in ((16, 32, allconv), (13, 30, allconv), (0, 32, allconv), (31, 32, allconv), (13, 32, mixed), (20, 28, ((5, 1, 0), (2, 2, 0), (5, 1, 0), (2, 2, 0))), (11, 33, mixed), (9, 24, ((4, 3, 1), (2, 1, 0)))):
        yield {"place": place, "size": size, "layers": layers}


EXERCISES = (
    Exercise("paint", paint, canvases, difficulty=2, minutes=12, battery=TENSORS, what="the batch of pictures", hints=(
        "P copies of the picture, then one assignment that changes one pixel in each. Rows and columns are rounded and clipped first.",
        "x.repeat(P, 1, 1, 1); pictures[torch.arange(P), :, rows, columns] = colours, with rows and columns int64 [P] and colours [P, C].",
        "rows = candidates[:, 0].round().clamp(0, x.shape[1] - 1).long(); colours = candidates[:, 2:].round().clamp(0, 255) / 255.",
    ), mistakes=(
        (transposed, "rows and columns are swapped: a candidate begins with its row, and a picture is [C, rows, columns]."), (brush(torch.floor), "places are cut off, not rounded: 2.7 is row 3."),
        (brush(torch.trunc, lambda c: (c / 255).clamp(0, 1)), "nothing is rounded: .long() cuts fractions off (2.7 is row 3), and a file holds whole grey levels."), (brush(torch.trunc, lambda c: c.trunc().clamp(0, 255) / 255), "all numbers are cut off to whole ones, not rounded: 2.7 is row 3."), (brush(level=lambda c: (c / 255).clamp(0, 1)), "grey levels keep their fractions; a file holds whole ones: round before dividing."),
        (brush(level=lambda c: c.clamp(0, 255).round()), "grey levels are put into a picture of 0 to 1; divide by 255."), (brush(level=lambda c: c.round() / 255), "colours leave 0 to 1; clip the levels to 0 and 255."),
        (brush(limits=lambda h, w: (h - 2, w - 2)), "the last row and column are never reached; they are number H - 1 and W - 1."),
        (lambda x, candidates: reduce(lambda picture, one: paint(picture, one[None])[0], candidates, x).repeat(len(candidates), 1, 1, 1), "every candidate is painted in every picture; picture i gets the pixel of candidate i: pictures[torch.arange(P), :, rows, columns]."), (brush(start=lambda x, p: torch.zeros(p, *x.shape, dtype=x.dtype, device=x.device)), "the rest of the picture is lost; begin with copies of x."),
    )),
    Exercise("first_candidates", first_candidates, chances, difficulty=1, minutes=6, battery=TENSORS, what="the candidates", hints=(
        "Three parts: the row, the column, and the three grey levels. u is uniform from 0 to 1; how far must it be stretched to end at the last row?",
        "The last row is height - 1. Grey levels: mean 128, deviation 127, so 128 + 127 * z; some are below 0 or above 255, and stay so.",
        "torch.cat([u[:, :1] * (height - 1), u[:, 1:] * (width - 1), 128 + 127 * z], 1)",
    ), mistakes=(
        (drawn(lambda u, h, w: u * torch.tensor([float(h), float(w)]).to(u)), "rows are stretched to `height`; the last row is height - 1."),
        (drawn(lambda u, h, w: u * torch.tensor([w - 1.0, h - 1.0]).to(u)), "height and width are swapped: the row comes first."),
        (drawn(lambda u, h, w: (u * torch.tensor([h - 1.0, w - 1.0]).to(u)).round()), "places are rounded; only a painted pixel is, evolution goes on with fractions."),
        (drawn(spread=127**0.5), "127 is the deviation, not the variance."), (drawn(mean=128 / 255, spread=127 / 255), "colours are grey levels here, with mean 128, not from 0 to 1."),
        (lambda u, z, h, w: torch.cat([first_candidates(u, z, h, w)[:, :2], first_candidates(u, z, h, w)[:, 2:].clamp(0, 255)], 1), "grey levels are clipped; only a painted pixel is."),
        (drawn(lambda u, h, w: u * (h - 1)), "rows and columns are both stretched to height - 1; columns end at width - 1."), (lambda u, z, h, w: torch.cat([128 + 127 * z, first_candidates(u, z, h, w)[:, :2]], 1), "the colour comes first; row, column, colour is the order."),
    )),
    Exercise("one_generation", one_generation, population, difficulty=2, minutes=14, battery=TENSORS, what="the next parents", hints=(
        "Make all children first, from parents as they are now; score them in one call; then each child meets its own parent only.",
        "parents[trios] is [P, 3, D]: a, b, c = parents[trios].unbind(1). torch.where(fitter[:, None], children, parents) chooses.",
        "children = a + 0.5 * (b - c); return torch.where((score(children) > fitness)[:, None], children, parents)",
    ), mistakes=(
        (bred(lambda own, a, b, c: own + 0.5 * (b - c)), "the child begins at its own parent; it begins at a, a third one drawn at random."),
        (bred(lambda own, a, b, c: a + 0.5 * (c - b)), "b and c are swapped: a + 0.5 * (b - c)."), (bred(lambda own, a, b, c: a + (b - c)), "the difference counts in full; the scale is 0.5."),
        (bred(lambda own, a, b, c: a + 0.5 * (b + c)), "b and c are added; their difference counts."),
        (bred(better=lambda new, old: torch.ones_like(old, dtype=torch.bool)), "every child takes over, also one that is worse than its parent."),
        (bred(better=lambda new, old: new < old), "the less fit of the two stays; turn the comparison round."), (bred(better=lambda new, old: new >= old), "a child that is only as good takes over; it must be fitter."),
        (lambda parents, *_: parents, "no child takes over; where one is fitter (and it need not be the best of all), it takes its parent's place."), (bred(better=lambda new, old: new > old.max()), "a child must beat the best of all; it competes with its own parent."),
        (lambda parents, fitness, trios, score: one_generation(parents, score(parents), trios, score), "the parents are scored once more; their fitness is given, and every query counts."), (lambda parents, fitness, trios, score: one_generation(parents, fitness[trios[:, 0]], trios, score), "a child is compared with parent a; it competes with parent i, whose place it takes."), (everyone, "the best of all stay, in a new order; each child competes with its own parent, in its place."),
    )),
    Exercise("reached", reached, chains, difficulty=3, minutes=15, what="the numbers of rows", hints=(
        "Follow two rows through the layers: the first and the last that can be reached. Unit i of a map sees the rows i * stride - padding to i * stride - padding + kernel - 1 below.",
        "Unit i sees something of low .. high if i * s - p <= high and i * s - p + k - 1 >= low. Solve both for i, and keep i inside the map: 0 to n - 1.",
        "low = max(0, ceil((low + p - k + 1) / s)); high = min(n - 1, (high + p) // s), with n = (size + 2 * p - k) // s + 1.",
    ), mistakes=(
        (followed(clip=False), "rows outside the map are counted; a map begins at 0 and ends at n - 1."),
        (followed(lambda low, k, s, p: (low + p - k + 1) // s), "the first row is rounded down; a unit that begins too early does not see the pixel: round up."),
        (followed(last=lambda high, k, s, p: math.ceil((high + p) / s)), "the last row is rounded up; it begins behind the pixel: round down."),
        (followed(lambda low, k, s, p: math.ceil((low - k + 1) / s), lambda high, k, s, p: high // s), "padding is left out; it moves every unit."),
        (followed(lambda low, k, s, p: low + p - k + 1, lambda high, k, s, p: high + p), "strides are left out; a map with stride 2 has half the rows."),
        (lambda place, size, layers: tuple(n * n for n in reached(place, size, layers)), "these are cells of the map; rows are asked for."),
        (lambda place, size, layers: reached(place, size, layers)[-1:], "only the last map's number is given; one for each layer is asked for."),
    )),
)  # fmt: skip
