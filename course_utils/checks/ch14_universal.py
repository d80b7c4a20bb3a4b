"""The exercises of chapter 14: who is fooled by one change for all, back into the budget, one picture's turn, what normals have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from ..checking import ATTACK, TENSORS, Case, Exercise, probe
from ..runtime import generator

Change = Callable[[Tensor], Tensor]


def fooling_share(model: nn.Module, x: Tensor, v: Tensor) -> float:
    """The share of pictures whose predicted class is another one with v, clipped to [0, 1]."""
    return told(lambda a, b: a != b)(model, x, v)


def into_budget(v: Tensor, xi: float, norm: str) -> Tensor:
    """v itself where |v| <= xi; else the nearest that is so: clipped ("linf"), or shortened ("l2")."""
    return v.clamp(-xi, xi) if norm == "linf" else v * (xi / length(v)).clamp(max=1)


def one_turn(model: nn.Module, x: Tensor, v: Tensor, xi: float, smallest: Change) -> Tensor:
    """v where it fools the picture x already; else v + smallest(x + v), clipped to xi."""
    return turn(lambda x, v, r, xi: (v + r).clamp(-xi, xi))(model, x, v, xi, smallest)


def shared_part(normals: Tensor, k: int) -> float:
    """The share of the squared singular values that the k largest have, of the rows, each made 1 long."""
    return portion(unit(normals.flatten(1)), k)



def classes(model: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        return model(x).argmax(1)


def told(differs: Callable[[Tensor, Tensor], Tensor], low: float = 0.0, high: float = 1.0) -> Callable[..., float]:
    """A share of pictures by their classes without and with v."""
    return lambda model, x, v: differs(classes(model, x), classes(model, (x + v).clamp(low, high))).double().mean().item()


def for_all() -> Iterator[Case]:
    for seed, size in ((1, 0.35), (2, 0.7), (3, 0.0), (4, 0.15), (6, 0.9)):
        model, x, _ = probe(channels=3, count=23)
        yield from ({"model": model, "x": pictures, "v": size * torch.randn(3, 6, 5, generator=generator(seed))} for pictures in (x.roll(seed, 0), 0.2 + 0.5 * x.roll(7 * seed, 0)))



def length(v: Tensor) -> Tensor:
    return v.norm().clamp_min(1e-12)


def changes() -> Iterator[Case]:
    for seed, size, xi, norm in ((1, 0.3, 0.2137, "linf"), (2, 0.3, 1.3171, "l2"), (3, 0.05, 1.3171, "l2"), (3, 0.05, 0.3137, "linf"), (4, 0.0, 0.2, "l2"), (5, 0.1, 0.4713, "l2")):
        yield {"v": size * torch.randn(3, 4, 5, generator=generator(seed)), "xi": xi, "norm": norm}
    for norm in ("linf", "l2"):
        yield {"v": 1e-3 * torch.randn(1, 4, 5, generator=generator(6), dtype=torch.float64), "xi": 0.00123, "norm": norm}


def budget(linf: Callable[[Tensor, float], Tensor], l2: Callable[[Tensor, float], Tensor]) -> Callable[..., Tensor]:
    """A wrong answer: what it does for each norm."""
    return lambda v, xi, norm: linf(v, xi) if norm == "linf" else l2(v, xi)


box, ball = (lambda v, xi, norm=norm: into_budget(v, xi, norm) for norm in ("linf", "l2"))



def nudge(z: Tensor) -> Tensor:
    """Stands for DeepFool: a change [C, H, W] that depends on where the picture is."""
    return 0.21 * torch.sin(7 * z[0] + torch.arange(z[0].numel(), device=z.device).to(z).view_as(z[0]))


def not_asked(z: Tensor) -> Tensor:
    raise ValueError("smallest was called for a picture that v fools already; that costs gradients for nothing")


def turns() -> Iterator[Case]:
    """Pictures that v fools and others that it does not, some of them only when clipped, or only before."""
    model, pictures, _ = probe(channels=3, count=40)
    found: dict[tuple[bool, bool], list[Case]] = {}
    for seed in range(120):
        x, v = pictures[seed % 40 : seed % 40 + 1], 0.4 * torch.randn(3, 6, 5, generator=generator(seed)).clamp(-1, 1)
        own, after, clipped = (int(classes(model, z)) for z in (x, x + v, (x + v).clamp(0, 1)))
        found.setdefault((after == own, clipped == own), []).append({"model": model, "x": x, "v": v, "xi": 0.3137 - 0.002 * (seed % 40), "smallest": nudge})
    free, fooled = found[True, True], found[False, False]
    grey, (z, *_) = probe()[0].double(), probe()[1].double()
    alone = [{"model": grey, "x": z[None], "v": k * torch.ones(1, 6, 5, dtype=z.dtype), "xi": 0.2137, "smallest": nudge} for k in (0.0, 0.9, -0.9)]
    yield from (free[0], fooled[0], free[1], fooled[1], *alone, *found.get((True, False), [])[:2], *found.get((False, True), [])[:2], free[2], fooled[1] | {"smallest": not_asked})


def turn(update: Callable[..., Tensor], fooled: Callable[..., Tensor] = lambda model, x, v: classes(model, x + v) != classes(model, x),
         ask: Callable[[Tensor, Tensor], Tensor] = lambda x, v: x + v) -> Callable[..., Tensor]:  # fmt: skip
    """One picture's turn: when it counts as fooled, where the smallest change is asked for, and what becomes of v."""

    def answer(model: nn.Module, x: Tensor, v: Tensor, xi: float, smallest: Change) -> Tensor:
        x, v = x.detach(), v.detach()
        return v.clone() if fooled(model, x, v) else update(x, v, smallest(ask(x, v)), xi)

    return answer


