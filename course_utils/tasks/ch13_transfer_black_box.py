"""The open task of chapter 13: fool a network that only says its class, with few questions and without any other network."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.nn.parameter import is_lazy

from .. import attacks, data, measure, models, runtime
from ..checking import Mistake, OpenTask, call, expect_budget, expect_inside, returned

NETWORK, BUDGET, SEEDS, PICTURES, EPS, SEED = "lenet-digits", 500, 100, 150, 0.25, 5  # the chapter shows the pictures of seed 0
OTHERS = "a network that was there before, or a copy of one, was used; build and train your own inside the function, from the oracle's answers."


class Quiet(attacks.Oracle):
    """An oracle that says when it is the one who runs a network."""

    busy = False

    def __call__(self, x: Tensor) -> Tensor:
        self.busy = True
        try:
            return super().__call__(x)
        finally:
            self.busy = False


@contextlib.contextmanager
def nothing_but(oracle: Quiet) -> Iterator[None]:
    """Refuse networks that existed before, copies of them, and files: whoever has a network needs no oracle."""
    layers = [thing for thing in gc.get_objects() if issubclass(type(thing), (nn.Linear, nn.Conv2d))]
    before = {weights_of(layer) for layer in layers if not is_lazy(layer.weight)}  # a lazy one has no weights yet
    own: list[nn.Module] = []  # layers that were looked at: once is enough, since copies are made before they are used

    def look(module: nn.Module, _: object) -> None:
        if isinstance(module, (nn.Linear, nn.Conv2d)) and not is_lazy(module.weight) and not oracle.busy and not any(module is known for known in own):
            if weights_of(module) in before:
                raise Mistake(OTHERS)
            own.append(module)

    def refuse(*_: object, **__: object) -> None:
        raise Mistake("a network is read from a file; build and train your own inside the function, from the oracle's answers.")

    handle, torch.load, load = register_module_forward_pre_hook(look), refuse, torch.load
    try:
        yield
    finally:
        torch.load = load
        handle.remove()


def weights_of(module: nn.Module) -> tuple[tuple[int, ...], float]:
    """A mark of a layer's weights, which its copies have, too."""
    return tuple(module.weight.shape), module.weight.detach().double().sum().item()


def fooled(attack: Callable) -> float:
    """Percent of the digits the oracle had right that `attack(oracle, seeds, x, y, eps)` makes it get wrong."""
    net = models.load(NETWORK)
    pictures = data.load("digits", "test", n=PICTURES + SEEDS, source="drawn", seed=SEED)
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    seeds, x, y = x[PICTURES:], x[:PICTURES], y[:PICTURES]
    oracle = Quiet(net, BUDGET)
    with nothing_but(oracle):
        try:
            got = call(attack, oracle=oracle, seeds=seeds, x=x, y=y, eps=EPS)
        except attacks.Refused as error:
            raise Mistake(f"{error} {BUDGET} answers are allowed.") from error
    returned(got, x, "the batch of attacked pictures")
    expect_inside(got)
    expect_budget(got, {"x": x, "eps": EPS})
    return 100 * measure.success_rate(net, got, y, x=x)


def papernot(oracle: attacks.Oracle, seeds: Tensor, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """The chapter's substitute in three rounds, and FGSM on it."""
    net = attacks.black_box.dense(seeds[0].shape, 10, seed=0)
    made = attacks.train_substitute(oracle, seeds, model=net, rounds=3, step=0.1, period=None)
    return attacks.fgsm(made.model, x, y, eps=eps)


TASKS = (
    OpenTask("fool_the_oracle", papernot, fooled, goal=55.0, minutes=20, hints=(
        "The substitute need not look like the oracle, but one that looks through small windows, as most networks for pictures do, errs more like it.",
        "A question costs, training does not: train longer on what you know, and move the pictures about by a pixel or two, which changes no class.",
        "One step of FGSM follows one gradient. Take ten smaller steps (chapter 10), or the mean gradient of several substitutes.",
    )),
)  # fmt: skip
