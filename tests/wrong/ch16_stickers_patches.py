"""Wrong answers to the exercises of chapter 16: kind of mistake, answer, words that its message must hold."""

import math

import torch

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


def no_result(*_):
    print("done")


def never_ends(*_):
    while True:
        pass


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
        ("wrong shape", lambda x, boxes, adds: put_stickers(x, boxes, adds)[0], "shape"),
        ("in place", on_the_picture, "in place"),
        ("stale", remembers, "off by"),
        ("endless", never_ends, "still running"),
    ),
    "printing_error": (
        ("another quantity", far(together=lambda d: d.sum(1)), "added up"),
        ("another quantity", far(together=lambda d: d.amin(1)), "nearest colour"),
        ("another quantity", far(together=lambda d: d.mean(1)), "off by"),
        ("another quantity", far(lambda d: d.square().sum(2)), "squared"),
        ("another quantity", far(lambda d: d.abs().sum(2)), "squares and a root"),
        ("no absolute value", far(lambda d: d.sum(2)), "signs are kept"),
        ("wrong axis", lambda x, palette: printing_error(x.transpose(2, 3), palette).transpose(1, 2).flip(2), "off by"),
        ("wrong shape", lambda x, palette: printing_error(x, palette)[:, None], "shape"),
        ("wrong shape", lambda x, palette: printing_error(x, palette).sum(), "shape"),
        ("argument ignored", lambda x, palette: printing_error(x, palette[:3]), "off by"),
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
        ("wrong shape", lambda *given: torch.cat([patch_matrix(*given), torch.tensor([[0.0, 0.0, 1.0]])]), "a row too many"),
        ("wrong shape", lambda *given: patch_matrix(*given).T, "shape"),
        ("no result", no_result, "nothing"),
    ),
}
