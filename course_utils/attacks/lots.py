"""LOTS, the layerwise origin-target synthesis (Rozsa 2016): a layer's answer is moved towards that to another picture, or made stronger or weaker.

Each method gives a direction in the space of pictures; `smallest_scale` walks along it, in whole grey levels, until the class changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .. import layers, runtime
from ..runtime import check_batch, check_count, check_labels, check_pictures, check_positive
from .common import attacking, each, input_gradient, wide

GREY = 1 / 255  # one grey level


class Scaled(NamedTuple):
    """Pictures `[N, C, H, W]`, how far each was moved `[N]` (its largest pixel, before clipping), and whether the class changed `[N]`.

    A picture whose class never changed comes back as it was, with scale 0.
    """

    images: Tensor
    scale: Tensor
    found: Tensor


def lots(
    model: nn.Module, x: Tensor, target: Tensor, *, layer: str | nn.Module, y: Tensor | None = None, targeted: bool = False,
    adjust: bool = False, step: float = GREY, steps: int = 500,
) -> Tensor:  # fmt: skip
    """Layerwise origin-target synthesis (Rozsa 2016): x + s B(f(target) - f(x)), with the smallest s that changes the class.

    f is the layer's answer and B takes a change of it back to the pixels (backpropagation). All that is tried is rounded to whole grey levels and
    clipped to [0, 1]. A picture whose class does not change comes back as it was.

    x: pictures `[N, C, H, W]` in [0, 1]. target: as many pictures, or one for all; or stored answers of the layer `[N, ...]` (or one for all): whoever
    stole them needs no picture. Where answers have the shape of pictures, pictures are meant. targeted: until the class is that of the target (`y`
    `[N]`; for pictures, what the model takes them for); otherwise until it is another than `y`, by default the model's own prediction.
    adjust: the direction is computed anew after each `step` of its largest pixel, at most `steps` times ("step-and-adjust").
    """
    check_batch(x, y, model), check_positive(step, "step", zero=False), check_count(steps, "steps")
    with runtime.frozen(model):
        wanted, shown = wanted_answers(model, x, target, layer)
        y = _classes(model, x, y, shown, targeted)
        if adjust:
            return _step_and_adjust(model, runtime.detached(x), wanted, layer, y, targeted, step, steps)
        return smallest_scale(model, x, _pulled_back(model, x, layer, lambda own: wanted - own), y, targeted=targeted).images


def lots_direction(model: nn.Module, x: Tensor, target: Tensor, *, layer: str | nn.Module) -> Tensor:
    """The direction of `lots`, `[N, C, H, W]`: B(f(target) - f(x)), the gradient of -|f(target) - f(x)|^2 / 2 for the pixels."""
    check_batch(x, None, model)
    with runtime.frozen(model):
        wanted, _ = wanted_answers(model, x, target, layer)
        return _pulled_back(model, x, layer, lambda own: wanted - own)


def magnify_direction(model: nn.Module, x: Tensor, *, layer: str | nn.Module, reduce: bool = False) -> Tensor:
    """The direction of `magnify`, `[N, C, H, W]`: B(f(x)), which makes the layer's own answer stronger; `reduce`: B(-f(x)), weaker."""
    check_batch(x, None, model)
    with runtime.frozen(model):
        return _pulled_back(model, x, layer, lambda own: -own if reduce else own)


def magnify(
    model: nn.Module, x: Tensor, y: Tensor | None = None, *, layer: str | nn.Module, reduce: bool = False, linf: float | None = None
) -> Tensor:
    """What a layer holds of a picture, made stronger or, with `reduce`, weaker (Rozsa 2016): x + s B(+-f(x)), `[N, C, H, W]`.

    linf: the largest pixel of the perturbation (in the paper 128 / 255 for digits); clipping may leave less of it. None: the smallest s for which the
    class is no longer `y`, by default the model's own prediction; where it never changes, the picture comes back as it was.
    """
    check_batch(x, y, model)
    direction = magnify_direction(model, x, layer=layer, reduce=reduce)
    if linf is None:
        return smallest_scale(model, x, direction, y).images
    x = runtime.detached(x)
    return rounded(wide(x) + check_positive(linf, "linf") * unit(direction), x)


