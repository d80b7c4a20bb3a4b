"""The contests of the checklist: gradients against searches that never ask for one, step against steps, in growing budgets."""

from __future__ import annotations

import torch
from torch import Tensor

from ...attacks.balls import MaxBall
from ...attacks.common import each
from .asking import Asked, Value, cross_entropy, margin, scaled
from .looks import coins, inside, spread

LEVELS = (2, 8, 16, 32, 64, 128, 255)  # the budgets, in grey levels
TOP, BELOW_HALF = LEVELS[-1], 112
CLOSE = 2.0  # scores in which the right class is less ahead are scaled
SATURATED = 0.1  # of the scores' spread: a smaller lead says that several scores have run into the same ceiling


def descend(
    asked: Asked, x: Tensor, y: Tensor, eps: float, source: torch.Generator, *, steps: int = 10, value: Value = cross_entropy, random: bool = True
) -> Tensor:  # fmt: skip
    """Which pictures are fooled by steps along the gradient's sign from a random start, `[N]`; each is done when it fools, asked twice."""
    ball, left = MaxBall(x, eps), torch.arange(len(x), device=x.device)
    moved, fooled = ball.back(inside(x, eps, source)) if random else x.clone(), torch.zeros(len(x), dtype=torch.bool, device=x.device)
    for k in range(steps + 1):
        ask = asked.slope if k < steps else (lambda x, y, value: (asked.scores(x), x))  # the last place needs no gradient
        scores, g = ask(moved[left], y[left], value)
        won = sure(asked, scores, moved[left], y[left]) & (k > 0 or random)
        fooled[left[won]] = True
        left, g = left[~won], g[~won]
        if k == steps or not len(left):
            return fooled
        moved[left] = ball[left].back(moved[left] + min(2.5 / steps, 1) * eps * g.nan_to_num(0, 0, 0).sign())
    return fooled


def sure(asked: Asked, scores: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Which pictures fool the network by these scores, and when it is asked once more, `[N]`."""
    won = asked.fooled(scores, y)
    if bool(won.any()):
        won[won.clone()] = asked.judged(x[won], y[won])
    return won


def squares(asked: Asked, x: Tensor, y: Tensor, eps: float, source: torch.Generator, *, queries: int = 100) -> Tensor:
    """Which pictures a random search fools, `[N]`: stripes of +-eps, then squares, kept where the margin does not fall (Andriushchenko 2020)."""
    count, channels, height, width = x.shape
    ball, left = MaxBall(x, eps), torch.arange(count, device=x.device)
    fooled, best, top = torch.zeros_like(left, dtype=torch.bool), x, torch.full((count,), -torch.inf, device=x.device)
    for k in range(queries):
        if k == 0:
            tried = ball.back(x + eps * coins(x[:, :, :1], source))
        else:
            side = max(1, round((0.3 * 0.5 ** (8 * k / queries) * height * width) ** 0.5))
            there = windows(len(left), height, width, side, source).to(x.device)
            tried = torch.where(there, ball[left].back(x[left] + eps * coins(x[left, :, :1, :1], source)), best[left])
        scores = asked.scores(tried)
        won = sure(asked, scores, tried, y[left])
        reached = margin(asked.classes(scores), y[left]).float().nan_to_num(-torch.inf)
        best = best.index_copy(0, left, torch.where(each(reached >= top[left]), tried, best[left]))
        top[left] = torch.maximum(reached, top[left])
        fooled[left[won]] = True
        left = left[~won]
        if not len(left):
            break
    return fooled


def windows(count: int, height: int, width: int, side: int, source: torch.Generator) -> Tensor:
    """A square window at a random place for each picture, `[N, 1, H, W]`, true inside."""

    def run(length: int) -> Tensor:
        start = torch.randint(0, max(1, length - side + 1), (count, 1), generator=source)
        place = torch.arange(length)
        return (place >= start) & (place < start + side)

    return run(height)[:, None, :, None] & run(width)[:, None, None, :]


Shares = dict[int, float]  # grey levels -> the share of the pictures that is fooled


def contests(asked: Asked, x: Tensor, y: Tensor, source: torch.Generator, *, steps: int, queries: int, loss: Value = cross_entropy) -> dict[str, Shares]:
    """The shares that each attack fools in each budget. loss: what the steps climb.

    The searches are tried in the two largest budgets in which the gradients fool less than 70 %: in smaller ones nobody finds anything, in
    larger ones nobody can find more.
    """
    found = {"elsewhere": {TOP: share_of(other_answers(asked, x, y, source))}}
    found |= {"many steps": {k: share_of(descend(asked, x, y, k / 255, source, steps=steps, value=loss)) for k in LEVELS}}
    found["one step"] = {k: share_of(descend(asked, x, y, k / 255, source, steps=1, value=loss, random=False)) for k in LEVELS[:-1]}
    open_ones = [k for k in LEVELS[:-1] if found["many steps"][k] < 0.7][-2:]
    found["random search"] = {k: share_of(squares(asked, x, y, k / 255, source, queries=queries)) for k in open_ones}
    found["margin"] = {k: share_of(descend(asked, x, y, k / 255, source, steps=steps, value=margin)) for k in open_ones}
    return found


def freed(asked: Asked, x: Tensor, y: Tensor, together: bool) -> Value:
    """The cross-entropy, freed of a mere scale of the scores that nothing is hidden by.

    Of scores a thousand times smaller it hardly looks at the runner-up: it lifts all other classes alike. So scores that lie close together are
    scaled. together: the pictures' scores depend on each other, so that a sure picture's gradient drowns in those of its neighbours; those are scaled
    as well, however large they are. Scores that lie together since they are saturated are left as they are: that does hide.
    """
    scores = asked.scores(x)
    ahead = -margin(asked.classes(scores), y).nan_to_num(0, 0, 0).median().item()
    close = together or ahead < CLOSE
    return scaled if close and ahead > SATURATED * spread(scores).item() else cross_entropy


def beside_noise(asked: Asked, x: Tensor, y: Tensor, source: torch.Generator, many: Shares, *, steps: int, loss: Value = cross_entropy) -> dict[int, tuple[float, float]]:
    """What steps along the gradient fool, and what noise of the same size: grey levels -> two shares.

    One budget more than the contests have: a picture of two levels cannot be changed below 128/255, and above it noise is enough.
    """
    many = many | {BELOW_HALF: share_of(descend(asked, x, y, BELOW_HALF / 255, source, steps=steps, value=loss))}
    return {k: (share, share_of(asked.judged((x + k / 255 * coins(x, source)).clamp(0, 1), y))) for k, share in many.items()}


def other_answers(asked: Asked, x: Tensor, y: Tensor, source: torch.Generator) -> Tensor:
    """For which of the pictures the network answers anything else anywhere, `[N]`: to black, grey, white, noise, the other pictures and their negatives."""
    flat = torch.stack([torch.full_like(x[0], v) for v in (0.0, 0.5, 1.0)])
    asked_about = torch.cat([flat, torch.rand(x[:8].shape, generator=source).to(x), x, 1 - x])
    says = asked.scores(asked_about).argmax(1)
    says = says[says != (-1 if asked.refuses is None else asked.refuses)]
    return (says != y[:, None]).any(1)


def share_of(fooled: Tensor) -> float:
    return fooled.float().mean().item()
