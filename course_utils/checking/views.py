"""A step for several views of a picture: the views to try it on, its gradients, and what goes wrong with more than one view."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from ..runtime import generator
from .exercise import Case
from .probes import probe
from .slips import Value, gradient_of, of_a_small_step, total_loss

View = Callable[[Tensor], Tensor]


def shifted(right: int, down: int, gain: float) -> View:
    """A view: the picture moved by some pixels, in another light."""
    return lambda x: gain * x.roll((down, right), (2, 3))


VIEWS = [shifted(0, 0, 1.0), shifted(1, 0, 0.7), shifted(0, 2, 0.9), shifted(2, 1, 0.4), shifted(1, 3, 0.8)]

LIGHTS = [shifted(0, 0, 1.0), shifted(0, 0, 0.6)]  # the network does not see the first pixel: its gradient is exactly 0


def on_the_way() -> Iterator[Case]:
    """Pictures x, where the attack is now, and the views of them."""
    model, x, y = probe(channels=3)
    noise = 2 * torch.rand(x.shape, generator=generator(3)) - 1
    for pictures, eps, step, views in ((x, 0.0973, 0.0613, VIEWS[1:]), (x.flip(0), 0.0513, 0.0891, VIEWS), (x, 0.0731, 0.0427, VIEWS[2:4]),
                                      (x, 0.0653, 0.0511, LIGHTS)):  # fmt: skip
        now = (pictures + (1.7 * eps * noise).clamp(-eps, eps)).clamp(0, 1)
        yield {"model": model, "views": views, "x": pictures, "now": now, "y": y, "eps": eps, "step": step}


def seen_by(model: nn.Module, view: View) -> Callable[[Tensor], Tensor]:
    """The scores of what a view shows."""
    return lambda z: model(view(z))


def slopes(value: Value, model: nn.Module, views: list[View], now: Tensor, y: Tensor) -> list[Tensor]:
    """Each view's gradient of a value of the scores, for the pictures before the view."""
    return [gradient_of(value, seen_by(model, view), now, y) for view in views]


def mean_slope(value: Value, both: tuple[nn.Module, list[View]], now: Tensor, y: Tensor) -> Tensor:
    """The mean of the views' gradients, for a model and its views."""
    return torch.stack(slopes(value, *both, now, y)).mean(0)


def stepped(direction: Tensor, x: Tensor, now: Tensor, eps: float, step: float) -> Tensor:
    """now + step * sign(direction), brought back to within eps of x and into [0, 1]."""
    return (now.detach() + step * direction.sign()).clamp(x.detach() - eps, x.detach() + eps).clamp(0, 1)


def _combined(change: Callable[[list[Tensor]], Tensor]) -> Callable[..., Tensor]:
    """A wrong answer that combines the views' gradients in another way."""
    return lambda model, views, x, now, y, eps, step: stepped(change(slopes(total_loss, model, views, now, y)), x, now, eps, step)


def _joined(scores: Callable[[nn.Module, list[View], Tensor], Tensor]) -> Callable[..., Tensor]:
    """A wrong answer with one loss, of scores that come from all views together."""
    return lambda model, views, x, now, y, eps, step: stepped(
        gradient_of(total_loss, lambda z: scores(model, views, z), now, y), x, now, eps, step)


def _one_after_the_other(model: nn.Module, views: list[View], x: Tensor, now: Tensor, y: Tensor, eps: float, step: float) -> Tensor:
    for view in views:
        now = stepped(gradient_of(total_loss, seen_by(model, view), now, y), x, now, eps, step)
    return now


def _walk(model: nn.Module, views: list[View], x: Tensor, now: Tensor, y: Tensor, eps: float, step: float) -> Tensor:
    """The same, brought back at the end only."""
    start = x.detach()
    for view in views:
        now = now.detach() + step * gradient_of(total_loss, seen_by(model, view), now, y).sign()
    return now.clamp(start - eps, start + eps).clamp(0, 1)


def _unsigned(over_pictures: bool) -> Callable[..., Tensor]:
    """A wrong answer that adds the sum of the views' gradients, of the summed loss or (over_pictures) of the mean loss of the pictures."""

    def wrong(model: nn.Module, views: list[View], x: Tensor, now: Tensor, y: Tensor, eps: float, step: float) -> Tensor:
        moved = step * sum(slopes(total_loss, model, views, now, y)) / (len(x) if over_pictures else 1)
        return (now + moved).detach().clamp(x.detach() - eps, x.detach() + eps).clamp(0, 1)

    return wrong


def _length(g: Tensor) -> Tensor:
    return g.flatten(1).norm(dim=1)[:, None, None, None].clamp_min(1e-12)


def _with_views(wrong: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A wrong small step, made with the mean of all views."""
    return lambda model, views, *rest: wrong((model, views), *rest)


MISTAKES: tuple[tuple[Callable[..., Tensor], str], ...] = (
    (_combined(lambda g: sum(one.sign() for one in g)),
     "the signs are averaged; average the gradients (or the losses) and take the sign of that: a view whose gradient is tiny must not have the same vote."),
    (_joined(lambda model, views, z: model(torch.stack([view(z) for view in views]).mean(0))),
     "the views are averaged to one picture, which no camera sees; average the losses of the views."),
    (_joined(lambda model, views, z: torch.stack([model(view(z)) for view in views]).mean(0)),
     "the scores are averaged before the loss; average the losses of the views."),
    (_combined(lambda g: g[0]), "only the first view is used; use the losses of all."),
    (_combined(lambda g: g[-1]), "only the last view counts; add up the losses of all views."),
    (_joined(lambda model, views, z: torch.stack([model(view(z)).softmax(1) for view in views]).mean(0).log()),
     "the probabilities are averaged before the logarithm; average the losses of the views."),
    (_one_after_the_other, "a step is made for each view, one after the other; one step is made, for the mean of all."),
    (_walk, "a step is made for each view, one after the other; one step is made, for the mean of all."),
    *((_unsigned(over), "the gradient itself is added; take its sign, so that each pixel moves by `step`.") for over in (False, True)),
    (_combined(lambda g: sum(one / _length(one) for one in g)), "each view's gradient is scaled to length 1 first; average the losses as they are."),
    (_joined(lambda model, views, z: model(z)), "the views are not used; the loss is that of model(view(z)), for each view."),
    *((_with_views(wrong), sentence) for wrong, sentence in of_a_small_step(mean_slope)),
)  # fmt: skip
