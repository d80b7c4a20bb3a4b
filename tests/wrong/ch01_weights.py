"""Wrong answers to the exercises of chapter 01: kind of mistake, answer, words that its message must hold."""

import torch
import torch.nn.functional as F
from torch import nn

from course_utils.checks.ch01_weights import dead_filters, filter_pictures, most, roughness, share, share_above, variation

seen: dict = {}  # what a stale answer leaves over


def in_place(w):
    w /= w.abs().max()
    return 0.5 + 0.5 * w


def stale_scale(w):
    seen["scale"] = max(seen.get("scale", 0), w.abs().max())
    return 0.5 + 0.5 * w / seen["scale"]


def by_python(w):
    return 0.5 + 0.5 * w / max(abs(w))


def never_ends(*_):
    while True:
        pass


def switched_off(w):
    torch.set_grad_enabled(False)
    return roughness(w)


def loop_of_numbers(w):
    return [(f.diff(dim=1).abs().sum() + f.diff(dim=2).abs().sum()) / f.abs().sum() for f in w]


def without_last_row(w):
    return ((w[:, :, 1:-1] - w[:, :, :-2]).abs().sum((1, 2, 3)) + w.diff(dim=3).abs().sum((1, 2, 3))) / w.abs().sum((1, 2, 3))


def attached(layer, x, batch_size):
    return torch.cat([layer(part).amax((2, 3)) for part in x.split(batch_size)]).amax(0)


def shifted_bias(layer, x, batch_size):
    layer.bias.data += 1e-3
    return dead_filters(layer, x, batch_size)


def hooked(layer, x, batch_size):
    outputs = []
    layer.register_forward_hook(lambda module, inputs, output: outputs.append(output.detach()))
    for part in x.split(batch_size):
        layer(part)
    return torch.cat(outputs).amax((0, 2, 3)) <= 0


def evaluated(layer, x, batch_size):
    return dead_filters(layer.eval().requires_grad_(False), x, batch_size)


def numbers(layer, x, batch_size):
    return dead_filters(layer, x, batch_size).nonzero().flatten()


def ones(layer, x, batch_size):
    return dead_filters(layer, x, batch_size).float()


def without_shift(w, stride, size):
    """The spectrum is put in the middle, the frequencies are not."""
    energy = torch.fft.fftshift(torch.fft.fft2(w, s=(size, size)), dim=(2, 3)).abs().square().sum(1)
    f = torch.fft.fftfreq(size).abs().to(w)
    return (energy * (torch.maximum(f[:, None], f[None]) > 1 / (2 * stride))).sum((1, 2)) / energy.sum((1, 2))


def bank_as_one(w, stride, size):
    energy = torch.fft.fft2(w, s=(size, size)).abs().square()
    f = torch.fft.fftfreq(size).abs()
    return (energy * (torch.maximum(f[:, None], f[None]) > 1 / (2 * stride))).sum() / energy.sum()


def real_part(w, stride, size):
    energy = torch.fft.fft2(w, s=(size, size)).real.square().sum(1)
    f = torch.fft.fftfreq(size).abs().to(w)
    return (energy * (torch.maximum(f[:, None], f[None]) > 1 / (2 * stride))).sum((1, 2)) / energy.sum((1, 2))


