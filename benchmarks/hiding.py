"""Ways to hide a network's gradient, and ways to change a network that hide nothing: what `benchmarks.masking` puts around trained networks."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils import defenses, models, training
from course_utils.runtime import generator

Change = Callable[[Tensor], Tensor]


class Around(nn.Module):
    """`before` of the pictures, the network, `after` of its scores."""

    def __init__(self, model: nn.Module, before: Change | None = None, after: Change | None = None) -> None:
        super().__init__()
        self.model, self.before, self.after = model, before or (lambda x: x), after or (lambda z: z)

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.model(self.before(x)))


class Inside(nn.Module):
    """Something done behind layer number `at` of a chain."""

    def __init__(self, model: nn.Sequential, at: int, change: Change) -> None:
        super().__init__()
        self.model, self.at, self.change = model, at, change

    def forward(self, x: Tensor) -> Tensor:
        for number, layer in enumerate(self.model):
            x = self.change(layer(x)) if number == self.at else layer(x)
        return x


class Closed(nn.Module):
    """The network in a block that keeps no gradient."""

    def __init__(self, model: nn.Module, block: Callable) -> None:
        super().__init__()
        self.model, self.block = model, block

    def forward(self, x: Tensor) -> Tensor:
        with self.block():
            return self.model(x)


class Double(nn.Module):
    """The network in double precision, for pictures in any."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).double()

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x.double())


class Both(nn.Module):
    """The mean of two networks' probabilities, as logarithms."""

    def __init__(self, *models: nn.Module) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([model(x).softmax(1) for model in self.models]).mean(0).log()


class Told(torch.autograd.Function):
    """The identity, whose gradient is what `rule` makes of it."""

    @staticmethod
    def forward(ctx, x: Tensor, rule: Change) -> Tensor:
        ctx.rule = rule
        return x.clone()

    @staticmethod
    def backward(ctx, slope: Tensor) -> tuple[Tensor, None]:
        return ctx.rule(slope), None


def told(rule: Change) -> Callable[[nn.Module], nn.Module]:
    return before(lambda x: Told.apply(x, rule))


def before(change: Change) -> Callable[[nn.Module], nn.Module]:
    return lambda model: Around(model, before=change)


def after(change: Change) -> Callable[[nn.Module], nn.Module]:
    return lambda model: Around(model, after=change)


def straight(change: Change) -> Callable[[nn.Module], nn.Module]:
    """Something without a gradient, which is given that of the identity."""
    return before(lambda x: x + (change(x) - x).detach())


def bent(model: nn.Module, bend: Callable[[], nn.Module]) -> nn.Module:
    """The network with another bend in the place of every ReLU."""
    return models.with_activations(model, lambda name, relu: bend())


def stairs(levels: int, steep: float) -> Change:
    """A smooth staircase."""
    return lambda x: sum(torch.sigmoid(steep * (x - (k + 0.5) / levels)) for k in range(levels)) / levels


def noise(size: float) -> Change:
    return lambda x: x + size * torch.randn_like(x)


def same_noise(size: float) -> Change:
    """The same noise in every call, another for every place in the batch."""
    return lambda x: x + size * torch.randn(x.shape, generator=generator(1)).to(x)


def own_noise(size: float) -> Change:
    """Noise that hangs on the picture's very bytes."""

    def seeded(picture: Tensor) -> Tensor:
        seed = int(hashlib.md5(picture.detach().cpu().numpy().tobytes()).hexdigest()[:8], 16)
        return torch.randn(picture.shape, generator=generator(seed)).to(picture)

    return lambda x: x + size * torch.stack([seeded(picture) for picture in x])


def shifts(pixels: int, seed: int | None = None) -> Change:
    """Each picture shifted by chance; with a seed always in the same way, by its place in the batch."""
    move = training.shift_and_flip(pixels, flip=False)
    return lambda x: move(x, generator(int(torch.randint(0, 10**6, ())) if seed is None else seed))


def winners(share: float) -> Change:
    """k winners take all: all but the largest activations become 0."""

    def keep(h: Tensor) -> Tensor:
        flat = h.flatten(1)
        least = flat.topk(max(1, int(share * flat.shape[1])), 1).values[:, -1]
        return h * (h >= least.view(-1, *[1] * (h.dim() - 1)))

    return keep


