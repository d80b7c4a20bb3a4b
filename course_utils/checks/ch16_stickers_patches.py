"""The exercises of chapter 16: stickers on pictures, what a printer cannot print, the cost of RP2, and where a patch lies."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..checking import PICTURES, TENSORS, Case, Exercise, expect_inside, sticking
from ..runtime import generator


def put_stickers(x: Tensor, boxes: Tensor, adds: Tensor) -> Tensor:
    """N(I + sum of stickers): `adds` of each sticker added inside its box (x0, y0, x1, y1), then clipped."""
    return stuck()(x, boxes, adds)


def printing_error(x: Tensor, palette: Tensor) -> Tensor:
    """prod over colours c of |p - c|, for each pixel p: [N, H, W]."""
    return far()(x, palette)


def rp2_cost(scores: Tensor, target: Tensor, change: Tensor, mask: Tensor, weight: float) -> Tensor:
    """weight * |M d|_2 + the mean over views of -log p(target): [N]."""
    return cost()(scores, target, change, mask, weight)


def patch_matrix(side: float, across: float, down: float, turn: float, size: int) -> Tensor:
    """The matrix [2, 3] that takes places of a picture to places of a patch of `side` pixels, its middle at (across, down), turned clockwise."""
    return placed()(side, across, down, turn, size)


def stuck(here: Callable = lambda x0, y0, x1, y1: (slice(y0, y1), slice(x0, x1)), put: Callable = lambda under, add: under + add,
          clip: Callable = lambda z, x: z.clamp(0, 1), step: Callable = lambda z: z, channels: slice = slice(None),
          of: Callable = lambda boxes, k: boxes[k]) -> Callable[..., Tensor]:  # fmt: skip - where a sticker lies, what it does, what is clipped at the end and after each
    def answer(x: Tensor, boxes: Tensor, adds: Tensor) -> Tensor:
        z = x.detach().clone()
        for k, picture in enumerate(z):
            for box, add in zip(of(boxes, k).tolist(), adds.tolist()):
                rows, columns = here(*box)
                picture[channels, rows, columns] = put(picture[channels, rows, columns], add)
                picture.copy_(step(picture))
        return clip(z, x)

    return answer


def walls() -> Iterator[Case]:
    for seed, channels, adds in ((0, 3, (-1.0, -0.4, 1.0)), (1, 1, (-0.7, 0.35)), (2, 3, (0.6,))):
        chance = generator(seed)
        corner = torch.stack([torch.randint(high, (4, len(adds)), generator=chance) for high in (6, 5)], 2)
        sides = torch.stack([torch.randint(2, high, (4, len(adds)), generator=chance) for high in (6, 4)], 2)
        boxes = torch.cat([corner, torch.minimum(corner + sides, torch.tensor([11, 8]))], 2)
        boxes[0] = torch.tensor([2, 1, 7, 4]) + torch.arange(len(adds))[:, None] % 2  # these overlap
        yield {"x": 0.1 + 0.8 * torch.rand(4, channels, 8, 11, generator=chance), "boxes": boxes, "adds": torch.tensor(adds)}


def far(distance: Callable = lambda d: d.square().sum(2).sqrt(), together: Callable = lambda d: d.prod(1)) -> Callable[..., Tensor]:
    return lambda x, palette: together(distance(x[:, None] - palette.to(x)[None, :, :, None, None]))


def colours() -> Iterator[Case]:
    for seed, count, channels in ((0, 4, 3), (1, 6, 3), (2, 5, 1)):
        chance = generator(seed)
        yield {"x": torch.rand(3, channels, 4, 5, generator=chance), "palette": torch.rand(count, channels, generator=chance)}


def cost(size: Callable = lambda d: d.flatten(1).norm(dim=1), chance: Callable = lambda s, t: -s.log_softmax(2).gather(2, t[None, :, None].expand(len(s), -1, 1))[..., 0],
         over: Callable = lambda c: c.mean(0), masked: Callable = lambda d, m: d * m, sign: int = 1) -> Callable[..., Tensor]:  # fmt: skip - the size of a change, what a view costs, how views come together
    return lambda scores, target, change, mask, weight: weight * size(masked(change, mask)) + sign * over(chance(scores, target))


def views() -> Iterator[Case]:
    for seed, count, seen, weight in ((0, 4, 3, 0.37), (1, 5, 2, 2.1), (2, 2, 6, 0.0), (3, 1, 3, 0.8)):
        chance = generator(seed)
        yield {"scores": 2 * torch.randn(seen, count, 5, generator=chance), "target": torch.randint(5, (count,), generator=chance),
               "change": torch.rand(count, 3, 4, 6, generator=chance) - 0.5, "mask": (torch.rand(1, 1, 4, 6, generator=chance) < 0.5).float(), "weight": weight}  # fmt: skip


def placed(angle: Callable = math.radians, scale: Callable = lambda side, size: size / side, turned: Callable = lambda c, s: ((c, s), (-s, c)),
           offset: Callable = lambda m, right, low: (-(m[0][0] * right + m[0][1] * low), -(m[1][0] * right + m[1][1] * low)), middle: Callable = lambda across, down, side, size: ((2 * across - size) / side, (2 * down - size) / side)) -> Callable[..., Tensor]:  # fmt: skip
    """turn in radians; pixels of the picture in one of the patch; the turn back; what the patch's middle is moved by."""

    def answer(side: float, across: float, down: float, turn: float, size: int) -> Tensor:
        back, many = turned(math.cos(angle(turn)), math.sin(angle(turn))), scale(side, size)
        return torch.tensor([[many * part[0], many * part[1], shift] for part, shift in zip(back, offset(back, *middle(across, down, side, size)))])

    return answer


