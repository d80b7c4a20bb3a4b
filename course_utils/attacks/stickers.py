"""Sticker attacks: dark and bright rectangles on a picture, whose places and sizes evolution finds; it asks a network for scores only."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .. import runtime
from ..runtime import check_count, check_positive, check_scores
from .one_pixel import Breed, Champions, Watch, Wish, evolve, hunted, trios
from .painting import suitable

PART = 2**19  # pixels of the pictures that are attacked side by side: 227 of 48x48


class Stickers(NamedTuple):
    """Pictures with stickers on them.

    images `[N, C, H, W]`. boxes `[N, dark + bright, 4]`: x0, y0, x1, y1 in pixels, the dark ones first; -1 for a picture that no stickers
    made better, which comes back as it was. adds `[dark + bright]`: what each sticker adds, -strength or strength.
    """

    images: Tensor
    boxes: Tensor
    adds: Tensor


def stickers(
    model: nn.Module, x: Tensor, y: Tensor | None = None, *, dark: int = 2, bright: int = 2, cover: float = 0.12,
    sides: tuple[int, int] | None = None, strength: float = 1.0, population: int = 40, generations: int = 50, targeted: bool = False,
    scale: float = 0.5, crossover: float = 0.7, until: str = "fooled", batch_size: int | None = None, watch: Watch | None = None,
    generator: torch.Generator | None = None,
) -> Stickers:  # fmt: skip
    """Sticker attack (Horvath and Egervari 2018): C_d = N(I + sum_i St_i(x_i, y_i, w_i, h_i) + sum_j St_j(x_j, y_j, w_j, h_j)).

    Our reading of the printed formula: k = `dark` rectangles add -strength and l = `bright` ones add strength to every pixel and channel below
    them, and N clips the sum to [0, 1]; with strength 1 that is black and white paper. Where they lie and how large they are is found by
    differential evolution: a child is its own parent, of which each number is, with probability `crossover`, replaced by that of
    best + scale * (p_b - p_c), where best is the fittest of all; it takes its parent's place if it is fitter. Fitness, `until`, `watch`
    and what happens to finished pictures: as in `one_pixel`.

    x: pictures `[N, C, H, W]` in [0, 1]. y: classes `[N]`, or None for the model's own; with `targeted` the classes wanted. cover: at most
    this share of a picture lies below stickers. sides: the shortest and the longest side in pixels; None: 2, and half the shorter side of
    the pictures. Stickers that would cover too much together are made smaller, if need be below the shortest side.
    """
    check_positive(scale, "scale"), check_count(population, "population", least=3)
    if check_positive(crossover, "crossover", zero=False) > 1:
        raise ValueError(f"crossover is {crossover}; a probability above 0, at most 1, is expected.")
    chance = generator or runtime.generator()

    def evolution(draw: Callable[[], Tensor]) -> tuple[Tensor, Breed]:
        first = draw()

        def children(parents: Tensor, left: Tensor, fitness: Tensor) -> Tensor:
            trio, swap = trios(len(first), population, chance), torch.rand(first.shape, generator=chance) < crossover
            return crossed(parents, trio.to(left.device)[left], swap.to(left.device)[left], fitness, scale)

        return first, children

    return search(model, x, y, evolution, (dark, bright, cover, sides, strength), population, generations, targeted, until, batch_size, watch, chance)


def random_stickers(
    model: nn.Module, x: Tensor, y: Tensor | None = None, *, dark: int = 2, bright: int = 2, cover: float = 0.12,
    sides: tuple[int, int] | None = None, strength: float = 1.0, population: int = 40, generations: int = 50, targeted: bool = False,
    until: str = "fooled", batch_size: int | None = None, watch: Watch | None = None, generator: torch.Generator | None = None,
) -> Stickers:  # fmt: skip
    """Random search, the baseline of `stickers`, with the same number of queries: each candidate drawn anew, all places and sizes equally
    likely. Everything else is as there. For stickers put on once without any search see `scattered`."""
    check_count(population, "population")
    chance = generator or runtime.generator()

    def anew(draw: Callable[[], Tensor]) -> tuple[Tensor, Breed]:
        return draw(), lambda _, left, fitness: draw()[left]

    return search(model, x, y, anew, (dark, bright, cover, sides, strength), population, generations, targeted, until, batch_size, watch, chance)


def scattered(
    x: Tensor, *, dark: int = 2, bright: int = 2, cover: float = 0.12, sides: tuple[int, int] | None = None, strength: float = 1.0,
    generator: torch.Generator | None = None,
) -> Stickers:  # fmt: skip
    """Stickers anywhere and of any size, once, without asking a network: what `stickers` must beat. Options as there."""
    sheet = Sheet(runtime.check_pictures(x), dark, bright, cover, sides, strength)
    boxes = sheet.boxes(sheet.drawn(1, generator or runtime.generator())[:, 0])
    return Stickers(stuck(x, boxes, sheet.adds), boxes, sheet.adds)


def crossed(parents: Tensor, trio: Tensor, swap: Tensor, fitness: Tensor, scale: float) -> Tensor:
    """Children `[n, P, s, 4]`: where `swap` is True, best + scale * (p_b - p_c), else the parent's own numbers; inside [0, 1]."""
    pictures = torch.arange(len(parents), device=parents.device)
    best = parents[pictures, fitness.argmax(1)][:, None]
    b, c = (parents[pictures[:, None], number] for number in trio[..., 1:].unbind(-1))
    return torch.where(swap, best + scale * (b - c), parents).clamp(0, 1)


