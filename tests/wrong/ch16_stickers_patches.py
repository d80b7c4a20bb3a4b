"""Wrong answers to the exercises of chapter 16: kind of mistake, answer, words that its message must hold."""

import math

import torch

from course_utils.checking.sticking import each, last_one_counts
from course_utils.checks.ch16_stickers_patches import cost, far, patch_matrix, placed, printing_error, put_stickers, rp2_cost, stuck

seen: dict = {}  # what a stale answer leaves over


def on_the_picture(x, boxes, adds):
    for k in range(len(x)):
        for (x0, y0, x1, y1), add in zip(boxes[k].tolist(), adds.tolist()):
            x[k, :, y0:y1, x0:x1] += add
    return x.clamp_(0, 1)


def remembers(x, boxes, adds):
    key = (x.shape, x.dtype, len(adds))
    seen.setdefault(key, put_stickers(x, boxes, adds))
    return seen[key]


def attached(x, palette):
    return printing_error(x, palette) + 0 * x.detach().clone().requires_grad_().sum()


def in_place(x, palette):
    score = printing_error(x, palette)
    x -= palette[0][:, None, None]
    return score


def size_of(change, mask):
    return (mask * change).flatten(1).norm(dim=1)


def cut_in_part(scores, target, change, mask, weight):
    first = rp2_cost(scores[:1].detach(), target, change, mask, 0.0)
    rest = rp2_cost(scores[1:], target, change, mask, 0.0)
    return weight * size_of(change, mask) + (first + (len(scores) - 1) * rest) / len(scores)


def no_result(*_):
    print("done")


def never_ends(*_):
    while True:
        pass


def forward(side, across, down, turn, size):
    c, s, k = math.cos(math.radians(turn)), math.sin(math.radians(turn)), side / size
    return torch.tensor([[k * c, -k * s, 2 * across / size - 1], [k * s, k * c, 2 * down / size - 1]])


def untouched_middle(side, across, down, turn, size):
    matrix = patch_matrix(side, across, down, turn, size)
    matrix[:, 2] = torch.tensor([1 - 2 * across / size, 1 - 2 * down / size])
    return matrix