def spots() -> Iterator[Case]:
    for side, across, down, turn, size in ((12.0, 20.0, 31.0, 25.0, 48), (10.0, 8.0, 30.0, -40.0, 32), (16.0, 32.0, 32.0, 0.0, 64), (24.0, 24.0, 24.0, 90.0, 48)):
        yield {"side": side, "across": across, "down": down, "turn": turn, "size": size}


EXERCISES = (
    Exercise("put_stickers", put_stickers, walls, difficulty=2, minutes=12, battery=PICTURES, what="the batch of pictures", rules=(expect_inside,), hints=(
        "Begin with a copy of x. Add each sticker's number inside its box, for one picture after the other; clip once, at the very end.",
        "Rows go from y0 up to y1, columns from x0 up to x1, the last of each not included: z[k, :, y0:y1, x0:x1] += add.",
        "for k in range(len(x)): for (x0, y0, x1, y1), add in zip(boxes[k].tolist(), adds.tolist()): z[k, :, y0:y1, x0:x1] += add; then z.clamp(0, 1).",
    ), mistakes=(
        (stuck(lambda x0, y0, x1, y1: (slice(x0, x1), slice(y0, y1))), "rows and columns are swapped: a box is x0, y0, x1, y1, and a picture is [C, rows, columns]."),
        (stuck(put=lambda under, add: torch.full_like(under, float(add > 0))), "the stickers are painted over the picture; the formula adds them: z[...] += add."),
(stuck(put=lambda under, add: under - add), "what a sticker adds is subtracted."),
        (stuck(put=lambda under, add: under + abs(add)), "all stickers are bright; the numbers of dark ones are negative: do not take abs."),
        (stuck(step=lambda z: z.clamp(0, 1)), "it is clipped after each sticker; where a dark and a bright one meet that is another picture. N stands around the whole sum: clip once, at the end."),
        (stuck(clip=lambda z, x: z), "pixels leave [0, 1]; clip at the end: .clamp(0, 1)."), (stuck(clip=lambda z, x: z.clamp(x.min(), x.max())), "the result is clipped to the range found in x; pixels may use all of [0, 1]: .clamp(0, 1)."),
        (stuck(lambda x0, y0, x1, y1: (slice(y0, y1 + 1), slice(x0, x1 + 1))), "a row and a column too many: y1 and x1 are the first that are not covered."),
        (stuck(lambda x0, y0, x1, y1: (slice(y0, y0 + y1), slice(x0, x0 + x1))), "x1 and y1 are taken for width and height; they are where the box ends."), (stuck(channels=slice(0, 1)), "only the first channel gets the sticker; all do."),
        (stuck(of=lambda boxes, k: boxes[0]), "all pictures get the first picture's stickers; boxes[k] are those of picture k."), (stuck(put=lambda under, add: under), "the pictures come back as they were."),
        (stuck(put=lambda under, add: under + math.copysign(1, add)), "every sticker adds 1 or -1; its own number in adds says how much."), *sticking.stickers(put_stickers),
    )),
    Exercise("printing_error", printing_error, colours, difficulty=1, minutes=8, battery=PICTURES, what="the score", hints=(
        "Two steps: the distance of each pixel to each colour, [N, K, H, W]; then all K distances multiplied.",
        "x[:, None] is [N, 1, C, H, W], palette[None, :, :, None, None] is [1, K, C, 1, 1]: their difference is [N, K, C, H, W]. |p - c| is the length over the channels.",
        "(x[:, None] - palette[None, :, :, None, None]).norm(dim=2).prod(1)",
    ), mistakes=(
        (far(together=lambda d: d.sum(1)), "the distances are added up; they are multiplied, so that one near colour is enough."),
        (far(together=lambda d: d.amin(1)), "this is the distance of the nearest colour; the score of the paper multiplies all of them."), (far(lambda d: d.square().sum(2)), "the distances are squared; take the length: .norm(dim=2)."),
        (far(lambda d: d.abs().sum(2)), "the channels' differences are added up; |p - c| is the length, with squares and a root."),
        (far(lambda d: d.square().mean(2).sqrt()), "the squares are averaged over the channels; they are added up: .norm(dim=2)."),
        (far(lambda d: d.sum(2)), "signs are kept, so that differences of the channels cancel; take the length: .norm(dim=2)."), *sticking.inks(printing_error, far),
    )),
    Exercise("rp2_cost", rp2_cost, views, difficulty=2, minutes=15, battery=TENSORS, what="the cost", also=sticking.gradients_pass(rp2_cost, views), hints=(
        "Two parts, each one number a picture: how large the change is below the mask, and what the views cost in the mean.",
        "The size: (mask * change).flatten(1).norm(dim=1). The views: scores.log_softmax(2) is [V, N, classes]; take each picture's own target in all views, then the mean over the views.",
        "views = -scores.log_softmax(2)[:, torch.arange(len(target)), target]; weight * size + views.mean(0)",
    ), mistakes=(
        (cost(masked=lambda d, m: d), "the mask is left out; only the change below it is printed: mask * change."),
        (cost(over=lambda c: c.sum(0)), "the views' costs are added up; the expectation is their mean."), (cost(over=lambda c: c[0]), "only the first view counts; take the mean over all."),
        (cost(over=lambda c: c.amax(0)), "the worst view counts; the expectation is the mean."), (cost(over=lambda c: c.amin(0)), "the best view counts; the expectation is the mean."),
        (cost(over=lambda c: -(-c).exp().mean(0).log()), "the probabilities are averaged before the logarithm; J is -log p for each view, and the mean comes last."),
        (cost(size=lambda d: d.flatten(1).abs().sum(1)), "this is the L1 norm; the L2 norm is asked for."), (cost(size=lambda d: d.flatten(1).square().sum(1)), "the norm is squared; take the root."),
        (cost(size=lambda d: d.norm()), "one norm is taken for all pictures together; each picture has its own: .flatten(1).norm(dim=1)."),
        (cost(size=lambda d: d.flatten(1).square().mean(1).sqrt()), "this is the root of the mean square; the norm adds the squares up."),
        (cost(sign=-1), "the views' cost has the wrong sign; it is -log p(target), which is small where the target is likely."),
        (cost(chance=lambda s, t: -s.softmax(2).gather(2, t[None, :, None].expand(len(s), -1, 1))[..., 0]), "the probability is taken without its logarithm."),
        (cost(chance=lambda s, t: -s.gather(2, t[None, :, None].expand(len(s), -1, 1))[..., 0]), "the score is taken; log_softmax makes log probabilities of scores."),
        (lambda scores, target, change, mask, weight: rp2_cost(scores, target, change, mask, 1.0), "weight is left out of the change's size."),
        (lambda scores, target, change, mask, weight: rp2_cost(scores, target, change, mask, weight).mean(), "one number for the batch; each picture has its own, [N]."), *sticking.costs(rp2_cost, cost),
    )),
    Exercise("patch_matrix", patch_matrix, spots, difficulty=3, minutes=15, what="the matrix", hints=(
        "affine_grid asks, for a place (u, v) of the picture, from -1 to 1, where on the patch to look, again from -1 to 1. So go from picture to patch: shift, turn back, scale.",
        "In halves of the patch's side the place lies (size * u + size - 2 * across) / side to the right of the patch's middle, and as much with v and down below it. Turning back by t: (c * a + s * b, -s * a + c * b).",
        "k = size / side, right = (2 * across - size) / side, low = (2 * down - size) / side; rows [k * c, k * s, -(c * right + s * low)] and [-k * s, k * c, s * right - c * low].",
    ), mistakes=(
        (placed(scale=lambda side, size: side / size), "the scale is upside down; the picture is size / side patches wide, and the matrix goes from picture to patch."),
        (placed(turned=lambda c, s: ((c, -s), (s, c))), "it turns the other way; from picture to patch the turn is undone: [c, s], [-s, c]."), (placed(angle=lambda a: a), "turn is in degrees; math.radians makes radians of it."),
        (placed(offset=lambda m, right, low: (-right, -low)), "the middle is moved without being turned; turn it back as every other place is."),
        (placed(offset=lambda m, right, low: (right, low)), "the middle is added; it is subtracted, and turned back as every other place is."),
        (placed(offset=lambda m, right, low: (m[0][0] * right + m[0][1] * low, m[1][0] * right + m[1][1] * low)), "the last column has the wrong sign: the patch's middle must be taken to (0, 0)."),
        (placed(offset=lambda m, right, low: (0.0, 0.0)), "the patch always lies in the middle; across and down move it."),
        (placed(middle=lambda across, down, side, size: ((2 * down - size) / side, (2 * across - size) / side)), "across and down are swapped: x comes first."),
        (placed(middle=lambda across, down, side, size: (2 * across / side, 2 * down / side)), "places are counted from the upper left corner; -1 to 1 has its 0 in the middle: 2 * across - size."),
        (placed(middle=lambda across, down, side, size: ((2 * across - size) / size, (2 * down - size) / size)), "the middle is measured in the picture; the matrix ends in the patch: divide by side."),
        (lambda *given: torch.cat([patch_matrix(*given), torch.tensor([[0.0, 0.0, 1.0]])]), "a row too many; affine_grid takes the upper two: [2, 3]."), *sticking.places(patch_matrix, placed),
    )),
)  # fmt: skip
