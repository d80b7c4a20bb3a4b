"""The open task of chapter 23: something that is put before an ordinary network, and what is left of it under all attacks together."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable

import torch
from torch import Tensor, nn

from .. import attacks, data, measure, models, runtime
from ..checking import Mistake, OpenTask, expect, expect_inside, returned, untouched
from ..checking.calls import call
from ..defenses import bit_depth, bpda

NETWORK, OTHER, COUNT, SEED, EPS = "lenet-digits", "lenet-digits-twin", 40, 5, 0.3  # the chapter shows the pictures of seed 0


@functools.lru_cache(maxsize=1)
def material() -> tuple[nn.Module, Tensor, Tensor, Tensor]:
    """The network, drawn digits, their classes, and what PGD makes of them on another network."""
    net, pictures = models.load(NETWORK), data.load("digits", "test", n=COUNT, source="drawn", seed=SEED)
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    return net, x, y, attacks.pgd(models.load(OTHER), x, y, eps=EPS, steps=15, generator=runtime.generator(1))


class Shielded(nn.Module):
    """The network behind the shield; what the shield gives is checked each time. Chance falls otherwise each time, too."""

    def __init__(self, net: nn.Module, shield: Callable) -> None:
        super().__init__()
        self.net, self.shield, self.calls = net, shield, 0

    def before(self, x: Tensor) -> Tensor:
        given, self.calls = x.detach().clone(), self.calls + 1
        with torch.no_grad(), untouched(x=given):
            got = returned(call(self.shield, seed=self.calls, x=given), given, "the batch of pictures")
        expect_inside(got)
        return got

    def forward(self, x: Tensor) -> Tensor:
        return self.net(self.before(x))


def same(a: Tensor, b: Tensor, words: str) -> None:
    if not torch.allclose(a, b, atol=1e-5):
        raise Mistake(words)


def left(shield: Callable) -> float:
    """The percentage of unseen digits that are right in the worst case: unchanged, and under four attacks with a budget of 0.3."""
    net, x, y, carried = material()
    shielded = Shielded(net, shield)
    first = shielded.before(carried)  # before it has seen a clean picture
    same(first, shielded.before(carried), "the same pictures come out otherwise the second time; a shield with chance in it is for the arena, not for this task.")
    same(first[:3], torch.cat([shielded.before(one[None]) for one in carried[:3]]), "a picture comes out otherwise when it is alone; each must be changed for itself.")
    chance, kept = runtime.generator(0), runtime.predict(shielded, carried) == y
    through = nn.Sequential(bpda(shielded.before), net)  # as if the shield did nothing, backwards
    lent = bpda(shielded, models.load(OTHER))  # another network, backwards
    for model in (through, lent):
        found = attacks.pgd(model, x, y, eps=EPS, steps=20, loss="margin", generator=chance)
        kept &= runtime.predict(shielded, found) == y
    guessed = attacks.nes(shielded, x[:10], y[:10], eps=EPS, step=0.06, steps=8, samples=40, sigma=0.05, generator=chance)
    kept[:10] &= runtime.predict(shielded, guessed) == y[:10]
    clean = runtime.predict(shielded, x) == y
    expect(clean.float().mean() >= 0.9, f"behind the shield {100 * clean.float().mean():.0f} % of the clean digits are right; at least 90 % are expected.")
    new = data.load("digits", "test", n=100, source="drawn", seed=secrets.randbits(30))  # whose seed nobody can know
    known = measure.accuracy(shielded, new.x.to(x), new.y.to(y))
    expect(known >= 0.75, f"of other digits only {100 * known:.0f} % are right behind the shield; what knows certain pictures by heart does not count.")
    same(first, shielded.before(carried), "the same pictures come out otherwise after others have been shown: the shield remembers.")
    return 100 * (kept & clean).float().mean().item()


def three_bits(x: Tensor) -> Tensor:
    """The baseline: eight grey levels."""
    return bit_depth(x, 3)


TASKS = (
    OpenTask("shield", three_bits, left, goal=60.0, minutes=20, hints=(
        "Three bits hide the gradient and keep nearly all of the change. What is left of a change of 0.3 when there are fewer levels?",
        "Look at the histogram of the pixels: most are nearly black or nearly white. Which of two neighbours does a changed pixel belong to?",
        "One threshold: (x > t).to(x.dtype). Is 0.5 the best t?",
    )),
)  # fmt: skip
