"""What the arena does to a submission, in this order: the cheapest and most telling first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..attacks import carlini_wagner, deepfool, fgsm, nes, one_pixel, pgd, random_sign, stickers, universal_perturbation
from ..attacks.common import within
from ..defenses import bpda
from .proxy import Averaged, Proxy
from .searching import Calmed, best_of, from_others, square, stand_in

EPS = 0.3  # the budget for digits, in the max-norm (Madry 2017)
L2 = 2.0  # and for the attacks that look for the smallest change in L2
MAX, FAR = f"max-norm {EPS}", f"L2 {L2:g}"


class NotRun(Exception):
    """An attack that has nothing to do here; says why."""


@dataclass
class Bout:
    """What an attack may use: the submission as it is, with what has no gradient passed straight through, and in the mean over draws."""

    model: Proxy
    straight: Proxy
    others: list[nn.Module]
    seeds: Tensor
    chance: torch.Generator
    start: Callable[[], nn.Module]
    random: bool = False
    each: float = float("inf")  # seconds that an attack has for a picture
    made: dict[str, nn.Module] = field(default_factory=dict)

    def mean(self, model: nn.Module | None = None) -> Averaged:
        return Averaged(self.model if model is None else model, 8 if self.random else 3, 0.02, self.chance)

    def affordable(self, calls: float, most: int, least: int = 1) -> int:
        """How often something that takes so many calls can be done for each picture."""
        return int(max(least, min(most, self.each / max(calls * self.model.pace, 1e-9))))

    def check(self) -> None:
        self.model.hurry()

    def stand_in(self) -> nn.Module:
        """Trained once, when it is first needed."""
        if "stand-in" not in self.made:
            self.made["stand-in"] = stand_in(self.model, self.seeds, self.start(), self.check, rounds=3, seed=1)
        return self.made["stand-in"]


class Attack(NamedTuple):
    """name: in the report. does: in words. share: of the time, beside the others'. most: pictures it is tried on. threat: what it may change."""

    name: str
    does: str
    run: Callable[[Bout, Tensor, Tensor], Tensor]
    share: float
    most: int = 1000
    threat: str = MAX
    left: bool = False  # only on the pictures that no attack has fooled yet
    together: int = 25  # so many pictures at a time; when its time is up, those of the last time are lost

    @property
    def counts(self) -> bool:
        """Whether it stays within the budget that the verdict is about."""
        return self.threat == MAX


def clipped(x: Tensor, found: Tensor) -> Tensor:
    """The found pictures, brought into the budget."""
    return within(found, x, EPS)


def by_pgd(bout: Bout, x: Tensor, y: Tensor, model: nn.Module, steps: int, restarts: int = 1, loss: str = "margin") -> Tensor:
    return pgd(model, x, y, eps=EPS, steps=steps, restarts=restarts, loss=loss, generator=bout.chance)


def straight(bout: Bout, x: Tensor, y: Tensor) -> Tensor:
    if not crosses(bout, x):
        raise NotRun("found nothing to pass straight through")
    return by_pgd(bout, x, y, bout.mean(bout.straight) if bout.random else bout.straight, 20, 2)


def crosses(bout: Bout, x: Tensor) -> bool:
    """Whether something in the network was passed straight through."""
    bout.straight(x[:2].clone().requires_grad_())
    return bout.straight.crossed


def borrowed(bout: Bout, x: Tensor, y: Tensor) -> Tensor:
    """The submission forwards, another network of the course backwards."""
    nets = [bpda(bout.model, net) for net in bout.others[:2]]
    return best_of(bout.model, x, y, [lambda net=net: by_pgd(bout, x, y, net, 15) for net in nets])


def learnt(bout: Bout, x: Tensor, y: Tensor) -> Tensor:
    """A stand-in that was trained on the submission's answers: its own adversarial pictures, and its gradient under the submission's scores."""
    net = bout.stand_in()
    return best_of(bout.model, x, y, [lambda: by_pgd(bout, x, y, net, 20), lambda: by_pgd(bout, x, y, bpda(bout.model, net), 15)])