def added(x: Tensor, v: Tensor, r: Tensor, xi: float) -> Tensor:
    return (v + r).clamp(-xi, xi)



def unit(rows: Tensor) -> Tensor:
    return rows / rows.norm(dim=1, keepdim=True)


def portion(rows: Tensor, k: int, power: int = 2) -> float:
    values = torch.linalg.svdvals(rows) ** power
    return (values[:k].sum() / values.sum()).item()


def directions() -> Iterator[Case]:
    for seed, count, k in ((0, 8, 2), (1, 8, 3), (2, 5, 1), (3, 30, 4), (4, 6, 6)):
        chance = generator(seed)
        main = torch.randn(count, 3, generator=chance) @ torch.randn(3, 24, generator=chance)
        rows = (main + 0.7 * torch.randn(count, 24, generator=chance)) * torch.linspace(0.2, 6, count)[:, None]
        yield {"normals": rows.view(count, 2, 3, 4), "k": k}


EXERCISES = (
    Exercise("fooling_share", fooling_share, for_all, difficulty=1, minutes=8, battery=TENSORS, what="the share", hints=(
        "Whom does v fool? Those that the network takes for another class with v than without. No right class is needed.",
        "model(...).argmax(1) twice: for x, and for (x + v).clamp(0, 1). v has the shape of one picture and is added to each.",
        "with torch.no_grad(): (model((x + v).clamp(0, 1)).argmax(1) != model(x).argmax(1)).float().mean().item()",
    ), mistakes=(
        (told(lambda a, b: a == b), "this is the share whose class stays; count those whose class changes."),
        (told(lambda a, b: a != b, -1e9, 1e9), "x + v is not clipped; what a camera or a file can hold ends at 0 and 1: .clamp(0, 1)."),
        (lambda m, x, v: told(lambda a, b: a != b)(m, x, v.clamp(0, 1)), "v is clipped; clip the picture, x + v."),
        (lambda m, x, v: 100 * fooling_share(m, x, v), "these are percent; a share from 0 to 1 is expected."),
    )),
    Exercise("into_budget", into_budget, changes, difficulty=2, minutes=10, battery=TENSORS, what="v", hints=(
        "Inside the budget v stays as it is. Outside, the nearest place inside is wanted. What is that for a cube, what for a ball?",
        "Max-norm: each value for itself, clamp(-xi, xi). L2: the direction stays, only the length changes; v.norm() is that of all values together.",
        "v * min(1.0, xi / v.norm()) for L2; where v = 0 that is 0 still: xi / 0 is infinite in torch, and the smaller of the two is 1.",
    ), mistakes=(
        (budget(box, lambda v, xi: v * xi / length(v)), "for l2 every v gets length xi; a shorter one stays as it is: times min(1, xi / |v|)."),
        (budget(lambda v, xi: v * xi / v.abs().max().clamp_min(1e-12), ball), "for linf v is scaled to size xi; clip each value instead: the others need not change."),
        (budget(lambda v, xi: v.clamp(max=xi), ball), "for linf only one side is clipped; -xi is the lower limit."),
        (budget(box, box), "for l2 each value is clipped; there the length of the whole v counts."),
        (budget(ball, ball), "for linf v is shortened to length xi; there each value is clipped."),
        (budget(box, lambda v, xi: v * (xi / v.norm(dim=(1, 2), keepdim=True).clamp_min(1e-12)).clamp(max=1)), "for l2 each channel has a length of its own; all values of v belong together."),
        (lambda v, xi, norm: v.clone(), "v comes back as it was, also where it is larger than xi."),
    )),
    Exercise("one_turn", one_turn, turns, difficulty=2, minutes=12, battery=ATTACK, what="the new v", hints=(
        "First: is this picture's turn over before it begins? Compare the class of x + v with the class of x alone.",
        "If v does not fool it, ask for the smallest change at x + v (not at x), add it to v, and bring the sum back into the budget.",
        "if model(x + v).argmax() != model(x).argmax(): return v.detach().clone(); else (v + smallest(x + v)).clamp(-xi, xi).",
    ), mistakes=(
        (turn(added, lambda m, x, v: torch.tensor(False)), "v changes though it fools this picture already; then it stays as it is."),
        (turn(added, lambda m, x, v: classes(m, (x + v).clamp(0, 1)) != classes(m, x)), "x + v is clipped before it is looked at; on the way it is not, as in the paper."),
        (turn(added, ask=lambda x, v: (x + v).clamp(0, 1)), "the smallest change is asked for at x + v clipped; on the way it is not clipped, as in the paper."),
        (turn(added, ask=lambda x, v: x), "the smallest change is asked for at x; v is there already: ask at x + v."),
        (turn(lambda x, v, r, xi: v + r), "v leaves the budget; bring v + r back: .clamp(-xi, xi)."),
        (turn(lambda x, v, r, xi: r.clamp(-xi, xi)), "the old v is lost; add the new change to it."),
        (turn(lambda x, v, r, xi: ((x + v + r).clamp(0, 1) - x)[0].clamp(-xi, xi)), "v is taken from the clipped picture: whatever this picture clips is then lost for all others. It is v + r."),
        (turn(lambda x, v, r, xi: v), "v stays as it is though it does not fool this picture; then the smallest change is added."),
    )),
    Exercise("shared_part", shared_part, directions, difficulty=2, minutes=8, battery=TENSORS, what="the share", hints=(
        "One row a picture: normals.flatten(1). Rows of very different lengths would count differently: make each 1 long first.",
        "torch.linalg.svdvals(rows) gives the singular values, the largest first. Their squares add up to the number of rows.",
        "rows = normals.flatten(1); rows = rows / rows.norm(dim=1, keepdim=True); s = torch.linalg.svdvals(rows)**2; (s[:k].sum() / s.sum()).item()",
    ), mistakes=(
        (lambda n, k: portion(n.flatten(1), k), "the rows keep their lengths, so that the longest normals decide; divide each by its length."),
        (lambda n, k: portion(unit(n.flatten(1).T), k), "the columns are made 1 long; each picture is a row."),
        (lambda n, k: portion(unit(n.flatten(1)), k, 1), "the singular values are added up as they are; square them."),
        (lambda n, k: portion(unit(n.flatten(1) - n.flatten(1).mean(0)), k), "the mean normal is subtracted first; what all share is the question."),
        (lambda n, k: len(n) * shared_part(n, k), "divide by the sum of all squares."),
    )),
)  # fmt: skip
