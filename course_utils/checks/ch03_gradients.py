"""The exercises of chapter 03: the strongest position, a one mapped back, the three ReLU rules, hooks that leave no trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from .. import visualize
from ..checking import PICTURES, TENSORS, Case, Exercise
from ..checking.battery import ONE_PICTURE
from ..checking.hooking import hooked, layered, leaves_nothing, networks
from ..runtime import generator


def strongest(maps: Tensor, channel: int) -> Tensor:
    """Row and column of the channel's largest value in each picture, `[N, 2]`."""
    return visualize.strongest(maps, channel)


def map_back(model: nn.Module, x: Tensor, channel: int) -> Tensor:
    """d (the channel's largest value in each picture) / dx, `[N, C, H, W]`; `model(x)` gives maps."""
    x = x.detach().clone().requires_grad_()
    return torch.autograd.grad(model(x)[:, channel].flatten(1).amax(1).sum(), x)[0]


def relu_rules(before: Tensor, g: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What backprop, the deconvnet and guided backprop hand down for the gradient g at a ReLU with the input `before`."""
    return g * (before > 0), g.clamp(min=0), g.clamp(min=0) * (before > 0)


def with_guided(model: nn.Module, run: Callable[[], Tensor]) -> Tensor:
    """What run() returns while every ReLU module of the model clamps what comes from above at 0."""
    return hooked(model.modules(), lambda g: g.clamp(min=0), run)


# ---------------------------------------------------------------- what they are tried on


def activations() -> Iterator[Case]:
    values = torch.randn(4, 3, 7, 5, generator=generator(1))
    yield {"maps": values, "channel": 2}
    yield {"maps": values.flip(0) - 9, "channel": 0}  # nowhere above 0, and larger in size elsewhere
    yield {"maps": 1 + 1e-9 * torch.randn(3, 4, 2, 9, generator=generator(2)).double(), "channel": 3}  # equal in single precision


def pictures() -> Iterator[Case]:
    model = layered(nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.Tanh(), nn.Conv2d(6, 5, 3)))
    x = torch.rand(6, 3, 8, 7, generator=generator(1))
    yield {"model": model, "x": x, "channel": 2}
    yield {"model": model, "x": x[:3].flip(0), "channel": 4}


def gradients() -> Iterator[Case]:
    f, g = torch.randn(2, 4, 6, 5, generator=generator(1))
    f[0, 0, :3] = 0  # exactly at the bend
    yield {"before": f, "g": g}
    yield {"before": f[:1] - 3, "g": g[:1]}
    yield {"before": torch.tensor([[1.0, -1, 5], [2, -5, -7], [-3, 2, 4]]), "g": torch.tensor([[-2.0, 3, -1], [6, -3, 1], [2, -1, 3]])}


# ---------------------------------------------------------------- known mistakes


def place(change: Callable[[Tensor], Tensor]) -> Callable:
    """The strongest position of something else than the channel."""
    return lambda maps, channel: at(change(maps[:, channel]).flatten(1).argmax(1), maps.shape[3])


at = lambda index, wide: torch.stack([index // wide, index % wide], 1)  # noqa: E731


def back(value: Callable[[Tensor, int], Tensor], finish: Callable[[Tensor], Tensor] = lambda g: g) -> Callable:
    """finish(d value(maps, channel).sum() / dx)"""

    def wrong(model: nn.Module, x: Tensor, channel: int) -> Tensor:
        x = x.detach().clone().requires_grad_()
        return finish(torch.autograd.grad(value(model(x), channel).sum(), x)[0])

    return wrong


def rules(*chosen: Callable[[Tensor, Tensor], Tensor]) -> Callable:
    return lambda f, g: tuple(one(f, g) for one in chosen)


plain = lambda f, g: g * (f > 0)  # noqa: E731
deconvnet = lambda f, g: g.clamp(min=0)  # noqa: E731
guided = lambda f, g: g.clamp(min=0) * (f > 0)  # noqa: E731


LARGEST = lambda maps, channel: maps[:, channel].flatten(1).amax(1)  # noqa: E731
ORDER = "the three are in another order: backprop, deconvnet, guided."

EXERCISES = (
    Exercise("strongest", strongest, activations, difficulty=1, minutes=5, battery=(ONE_PICTURE, *TENSORS), what="the table of positions", hints=(
        "Look at one channel alone: maps[:, channel] is [N, H, W]. Which axis must stay?",
        ".flatten(1).argmax(1) numbers the places row by row and gives the number of the largest in each picture.",
        "With W places in a row, place // W is the row and place % W the column; torch.stack([rows, columns], 1).",
    ), mistakes=(
        (lambda m, c: strongest(m, c).flip(1), "row and column are swapped: the row (top to bottom) comes first."),
        (lambda m, c: strongest(m, c).T, "the axes are swapped: [N, 2], one row of the table for each picture."),
        (place(torch.abs), "the largest size is looked for; the strongest position has the largest value, signs and all."),
        (place(torch.neg), "this is where the channel is weakest; take the largest value."),
        (lambda m, c: strongest(m, 0), "it is always channel 0; use the argument `channel`."),
        (lambda m, c: at(m[:, c].flatten(1).argmax(1), m.shape[2]), "the places are divided by the number of rows; a row has W places, maps.shape[3]."),
        (lambda m, c: at(m[:, c].sum(0).flatten().argmax()[None].expand(len(m)), m.shape[3]), "all pictures get one position; look in each picture by itself."),
        (lambda m, c: at(m[:1, c].flatten(1).argmax(1).expand(len(m)), m.shape[3]), "all pictures get the first one's position; look in each picture by itself."),
        (lambda m, c: m[:, c].flatten(1).argmax(1), "the places are numbered row by row; make a row and a column of each number."),
        (lambda m, c: strongest(m, c).to(m.dtype), "positions are whole numbers: //, not /."),
    )),
    Exercise("map_back", map_back, pictures, difficulty=1, minutes=8, battery=PICTURES, tol=1e-4, what="the map", hints=(
        "As for a score: a copy of x that asks for gradients, forward, then torch.autograd.grad. Which number is differentiated?",
        "Each picture's neuron is maps[i, channel, row, column] with its position from strongest(maps, channel); pick them all at once.",
        "row, column = strongest(maps, channel).unbind(1); maps[torch.arange(len(x)), channel, row, column].sum() is what autograd.grad needs.",
    ), mistakes=(
        (back(lambda m, c: m[:, c]), "the whole channel is mapped back; put the one at its strongest position alone."),
        (back(lambda m, c: m[:, c].mean((1, 2))), "the channel's mean is mapped back; put the one at its strongest position alone."),
        (back(lambda m, c: m.flatten(1).amax(1)), "the strongest neuron of all channels is mapped back; use the channel that is given."),
        (back(lambda m, c: LARGEST(m, 0)), "it is always channel 0; use the argument `channel`."),
        (back(lambda m, c: -LARGEST(m, c)), "the sign is wrong: how does the activation rise?"),
        (back(lambda m, c: m[:, c, m.shape[2] // 2, m.shape[3] // 2]), "the neuron in the middle of the map is mapped back; each picture's strongest one is somewhere else."),
        (back(lambda m, c: m[:, c, 0, 0]), "the neuron in the map's corner is mapped back; take each picture's strongest one."),
        (back(lambda m, c: LARGEST(-m, c)), "this is where the channel is weakest; take the largest value."),
        (back(lambda m, c: LARGEST(m, c).mean()), "the values are averaged over the batch, which divides every map by its size; add them up."),
        (back(lambda m, c: LARGEST(m, c)[:1]), "only the first picture's neuron is mapped back; add up those of all pictures."),
        (back(lambda m, c: m[:, c].amax()), "only the strongest neuron of the whole batch is mapped back; each picture has its own."),
        (back(lambda m, c: LARGEST(m, c).square()), "the activation itself comes in: put a one at the neuron, not its value."),
        (back(lambda m, c: 0.5 * LARGEST(m, c).square()), "the neuron's value is mapped back; put a one there."),
        (back(LARGEST, torch.abs), "the signs are lost; give the gradient itself."),
        (back(LARGEST, lambda g: g.abs().amax(1)), "this is a map of sizes, without colours; give the gradient itself, in the shape of x."),
        (lambda m, x, c: map_back(m, x, c) * x, "the gradient is multiplied by the picture; give the gradient itself."),
    )),
    Exercise("relu_rules", relu_rules, gradients, difficulty=1, minutes=8, battery=TENSORS, hints=(
        "Two questions at each place: was the ReLU open (before > 0)? Is the gradient from above positive (g > 0)?",
        "Backprop asks the first question, the deconvnet the second, guided both. What does not pass becomes 0.",
        "g * (before > 0) asks the first; g.clamp(min=0) asks the second; apply one to the other's result for guided.",
    ), mistakes=(
        *((rules(*three), ORDER) for three in ((deconvnet, plain, guided), (plain, guided, deconvnet), (guided, deconvnet, plain))),
        (rules(lambda f, g: f.clamp(min=0), deconvnet, guided), "the first is the ReLU forward; on the way back it hands down g, where before > 0."),
        (rules(lambda f, g: g * (f >= 0), deconvnet, lambda f, g: g.clamp(min=0) * (f >= 0)), "at an input of 0 nothing passes: before > 0, as in torch's ReLU."),
        (rules(plain, lambda f, g: f.clamp(min=0), guided), "the deconvnet looks at g, not at the ReLU's input: what is negative on the way back becomes 0."),
        (rules(plain, lambda f, g: (g > 0).to(g), lambda f, g: ((g > 0) & (f > 0)).to(g)), "masks are handed down; multiply them by g."),
        (rules(plain, lambda f, g: g.abs(), lambda f, g: g.abs() * (f > 0)), "negative gradients are turned around; they become 0."),
        (rules(plain, lambda f, g: g.clamp(max=0), lambda f, g: g.clamp(max=0) * (f > 0)), "what is negative passes; what is positive must."),
        (rules(plain, deconvnet, lambda f, g: g.clamp(min=0) * f.clamp(min=0)), "guided multiplies by the input; it asks only whether that is above 0."),
        (rules(plain, deconvnet, lambda f, g: g * ((f > 0) | (g > 0))), "guided lets pass what one of the two questions lets pass; it asks for both."),
        (rules(lambda f, g: g * (f < 0), deconvnet, lambda f, g: g.clamp(min=0) * (f < 0)), "the gate is the wrong way round: a ReLU is open where before > 0."),
        (lambda f, g: torch.stack(relu_rules(f, g)), "three things are expected, not one tensor: return backprop, deconvnet, guided."),
    )),
    Exercise("with_guided", with_guided, networks, difficulty=2, minutes=12, tol=1e-4, also=leaves_nothing, what="what run() returns", hints=(
        "The ReLU's own backward asks f > 0 already. What is missing for guided is to clamp the gradient of its *output*.",
        "In a forward hook, output.register_hook(lambda g: g.clamp(min=0)) does that. Which modules need the hook? model.modules() has nested ones, too.",
        "handles = [m.register_forward_hook(hook) for m in model.modules() if isinstance(m, nn.ReLU)]; try: return run(); "
        "finally: for handle in handles: handle.remove().",
    ), mistakes=(
        (lambda m, run: run(), "it is plain backprop: no gradient is clamped. Does the hook reach the ReLUs, and does it return the clamped gradient?"),
        (lambda m, run: hooked(m.children(), lambda g: g.clamp(min=0), run), "only the model's own ReLUs clamp, not those in its blocks: use model.modules()."),
        (lambda m, run: hooked(m.modules(), lambda g: g.clamp(max=0), run), "what is negative passes; what is positive must: clamp(min=0)."),
        (lambda m, run: hooked(m.modules(), torch.abs, run), "negative gradients are turned around; they become 0."),
        (lambda m, run: hooked(m.modules(), lambda g: g.clamp_(min=0), run), "the gradient is clamped in place, also for a shortcut that gets the same tensor: clamp, not clamp_."),
        (lambda m, run: hooked(m.modules(), lambda g: g.clamp(min=0), run, nn.Module), "other modules than the ReLUs clamp; only those must: isinstance(m, nn.ReLU)."),
        (lambda m, run: with_guided(m, run).clamp(min=0), "the finished map is clamped, too; give back what run() returns."),
        (lambda m, run: run().clamp(min=0), "only the finished map is clamped; clamp at every ReLU on the way."),
    )),
)  # fmt: skip
