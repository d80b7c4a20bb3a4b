"""Pictures made by optimization: one loop that climbs a score of the network's answer, and what keeps its pictures natural.

The parts add up: a score of a layer's output, a prior that the picture pays for, regularizers that act after each step (Yosinski et
al. 2015). Class images, unit images, dreams (`images`) and inversion are this loop with other parts and other starts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import stopped_at
from ..runtime import check_count, check_pictures, check_positive, frozen, gradient, watched
from ..runtime import generator as seeded

Score = Callable[[Tensor], Tensor]  # a layer's output for N pictures -> one number for each, [N]
Prior = Callable[[Tensor], Tensor]  # pictures [N, C, H, W] -> what each costs, [N]
Regularizer = Callable[[Tensor, Tensor, int], Tensor]  # pictures, the gradient there, number of the step -> pictures
Metric = Callable[[Tensor], Tensor]  # the gradient [N, C, H, W] -> the direction of the step


# ---------------------------------------------------------------- priors: unnatural pictures cost


def l2(weight: float, centre: float | Tensor = 0.5) -> Prior:
    """weight * |x - centre|^2, Simonyan's price: far from the mean picture is dear."""
    return lambda x: weight * (x - centre).square().flatten(1).sum(1)


def alpha_norm(weight: float, alpha: float = 6.0, centre: float | Tensor = 0.5) -> Prior:
    """weight * sum of |x - centre|^alpha (Mahendran and Vedaldi 2014): with a large alpha extreme values are dear."""
    return lambda x: weight * (x - centre).abs().pow(alpha).flatten(1).sum(1)


def total_variation(weight: float, beta: float = 2.0) -> Prior:
    """weight * sum of (dx^2 + dy^2)^(beta / 2) over pixels and colours (Mahendran and Vedaldi 2014): steps between neighbours are dear."""

    def cost(x: Tensor) -> Tensor:
        down = F.pad(x[:, :, 1:] - x[:, :, :-1], (0, 0, 0, 1))
        right = F.pad(x[..., 1:] - x[..., :-1], (0, 1))
        squares = down.square() + right.square()
        rough = squares if beta == 2 else (squares + 1e-8).pow(beta / 2)  # the root has no slope at 0
        return weight * rough.flatten(1).sum(1)

    return cost


# ---------------------------------------------------------------- regularizers: each acts on the picture after a step


def decay(share: float, centre: float | Tensor = 0.5) -> Regularizer:
    """Every pixel goes this share of its way back to the mean picture: what stays must be renewed."""
    return lambda x, slope, step: centre + (1 - share) * (x - centre)


def blur(sigma: float, every: int = 4) -> Regularizer:
    """A Gaussian blur at every so many steps: neighbours may not fight."""
    check_positive(sigma, "sigma", zero=False)
    check_count(every, "every")
    reach = max(1, round(3 * sigma))
    bell = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    bell = bell / bell.sum()

    def blurred(x: Tensor, slope: Tensor, step: int) -> Tensor:
        if (step + 1) % every:
            return x
        line = bell.to(x).expand(x.shape[1], 1, 1, -1)
        across = F.conv2d(F.pad(x, (reach, reach, 0, 0), mode="replicate"), line, groups=x.shape[1])
        return F.conv2d(F.pad(across, (0, 0, reach, reach), mode="replicate"), line.transpose(2, 3), groups=x.shape[1])

    return blurred


def drop_weak(share: float, centre: float | Tensor = 0.5) -> Regularizer:
    """This share of a picture's pixels, those nearest to the mean picture, becomes it: what is left must stand out."""
    return lambda x, slope, step: torch.where(lowest((x - centre).norm(dim=1, keepdim=True), share), centre, x)


def drop_idle(share: float, centre: float | Tensor = 0.5) -> Regularizer:
    """This share of the pixels, those whose value times slope is smallest in size, becomes the mean picture: they helped least."""
    return lambda x, slope, step: torch.where(lowest(((x - centre) * slope).sum(1, keepdim=True).abs(), share), centre, x)


def lowest(values: Tensor, share: float) -> Tensor:
    """Which of the values of each picture, [N, 1, H, W], belong to the lowest share."""
    flat = values.flatten(1)
    place = min(int(share * flat.shape[1]), flat.shape[1] - 1) + 1  # kthvalue counts from 1, and does not sort all of them
    return values < flat.kthvalue(place, dim=1).values[:, None, None, None]


# ---------------------------------------------------------------- which way is up