WRONG = {
    "put_stickers": (
        ("wrong axis", stuck(lambda x0, y0, x1, y1: (slice(x0, x1), slice(y0, y1))), "swapped"),
        ("another quantity", stuck(put=lambda under, add: torch.full_like(under, float(add > 0))), "painted over"),
        ("wrong sign", stuck(put=lambda under, add: under - add), "subtracted"),
        ("wrong sign", stuck(put=lambda under, add: under + abs(add)), "all stickers are bright"),
        ("no clip", stuck(step=lambda z: z.clamp(0, 1)), "clip once, at the end"),
        ("no clip", stuck(clip=lambda z, x: z), "pixels leave [0, 1]"),
        ("no clip", stuck(clip=lambda z, x: z.clamp(x.min(), x.max())), "range found in x"),
        ("off by one", stuck(lambda x0, y0, x1, y1: (slice(y0, y1 + 1), slice(x0, x1 + 1))), "too many"),
        ("off by one", stuck(lambda x0, y0, x1, y1: (slice(y0, max(y1 - 1, y0)), slice(x0, max(x1 - 1, x0)))), "off by"),
        ("another quantity", stuck(lambda x0, y0, x1, y1: (slice(y0, y0 + y1), slice(x0, x0 + x1))), "width and height"),
        ("hard-coded constant", stuck(put=lambda under, add: under + math.copysign(1, add)), "its own number"),
        ("batch of one only", stuck(of=lambda boxes, k: boxes[0]), "first picture's stickers"),
        ("argument ignored", stuck(put=lambda under, add: under), "as they were"),
        ("hard-coded constant", lambda x, boxes, adds: put_stickers(x, boxes, torch.tensor([-1.0, 1.0, 1.0])[: len(adds)].to(adds)), "adds[j] says"),
        ("argument ignored", lambda x, boxes, adds: put_stickers(x, boxes[:, :1], adds[:1]), "only the first sticker"),
        ("argument ignored", lambda x, boxes, adds: put_stickers(x, boxes[:, :2], adds[:2]), "only the first two"),
        ("batch of one only", lambda x, boxes, adds: torch.cat([put_stickers(x[:1], boxes[:1], adds), x[1:]]), "only the first picture"),
        ("another quantity", last_one_counts, "only the last one counts"),
        ("wrong shape", lambda x, boxes, adds: put_stickers(x, boxes, adds)[0], "shape"),
        ("in place", on_the_picture, "in place"),
        ("stale", remembers, "off by"),
        ("endless", never_ends, "still running"),
    ),
    "printing_error": (
        ("another quantity", far(together=lambda d: d.sum(1)), "added up"),
        ("another quantity", far(together=lambda d: d.amin(1)), "nearest colour"),
        ("another quantity", far(together=lambda d: d.mean(1)), "averaged"),
        ("another quantity", lambda x, palette: (x[:, None] - palette[None, :, :, None, None]).abs().prod(1).norm(dim=1), "in each channel"),
        ("argument ignored", lambda x, palette: printing_error(x, palette[:1]), "only the first colour"),
        ("argument ignored", lambda x, palette: printing_error(x, palette[-1:]), "only the last colour"),
        ("off by one", lambda x, palette: printing_error(x, palette[1:]), "first colour is left out"),
        ("wrong axis", lambda x, palette: torch.cdist(x.reshape(-1, x.shape[1]), palette).prod(1).view(len(x), *x.shape[2:]), "cut anew"),
        ("another quantity", far(lambda d: d.square().sum(2)), "squared"),
        ("another quantity", far(lambda d: d.abs().sum(2)), "squares and a root"),
        ("no absolute value", far(lambda d: d.sum(2)), "signs are kept"),
        ("wrong axis", lambda x, palette: printing_error(x.transpose(2, 3), palette).transpose(1, 2).flip(2), "off by"),
        ("wrong shape", lambda x, palette: printing_error(x, palette)[:, None], "shape"),
        ("wrong shape", lambda x, palette: printing_error(x, palette).sum(), "shape"),
        ("argument ignored", lambda x, palette: printing_error(x, palette[:3]), "last colour is left out"),
        ("precision", lambda x, palette: printing_error(x.float(), palette.float()), "torch.float64 is expected"),
        ("in place", in_place, "in place"),
        ("attached", attached, "graph"),
        ("no result", no_result, "nothing"),
    ),
    "rp2_cost": (
        ("argument ignored", cost(masked=lambda d, m: d), "mask is left out"),
        ("another quantity", cost(over=lambda c: c.sum(0)), "added up"),
        ("another quantity", cost(over=lambda c: c[0]), "first view"),
        ("another quantity", cost(over=lambda c: -(-c).exp().mean(0).log()), "before the logarithm"),
        ("another quantity", cost(size=lambda d: d.flatten(1).abs().sum(1)), "L1 norm"),
        ("another quantity", cost(size=lambda d: d.flatten(1).square().sum(1)), "squared"),
        ("batch of one only", cost(size=lambda d: d.norm()), "all pictures together"),
        ("wrong sign", cost(sign=-1), "wrong sign"),
        ("another quantity", cost(chance=lambda s, t: -s.softmax(2).gather(2, t[None, :, None].expand(len(s), -1, 1))[..., 0]), "without its logarithm"),
        ("hard-coded constant", lambda scores, target, change, mask, weight: rp2_cost(scores, target, change, mask, 1.0), "weight is left out"),
        ("argument ignored", lambda scores, target, change, mask, weight: rp2_cost(scores, scores.mean(0).argmax(1), change, mask, weight), "off by"),
        ("wrong shape", lambda scores, target, change, mask, weight: rp2_cost(scores, target, change, mask, weight).mean(), "each picture has its own"),
        ("another quantity", lambda scores, target, change, mask, weight: weight * rp2_cost(scores, target, change, mask, 1.0), "the whole cost"),
        ("another quantity", lambda scores, target, change, mask, weight: size_of(change, mask) + weight * rp2_cost(scores, target, change, mask, 0.0), "what the views cost"),
        ("another quantity", lambda scores, target, change, mask, weight: rp2_cost(scores.mean(0, keepdim=True), target, change, mask, weight), "before the softmax"),
        ("another quantity", lambda scores, target, change, mask, weight: rp2_cost(scores.softmax(2), target, change, mask, weight), "twice"),
        ("another quantity", cost(chance=lambda s, t: -(1 - s.softmax(2).gather(2, t[None, :, None].expand(len(s), -1, 1))[..., 0]).log()), "without a target"),
        ("another quantity", cost(size=lambda d: d.norm(dim=1).sum((1, 2))), "lengths are added up"),
        ("another quantity", cost(masked=lambda d, m: d * (1 - m)), "beside the mask"),
        ("wrong axis", cost(chance=each(lambda s: s.log_softmax(0))), "over the views"),
        ("wrong axis", cost(chance=each(lambda s: s.log_softmax(1))), "over the pictures"),
        ("wrong axis", cost(chance=lambda s, t: torch.nn.functional.cross_entropy(s.flatten(0, 1), t.repeat_interleave(len(s)), reduction="none").view(s.shape[:2])), "paired wrongly"),
        ("wrong shape", lambda scores, target, change, mask, weight: weight * size_of(change, mask) - scores.log_softmax(2)[:, :, target].mean(0), "each one's own"),
        ("batch of one only", lambda scores, target, change, mask, weight: weight * size_of(change, mask) - scores.log_softmax(2)[:, :, target].mean((0, 1)), "each one's own"),
        ("batch of one only", lambda scores, target, change, mask, weight: weight * size_of(change, mask) + torch.nn.functional.cross_entropy(scores.flatten(0, 1), target.repeat(len(scores))), "averaged over the pictures"),
        ("wrong shape", cost(over=lambda c: c), "mean over the views is missing"),
        ("attached", lambda scores, target, change, mask, weight: rp2_cost(scores.detach(), target, change.detach(), mask, weight), "no gradient passes"),
        ("attached", lambda scores, target, change, mask, weight: rp2_cost(scores, target, change.detach(), mask, weight), "to change"),
        ("attached", cut_in_part, "cut off"),
        ("in place", lambda scores, target, change, mask, weight: rp2_cost(scores, target, change.mul_(mask), mask, weight), "in place"),
        ("no result", no_result, "nothing"),
    ),
    "patch_matrix": (
        ("another quantity", placed(scale=lambda side, size: side / size), "upside down"),
        ("wrong sign", placed(turned=lambda c, s: ((c, -s), (s, c))), "other way"),
        ("another quantity", placed(angle=lambda a: a), "degrees"),
        ("another quantity", placed(offset=lambda m, right, low: (-right, -low)), "without being turned"),
        ("wrong sign", placed(offset=lambda m, right, low: (m[0][0] * right + m[0][1] * low, m[1][0] * right + m[1][1] * low)), "wrong sign"),
        ("argument ignored", placed(offset=lambda m, right, low: (0.0, 0.0)), "always lies in the middle"),
        ("wrong axis", placed(middle=lambda across, down, side, size: ((2 * down - size) / side, (2 * across - size) / side)), "swapped"),
        ("off by one", placed(middle=lambda across, down, side, size: (2 * across / side, 2 * down / side)), "upper left corner"),
        ("another quantity", placed(middle=lambda across, down, side, size: ((2 * across - size) / size, (2 * down - size) / size)), "divide by side"),
        ("hard-coded constant", lambda side, across, down, turn, size: patch_matrix(side, across, down, turn, 48), "use the argument"),
        ("another quantity", forward, "from patch to picture"),
        ("another quantity", lambda side, across, down, turn, size: patch_matrix(size, across, down, turn, size) * side / size, "upside down"),
        ("argument ignored", lambda side, across, down, turn, size: patch_matrix(size, across, down, turn, size), "scale is missing"),
        ("another quantity", lambda side, across, down, turn, size: patch_matrix(side / 2, across, down, turn, size), "half as wide"),
        ("another quantity", untouched_middle, "turned and scaled"),
        ("off by one", lambda side, across, down, turn, size: patch_matrix(side, across + side / 2, down + side / 2, turn, size), "upper left corner"),
        ("another quantity", placed(middle=lambda across, down, side, size: (across / side, down / side)), "from 0 to 1"),
        ("another quantity", placed(middle=lambda across, down, side, size: (across * size / side, down * size / side)), "in pixels"),
        ("argument ignored", lambda side, across, down, turn, size: patch_matrix(side, across, down, 0.0, size), "no effect"),
        ("wrong axis", lambda side, across, down, turn, size: patch_matrix(side, across, size - down, turn, size), "lower edge"),
        ("wrong shape", lambda *given: torch.cat([patch_matrix(*given), torch.tensor([[0.0, 0.0, 1.0]])]), "a row too many"),
        ("wrong shape", lambda *given: patch_matrix(*given).T, "shape"),
        ("no result", no_result, "nothing"),
    ),
}
