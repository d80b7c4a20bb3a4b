"""For the exercise on a random search: places around pictures of which some fool a network, with what comes out where they are judged in a wrong way."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from ..runtime import frozen, generator
from .exercise import Case
from .probes import probe

Judge = Callable[[Tensor, Tensor], Tensor]  # classes [N, T] at the places and y [N] to [N]


def sought() -> Iterator[Case]:
    """Pictures with several, with few and with one place each; y is what the network says at one of the places, so that some are never fooled.

    In the second case all places lie on one side: the network says other things there than at x.
    """
    for seed, count, tries, eps, low in ((3, 24, 5, 0.37, -1.0), (4, 20, 3, 0.83, 0.1), (5, 16, 1, 0.41, -1.0)):
        model, x, _ = probe(channels=2, count=count)
        noise = low + (1 - low) * torch.rand((count, tries, *x.shape[1:]), generator=generator(seed))
        says = answers(model, x, eps, noise)
        y = says[torch.arange(count), torch.arange(count) % tries]
        y = torch.where(torch.arange(count) % 4 == 3, (y + 1) % 4, y)  # some that the first place fools, too
        yield {"model": model, "x": x, "y": y, "eps": eps, "noise": noise}


def answers(model: nn.Module, x: Tensor, eps: float, noise: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
    """The network's classes at the places, clipped to low and high, [N, T]."""
    places = (x.detach()[:, None] + eps * noise.detach()).clamp(low, high)
    with frozen(model), torch.no_grad():
        return model(places.flatten(0, 1)).argmax(1).view(noise.shape[:2])


def judged(rule: Judge, low: float = 0.0, high: float = 1.0) -> Callable[..., Tensor]:
    """The search with another judgement, or another clip."""
    return lambda model, x, y, eps, noise: rule(answers(model, x, eps, noise, low, high), y)


def moved(change: Callable[[Tensor, float, Tensor], tuple[Tensor, float, Tensor]]) -> Callable[..., Tensor]:
    """The search at other places: change(x, eps, noise) gives others of the three."""

    def wrong(model: nn.Module, x: Tensor, y: Tensor, eps: float, noise: Tensor) -> Tensor:
        return (answers(model, *change(x, eps, noise)) != y[:, None]).any(1)

    return wrong


def added_up(model: nn.Module, x: Tensor, y: Tensor, eps: float, noise: Tensor) -> Tensor:
    """The tries are added up, each from where the last one ended."""
    at, fooled = x.detach(), torch.zeros_like(y, dtype=torch.bool)
    for k in range(noise.shape[1]):
        at = (at + eps * noise[:, k]).clamp(0, 1)
        with frozen(model), torch.no_grad():
            fooled = fooled | (model(at).argmax(1) != y)
    return fooled


def placed(low: float, high: float) -> Callable[..., Tensor]:
    """The search with another clip."""
    return judged(lambda says, y: (says != y[:, None]).any(1), low, high)


def of_mean_scores(model: nn.Module, x: Tensor, y: Tensor, eps: float, noise: Tensor) -> Tensor:
    """Each picture is judged by the mean of its scores over the places."""
    places = (x.detach()[:, None] + eps * noise.detach()).clamp(0, 1)
    with frozen(model), torch.no_grad():
        return model(places.flatten(0, 1)).unflatten(0, noise.shape[:2]).mean(1).argmax(1) != y


def only_known(model: nn.Module, x: Tensor, y: Tensor, eps: float, noise: Tensor) -> Tensor:
    """Pictures that the network has wrong at x do not count."""
    return (answers(model, x, eps, noise) != y[:, None]).any(1) & (answers(model, x, 0.0, noise)[:, 0] == y)


MIXED = "the answers are sorted back wrongly: in a batch made by flatten(0, 1) all tries of one picture stand together; .view(noise.shape[:2]) undoes it."
SIDES = "places are clipped on one side only, or not to [0, 1]; .clamp(0, 1)."
ONE = "one place that fools is enough; it need not be most of them."
MISJUDGED: tuple[tuple[Callable[..., Tensor], str], ...] = (
    (judged(lambda says, y: (says.flatten().view(says.shape[::-1]) != y).any(0)), MIXED),
    (judged(lambda says, y: (says.T.reshape(says.shape) != y[:, None]).any(1)), MIXED),
    (placed(0.0, torch.inf), SIDES),
    (placed(-torch.inf, 1.0), SIDES),
    (placed(-1.0, 1.0), SIDES),
    (judged(lambda says, y: (says != y[:, None]).sum(1) * 2 > says.shape[1]), ONE),
    (judged(lambda says, y: (says != y[:, None]).sum(1) * 2 >= says.shape[1]), ONE),
    (judged(lambda says, y: says.mode(1).values != y), ONE),
    (of_mean_scores, "the scores of the tries are averaged; each try has an answer of its own, and one that fools is enough."),
    (only_known, "pictures that the network has wrong at x are left out; only the places count."),
)