def one_for_all(bout: Bout, x: Tensor, y: Tensor) -> Tensor:
    v = universal_perturbation(bout.model, x, xi=EPS, passes=2, steps=3, classes=4, generator=bout.chance).perturbation
    return clipped(x, x + v)


def nearest(bout: Bout, x: Tensor, y: Tensor) -> Tensor:
    return clipped(x, deepfool(bout.model, x, y, norm="linf", steps=20, classes=5))


def last_stand(bout: Bout, x: Tensor, y: Tensor) -> Tensor:
    strong = bout.straight if bout.straight.crossed else bout.model
    strong = bout.mean(strong) if bout.random else strong
    makers = [lambda: by_pgd(bout, x, y, strong, 100, 3), lambda: square(bout.model, x, y, eps=EPS, queries=1000, generator=bout.chance)]
    return best_of(bout.model, x, y, makers if not bout.model.trouble else makers[1:])


PROGRAMME = (
    Attack("noise", "every pixel up or down by chance: the control", lambda b, x, y: random_sign(x, eps=EPS, generator=b.chance), 0.5),
    Attack("fgsm", "one step along the gradient's sign", lambda b, x, y: fgsm(b.model, x, y, eps=EPS), 1),
    Attack("pgd", "20 steps on the cross-entropy", lambda b, x, y: by_pgd(b, x, y, b.model, 20, 1, "cross_entropy"), 4),
    Attack("transfer", "made for other networks of the course", lambda b, x, y: from_others(b.model, b.others, x, y, eps=EPS, steps=10, generator=b.chance), 4),
    Attack("pgd margin", "40 steps on the margin, up to 4 restarts", lambda b, x, y: by_pgd(b, x, y, b.model, 40, b.affordable(3 * 40, 4)), 8),
    Attack("square", "random search with scores alone", lambda b, x, y: square(b.model, x, y, eps=EPS, queries=b.affordable(1, 300, 100), generator=b.chance), 8),
    Attack("bpda straight", "steps, shut doors passed straight through", straight, 6),
    Attack("bpda borrowed", "its scores, another network's gradient", borrowed, 5),
    Attack("eot", "steps on the mean over draws and a little noise", lambda b, x, y: by_pgd(b, x, y, b.mean(), 15), 8, 40, together=10),
    Attack("stand-in", "a network trained on its answers", learnt, 14, 40, together=20),
    Attack("pgd calmed", "steps, scores divided by their size, 2 restarts", lambda b, x, y: by_pgd(b, x, y, Calmed(b.model, x), 20, 2, "cross_entropy"), 3, 40),
    Attack("deepfool", "to the nearest boundary, clipped to the budget", nearest, 4, 25, together=10),
    Attack("universal", "one change for all pictures", one_for_all, 4, 25),
    Attack("carlini-wagner", "the smallest change in L2", lambda b, x, y: carlini_wagner(b.model, x, y, search=4, steps=60, rate=0.05, c=0.1), 5, 15, FAR, together=5),
    Attack("one pixel", "one pixel, by evolution", lambda b, x, y: one_pixel(b.model, x, y, population=30, generations=10, until="fooled", local=False, batch_size=256, generator=b.chance), 3, 15, "1 pixel", together=5),
    Attack("stickers", "two dark and two bright stickers, by evolution", lambda b, x, y: stickers(b.model, x, y, population=20, generations=12, batch_size=256, generator=b.chance).images, 3, 15, "12 % covered", together=5),
    Attack("nes", "a gradient estimated from scores", lambda b, x, y: nes(b.model, x, y, eps=EPS, step=0.05, steps=12, samples=50, sigma=0.01, generator=b.chance), 4, 10, together=5),
    Attack("last stand", "100 steps and 3 restarts, then 1,000 random queries", last_stand, 12, left=True, together=10),
)  # fmt: skip
