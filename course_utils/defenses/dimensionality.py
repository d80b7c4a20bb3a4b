"""Local intrinsic dimensionality (Ma 2018): how the number of neighbours grows with the distance, layer by layer, as a detector of attacks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .. import runtime
from ..layers import capture, names
from ..runtime import check_count, check_pictures, check_positive, frozen

TINY = 1e-12
PASSED_BY = (nn.Dropout, nn.Dropout2d, nn.Flatten, nn.Identity)  # layers that answer what the one before them answers


def intrinsic_dimensionality(features: Tensor, among: Tensor | None = None, *, k: int = 20) -> Tensor:
    """LID(x) = -(1/k sum_{i=1..k} log(r_i / r_k))^-1, the maximum likelihood estimate from the distances r_1 <= ... <= r_k to the k nearest.

    features: a layer's answers `[N, ...]`. The neighbours are those of the same batch, each without itself; or, with `among` `[M, ...]`, answers
    to other pictures. The paper takes k = 20 of a batch of 100. Gives `[N]`, with a gradient for the features. 1e-12 is added inside the
    logarithm; where all k lie equally far the estimate has no bound, and is about 1e12.
    """
    others = check_features(features, "features") if among is None else check_features(among, "among")
    if features.shape[1:] != others.shape[1:] or features.device != others.device:
        raise ValueError(f"features have shape {list(features.shape)} on {features.device}, among {list(others.shape)} on {others.device}; answers of one layer are expected.")
    if check_count(k, "k") > (most := len(others) - (among is None)):
        raise ValueError(f"k is {k}, but a picture has only {most} others here; give a larger batch, or a smaller k (the paper: 20 of 100).")
    far = distances(features, others)
    if among is None:
        far = far + torch.diag(far.new_full((len(far),), torch.inf))
    return from_distances(far.topk(k, largest=False).values).to(features.dtype)


def from_distances(nearest: Tensor) -> Tensor:
    """The estimate from distances `[..., k]` in rising order: -1 / mean(log(r_i / r_k))."""
    logs = ((nearest + TINY) / (nearest[..., -1:] + TINY)).log()
    return -1 / logs.mean(-1).clamp(max=-TINY)


def distances(features: Tensor, others: Tensor) -> Tensor:
    """|a - b| for each pair, `[N, M]`, in double precision: |a|^2 - 2 ab + |b|^2 would lose small distances in single precision."""
    centre = others.detach().flatten(1).double().mean(0)
    a, b = features.flatten(1).double() - centre, others.flatten(1).double() - centre
    squares = a.square().sum(1)[:, None] - 2 * a @ b.T + b.square().sum(1)
    return squares.clamp_min(TINY**2).sqrt()


def check_features(features: Tensor, name: str) -> Tensor:
    """Require a layer's answers to pictures: floating point `[N, ...]`, finite."""
    if not isinstance(features, Tensor) or features.dim() < 2 or not features.is_floating_point() or features.numel() == 0:
        given = f"{features.dtype} {list(features.shape)}" if isinstance(features, Tensor) else f"a {type(features).__name__}"
        raise ValueError(f"{name} is {given}; a layer's answers [N, ...] to at least one picture, floating point, are expected.")
    if not bool(features.detach().isfinite().all()):
        raise ValueError(f"{name} holds NaN or infinite numbers; a layer's answers are expected to be finite.")
    return features


class LayerDimensionalities(nn.Module):
    """For pictures `[N, C, H, W]` their LID at each layer, `[N, layers]`, with a gradient for the pixels.

    The neighbours are `among`, clean pictures `[M, C, H, W]` that stay the same: what is said of one picture does not depend on what else is asked.
    layers: names; None: all but the last, without those that only pass on (dropout, flatten). Answers to `among` are kept once, M for each layer.
    """

    def __init__(self, model: nn.Module, among: Tensor, *, layers: Sequence[str] | None = None, k: int = 20) -> None:
        super().__init__()
        check_pictures(among, model, name="among")
        kinds = dict(model.named_modules())
        self.model, self.k = model, check_count(k, "k")
        self.layers = [name for name in names(model)[:-1] if not isinstance(kinds[name], PASSED_BY)] if layers is None else list(layers)
        if k > len(among):
            raise ValueError(f"k is {k}, but among has only {len(among)} pictures; give more of them, or a smaller k (the paper: 20 of 100).")
        with frozen(model), torch.no_grad():
            self.kept = [check_features(answer, "a layer's answer").detach() for answer in self.answers(among)]

    def answers(self, x: Tensor) -> list[Tensor]:
        """What each of the layers answers to pictures."""
        with capture(self.model, *self.layers) as seen:
            self.model(x)
            return [seen[name] for name in self.layers]

    def forward(self, x: Tensor) -> Tensor:
        pairs = zip(self.answers(x), self.kept)
        return torch.stack([from_distances(distances(here, there).topk(self.k, largest=False).values) for here, there in pairs], 1).to(x.dtype)