def natural_metric(photos: Tensor, power: float = 1.0) -> Metric:
    """The gradient turned to where natural pictures vary: colours together as in `photos` [N, C, H, W], slow waves most, 1 / f^power.

    Which way is steepest depends on which changes count as small. Counted in single pixels, fine and garish patterns are as near as any;
    counted in how pictures vary, they are far (Olah, Mordvintsev and Schubert 2017 choose other coordinates for the picture to the same end).
    """
    values = photos.double().transpose(0, 1).flatten(1)  # of each colour: [C, ...]; the root of a small variance needs all digits
    away = values - values.mean(1, keepdim=True)
    size, axes = torch.linalg.eigh(away @ away.T)  # the colours' covariance
    together = axes * size.clamp(min=0).sqrt() @ axes.T  # its root: deviations, as 1 / f is about that of waves
    together = together / together.diagonal().mean()

    def turned(slope: Tensor) -> Tensor:
        high, wide = slope.shape[2:]
        pace = torch.hypot(torch.fft.fftfreq(high)[:, None], torch.fft.rfftfreq(wide)[None]).clamp(min=1 / max(high, wide))
        smooth = torch.fft.irfft2(torch.fft.rfft2(slope) / pace.to(slope) ** power, s=(high, wide))
        return torch.einsum("dc,nchw->ndhw", together.to(slope), smooth)

    return turned


# ---------------------------------------------------------------- the loop


def maximize(
    model: nn.Module, start: Tensor, score: Score, *, layer: str | nn.Module | None = None, prior: Prior | None = None,
    regularizers: Sequence[Regularizer] = (), steps: int = 200, rate: float = 0.02, fade: bool = True, momentum: float = 0.0,
    jitter: int = 0, zoom: float = 0.0, metric: Metric | None = None, generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    """Pictures [N, C, H, W] in [0, 1] that make score - prior large, climbed to from the pictures `start`.

    `score` sees the output of `layer` (None: the model's scores). Nothing behind the layer is computed, and no gradient for
    weights. A step moves each picture's pixels by `rate` on average (with `fade` less and less, down to 0), then the
    regularizers act, then pixels are clipped. With `jitter` each step sees the pictures shifted by up to so many pixels, with
    `zoom` up to this share larger or smaller (for networks that take any size). A `metric` turns the gradient into the direction of the
    step (`natural_metric`).
    """
    check_pictures(start, model, name="start")
    check_count(steps, "steps"), check_count(jitter, "jitter", 0), check_positive(rate, "rate"), check_positive(zoom, "zoom")
    chance = generator or seeded()
    x, speed = start.detach().clone(), torch.zeros_like(start)
    with frozen(model), stopped_at(model, layer) if layer is not None else nullcontext(model) as run:
        for step in range(steps):
            shift = torch.randint(-jitter, jitter + 1, (2,), generator=chance).tolist() if jitter else [0, 0]
            seen = watched(x.roll(shift, (2, 3)))
            view = zoomed(seen, zoom, chance) if zoom else seen
            value = score(run(view.clone()))
            value = value if prior is None else value - prior(seen)
            slope = gradient(value, seen).roll([-n for n in shift], (2, 3))
            way = slope if metric is None else metric(slope)
            size = way.abs().mean((1, 2, 3), keepdim=True)
            if step == 0:
                check_climbs(size)
            speed = momentum * speed + way / size.clamp(min=1e-12)
            x = x + rate * (1 - momentum) * (1 - step / steps if fade else 1) * speed
            for rule in regularizers:
                x = rule(x, slope, step)
            x = x.clamp(0, 1)
    return x


def check_climbs(size: Tensor) -> None:
    """Refuse a start from which nothing can be climbed: a unit behind a ReLU that is not active there has no slope."""
    if flat := (size.flatten() == 0).nonzero().flatten().tolist():
        raise ValueError(
            f"the score has no slope at the start of pictures {flat}: nothing can be climbed from there. A unit behind a ReLU is flat where it is "
            "not active; take the layer before the ReLU, or another start."
        )


def zoomed(x: Tensor, most: float, chance: torch.Generator) -> Tensor:
    """Pictures at a random size, by up to this share larger or smaller."""
    by = 1 + most * (2 * torch.rand((), generator=chance).item() - 1)
    return resized(x, tuple(max(1, round(n * by)) for n in x.shape[2:]))


def resized(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """Pictures at another size, smooth."""
    return x if tuple(x.shape[2:]) == size else F.interpolate(x, size=size, mode="bilinear", antialias=True, align_corners=False)
