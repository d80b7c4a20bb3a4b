"""Direct looks at a network's gradients: are they there, are they the same twice, and do they say what a small step does?

Each gives a few numbers. Where they are wanted near a picture rather than at it, that is because drawn and scanned digits have a background of
exactly 0, on which ReLU and max-pooling have ties: an edge of the loss at which no gradient could say what both sides do.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .asking import Asked, Value, cross_entropy, margin

Numbers = dict[str, float]
NEAR, FAR, TINY, CLEAR = 0.01, 0.064, 0.001, 0.2  # three distances in [0, 1], and an agreement


def inside(x: Tensor, reach: float, source: torch.Generator) -> Tensor:
    """A random place within `reach` of each picture and inside [0, 1], every pixel for itself.

    It is drawn there, not clipped to it: clipped, every second pixel of a black background would stay exactly 0.
    """
    low, high = (x - reach).clamp_min(0), (x + reach).clamp_max(1)
    return low + (high - low) * torch.rand(x.shape, generator=source).to(x)


def coins(x: Tensor, source: torch.Generator) -> Tensor:
    """+1 or -1 for every pixel."""
    return (2 * torch.randint(0, 2, x.shape, generator=source) - 1).to(x)


def rows(x: Tensor) -> Tensor:
    """Pictures as rows of ordinary numbers: what is not finite is 0."""
    return x.flatten(1).double().nan_to_num(0, 0, 0)


def share(of: Tensor) -> float:
    return of.double().mean().item()


def alike(a: Tensor, b: Tensor) -> Tensor:
    """The cosine between two rows, `[N]`, however small they are; 0 where one of them is 0."""
    a, b = (v / v.abs().amax(1, keepdim=True).clamp_min(1e-300) for v in (a, b))
    return (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1)).clamp_min(1e-300)


def spread(scores: Tensor) -> Tensor:
    """How far a picture's scores lie apart, in the mean over the pictures."""
    return rows(scores).std(1).mean().clamp_min(1e-30)


def same_twice(asked: Asked, x: Tensor) -> Numbers:
    """How far scores differ, as a share of their spread: in two calls, at another place in the batch, beside fewer pictures. answers: how many change."""
    first, again = asked.scores(x), asked.scores(x)
    half = x[: (len(x) + 1) // 2]
    differences = {"calls": first - again, "place": first - asked.scores(x.flip(0)).flip(0), "company": first[: len(half)] - asked.scores(half)}
    far = {name: (rows(d).abs().mean() / spread(first)).item() for name, d in differences.items()}
    return far | {"answers": share(first.argmax(1) != again.argmax(1))}


def present(asked: Asked, x: Tensor, y: Tensor, source: torch.Generator) -> Numbers:
    """The shares of pictures whose gradients are exactly 0, or not finite; the share of pixels without one, and what they do; whether two calls agree."""
    (scores, g), (_, again), (_, m) = asked.slope(x, y), asked.slope(x, y), asked.slope(x, y, margin)
    near = inside(x, NEAR, source)
    dark = asked.slope(near, y)[1] == 0
    finite = (g.flatten(1).isfinite() & m.flatten(1).isfinite()).all(1) & scores.isfinite().all(1)
    zero = (rows(g) == 0).all(1) & finite
    agree = alike(rows(g), rows(again))[finite & ~zero]
    return {
        "zero": share(zero), "zero_margin": share((rows(m) == 0).all(1) & finite), "broken": 1 - share(finite),
        "blind": share(dark), "unseen": unseen(asked, near, dark, source), "two_gradients": share(agree) if len(agree) else 1.0,
    }  # fmt: skip


def unseen(asked: Asked, x: Tensor, dark: Tensor, source: torch.Generator) -> float:
    """How much of what a change of 0.001 in all pixels does comes from those without a gradient: 0 where the gradient is rightly 0."""
    first, change = asked.scores(x), TINY * coins(x, source)
    some, whole = (rows(asked.scores((x + c).clamp(0, 1)) - first).abs().mean() for c in (change * dark, change))
    return (some / whole.clamp_min(1e-300)).item()


def refusal(asked: Asked, x: Tensor, y: Tensor) -> Numbers:
    """The share of pictures for which the score that says "refused" has no gradient."""
    if asked.refuses is None:
        return {}
    own: Value = lambda scores, y: scores[:, asked.refuses]  # noqa: E731
    whole = Asked(asked.model)
    whole.refuses = None
    _, g = whole.slope(x, y, own)
    _, classes = whole.slope(x, y, lambda scores, y: asked.classes(scores).amax(1))
    hidden = (rows(g) == 0).all(1) | ((rows(g) - rows(classes)).abs().amax(1) <= 1e-6 * rows(g).abs().amax(1))
    return {"refusal": share(hidden)}


def foretold(asked: Asked, x: Tensor, y: Tensor, source: torch.Generator) -> Numbers:
    """foretold: for a small step along the margin's gradient, |what it did - what the gradient said| as a share of both: 0 where it is right.

    needed: how far all pixels must move, by the gradient's word, until the margin is gone, margin / sum |g|: the median over the pictures. The step
    is 0.001, but at most a tenth of that: some networks of photos need no more than 0.0003, and farther away other classes come up.
    """
    x = inside(x, NEAR, source)
    scores, g = asked.slope(x, y, margin)
    behind = margin(asked.classes(scores), y)
    needed = behind.double().abs().nan_to_num(0, 0, 0) / rows(g).abs().sum(1).clamp_min(1e-300)
    step = (needed / 10).clamp(max=TINY).to(x)[:, None, None, None]
    moved = (x + step * g.nan_to_num(0, 0, 0).sign()).clamp(0, 1)
    said = (rows(g) * rows(moved - x)).sum(1)
    did = (margin(asked.classes(asked.scores(moved)), y) - behind).double().nan_to_num(0, 0, 0)
    off = (did - said).abs().sum() / (did.abs() + said.abs()).sum().clamp_min(1e-300)
    return {"foretold": off.item(), "needed": needed.median().item()}


def jumps(asked: Asked, x: Tensor, source: torch.Generator) -> Numbers:
    """What a change of 0.0001 does to the scores over what one of 0.001 does: about a tenth where they are smooth, 1 where they jump."""
    x = inside(x, NEAR, source)
    first, signs = asked.scores(x), coins(x, source)
    small, large = (rows(asked.scores((x + h * signs).clamp(0, 1)) - first).abs().mean() for h in (TINY / 10, TINY))
    return {"jumps": (small / large.clamp_min(1e-300)).item()}


def sizes(asked: Asked, x: Tensor, y: Tensor, source: torch.Generator) -> Numbers:
    """For two places near each picture: how alike are the gradients (cosine), and how alike are their signs? On a smooth staircase only the signs are.

    Within 0.064 and within 0.016; the reach in which the cosine is the smaller part of the signs' agreement, as long as that is above 0.2.
    """
    found = []
    for reach in (FAR, FAR / 4):
        a, b = (rows(asked.slope(inside(x, reach, source), y, margin)[1]) for _ in range(2))
        found.append({"cosine": share(alike(a, b)), "signs": share(a.sign() * b.sign())})
    return min(found, key=lambda n: n["cosine"] / n["signs"] if n["signs"] > CLEAR else torch.inf)
