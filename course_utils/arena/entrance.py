"""Before a submission is attacked: does it answer as a network must? And after: did it say the same to a judge who had not been there before?"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .proxy import Proxy
from .session import Failure

FLOOR = 0.8  # of clean pictures that must be right
FOLLOWED = 0.5  # of the answers that may be the decoy label; a tenth is by chance
ALIKE = 1e-3  # scores that differ by less than that share of their spread are the same
COMPANY = 0.05  # of the pictures whose class may depend on the others in the batch


class Entered(NamedTuple):
    """scores `[N, 10]` for the clean pictures. accuracy: the share that is right. random: whether two calls differ. wavers: the share of classes that do."""

    scores: Tensor
    accuracy: float
    random: bool
    wavers: float


def entrance(proxy: Proxy, x: Tensor, y: Tensor) -> Entered:
    """Ask about clean pictures, all at once, again, in another order, and some alone; a Failure says what is not as it must be."""
    with torch.no_grad():
        scores = proxy(x)
        again, turned = proxy(x), proxy(x.flip(0)).flip(0)
        alone = torch.cat([proxy(one[None]) for one in x[:8]])
    if proxy.followed > FOLLOWED * proxy.answers:
        raise Failure(f"it looks at labels: {100 * proxy.followed / proxy.answers:.0f} % of its answers are the decoys that lay beside the pictures, drawn by chance.")
    if proxy.changed:
        raise Failure("it changes the pictures that it is given, in place; work on a copy (x.clone()).")
    classes = scores.argmax(1)
    wavers = differs(classes, again.argmax(1))
    random = bool((scores - again).abs().max() > ALIKE * scores.std().clamp_min(1e-12))
    company = max(differs(classes, turned.argmax(1)), differs(classes[:8], alone.argmax(1)))
    if company > COMPANY + 3 * wavers + 0.2 * random:
        raise Failure(f"its answers depend on the other pictures in the batch: {100 * company:.0f} % of the classes change with them.")
    accuracy = (classes == y).double().mean().item()
    if accuracy < FLOOR:
        same = f"; it says {int(classes[0])} to all of them" if bool((classes == classes[0]).all()) else ""
        raise Failure(f"it has {100 * accuracy:.0f} % of the clean pictures right{same}; at least {100 * FLOOR:.0f} % are expected.")
    return Entered(scores, accuracy, random, wavers)


def differs(a: Tensor, b: Tensor) -> float:
    """The share of the pictures whose classes are not the same."""
    return (a != b).double().mean().item()


def votes(proxy: Proxy, x: Tensor, count: int) -> Tensor:
    """The class that most of `count` calls give each picture, `[N]`."""
    with torch.no_grad():
        said = torch.stack([proxy(x).argmax(1) for _ in range(count)])
    return torch.nn.functional.one_hot(said, 10).sum(0).argmax(1)
