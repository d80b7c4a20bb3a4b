"""Direct looks at a network's gradients: are they there, are they the same twice, and do they say what a small step does?"""

from __future__ import annotations

import torch
from torch import Tensor

from ...attacks.common import each
from .asking import Asked, cross_entropy, margin

STEPS = (0.001, 0.004, 0.016, 0.064)


def flat(x: Tensor) -> Tensor:
    return x.flatten(1)


def usable(gradient: Tensor) -> Tensor:
    return gradient.nan_to_num(0, 0, 0)


def inside(x: Tensor, reach: float, source: torch.Generator) -> Tensor:
    """A place within `reach` of each picture, every pixel for itself."""
    noise = torch.rand(x.shape, generator=source).to(x)
    return (x + reach * (2 * noise - 1)).clamp(0, 1)


def spread(scores: Tensor) -> float:
    return scores.nan_to_num(0, 0, 0).std(1).mean().clamp_min(1e-12).item()


def same_twice(asked: Asked, x: Tensor) -> dict[str, float]:
    """How much the scores differ between two calls, and when the batch is in another order, as a share of their spread."""
    first, second = asked.scores(x), asked.scores(x)
    other = asked.scores(x.flip(0)).flip(0)
    half = asked.scores(x[: max(1, len(x) // 2)])
    wide = spread(first)
    def apart(a, b):
        return ((a - b).nan_to_num(0, 0, 0).abs().mean() / wide).item()
    return {"calls": apart(first, second), "order": max(apart(first, other), apart(first[: len(half)], half)), "flips": (first.argmax(1) != second.argmax(1)).float().mean().item()}


def gradients(asked: Asked, x: Tensor, y: Tensor, source: torch.Generator) -> dict[str, float]:
    """The share of pictures whose gradient of the cross-entropy is exactly 0, or not finite; agreement of two calls."""
    scores, g = asked.slope(x, y)
    _, again = asked.slope(x, y)
    near = inside(x, 0.02, source)
    _, there = asked.slope(near, y)
    _, m = asked.slope(x, y, margin)
    finite = flat(g).isfinite().all(1) & scores.isfinite().all(1) & flat(m).isfinite().all(1)
    zero = (flat(g) == 0).all(1)
    g0, a0 = flat(usable(g)), flat(usable(again))
    scale = lambda v: v / v.abs().amax(1, keepdim=True).clamp_min(1e-45)
    top = scores.topk(2, 1).values
    return {
        "zero": zero.float().mean().item(), "zero_near": (flat(there) == 0).all(1).float().mean().item(), "zero_margin": (flat(m) == 0).all(1).float().mean().item(),
        "zero_pixels": (flat(g) == 0).float().mean().item(), "zero_pixels_near": (flat(there) == 0).float().mean().item(),
        "broken": 1 - finite.float().mean().item(), "cos_calls": torch.cosine_similarity(scale(g0), scale(a0)).mean().item(),
        "gap": (top[:, 0] - top[:, 1]).median().item(), "gap_share_50": ((top[:, 0] - top[:, 1]) > 50).float().mean().item(),
    }


def linear(asked: Asked, x: Tensor, y: Tensor, steps=STEPS) -> dict[str, float]:
    """What a step h along the margin gradient's sign does, over what the gradient says of it; and where x moves in [0, 1] only."""
    z0, g = asked.slope(x, y, margin)
    g = usable(g)
    m0 = margin(asked.classes(z0), y)
    result = {}
    for h in steps:
        moved = (x + h * g.sign()).clamp(0, 1)
        said = flat(g * (moved - x)).sum(1)
        did = margin(asked.classes(asked.scores(moved)), y) - m0
        did = did.nan_to_num(0, 0, 0)
        result[f"along_{h}"] = (did.sum() / said.sum().clamp_min(1e-30)).item()
        result[f"along_med_{h}"] = (did / said.clamp_min(1e-30)).median().item()
        result[f"along_dev_{h}"] = ((did - said).abs().sum() / (said.abs().sum() + did.abs().sum()).clamp_min(1e-30)).item()
        back = (x - h * g.sign()).clamp(0, 1)
        said2 = flat(g * (moved - back)).sum(1)
        did2 = (margin(asked.classes(asked.scores(moved)), y) - margin(asked.classes(asked.scores(back)), y)).nan_to_num(0, 0, 0)
        result[f"both_{h}"] = (did2.sum() / said2.sum().clamp_min(1e-30)).item()
    return result


def rough(asked: Asked, x: Tensor, y: Tensor, source: torch.Generator) -> dict[str, float]:
    """How much the scores jump for a tiny random change, over what ten times the change does: 0.1 where they are smooth."""
    z0 = asked.scores(x)
    signs = (torch.randint(0, 2, x.shape, generator=source) * 2 - 1).to(x)
    def change(h):
        return (asked.scores((x + h * signs).clamp(0, 1)) - z0).nan_to_num(0, 0, 0).abs().mean().item()
    a, b, c, d = change(1e-4), change(1e-3), change(1e-2), change(5e-2)
    wide = spread(z0)
    return {"rough_4": a / max(b, 1e-30), "rough_3": b / max(c, 1e-30), "rough_2": c / max(d, 1e-30), "jump_4": a / wide, "jump_3": b / wide, "jump_2": c / wide, "jump_5e-2": d / wide}


def neighbours(asked: Asked, x: Tensor, y: Tensor, source: torch.Generator, reaches=(0.001, 0.004, 0.016, 0.064)) -> dict[str, float]:
    """The cosine between a picture's margin gradient and that at a random neighbour."""
    _, g = asked.slope(x, y, margin)
    result = {}
    for reach in reaches:
        _, there = asked.slope(inside(x, reach, source), y, margin)
        _, other = asked.slope(inside(x, reach, source), y, margin)
        a, b, c = flat(usable(g)), flat(usable(there)), flat(usable(other))
        result[f"cos_{reach}"] = torch.cosine_similarity(b, c, eps=1e-30).mean().item()
        result[f"cos0_{reach}"] = torch.cosine_similarity(a, b, eps=1e-30).mean().item()
        result[f"signs_{reach}"] = (b.sign() * c.sign()).mean().item()
        mean = (b + c) / 2
    return result