def hot_cold_direction(model: nn.Module, x: Tensor, y: Tensor | None = None, *, rank: int = 1, targeted: bool = False) -> Tensor:
    """The hot/cold direction (Rozsa 2016), `[N, C, H, W]`: B(h) with +|s_hot| at the hot class, -|s_cold| at the cold one, 0 elsewhere.

    s are the model's scores. Cold is the class `y` (by default the model's own prediction), hot the `rank`-th most likely of the others.
    targeted: `y` is the hot class, and the model's own prediction the cold one.
    """
    check_count(rank, "rank")
    with attacking(model, x, y, targeted=targeted) as (x, labels):
        x = runtime.watched(x)
        scores = model(x.clone())
        given, s = labels(scores), scores.detach()
        if rank >= s.shape[1]:
            raise ValueError(f"rank is {rank}, but the model has {s.shape[1]} classes; at most {s.shape[1] - 1} others are there.")
        _own_class(targeted and bool((given == s.argmax(1)).any()))
        cold = s.argmax(1) if targeted else given
        others = s.scatter(1, cold[:, None], -torch.inf)
        hot = given if targeted else others.argsort(1, descending=True)[:, rank - 1]
        h = torch.zeros_like(s).scatter(1, hot[:, None], s.gather(1, hot[:, None]).abs())
        h = h.scatter(1, cold[:, None], -s.gather(1, cold[:, None]).abs())
        return runtime.gradient(scores * h, x)


def hot_cold(model: nn.Module, x: Tensor, y: Tensor | None = None, *, rank: int = 1, targeted: bool = False) -> Tensor:
    """Hot/cold (Rozsa 2016): x moved along `hot_cold_direction` by the smallest scale that changes the class; targeted: that reaches `y`."""
    direction = hot_cold_direction(model, x, y, rank=rank, targeted=targeted)
    return smallest_scale(model, x, direction, y, targeted=targeted).images


def gradient_direction(model: nn.Module, x: Tensor, y: Tensor | None = None, *, sign: bool = False) -> Tensor:
    """The direction of `fgv`, the loss's gradient, or with `sign` that of `fgsm`: for `smallest_scale`, `[N, C, H, W]`."""
    with attacking(model, x, y) as (x, y):
        direction = input_gradient(model, x, y)
        return direction.sign() if sign else direction


def smallest_scale(
    model: nn.Module, x: Tensor, direction: Tensor, y: Tensor | None = None, *, targeted: bool = False, growth: float = 1.5,
    largest: float = 16.0, halvings: int = 10,
) -> Scaled:  # fmt: skip
    """The smallest s for which x + s d / max|d|, rounded to whole grey levels and clipped, is of another class than `y` `[N]`.

    `y` None: the model's own prediction. targeted: is of the class `y`. s begins at one grey level and grows by the factor `growth` until the class
    changes, at most to `largest` (beyond 1 the smaller pixels still move on, while the larger ones are clipped); then the last interval is
    halved `halvings` times.
    """
    growth, largest = check_positive(growth - 1, "growth - 1", zero=False) + 1, check_positive(largest, "largest", zero=False)
    check_count(halvings, "halvings", least=0)
    if direction.shape != x.shape:
        raise ValueError(f"direction has shape {list(direction.shape)} and x {list(x.shape)}; the same shape is expected.")
    with attacking(model, x, y, targeted=targeted) as (x, labels):
        y, d = labels(runtime.logits(model, x)), unit(direction)
        done = lambda moved, chosen: (runtime.predict(model, moved) == y[chosen]) == targeted  # noqa: E731
        at = lambda scale, chosen: rounded(wide(x[chosen]) + each(scale) * d[chosen], x)  # noqa: E731
        everyone, s = torch.arange(len(x), device=x.device), GREY
        found = done(x, everyone)
        high, low = torch.zeros(len(x), dtype=d.dtype, device=x.device), torch.zeros(len(x), dtype=d.dtype, device=x.device)
        left = everyone[~found & (d != 0).flatten(1).any(1)]
        while len(left) and s <= largest:
            hit = done(at(torch.full_like(high[left], s), left), left)
            high[left[hit]], low[left[~hit]], found[left[hit]] = s, s, True
            left, s = left[~hit], s * growth
        moved = everyone[found & (high > 0)]
        for _ in range(halvings if len(moved) else 0):
            middle = (low[moved] + high[moved]) / 2
            hit = done(at(middle, moved), moved)
            high[moved], low[moved] = torch.where(hit, middle, high[moved]), torch.where(hit, low[moved], middle)
        images = x.clone()
        if len(moved):
            images[moved] = at(high[moved], moved)
        return Scaled(images, high, found)