WRONG = {
    "filter_pictures": (
        ("another quantity", lambda w: (w - w.min()) / (w.max() - w.min()), "do not stretch from the smallest"),
        ("another quantity", lambda w: 0.5 + 0.5 * w / w.abs().amax((1, 2, 3), keepdim=True), "every filter has a scale of its own"),
        ("another quantity", lambda w: torch.stack([0.5 + 0.5 * f / f.abs().max() for f in w]), "every filter has a scale of its own"),
        ("another quantity", lambda w: 0.5 + 0.5 * w / w.norm(), "the norm of all weights is the scale"),
        ("wrong axis", lambda w: 0.5 + 0.5 * w / w.abs().amax((2, 3), keepdim=True), "every colour of every filter"),
        ("wrong axis", lambda w: 0.5 + 0.5 * w / w.abs().amax((0, 2, 3), keepdim=True), "every colour has a scale of its own"),
        ("wrong sign", lambda w: 0.5 - 0.5 * w / w.abs().max(), "dark and bright are swapped"),
        ("no absolute value", lambda w: 0.5 + 0.5 * w / w.max(), "Take max|w|"),
        ("no absolute value", lambda w: (0.5 + 0.5 * w / w.max()).clamp(0, 1), "are cut off"),
        ("no absolute value", lambda w: w.abs() / w.abs().max(), "the signs are lost"),
        ("no clip", lambda w: 0.5 + w / w.abs().max(), "pixels leave [0, 1]"),
        ("no clip", lambda w: (w / w.abs().max()).clamp(0, 1), "negative weights are lost"),
        ("argument ignored", lambda w: 0.5 + 0.5 * w, "the weights are not scaled"),
        ("argument ignored", lambda w: (0.5 + 0.5 * w).clamp(0, 1), "the weights are not scaled"),
        ("off by one", lambda w: w / w.abs().max(), "a weight of 0 is black here"),
        ("hard-coded constant", lambda w: 0.5 + 0.5 * w / 3.1, "is off by"),
        ("wrong shape", lambda w: filter_pictures(w)[0], "has shape [3, 5, 4]"),
        ("wrong shape", lambda w: filter_pictures(w).permute(0, 2, 3, 1), "has shape [6, 5, 4, 3]"),
        ("in place", in_place, "w was changed in place"),
        ("stale", stale_scale, "is off by"),
        ("random", lambda w: filter_pictures(w + 0.01 * torch.randn_like(w)), "random numbers"),
        ("precision", lambda w: filter_pictures(w).float(), "torch.float64 is expected"),
        ("no result", lambda w: print(filter_pictures(w).shape), "returns nothing"),
        ("no result", lambda w: filter_pictures(w).numpy(), "is ndarray"),
        ("raises", by_python, "Python's own max()"),
    ),
    "roughness": (
        ("another quantity", variation, "the total variation alone"),
        ("another quantity", lambda w: variation(w) / w.flatten(1).norm(dim=1), "the L2 norm is below the line"),
        ("another quantity", lambda w: variation(w) / w[0].numel(), "number of weights is below the line"),
        ("another quantity", lambda w: (w.diff(dim=2).square().sum((1, 2, 3)) + w.diff(dim=3).square().sum((1, 2, 3)))
         / w.square().sum((1, 2, 3)), "squares are summed"),
        ("another quantity", lambda w: (w.diff(dim=2).abs().mean((1, 2, 3)) + w.diff(dim=3).abs().mean((1, 2, 3)))
         / w.abs().mean((1, 2, 3)), "these are means"),
        ("wrong axis", lambda w: w.diff(dim=2).abs().sum((1, 2, 3)) / w.abs().sum((1, 2, 3)), "only differences from row to row"),
        ("wrong axis", lambda w: w.diff(dim=3).abs().sum((1, 2, 3)) / w.abs().sum((1, 2, 3)), "only differences from column to column"),
        ("wrong axis", lambda w: (w.diff(dim=1).abs().sum((1, 2, 3)) + w.diff(dim=2).abs().sum((1, 2, 3))) / w.abs().sum((1, 2, 3)), "dim 1 holds the colours"),
        ("no absolute value", lambda w: (w.diff(dim=2).sum((1, 2, 3)) + w.diff(dim=3).sum((1, 2, 3))) / w.abs().sum((1, 2, 3)), "ups and downs cancel"),
        ("wrong axis", lambda w: w.diff(dim=1).abs().sum((1, 2, 3)) / w.abs().sum((1, 2, 3)), "is off by"),
        ("wrong axis", lambda w: roughness(w.mean(1, keepdim=True)), "is off by"),
        ("off by one", lambda w: ((w[:, :, 1:, 1:] - w[:, :, :-1, 1:]).abs() + (w[:, :, 1:, 1:] - w[:, :, 1:, :-1]).abs()).sum((1, 2, 3))
         / w.abs().sum((1, 2, 3)), "is off by"),
        ("no absolute value", lambda w: (w.diff(dim=2).sum((1, 2, 3)).abs() + w.diff(dim=3).sum((1, 2, 3)).abs()) / w.abs().sum((1, 2, 3)), "then the sum"),
        ("no absolute value", lambda w: variation(w) / w.sum((1, 2, 3)), "cancel below the line"),
        ("off by one", lambda w: ((w - w.roll(1, 2)).abs().sum((1, 2, 3)) + (w - w.roll(1, 3)).abs().sum((1, 2, 3))) / w.abs().sum((1, 2, 3)), "use w.diff"),
        ("off by one", without_last_row, "is off by"),
        ("batch of one only", lambda w: roughness(w[:1]).expand(len(w)), "is off by"),
        ("batch of one only", lambda w: roughness(w).squeeze(), "has shape []"),
        ("wrong shape", lambda w: (w.diff(dim=2).abs().sum() + w.diff(dim=3).abs().sum()) / w.abs().sum(), "one number for the whole bank"),
        ("wrong shape", lambda w: roughness(w)[:, None], "has shape [6, 1]"),
        ("in place", lambda w: roughness(w.abs_()), "changed in place"),
        ("hard-coded constant", lambda w: torch.full((len(w),), 2.0), "is off by"),
        ("precision", lambda w: roughness(w).float(), "torch.float64 is expected"),
        ("state changed", switched_off, "gradients are switched off"),
        ("no result", loop_of_numbers, "torch.stack makes one"),
        ("raises", lambda w: w.diff(dim=4), "IndexError"),
        ("endless", never_ends, "does a loop never end"),
    ),
    "dead_filters": (
        ("wrong sign", lambda layer, x, b: ~dead_filters(layer, x, b), "these are the filters that live"),
        ("off by one", lambda layer, x, b: most(layer, x) < 0, "an output of exactly 0"),
        ("another quantity", lambda layer, x, b: layer(x).detach().amin((0, 2, 3)) <= 0, "look at its largest output"),
        ("another quantity", lambda layer, x, b: layer(x).detach().mean((0, 2, 3)) <= 0, "below 0 on average"),
        ("another quantity", lambda layer, x, b: layer(x).detach().mean((2, 3)).amax(0) <= 0, "the mean over the map"),
        ("another quantity", lambda layer, x, b: layer.weight.detach().abs().sum((1, 2, 3)) == 0, "weights alone do not tell"),
        ("another quantity", lambda layer, x, b: torch.stack([layer(part).detach().mean((0, 2, 3)) for part in x.split(b)]).amax(0) <= 0, "the mean over a whole batch"),
        ("another quantity", lambda layer, x, b: F.conv2d(torch.cat(x.split(b)), layer.weight.detach()).amax((0, 2, 3)) <= 0, "the bias and the pictures count"),
        ("another quantity", lambda layer, x, b: (layer.bias + layer.weight.clamp(min=0).sum((1, 2, 3))).detach() <= 0, "is off by"),
        ("batch of one only", lambda layer, x, b: most(layer, x[:b]) <= 0, "only the first batch counts"),
        ("stale", lambda layer, x, b: most(layer, x.split(b)[-1]) <= 0, "only the last batch counts"),
        ("off by one", lambda layer, x, b: most(layer, x[: len(x) // b * b]) <= 0, "is left out"),
        ("another quantity", lambda layer, x, b: torch.stack([most(layer, part) <= 0 for part in x.split(b)]).any(0), "sleeps in one batch"),
        ("another quantity", lambda layer, x, b: (layer(x).detach().amax((2, 3)) <= 0).any(0), "sleeps in one picture"),
        ("wrong axis", lambda layer, x, b: layer(x).detach().amax((1, 2, 3)) <= 0, "has shape [7]"),
        ("wrong shape", lambda layer, x, b: layer(x).detach().amax(0) <= 0, "has shape [9, 5, 6]"),
        ("argument ignored", lambda layer, x, b: most(layer, x) <= 0, "go through x.split(batch_size)"),
        ("hard-coded constant", lambda layer, x, b: torch.cat([layer(p).detach() for p in x.split(8)]).amax((0, 2, 3)) <= 0, "go through x.split(batch_size)"),
        ("precision", attached, "holds torch.float32; torch.bool is expected"),
        ("precision", ones, "holds torch.float32; torch.bool is expected"),
        ("wrong shape", numbers, "the result"),
        ("model changed", shifted_bias, "its weights changed"),
        ("model changed", hooked, "its hooks changed"),
        ("model changed", evaluated, "layer is not as it was"),
        ("no result", lambda layer, x, b: print(dead_filters(layer, x, b)), "returns nothing"),
        ("no result", lambda layer, x, b: dead_filters(layer, x, b).tolist(), "is list"),
        ("raises", lambda layer, x: x, "must take the arguments"),
    ),
    "share_above": (
        ("wrong sign", lambda w, s, n: 1 - share_above(w, s, n), "the share that the map can carry"),
        ("argument ignored", lambda w, s, n: share(w, 1 / (2 * s), None), "not padded"),
        ("another quantity", lambda w, s, n: share(w, 1 / (2 * s), n, power=1), "energy is its square"),
        ("off by one", lambda w, s, n: share(w, 1 / s, n), "the limit is 1 / stride"),
        ("another quantity", lambda w, s, n: share(w, 1 / (2 * s), n, join=torch.minimum), "along either axis"),
        ("another quantity", lambda w, s, n: share(w, 1 / (2 * s), n, join=torch.hypot), "each axis has a limit"),
        ("another quantity", lambda w, s, n: share(w, 1 / (2 * s), n, join=torch.add), "the two frequencies are added"),
        ("no absolute value", lambda w, s, n: share(w, 1 / (2 * s), n, f=torch.clone), "half of the frequencies are negative"),
        ("off by one", lambda w, s, n: share(w, 1 / (2 * s) - 1e-4, n), "strictly above"),
        ("wrong axis", lambda w, s, n: share(w.sum(1, keepdim=True), 1 / (2 * s), n), "the colours are added before"),
        ("wrong axis", lambda w, s, n: torch.stack([share(w[:, c : c + 1], 1 / (2 * s), n) for c in range(w.shape[1])]).mean(0), "shares of single colours"),
        ("another quantity", lambda w, s, n: 100 * share_above(w, s, n), "percent"),
        ("another quantity", without_shift, "use fftshift for both or for neither"),
        ("hard-coded constant", lambda w, s, n: share_above(w, 4, n), "is off by"),
        ("another quantity", real_part, "is off by"),
        ("wrong shape", bank_as_one, "has shape []"),
        ("wrong shape", lambda w, s, n: share_above(w, s, n)[None], "has shape [1, 5]"),
        ("hard-coded constant", lambda w, s, n: share_above(w, 2, n), "use the argument `stride`"),
        ("hard-coded constant", lambda w, s, n: share_above(w, s, 32), "use the argument `size`"),
        ("batch of one only", lambda w, s, n: share_above(w, s, n).squeeze(), "has shape []"),
        ("in place", lambda w, s, n: share_above(w.sub_(w.mean()), s, n), "changed in place"),
        ("another quantity", lambda w, s, n: share_above(w - w.mean((2, 3), keepdim=True), s, n), "is off by"),
        ("precision", lambda w, s, n: share_above(w.float(), s, n), "torch.float64 is expected"),
        ("no result", lambda w, s, n: print(share_above(w, s, n)), "returns nothing"),
        ("raises", lambda w, s, n: F.conv2d(w, w) + nn.Flatten()(n), "TypeError"),
    ),
}  # fmt: skip
