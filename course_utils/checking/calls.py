"""Calling the student's function: in a way that shows whether it leaves its arguments as they were."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from .expectations import expect, expect_inside, expect_something, returned

# What may have changed in a tensor or in a model -> the sentence that says so. The first that did is named.
OF_TENSOR = {
    "values": "{name} was changed in place; it must stay as it is (no editing in place). "
    "Work on a copy: {name}.detach().clone().",
    "gradient": "{name} now holds a gradient; at the next call the new one is added to this old gradient. "
    "Work on {name}.detach().clone() and use torch.autograd.grad.",
    "flag": "{name} now asks for gradients; work on {name}.detach().clone().",
}
OF_MODEL = {
    "mode": "{name} is not as it was: its mode (train or eval) is another mode than before; put it back.",
    "hooks": "{name} is not as it was: its hooks changed; remove those that your function adds.",
    "flags": "{name} is not as it was: its parameters' requires_grad changed (they no longer ask for gradients, or do now); "
    "torch.autograd.grad(value, x) needs no such change.",
    "gradients": "{name} is not as it was: its parameters now hold gradients; "
    "torch.autograd.grad(value, x) computes the input's gradient alone.",
    "weights": "{name} is not as it was: its weights changed; a map or an attack only reads them.",
}


def call(f: Callable, **arguments: Any) -> Any:
    """What f returns for these arguments, given in this order. It must return something and change none of them."""
    with untouched(**{name: value for name, value in arguments.items() if isinstance(value, (Tensor, nn.Module))}):
        got = f(*arguments.values())
    expect_something(got)
    return got


def call_attack(f: Callable, model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """The pictures that the attack f(model, x, y, eps) gives, after what every attack within a max-norm budget must keep.

    That is: shape and precision, no graph, pixels in [0, 1], no change above eps, eps used, and nothing left over from
    one call that changes the next.
    """
    got = returned(call(f, model=model, x=x, y=y, eps=eps), x, "the batch of attacked pictures")
    expect(not got.requires_grad, "the result still carries the graph; finish with .detach().")
    expect_inside(got)
    most = float((got - x).abs().max())
    expect(most <= eps + 1e-6, f"a pixel moved by {most:.3f} with eps {eps}; no pixel may move by more than eps.")
    half = call(f, model=model, x=x, y=y, eps=eps / 2)
    expect(not torch.allclose(got, half), "half the eps gives the same pictures; use the `eps` that is given.")
    call(f, model=model, x=x, y=y.flip(0), eps=eps)
    again = call(f, model=model, x=x, y=y, eps=eps)
    stale = "the same call gives another result later: something of an earlier call is left over."
    expect(torch.allclose(got, again), stale)
    return got


def call_loss(f: Callable, **arguments: Any) -> Tensor:
    """The loss that f gives for these arguments: one number that a network can be trained on."""
    got = call(f, **arguments)
    one_number = isinstance(got, Tensor) and got.dim() == 0
    expect(one_number, "one number for the batch is expected, as a tensor without dimensions (no .item()).")
    expect(got.requires_grad, "the loss has no gradient for the weights, so it cannot train.")
    return got


@contextlib.contextmanager
def untouched(**things: Tensor | nn.Module) -> Iterator[None]:
    """Require that the code inside changes none of these: `with untouched(x=x, model=net): f(net, x)`."""
    before = {name: state(thing) for name, thing in things.items()}
    yield
    for name, thing in things.items():
        now, sentences = state(thing), OF_TENSOR if isinstance(thing, Tensor) else OF_MODEL
        for part, sentence in sentences.items():
            expect(all_equal(before[name][part], now[part]), sentence.format(name=name))


def state(thing: Tensor | nn.Module) -> dict[str, list]:
    """All that must stay as it is, part by part (the keys of OF_TENSOR or OF_MODEL)."""
    if isinstance(thing, Tensor):
        return {"values": [copied(thing)], "gradient": [copied(thing.grad)], "flag": [thing.requires_grad]}
    modules, tensors = list(thing.modules()), [*thing.parameters(), *thing.buffers()]
    return {
        "mode": [module.training for module in modules],
        "hooks": [len(hooks) for m in modules for hooks in (m._forward_hooks, m._forward_pre_hooks, m._backward_hooks)],
        "flags": [tensor.requires_grad for tensor in tensors],
        "gradients": [copied(tensor.grad) for tensor in tensors],
        "weights": [copied(tensor) for tensor in tensors],
    }


def copied(tensor: Tensor | None) -> Tensor | None:
    """A copy that later changes do not reach."""
    return None if tensor is None else tensor.detach().clone()


def all_equal(before: list, now: list) -> bool:
    """Whether two lists hold the same, entry by entry, where an entry may be a tensor."""

    def equal(a: Any, b: Any) -> bool:
        return torch.equal(a, b) if isinstance(a, Tensor) and isinstance(b, Tensor) else type(a) is type(b) and a == b

    return len(before) == len(now) and all(map(equal, before, now))