def ranks(x: Tensor) -> Tensor:
    """Each pixel's place among the pixels of its picture, from 0 to 1."""
    flat = x.flatten(1)
    return (flat.argsort(1).argsort(1).to(x) / flat.shape[1]).view_as(x)


def resized(x: Tensor) -> Tensor:
    """Made smaller by chance, on black ground at a place by chance."""
    full = x.shape[-1]
    size = full - int(torch.randint(0, 5, ()))
    left, top = (int(torch.randint(0, full - size + 1, ())) for _ in range(2))
    return F.pad(F.interpolate(x, (size, size)), (left, full - size - left, top, full - size - top))


def median(x: Tensor) -> Tensor:
    """The median of each pixel's 3 x 3 neighbourhood; its gradient is that of the pixel in the middle of the nine."""
    parts = F.unfold(F.pad(x, (1,) * 4, mode="reflect"), 3).view(len(x), x.shape[1], 9, *x.shape[2:])
    return parts.median(2).values


def standardised(x: Tensor, over: tuple[int, ...]) -> Tensor:
    """Mean 0.13 and deviation 0.3, of each picture or of the whole batch."""
    return (x - x.mean(over, keepdim=True)) / x.std(over, keepdim=True) * 0.3 + 0.13


def blurred(x: Tensor) -> Tensor:
    return F.avg_pool2d(F.pad(x, (1,) * 4, mode="replicate"), 3, 1)


HIDES: dict[str, Callable[[nn.Module], nn.Module]] = {
    **{f"rounded to {n + 1} levels": before(lambda x, n=n: (n * x).round() / n) for n in (1, 3, 7, 15, 255)},
    "floor": before(lambda x: (8 * x).floor() / 8), "sign": before(lambda x: (torch.sign(x - 0.5) + 1) / 2), "compared": before(lambda x: (x > 0.5).to(x)),
    "buckets": before(lambda x: torch.bucketize(x.detach(), torch.linspace(0, 1, 9)[1:-1].to(x)).to(x) / 7),
    "JPEG": before(lambda x: defenses.jpeg(x, quality=50)),
    "smooth stairs 200": before(stairs(8, 200)), "smooth stairs 1000": before(stairs(8, 1000)), "16 smooth stairs": before(stairs(16, 500)), "steep 500": before(lambda x: (500 * (x - 0.5)).sigmoid()),
    **{f"scores x {n}": after(lambda z, n=n: n * z) for n in (20, 100, 1000)},
    "tanh": after(torch.tanh), "tanh x 10": after(lambda z: torch.tanh(10 * z)), "clamp 1": after(lambda z: z.clamp(-1, 1)), "clamp 5": after(lambda z: z.clamp(-5, 5)),
    "softmax": after(lambda z: z.softmax(1)), "softmax twice": after(lambda z: z.softmax(1).softmax(1)), "100 softmax": after(lambda z: 100 * z.softmax(1)), "sigmoid": after(torch.sigmoid),
    "sigmoid x 20": after(lambda z: torch.sigmoid(20 * z)), "log of softmax": after(lambda z: (20 * z).softmax(1).log()), "one-hot": after(lambda z: F.one_hot(z.argmax(1), z.shape[1]).to(z)),
    **{f"noise {s}": before(noise(s)) for s in (0.05, 0.1, 0.3)}, "same noise": before(same_noise(0.2)), "own noise 0.1": before(own_noise(0.1)), "own noise 0.3": before(own_noise(0.3)),
    "shifts": before(shifts(2)), "same shifts": before(shifts(2, seed=3)), "dropped pixels": before(lambda x: F.dropout(x, 0.3, True)), "noise inside": lambda m: Inside(m, 1, lambda h: h + h.std() * torch.randn_like(h)),
    "rounded inside": lambda m: Inside(m, 1, lambda h: (2 * h).round() / 2),
    "no_grad": lambda m: Closed(m, torch.no_grad), "inference": lambda m: Closed(m, torch.inference_mode), "detached": before(torch.detach),
    "gradient by chance": told(lambda g: g.abs().mean() * torch.randn(g.shape, generator=generator(5)).to(g)), "gradient turned": told(torch.neg), "gradient 0": told(torch.zeros_like),
    "ranks": before(ranks), "numpy": before(lambda x: torch.from_numpy((x.detach().cpu().numpy() * 8).round() / 8).to(x)), "one bit": before(lambda x: defenses.bit_depth(x, 1)),
    "scores detached": after(torch.detach), "scores rounded": after(torch.round), "10 tanh": after(lambda z: 10 * torch.tanh(z)), "scores x 1e30": after(lambda z: 1e30 * z),
    "signs inside": lambda m: Inside(m, 1, torch.sign), "noise 0.5": before(noise(0.5)), "resized by chance": before(resized), "dithered": before(lambda x: (x > torch.rand_like(x)).to(x)),
    "noisy scores": after(lambda z: z + z.std() * torch.randn_like(z)),
    "every eighth column": told(lambda g: g * (torch.arange(g.shape[-1]) % 8 == 0)), "columns turned": told(lambda g: g * (1 - 2 * (torch.arange(g.shape[-1]) % 2))), "gradient x 1e-30": told(lambda g: 1e-30 * g),
    "a third not a number": told(lambda g: torch.where(torch.arange(len(g))[:, None, None, None] % 3 == 0, torch.nan, g)), "logarithm": before(lambda x: x.log().exp()),
    "not a number": told(lambda g: g * torch.nan), "square root": before(lambda x: x.sqrt().square()),
}  # fmt: skip

