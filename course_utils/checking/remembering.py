"""For the exercises on dense associative memory: memories and states, activations, walks; and answers with one mistake each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from ..runtime import frozen, generator
from .exercise import Case
from .probes import probe
from .slips import Value, gradient_of, own_score


def stored() -> Iterator[Case]:
    """Memories and states: small ones; then more pixels, so that 30th powers overflow unless T comes first; one state alone."""
    yield from (memory(6, 5, 3, 4, n, t, seed) for seed, (n, t) in enumerate(((3, 2.0), (2, 1.5), (4, 2.5))))
    yield memory(7, 300, 4, 5, 30, 150.0, 5)
    yield memory(7, 300, 4, 5, 21, 140.0, 6)
    yield memory(6, 5, 3, 1, 3, 2.0, 9)


def memory(k: int, p: int, c: int, count: int, n: int, t: float, seed: int) -> Case:
    """K memories with P pixels and C labels, and states that lean to one of them each."""
    chance = generator(seed)
    pixels, labels = (2 * torch.rand(k, size, generator=chance) - 1 for size in (p, c))
    pixels = pixels.sign() * pixels.abs().sqrt()
    v = (0.8 * pixels[torch.arange(count) % k] + 0.5 * torch.randn(count, p, generator=chance)).clamp(-1, 1)
    return {"pixels": pixels, "labels": labels, "v": v, "n": n, "temperature": t}


def rectified(x: Tensor, n: int) -> Tensor:
    return x.clamp(min=0) ** n


def remembered(
    base: Callable = lambda v, p, q: v @ p.T - q.sum(1), flip: Callable = lambda q: 2 * q, power: Callable = lambda x, n, t: rectified(x / t, n),
    less: Callable = lambda after, before: (after - before).sum(1),
) -> Callable[..., Tensor]:  # fmt: skip
    """The scores with another base, flip, power, or rule of what is taken off."""

    def answer(pixels: Tensor, labels: Tensor, v: Tensor, n: int, temperature: float) -> Tensor:
        b = base(v, pixels, labels)
        return torch.stack([less(power(b + flip(unit), n, temperature), power(b, n, temperature)) for unit in labels.T], 1)

    return answer


def active() -> Iterator[Case]:
    """Activations of every kind: one that outweighs all, many alike, exact halves (also of two) and nearly halves, in tiny and in huge numbers."""
    chance = generator(1)
    yield {"activations": torch.rand(6, 9, generator=chance) ** torch.tensor([0.2, 1, 3, 6, 15, 40])[:, None]}
    yield {"activations": torch.tensor([[1.0, 1, 0, 0], [0, 0, 4, 0], [2, 1, 1, 0], [1, 1, 1, 1], [0, 5, 3, 1]])}
    yield {"activations": torch.tensor([[1.0, 1], [3, 1], [1, 0]])}
    yield {"activations": 1e-25 * torch.rand(5, 30, generator=chance) ** 4}
    yield {"activations": 1e20 * torch.rand(4, 12, generator=chance) ** 8}
    yield {"activations": 1 + 0.01 * torch.rand(2, 60, generator=chance)}
    yield {"activations": torch.tensor([[1.0, 1 + 1e-9, 0], [1 + 1e-9, 0.5, 0.5]], dtype=torch.float64)}


def counted(rule: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """A wrong count from each row's shares, the largest first."""
    return lambda activations: rule((activations / activations.sum(1, keepdim=True)).sort(1, descending=True).values)


class Brightness(nn.Module):
    """Two classes: how bright the picture is (its first `pixels`), and a half. All of its gradient goes one way."""

    def __init__(self, pixels: int) -> None:
        super().__init__()
        self.scale, self.pixels = nn.Parameter(torch.ones(())), pixels

    def forward(self, x: Tensor) -> Tensor:
        bright = self.scale * x.flatten(1)[:, : self.pixels].mean(1)
        return torch.stack([bright, torch.full_like(bright, 0.5)], 1)