class Detector(nn.Module):
    """What `lid_detector` gives: a module from pictures `[N, C, H, W]` to `[N]`, the log-odds that they were attacked: above 0 is an alarm.

    It is w . log(LID) + b; `of` makes the layers' LIDs, `judge` weighs them. Attacks have gradients through it.
    """

    def __init__(self, of: LayerDimensionalities, judge: nn.Module) -> None:
        super().__init__()
        self.of, self.judge = of, judge

    def forward(self, x: Tensor) -> Tensor:
        return self.judge(self.of(x).log())


def lid_detector(
    model: nn.Module, among: Tensor, clean: Tensor, attacked: Tensor, noisy: Tensor | None = None, *, layers: Sequence[str] | None = None,
    k: int = 20, penalty: float = 1e-2, batch_size: int = 100,
) -> Detector:  # fmt: skip
    """The detector of Ma 2018: logistic regression on the LIDs of all layers.

    among: clean pictures `[M, C, H, W]`, the neighbours (the paper: 100). `attacked` are to be told from `clean` and from `noisy`, which carry noise of
    the attack's size. They should not be in `among`: a picture would be its own neighbour. batch_size: pictures at a time.
    """
    of = LayerDimensionalities(model, among, layers=layers, k=k)
    given = {"clean": clean, "attacked": attacked} | ({} if noisy is None else {"noisy": noisy})
    with frozen(model), torch.no_grad():
        logs = {name: torch.cat([of(part) for part in check_pictures(x, model, name=name).split(batch_size)]).log() for name, x in given.items()}
    negatives = torch.cat([value for name, value in logs.items() if name != "attacked"])
    return Detector(of, logistic_regression(logs["attacked"], negatives, penalty=penalty)).to(runtime.model_device(model) or among.device)


class Logistic(nn.Module):
    """Features `[N, F]` to log-odds `[N]`: w . (features - mean) / deviation + b."""

    def __init__(self, weight: Tensor, bias: Tensor, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        for name, value in (("weight", weight), ("bias", bias), ("mean", mean), ("deviation", deviation)):
            self.register_buffer(name, value)

    def forward(self, features: Tensor) -> Tensor:
        return ((features - self.mean) / self.deviation) @ self.weight + self.bias


def logistic_regression(positive: Tensor, negative: Tensor, *, penalty: float = 1e-2) -> Logistic:
    """Which of two kinds? positive `[P, F]` against negative `[Q, F]`: mean cross-entropy, both kinds with equal weight, + penalty / 2 |w|^2.

    Features are standardized first. The loss is convex, so there is one answer, and no chance in it. Each step goes to the lowest point of a
    parabola that lies above the loss and touches it (Jaakkola and Jordan 2000): it never goes up.
    """
    for name, features in (("positive", positive), ("negative", negative)):
        if features.dim() != 2 or len(features) == 0 or not bool(features.isfinite().all()):
            raise ValueError(f"{name} has shape {list(features.shape)}; finite features [N, F] of at least one are expected: a detector needs both kinds.")
    check_positive(penalty, "penalty", zero=False)
    every = torch.cat([positive, negative]).double()
    mean, deviation = every.mean(0), every.std(0, unbiased=False).clamp_min(TINY)
    x = torch.cat([(every - mean) / deviation, torch.ones_like(every[:, :1])], 1)
    y = torch.cat([torch.ones_like(x[: len(positive), 0]), torch.zeros_like(x[len(positive) :, 0])])
    each = torch.where(y > 0, 0.5 / len(positive), 0.5 / len(negative))
    ridge = torch.diag(torch.full_like(x[0], penalty).index_fill(0, torch.tensor([x.shape[1] - 1], device=x.device), TINY))
    w = torch.zeros_like(x[0])
    for _ in range(300):
        z = x @ w
        bend = torch.where(z.abs() < 1e-3, 0.25, (z / 2).tanh() / (2 * z))
        slope = x.T @ (each * (z.sigmoid() - y)) + ridge @ w
        w = w - torch.linalg.solve(x.T @ ((each * bend)[:, None] * x) + ridge, slope)
    return Logistic(*(v.to(positive.dtype) for v in (w[:-1], w[-1], mean, deviation)))
