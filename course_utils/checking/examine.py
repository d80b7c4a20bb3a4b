"""Examining an answer: it is compared with the reference, and what differs is put into the most telling words."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .calls import call
from .exercise import Case, Exercise, Mistake
from .expectations import Differs, expect, expect_close, expect_trains, is_number, is_value, lost_batch, returned, same
from .guard import SEED


class Trial(NamedTuple):
    """One call: the arguments, what the answer gave, and what the reference gives."""

    case: Case
    got: Any
    want: Any


def examine(task: Exercise, answer: Callable) -> None:
    """Raise a Mistake unless the answer gives what the reference gives: case by case, then in each situation of the battery."""
    cases = list(task.cases())
    first = None
    for case in cases:
        trial = tried(task, answer, case, first)
        first = first or trial
    for item in task.battery:
        for case in item.vary(cases[0]):
            with situation(item.when):
                tried(task, answer, case, first, item.why)
    expect(same(call(answer, **fresh(cases[0])), first.got), LEFT_OVER)
    if task.also is not None:
        task.also(answer)


NO_WAY = ("the loss has no gradient for the weights, so it cannot train (.detach() and .item() cut it off, and "
          "torch.autograd.grad needs create_graph=True).")
CUT_OFF = ("its gradient for the weights is another one: a part of the loss is cut off from them "
           "(.detach() and .item() cut, and torch.autograd.grad needs create_graph=True).")
LEFT_OVER = "the same call gives another result later: something of an earlier call is left over (a stale gradient, a global?)."
RANDOM = "the result changes with the random numbers; nothing is random in this exercise (no random start)."


def tried(task: Exercise, answer: Callable, case: Case, first: Trial | None, why: str = "") -> Trial:
    """The answer's result for a case, which must agree with the reference's."""
    got = call(answer, **fresh(case))
    trial = Trial(case, got, task.reference(*fresh(case).values()))
    try:
        (task.agree or agreeing(task))(got, trial.want, case)
    except Mistake as fault:
        reason = f" {why}" if why and isinstance(fault, Differs) else ""
        known = "" if lost_batch(got, trial.want) else named(task, answer, trial, first)
        raise Mistake(known or f"{fault}{reason}") from fault
    return trial


def fresh(case: Case) -> Case:
    """The arguments for one more call: random generators begin where they began, lists are new ones of the same things."""

    def again(value: Any) -> Any:
        if isinstance(value, list):
            return list(value)
        return torch.Generator(value.device).set_state(value.get_state()) if isinstance(value, torch.Generator) else value

    return {name: again(value) for name, value in case.items()}


@contextlib.contextmanager
def situation(when: str) -> Iterator[None]:
    """Say of whatever goes wrong inside in which situation it did."""
    try:
        yield
    except Mistake as error:
        raise Mistake(f"{when}: {error}") from error
    except Exception as error:
        error.situation = when  # `trial` puts the error into words
        raise


# ---------------------------------------------------------------- is it right?


def agreeing(task: Exercise) -> Callable[[Any, Any, Case], None]:
    """The usual comparison of a result with the reference's: kind, shape, precision, the exercise's rules, values."""

    def agree(got: Any, want: Any, case: Case) -> None:
        if isinstance(want, tuple):
            expect(isinstance(got, tuple) and len(got) == len(want), f"{task.what} is not {len(want)} things: return a, b, ...{seen(got)}")
            for number, (a, b) in enumerate(zip(got, want), 1):
                agree_one(task, a, b, case, f"result {number} of {len(want)}")
        else:
            agree_one(task, got, want, case, task.what)

    return agree


def seen(got: Any) -> str:
    """What came in place of a tuple of some length."""
    if isinstance(got, tuple):
        return f" It holds {len(got)}."
    kind = type(got).__name__
    return f" It is {'an' if kind[0] in 'aeiou' else 'a'} {kind}." + (" tuple(...) makes a tuple of it." if kind in ("list", "generator") else "")


def agree_one(task: Exercise, got: Any, want: Any, case: Case, what: str) -> None:
    """Compare one tensor, loss or number."""
    if not isinstance(want, Tensor):
        expect(is_number(got), f"one number is expected, not {type(got).__name__}; .item() gives it.")
    elif want.requires_grad:
        return agree_loss(task, got, want, case)
    else:
        returned(got, want, what, case)
    for rule in task.rules:
        rule(got, case)
    expect_close(got, want, what, tol=task.tol)


def agree_loss(task: Exercise, got: Any, want: Tensor, case: Case) -> None:
    """Compare a loss: its value, and its gradient for the weights, which is what trains."""
    one = isinstance(got, Tensor) and got.shape == want.shape
    expect(one, "one number for the batch is expected, as a tensor without dimensions (no .item()).")
    expect(got.dtype == want.dtype, f"the loss is {got.dtype}; {want.dtype} is expected, as in the input.")
    expect_close(got, want, task.what, tol=task.tol)
    expect(got.requires_grad, NO_WAY)
    model = next(value for value in case.values() if isinstance(value, nn.Module))
    expect_trains(got, want, model, CUT_OFF)


# ---------------------------------------------------------------- what went wrong?


def named(task: Exercise, answer: Callable, trial: Trial, first: Trial | None) -> str:
    """The sentence for a mistake that is known: one of the exercise's, an argument without effect, chance, or a left-over."""
    if not is_value(trial.got):
        return ""
    for wrong, sentence in task.mistakes:
        if gives(trial, wrong(*fresh(trial.case).values())):
            return sentence
    for name, value in trial.case.items():
        usual = first.case[name] if first else value
        if is_number(value) and value != usual:
            without = task.reference(*fresh(trial.case | {name: usual}).values())
            if gives(trial, without):
                return f"with {name} = {value} the result is the one for {name} = {usual}; use the argument `{name}`."
    again = call(answer, **fresh(trial.case))
    if not same(again, trial.got):  # with the same random numbers
        return LEFT_OVER
    if "generator" not in trial.case and not same(again, call(answer, seed=SEED + 1, **fresh(trial.case))):
        return RANDOM
    if first and not same(call(answer, **fresh(first.case)), first.got):
        return LEFT_OVER
    return ""


def gives(trial: Trial, wrong: Any) -> bool:
    """Whether the answer gave this wrong result, and not merely one that is right as well."""
    return same(trial.got, wrong, 1e-4) and not same(trial.want, wrong, 1e-4)