class Dimmed(nn.Module):
    """A network whose scores for dark pictures are tiny: beside a bright picture's gradient a dark one's is next to nothing."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x) * torch.where(x.detach().flatten(1).mean(1, keepdim=True) > 0.5, 1.0, 1e-24).to(x)


def overtaken() -> nn.Module:
    """Three classes: the first is ahead at first of the second, which a way up the first raises faster; the third stays at 1."""
    rows = torch.zeros(3, 30)
    rows[0], rows[1, :15] = 0.4 / 30, 3.0 / 15
    model = nn.Sequential(nn.Flatten(), nn.Linear(30, 3))
    model[1].weight.data, model[1].bias.data = rows, torch.tensor([0.7, -0.13, 1.0])
    return model


def ways() -> Iterator[Case]:
    """Networks, pictures, and steps that are enough for some of them only; gradients as tiny as a memory's, huge ones, none; ties, and another runner-up on the way."""
    for channels, size, step, steps, seed in ((1, 1.0, 0.06, 5, 0), (3, 1.0, 0.09, 3, 1), (1, 1e-24, 0.07, 4, 2), (1, 1e20, 0.05, 4, 3), (1, 0.0, 0.05, 2, 4)):
        model, x, y = probe(channels=channels)
        with torch.no_grad():
            model.last.weight.mul_(size), model.last.bias.mul_(size or 1.0)
            own = model(x).argmax(1)
        yield {"model": model, "x": x.roll(seed, 0), "y": torch.where(torch.arange(len(x)) == 3, (own + 1) % 4, own).roll(seed, 0), "step": step, "steps": steps}
    grey = torch.full((1, 6, 5), 0.5)  # a tie of the two classes
    x = torch.stack([grey, *(low + 0.2 * torch.rand(1, 6, 5, generator=generator(3)) for low in (0.45, 0.6, 0.1)), grey])
    for pixels, step, steps in ((30, 0.1, 6), (1, 0.03, 3)):
        yield {"model": Brightness(pixels), "x": x, "y": torch.tensor([0, 0, 0, 0, 1]), "step": step, "steps": steps}
    yield {"model": overtaken(), "x": torch.tensor([0.3, 0.28]).view(2, 1, 1, 1).expand(2, 1, 6, 5).contiguous(), "y": torch.tensor([2, 2]), "step": 0.1, "steps": 6}
    model, x, _ = probe(channels=3)
    yield {"model": (dimmed := Dimmed(model)), "x": x, "y": dimmed(x).argmax(1), "step": 0.1, "steps": 3}
    model, x, _ = probe(channels=3)
    across = (model(x).argmax(1) + 1) % 4  # all are there already; and whatever comes in keeps its precision
    yield {"model": model.double(), "x": x.double(), "y": across, "step": 0.1, "steps": 2}


def ahead(scores: Tensor, y: Tensor) -> Tensor:
    """How far the best other score lies above that of y, `[N]`."""
    return scores.scatter(1, y[:, None], -torch.inf).amax(1) - own_score(scores, y)[:, 0]


def unit(g: Tensor) -> Tensor:
    """Each picture's gradient with a norm of 1, where it is not 0: divided by its largest entry first."""
    scaled = per_picture(lambda rows: rows.abs().amax(1).clamp_min(1e-37))(g)
    return per_picture(lambda rows: rows.norm(dim=1).clamp_min(1e-12))(scaled)


def per_picture(size: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Each picture's gradient, divided by a number of its own."""
    return lambda g: g / size(g.flatten(1)).view(-1, 1, 1, 1)


vanishing = (per_picture(lambda g: g.norm(dim=1).clamp(min=1e-12)), per_picture(lambda g: g.norm(dim=1) + 1e-8))
other_lengths = (per_picture(lambda g: g.abs().amax(1)), per_picture(lambda g: g.abs().sum(1)), per_picture(lambda g: g.norm(dim=1) / g.shape[1] ** 0.5), lambda g: g / g.norm(dim=1, keepdim=True))


def walker(
    value: Value = ahead, scale: Callable[[Tensor], Tensor] = unit, ends: Callable[[Tensor, Tensor], Tensor] = ahead,
    clip: Callable[[Tensor], Tensor] = lambda x: x.clamp(0, 1), sign: float = 1.0, least: int | None = None, turns: bool = True,
) -> Callable[..., Tensor]:  # fmt: skip
    """The walk with another value to climb, length of a step, rule of when to stop, or clip; `turns` False: always the first direction."""

    def answer(model: nn.Module, x: Tensor, y: Tensor, step: float, steps: int) -> Tensor:
        with frozen(model):
            x, way = x.detach(), None
            for _ in range(least or steps):
                if way is None or turns:
                    way = sign * scale(gradient_of(value, model, x, y))
                going = ends(model(x), y) <= 0
                x = torch.where(going.view(-1, 1, 1, 1), clip(x + step * way), x)
            return x

    return answer
