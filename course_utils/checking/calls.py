"""Calling the student's function: guarded, and in a way that shows whether it leaves its arguments as they were."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from .expectations import expect, expect_something
from .guard import SEED, guarded

# What may have changed in a tensor or in a model -> the sentence that says so. The first that did is named.
OF_TENSOR = {
    "values": "{name} was changed in place; it must stay as it is (no editing in place). "
    "Work on a copy: {name}.detach().clone().",
    "gradient": "the .grad of {name} is another one than before; at the next call a new gradient is added to this old gradient. "
    "Work on {name}.detach().clone() and use torch.autograd.grad.",
    "flag": "{name} now asks for gradients, or no longer does (requires_grad); work on {name}.detach().clone().",
}
OF_LIST = "the list {name} was changed (.pop, .append, ...); it must stay as it is. Work on a copy: list({name})."
OF_MODEL = {
    "mode": "{name} is not as it was: its mode (train or eval) is another mode than before, in some part; put it back.",
    "hooks": "{name} is not as it was: its hooks changed; remove those that your function adds.",
    "forward": "{name} is not as it was: its forward was replaced.",
    "flags": "{name} is not as it was: its parameters' requires_grad changed (they no longer ask for gradients, or do now); "
    "torch.autograd.grad(value, x) needs no such change.",
    "gradients": "{name} is not as it was: its parameters' gradients changed (.backward() adds to them, zero_grad() wipes them); "
    "torch.autograd.grad(value, x) computes the input's gradient alone.",
    "weights": "{name} is not as it was: its weights changed; a map or an attack only reads them.",
}


def call(f: Callable, *, seed: int = SEED, **arguments: Any) -> Any:
    """What f returns for these arguments, given in this order. It must return something and change nothing else."""
    things = {name: value for name, value in arguments.items() if isinstance(value, (Tensor, nn.Module))}
    lists = {name: list(value) for name, value in arguments.items() if isinstance(value, list)}
    with untouched(**things), guarded(seed=seed):
        got = f(*arguments.values())
    for name, before in lists.items():
        expect(len(before) == len(arguments[name]) and all(a is b for a, b in zip(before, arguments[name])), OF_LIST.format(name=name))
    expect_something(got)
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
        "forward": [vars(module).get("forward") for module in modules],
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
        both = isinstance(a, Tensor) and isinstance(b, Tensor)
        return a.dtype == b.dtype and torch.equal(a, b) if both else type(a) is type(b) and a == b

    return len(before) == len(now) and all(map(equal, before, now))