def stuck(x: Tensor, boxes: Tensor, adds: Tensor) -> Tensor:
    """N(I + sum of stickers): pictures `[N, C, H, W]` with what `adds` `[s]` says added inside boxes `[N, s, 4]` (x0, y0, x1, y1), then clipped.

    Each sticker is a column of rows times a row of columns; a matrix product adds them all up.
    """
    down, across = (torch.arange(size, device=x.device) for size in x.shape[2:])
    rows = (down >= boxes[..., 1, None]) & (down < boxes[..., 3, None])
    columns = (across >= boxes[..., 0, None]) & (across < boxes[..., 2, None])
    layer = (rows * adds[:, None]).to(x.dtype).transpose(1, 2) @ columns.to(x.dtype)
    return (x + layer[:, None]).clamp(0, 1)


class Sheet:
    """Pictures `x` `[N, C, H, W]` that stickers are put on, and what is allowed.

    A candidate is a list of stickers `[dark + bright, 4]`: row, column, height and width as numbers from 0 to 1, of the room that there is.
    """

    def __init__(self, x: Tensor, dark: int, bright: int, cover: float, sides: tuple[int, int] | None, strength: float) -> None:
        count = check_count(dark, "dark", least=0) + check_count(bright, "bright", least=0)
        if count == 0:
            raise ValueError("dark and bright are both 0; at least one sticker is expected.")
        if not 0 < check_positive(strength, "strength") <= 1:
            raise ValueError(f"strength is {strength}; a number above 0, at most 1, is expected: what a sticker adds to a pixel.")
        shortest, longest = (2, max(2, min(x.shape[2:]) // 2)) if sides is None else sides
        check_count(shortest, "the shortest side"), check_count(longest, "the longest side", least=shortest)
        if longest > min(x.shape[2:]):
            raise ValueError(f"the longest side is {longest} pixels; a picture of {x.shape[2]}x{x.shape[3]} has no room for a sticker larger than {min(x.shape[2:])}.")
        self.most = int(check_positive(cover, "cover") * x[0, 0].numel())
        if not count <= self.most <= x[0, 0].numel():
            raise ValueError(f"cover is {cover}, {self.most} of {x[0, 0].numel()} pixels; at least a pixel for each of the {count} stickers, and a share of at most 1, is expected.")
        self.x, self.low, self.high = x, shortest, longest
        self.adds = torch.tensor([-strength] * dark + [strength] * bright, device=x.device)

    def drawn(self, population: int, chance: torch.Generator) -> Tensor:
        """Candidates `[N, P, s, 4]`, all places and sizes equally likely."""
        return torch.rand(len(self.x), population, len(self.adds), 4, generator=chance).to(self.x.device)

    def boxes(self, candidates: Tensor) -> Tensor:
        """Where the stickers of candidates `[..., s, 4]` lie: x0, y0, x1, y1 in whole pixels, `[..., s, 4]`; together at most `cover`."""
        (height, width), count = self.x.shape[2:], len(self.adds)
        sides = self.low + candidates[..., 2:] * (self.high - self.low)
        area = sides.prod(-1)
        total = area.sum(-1, keepdim=True)
        room = 1 + ((self.most - count) * area / total).floor()  # each sticker's part of what may be covered
        tall, wide = (sides * (self.most / total).clamp(max=1).sqrt()[..., None]).round().clamp(min=1).unbind(-1)
        tall = torch.minimum(tall, room)
        wide = torch.minimum(wide, (room / tall).floor())
        top, left = (candidates[..., 0] * (height - tall)).round(), (candidates[..., 1] * (width - wide)).round()
        return torch.stack([left, top, left + wide, top + tall], -1).long()


class Wall:
    """What evolution sees: the scores of a model for pictures with stickers."""

    def __init__(self, model: nn.Module, sheet: Sheet, batch_size: int | None) -> None:
        self.model, self.sheet = model, sheet
        self.batch_size = batch_size or suitable(model, sheet.x, local=False)

    def scores(self, candidates: Tensor, index: Tensor) -> Tensor:
        """The model's scores `[n, P, classes]` for P candidates `[n, P, s, 4]` for each of the pictures `index` `[n]`."""
        each, boxes = index[:, None].expand(candidates.shape[:2]).flatten(), self.sheet.boxes(candidates.flatten(0, 1))
        parts = zip(each.split(self.batch_size), boxes.split(self.batch_size))
        return torch.cat([check_scores(self.model(stuck(self.sheet.x[i], b, self.sheet.adds)), len(i)) for i, b in parts]).unflatten(0, candidates.shape[:2])


def search(
    model: nn.Module, x: Tensor, y: Tensor | None, start: Callable[[Callable[[], Tensor]], tuple[Tensor, Breed]], allowed: tuple,
    population: int, generations: int, targeted: bool, until: str, batch_size: int | None, watch: Watch | None, chance: torch.Generator,
) -> Stickers:  # fmt: skip
    """Search for so many pictures at a time as memory holds. start: first candidates, and how to go on."""

    def hunt(part: Tensor, own: Tensor, wish: Wish, tell: Watch | None) -> Stickers:
        sheet = Sheet(part, *allowed)
        best = Champions(part, own, wish, (len(sheet.adds), 4))
        evolve(Wall(model, sheet, batch_size), *start(lambda: sheet.drawn(population, chance)), wish, best, generations, tell)
        boxes = sheet.boxes(best.candidates)
        return Stickers(best.pictures(stuck(part, boxes, sheet.adds)), boxes.where(best.changed[:, None, None], -1), sheet.adds)

    images, boxes, adds = zip(*hunted(model, x, y, PART, lambda x: Sheet(x, *allowed), hunt, generations, targeted, until, batch_size, watch))
    return Stickers(torch.cat(images), torch.cat(boxes), adds[0])