def _step_and_adjust(
    model: nn.Module, x: Tensor, wanted: Tensor, layer: str | nn.Module, y: Tensor, targeted: bool, step: float, steps: int
) -> Tensor:
    """Many small steps, each along the direction at the place that was reached; finished pictures are dropped."""
    images, z, left = x.clone(), wide(x).clone(), torch.arange(len(x), device=x.device)
    left = left[(runtime.predict(model, x) == y) != targeted]
    for _ in range(steps):
        if not len(left):
            break
        at = z[left].to(x.dtype)
        z[left] = (z[left] + step * unit(_pulled_back(model, at, layer, lambda own: wanted[left] - own))).clamp(0, 1)
        seen = rounded(z[left], x)
        hit = (runtime.predict(model, seen) == y[left]) == targeted
        images[left[hit]] = seen[hit]
        left = left[~hit]
    return images


def rounded(moved: Tensor, x: Tensor) -> Tensor:
    """Pictures clipped to [0, 1], in whole grey levels, in the precision of x."""
    return ((moved.clamp(0, 1) * 255).round() / 255).to(x.dtype)


def unit(direction: Tensor) -> Tensor:
    """Each direction scaled so that its largest pixel is 1; where all are 0 it stays 0."""
    d = wide(direction.detach())
    return d / each(d.abs().flatten(1).amax(1).clamp_min(torch.finfo(d.dtype).tiny))


def _pulled_back(model: nn.Module, x: Tensor, layer: str | nn.Module, change: Callable[[Tensor], Tensor]) -> Tensor:
    """B(change(f(x))): a wanted change of the layer's answer, backpropagated to the pixels."""
    x = runtime.watched(x)
    with layers.stopped_at(model, layer) as run:
        own = run(x)
    slope = torch.autograd.grad((own * change(own.detach())).sum(), x, allow_unused=True)[0] if own.requires_grad else None
    if slope is None:
        name = layers.layer_name(model, layer)
        raise ValueError(f"the layer {name!r} has no gradient for the pixels; choose one that is computed from them by differentiable steps.")
    return slope


def wanted_answers(model: nn.Module, x: Tensor, target: Tensor, layer: str | nn.Module) -> tuple[Tensor, Tensor | None]:
    """What the layer shall answer to each picture `[N, ...]`; and, where the targets are pictures, those."""
    shape = list(layers.representation(model, x[:1], layer).shape[1:])
    if not isinstance(target, Tensor) or list(target.shape[1:]) not in (list(x.shape[1:]), shape) or len(target) not in (1, len(x)):
        given = f"shape {list(target.shape)}" if isinstance(target, Tensor) else f"a {type(target).__name__}"
        raise ValueError(
            f"target is {given}; expected: pictures {[len(x), *x.shape[1:]]} like x, or answers of the layer {[len(x), *shape]}; or one for all."
        )
    if target.shape[1:] == x.shape[1:]:
        check_pictures(target, model, name="target")
        return layers.representation(model, target, layer).expand(len(x), *shape), target
    if not target.isfinite().all() or target.device != x.device:
        raise ValueError(f"target holds NaN or infinite values, or lies on {target.device}; finite ones on {x.device} are expected.")
    return runtime.detached(target).to(x.dtype).expand(len(x), *shape), None


def _classes(model: nn.Module, x: Tensor, y: Tensor | None, shown: Tensor | None, targeted: bool) -> Tensor:
    """The classes to leave `[N]`, or to reach; a picture and its target must not be of one class."""
    scores = runtime.logits(model, x)
    own = scores.argmax(1)
    if y is not None:
        y = check_labels(y, len(x), scores.shape[1], where=x.device)
    goal = None if shown is None else runtime.predict(model, shown).expand(len(x))
    if targeted and y is None and goal is None:
        raise ValueError("targeted=True with stored answers as target needs y, the classes that the pictures shall be taken for.")
    goal = y if targeted and y is not None else goal
    start = own if targeted or y is None else y
    _own_class(goal is not None and bool((goal == start).any()))
    return goal if targeted else start


def _own_class(same: bool) -> None:
    if same:
        raise ValueError("a picture and its target are of the same class; a target of another class is expected.")
