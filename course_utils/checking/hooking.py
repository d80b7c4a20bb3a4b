"""What holds for a function that hooks a network's ReLUs while something runs: the networks, and that no hook is left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn

from ..runtime import generator
from .calls import call
from .exercise import Case, Mistake
from .expectations import expect
from .guard import guarded


def hooked(modules: Iterable[nn.Module], change: Callable[[Tensor], Tensor | None], run: Callable[[], Tensor], kind: type = nn.ReLU) -> Tensor:
    """run() while the modules of a kind change the gradient of their output."""

    def hook(module: nn.Module, inputs: tuple, output: Tensor) -> None:
        output.register_hook(change)

    handles = [module.register_forward_hook(hook) for module in modules if isinstance(module, kind)]
    try:
        return run()
    finally:
        for handle in handles:
            handle.remove()


def layered(model: nn.Module) -> nn.Module:
    """With fixed weights that hold gradients, partly in train mode: as one finds models in the middle of some work."""
    chance = generator(7)
    for weights in model.parameters():
        weights.data = 0.5 * torch.randn(weights.shape, generator=chance)
        weights.grad = torch.full_like(weights, 0.5)
    model.eval()[1].train()
    return model


def slope(model: nn.Module, x: Tensor) -> Tensor:
    """The gradient of the outputs, weighted up and down, for the pictures."""
    x = x.clone().requires_grad_()
    out = model(x)
    weights = torch.randn(out.shape, generator=generator(9)).to(out)
    return torch.autograd.grad((out * weights).sum(), x)[0]


def networks() -> Iterator[Case]:
    yield trial(nested(False), torch.rand(3, 2, 8, 6, generator=generator(1)))
    yield trial(nested(True), torch.rand(1, 2, 8, 6, generator=generator(2)).double())
    yield trial(nn.ReLU(), torch.randn(2, 3, 4, 4, generator=generator(3)))  # the network is a ReLU itself
    yield trial(Shortcut(), torch.rand(2, 2, 6, 5, generator=generator(4)))


class Shortcut(nn.Sequential):
    """A branch that ends in a ReLU, beside a shortcut: both are handed one and the same gradient tensor."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(2, 3, 3, padding=1), nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU()))
        layered(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self[0](x)
        return x + self[1](x)


def trial(model: nn.Module, x: Tensor) -> Case:
    model.to(x.dtype)
    return {"model": model, "run": lambda: slope(model, x)}


def nested(in_place: bool) -> nn.Module:
    """ReLUs in front, in blocks, first and last in them, one that runs twice; and a convolution that no ReLU follows."""

    def conv(inputs: int = 4, outputs: int = 4) -> nn.Module:
        return nn.Conv2d(inputs, outputs, 3, padding=1)

    twice = nn.ReLU(in_place)
    block = nn.Sequential(conv(), nn.Sequential(nn.ReLU(in_place), conv(), twice), nn.Sequential(conv(), twice), conv())
    return layered(nn.Sequential(conv(2), nn.ReLU(in_place), nn.MaxPool2d(2), block, conv(4, 2), nn.ReLU(in_place)))


def leaves_nothing(answer: Callable) -> None:
    """An error inside run() comes out, and the hooks are gone all the same; run() runs once."""
    model, x, calls = nested(True), torch.rand(1, 2, 8, 6, generator=generator(3)), []

    class Fault(Exception):
        pass

    def failing() -> Tensor:
        slope(model, x)
        raise Fault

    call(answer, model=model, run=lambda: calls.append(0) or slope(model, x))
    expect(len(calls) == 1, f"run() was called {len(calls)} times; call it once.")
    try:
        with guarded():
            answer(model, failing)
    except Fault:
        left = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in model.modules())
        expect(left == 0, f"after an error in run() {left} hooks are still there; remove them in a `finally:` block.")
        return
    raise Mistake("an error in run() is swallowed; let it out: `finally:` without `except:`.")