SHOWS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "log-softmax": after(lambda z: z.log_softmax(1)), "scores x 0.01": after(lambda z: 0.01 * z), "scores x 2": after(lambda z: 2 * z), "scores + 100": after(lambda z: z + 100),
    "blurred": before(blurred), "a curve": before(lambda x: (5 * (x - 0.5)).sigmoid()), "gamma": before(lambda x: x.clamp_min(1e-3) ** 1.5), "cut off": before(lambda x: x.clamp(0.02, 0.98)),
    **{f"straight to {n + 1} levels": straight(lambda x, n=n: (n * x).round() / n) for n in (1, 3, 7, 15)}, "straight floor": straight(lambda x: (8 * x).floor() / 8), "straight JPEG": straight(lambda x: defenses.jpeg(x, quality=75)),
    "clamp 0 .. 1": before(lambda x: x.clamp(0, 1)), "clamp 0.05": before(lambda x: x.clamp(0.05, 0.95)), "clamp 0.1": before(lambda x: x.clamp(0.1, 0.9)),
    "median": before(median), "each standardised": before(lambda x: standardised(x, (1, 2, 3))), "batch standardised": before(lambda x: standardised(x, (0, 1, 2, 3))), "gray": before(lambda x: x.mean(1, keepdim=True).expand_as(x)),
    **{f"scores / {n}": after(lambda z, n=n: z / n) for n in (10, 1000, 1e6)}, "scores x 4": after(lambda z: 4 * z), "scores - 50": after(lambda z: z - 50), "log of soft scores": after(lambda z: z.softmax(1).log()),
    "soft limit 30": after(lambda z: 30 * torch.tanh(z / 30)), "scores standardised": after(lambda z: F.layer_norm(z, z.shape[1:])), "double": Double, "softplus": lambda m: bent(m, nn.Softplus), "GELU": lambda m: bent(m, nn.GELU),
    "SiLU": lambda m: bent(m, nn.SiLU), "leaky": lambda m: bent(m, lambda: nn.LeakyReLU(0.1)), "both": lambda m: Both(m, bent(m, nn.Softplus)), "gradient of a tenth": before(lambda x: 0.1 * x + 0.9 * x.detach()),
    "winners 0.2": lambda m: Inside(m, 1, winners(0.2)), "winners 0.1": lambda m: Inside(m, 3, winners(0.1)),  # they jump, but steps along the gradient fool as many as before
    "halved": before(lambda x: F.interpolate(F.avg_pool2d(x, 2), scale_factor=2)), "one pattern": before(lambda x: x + 0.1 * torch.randn(x.shape[1:], generator=generator(1)).to(x)),
}  # fmt: skip
