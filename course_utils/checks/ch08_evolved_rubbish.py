"""The exercises of chapter 08: how much a value mutates, how often, who takes over a cell, what a node of a painting network answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..checking import PICTURES, TENSORS, Case, Exercise, expect
from ..runtime import generator


def small_mutation(u: Tensor, eta: float) -> Tensor:
    """(2u)^(1 / (eta + 1)) - 1 where u < 1/2, else 1 - (2 (1 - u))^(1 / (eta + 1))."""
    return mutation(u, lambda: 1 / (eta + 1))


def mutation(u: Tensor, power: Callable[[], float], low: Callable | None = None, high: Callable | None = None) -> Tensor:
    """The formula with another power, or with another side."""
    return torch.where(u < 0.5, (low or (lambda v: (2 * v) ** power() - 1))(u), (high or (lambda v: 1 - (2 * (1 - v)) ** power()))(u))


def rate_now(rate: float, generation: int, every: int) -> float:
    """The rate, halved after each `every` generations."""
    return rate / 2 ** (generation // every)


def next_elites(elites: Tensor, best: Tensor, children: Tensor, log_p: Tensor) -> Tensor:
    """In each cell the best child for its class, where it is better than the elite."""
    return taken_over(elites, best, children, log_p)


def taken_over(elites: Tensor, best: Tensor, children: Tensor, log_p: Tensor, *, pick: Callable | None = None, better: Callable | None = None) -> Tensor:
    """Which child is picked for each cell, from log_p; and whether it is better, from its log-probability, the elite's and all of log_p."""
    child = (pick or (lambda p: p.argmax(0)))(log_p)
    height = log_p.gather(0, child[None])[0]
    return torch.where((better or (lambda h, b, _: h > b))(height, best, log_p)[:, None, None, None], children[child], elites)


def node_answers(weights: Tensor, kind: Tensor, before: Tensor) -> Tensor:
    """f(sum_j w_j v_j), with the sine, the sigmoid, the Gaussian or nothing, as each genome's kind says."""
    return answered(weights, kind, before)


FUNCTIONS: tuple[Callable[[Tensor], Tensor], ...] = (torch.sin, torch.sigmoid, lambda z: torch.exp(-z.square()), lambda z: z)


def answered(weights: Tensor, kind: Tensor, before: Tensor, functions: tuple[Callable[[Tensor], Tensor], ...] = FUNCTIONS) -> Tensor:
    z = (weights[:, :, None] * before).sum(1)
    return sum((kind == k)[:, None] * f(z) for k, f in enumerate(functions))


def chances() -> Iterator[Case]:
    for seed, shape, eta in ((0, (7, 9), 15.0), (1, (40,), 2.7), (2, (3, 1, 4, 5), 0.0), (3, (6, 4), 41.0)):
        u = torch.rand(shape, generator=generator(seed))
        u.view(-1)[:3] = torch.tensor([0.5, 0.0, 0.25])
        yield {"u": u, "eta": eta}


def ages() -> Iterator[Case]:
    for rate, generation, every in ((0.1, 0, 1000), (0.1, 400, 1000), (0.1, 999, 1000), (0.3, 6, 7), (0.1, 1000, 1000), (0.1, 2500, 1000), (0.3, 20, 7), (0.07, 21, 7), (0.2, 5, 1)):
        yield {"rate": rate, "generation": generation, "every": every}


def rivals() -> Iterator[Case]:
    """Some cells change hands and some do not, also one whose elite is as good as the best child; the best child overall is not the best of every class."""
    for seed, count, classes, colours in ((0, 9, 5, 2), (4, 6, 7, 1)):
        chance = generator(seed)
        log_p = (2 * torch.randn(count, classes, generator=chance)).log_softmax(1)
        log_p[2, :2], log_p[0, 3], log_p[-1, 4] = -0.01, -0.001, -0.01
        best = log_p.amax(0) + torch.tensor([0.005, -0.2, 0.0, -0.5, -0.4, 0.2, -0.1]).roll(seed)[:classes]
        best[2] = log_p[:, 2].amax()  # as good as the elite is not better
        elites, children = (torch.rand(n, colours, 3, 4, generator=chance) for n in (classes, count))
        yield {"elites": elites, "best": best, "children": children, "log_p": log_p}


def nodes() -> Iterator[Case]:
    for seed, count, inputs, places in ((0, 9, 4, 11), (1, 6, 7, 5)):
        chance = generator(seed)
        weights, before = (2 * torch.rand(size, generator=chance) - 1 for size in ((count, inputs), (count, inputs, places)))
        yield {"weights": 3 * weights, "kind": torch.arange(count) % 4, "before": before}


def same_rate(got: object, want: float, case: Case) -> None:
    expect(isinstance(got, (int, float)), f"a number is expected, not {type(got).__name__}.")
    expect(abs(got - want) <= 1e-9, f"at generation {case['generation']}, halved every {case['every']}, {case['rate']} becomes {want:g}; you give {got:g}.")


def with_function(k: int, f: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda weights, kind, before: answered(weights, kind, before, (*FUNCTIONS[:k], f, *FUNCTIONS[k + 1 :]))


def powered(power: Callable[[float], float]) -> Callable[..., Tensor]:
    return lambda u, eta: mutation(u, lambda: power(eta))


EXERCISES = (
    Exercise("small_mutation", small_mutation, chances, difficulty=1, minutes=8, battery=TENSORS, what="the change", hints=(
        "Two formulas: one for u below 1/2, which gives numbers below 0, one for the others. Both for all entries, then choose.",
        "torch.where(u < 0.5, a, b) chooses entry by entry. ** takes any power.",
        "power = 1 / (eta + 1); torch.where(u < 0.5, (2 * u) ** power - 1, 1 - (2 * (1 - u)) ** power).",
    ), mistakes=(
        (lambda u, eta: -small_mutation(u, eta), "the sign is turned: u below 1/2 gives a negative change."),
        (powered(lambda eta: eta + 1), "the power is eta + 1; it is 1 / (eta + 1)."),
        (powered(lambda eta: 1 / max(eta, 1e-9)), "the power is 1 / eta; it is 1 / (eta + 1)."),
        (powered(lambda eta: 1 / max(eta, 1e-9) + 1), "the power is 1 / eta + 1; it is 1 / (eta + 1): mind the brackets."),
        (powered(lambda eta: 1 / 16), "eta is taken to be 15; use the argument."),
        (lambda u, eta: mutation(u, lambda: 1 / (eta + 1), high=lambda v: 1 - (2 * v) ** (1 / (eta + 1))), "where u is at least 1/2 the formula has 1 - u in place of u."),
        (lambda u, eta: mutation(u, lambda: 1 / (eta + 1), low=lambda v: v ** (1 / (eta + 1)) - 1, high=lambda v: 1 - (1 - v) ** (1 / (eta + 1))), "the factor 2 is missing: 2u, and 2 (1 - u)."),
        *((f, "one formula is used for all; below 1/2 and from 1/2 on they differ.") for f in (lambda u, eta: (2 * u) ** (1 / (eta + 1)) - 1, lambda u, eta: 1 - (2 * (1 - u)) ** (1 / (eta + 1)))),
        (lambda u, eta: mutation(u, lambda: 1 / (eta + 1), high=lambda v: (2 * (1 - v)) ** (1 / (eta + 1))), "where u is at least 1/2 the change is 1 minus the power."),
        (lambda u, eta: torch.where(u < 0.5, 1 - (2 * (1 - u)) ** (1 / (eta + 1)), (2 * u) ** (1 / (eta + 1)) - 1), "the two formulas stand the wrong way round."),
        (lambda u, eta: small_mutation(u, eta).clamp(min=0), "the change is clipped to [0, 1]; below 1/2 it is negative. It is the picture that is clipped, later."),
        (lambda u, eta: small_mutation(u, eta).abs(), "the change is never negative; where u is below 1/2 it is."),
        (lambda u, eta: small_mutation(u.flatten()[0], eta).expand_as(u), "one change is used for all; each entry of u has its own."),
        (lambda u, eta: 2 * u - 1, "this is a uniform change; the power makes small ones likelier."),
    )),
    Exercise("rate_now", rate_now, ages, difficulty=1, minutes=4, agree=same_rate, what="the rate", hints=(
        "How many times has it been halved? Once after `every` generations, twice after two times as many.",
        "generation // every counts whole times; 2 ** k is what k halvings divide by.",
        "rate / 2 ** (generation // every)",
    ), mistakes=(
        (lambda rate, generation, every: rate / 2 ** ((generation + 1) // every), "it is halved one generation too early."),
        (lambda rate, generation, every: rate / 2 ** ((generation + every - 1) // every), "it is halved too early: after 1,000 generations for the first time, not after one."),
        (lambda rate, generation, every: rate / 2 ** (generation / every), "the rate falls a little in each generation; it is halved in steps: //, not /."),
        (lambda rate, generation, every: rate / (1 + generation // every), "it is divided by 2, 3, 4; halving divides by 2, 4, 8."),
        (lambda rate, generation, every: rate * 2 ** (generation // every), "the rate is doubled; it is to be halved."), (lambda rate, generation, every: rate / 2 ** (generation // 1000), "1,000 is written down; use `every`."),
        (lambda rate, generation, every: rate / 2 if generation >= every else rate, "it is halved once; it is halved again after each `every` generations."),
    )),
    Exercise("next_elites", next_elites, rivals, difficulty=2, minutes=12, battery=TENSORS, what="the batch of elites", hints=(
        "For each class: which child has the highest log-probability, and is that more than the elite's? The classes are the columns of log_p.",
        "log_p.max(0) gives the height and the child for each class; children[child] has one picture a class.",
        "height, child = log_p.max(0); torch.where((height > best)[:, None, None, None], children[child], elites).",
    ), mistakes=(
        (lambda e, b, c, s: e.clone(), "no cell changes hands, though some children are better: is each class's best child picked, log_p.argmax(0)?"),
        (lambda e, b, c, s: taken_over(e, b, c, s, better=lambda height, best, _: torch.ones_like(best, dtype=torch.bool)), "the best child always takes over, also where the elite is better."),
        (lambda e, b, c, s: taken_over(e, b, c, s, better=lambda h, best, _: h < best), "a child takes over where it is worse; turn the comparison round."),
        (lambda e, b, c, s: taken_over(e, b, c, s, better=lambda h, best, _: h >= best), "a child that is as good as the elite takes over; only a better one does."),
        (lambda e, b, c, s: taken_over(e, b, c, s, pick=lambda p: p.sum(1).argmax().expand(p.shape[1])), "one child is picked for all cells; each class has a best child of its own."),
        (lambda e, b, c, s: taken_over(e, b, c, torch.where(s.argmax(1)[:, None] == torch.arange(s.shape[1], device=s.device), s, -torch.inf)),
         "a child competes only for the class that the network takes it for; it is scored for all classes, and may win any cell."),
        (lambda e, b, c, s: taken_over(e, b, c, s, better=lambda height, best, p: height > best.max()), "a child must beat the best elite of all cells; it competes with that of the class alone."),
        (lambda e, b, c, s: taken_over(e, b, c, s, pick=lambda p: (p > b).int().argmax(0)), "the first child that is better takes over; take the best one."),
        (lambda e, b, c, s: taken_over(e, b, c, s, pick=lambda p: len(p) - 1 - (p > b).flip(0).int().argmax(0)), "the last child that is better takes over; take the best one."),
    )),
    Exercise("node_answers", node_answers, nodes, difficulty=2, minutes=12, battery=PICTURES, what="the table of answers", hints=(
        "Two steps: the sum z = sum_j w_j v_j at every pixel, [N, P], then each genome's own function of it.",
        "(weights[:, None] @ before)[:, 0] is the sum. torch.where((kind == 0)[:, None], torch.sin(z), ...) chooses row by row.",
        "Begin with out = z, the linear one. For k, f in enumerate((torch.sin, torch.sigmoid, lambda z: torch.exp(-z**2))): out = torch.where((kind == k)[:, None], f(z), out).",
    ), mistakes=(
        (lambda w, k, b: answered(w, torch.full_like(k, 3), b), "the sum comes back as it is; kind says which function is applied to it."),
        (lambda w, k, b: answered(w, k[:1].expand_as(k), b), "the first genome's function is used for all; each has its own."),
        (lambda w, k, b: answered(w[:1].expand_as(w), k, b), "the first genome's weights are used for all; each has its own."),
        (with_function(0, torch.cos), "kind 0 is the sine, not the cosine."), (with_function(1, torch.tanh), "kind 1 is the sigmoid, 1 / (1 + exp(-z)), not tanh."),
        *((with_function(2, f), "kind 2 is the Gaussian, exp(-z^2): the square is missing.") for f in (lambda z: torch.exp(-z.abs()), lambda z: torch.exp(-z))),
        (with_function(2, lambda z: torch.exp(z.square())), "kind 2 is exp(-z^2): the minus is missing."), (with_function(2, lambda z: torch.exp(-z.square() / 2)), "kind 2 is exp(-z^2), without dividing by 2."),
        *((with_function(3, f), "kind 3 is linear: the sum as it is, also below 0.") for f in (torch.relu, torch.zeros_like)),
        (lambda w, k, b: answered(w / w.shape[1], k, b), "the mean over the inputs is taken; add them up."),
        (lambda w, k, b: sum(answered(w[:, j : j + 1], k, b[:, j : j + 1]) for j in range(w.shape[1])), "the function is applied to each input, and then added up; add first."),
        *((f, "the numbers are off by one: 0 sine, 1 sigmoid, 2 Gaussian, 3 linear.") for f in (lambda w, k, b: answered(w, (k + 1) % 4, b), lambda w, k, b: answered(w, k - 1, b))),
    )),
)  # fmt: skip
