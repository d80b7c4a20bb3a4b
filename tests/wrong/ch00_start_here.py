"""Wrong answers to the exercises of chapter 00: (kind, answer, words that its message must hold)."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def size(x: Tensor, x_adv: Tensor) -> Tensor:
    """The changes, a row a picture."""
    return (x_adv - x).abs().flatten(1)


def in_place(x: Tensor, x_adv: Tensor) -> Tensor:
    return x_adv.sub_(x).abs().flatten(1).amax(1)


def printed(x: Tensor, x_adv: Tensor) -> None:
    print(size(x, x_adv).amax(1))


def in_numpy(x: Tensor, x_adv: Tensor):
    return size(x, x_adv).numpy().max(1)


def endless(x: Tensor, x_adv: Tensor) -> Tensor:
    largest, i = [], 0
    while i < len(x):  # i never grows
        largest = [size(x, x_adv)[i].max()]
    return torch.stack(largest)


kept: list[Tensor] = []


def largest_so_far(x: Tensor, x_adv: Tensor) -> Tensor:
    kept.append(size(x, x_adv).amax(1))
    return kept[0] if len(kept) == 1 else kept[-1].clamp_min(kept[0].max())


def without_gradients(x: Tensor, x_adv: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    return size(x, x_adv).amax(1)


# ---------------------------------------------------------------- own_score


def score_loop_of_numbers(scores: Tensor, y: Tensor) -> list[float]:
    return [scores[i, y[i]].item() for i in range(len(y))]


def scores_sorted_in_place(scores: Tensor, y: Tensor) -> Tensor:
    own = scores.gather(1, y[:, None])[:, 0].clone()
    scores.zero_()
    return own


def one_row_short(scores: Tensor, y: Tensor) -> Tensor:
    return torch.stack([scores[i, y[i]] for i in range(len(y) - 1)])


# ---------------------------------------------------------------- picture_gradient


def gradient_of(value: Callable) -> Callable:
    """An answer that differentiates value(scores, y)."""

    def answer(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        x = x.clone().requires_grad_()
        return torch.autograd.grad(value(model(x), y), x)[0]

    return answer


def total(scores: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(scores, y, reduction="sum")


right_gradient = gradient_of(total)


def no_requires_grad(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return torch.autograd.grad(total(model(x), y), x)[0]


def asks_the_picture_itself(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return torch.autograd.grad(total(model(x.requires_grad_()), y), x)[0]


def tuple_kept(model: nn.Module, x: Tensor, y: Tensor):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(total(model(x), y), x)


def tuple_squared(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return tuple_kept(model, x, y).detach()


def not_summed(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(model(x), y, reduction="none"), x)[0]


def by_backward(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    total(model(x), y).backward()
    return x.grad


def zeroed(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    model.zero_grad()
    return right_gradient(model, x, y)


def with_graph(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    return torch.autograd.grad(total(model(x), y), x, create_graph=True)[0]


def of_the_original(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    mine = x.clone().requires_grad_()
    return torch.autograd.grad(total(model(x), y), mine)[0]


def put_into_eval(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return right_gradient(model.eval(), x, y)


def only_single_precision(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return right_gradient(model, x, y).float()


def noisy_start(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return right_gradient(model, x + 0.01 * torch.randn_like(x), y)


elsewhere = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.LazyLinear(10))


def another_network(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return right_gradient(elsewhere, x, y)


def pictures_first(x: Tensor, y: Tensor, model: nn.Module) -> Tensor:
    return right_gradient(model, x.clone(), y)


WRONG = {
    "largest_change": (
        ("no absolute value", lambda x, a: (a - x).flatten(1).amax(1), "darker are lost"),
        ("wrong sign", lambda x, a: (x - a).flatten(1).amax(1), "brighter are lost"),
        ("wrong shape", lambda x, a: (a - x).abs().max(), "whole batch"),
        ("wrong shape", lambda x, a: size(x, a).amax(1, keepdim=True), "one axis too many"),
        ("wrong axis", lambda x, a: (a - x).abs().amax(1), "over the channels"),
        ("another quantity", lambda x, a: size(x, a).mean(1), "mean change"),
        ("another quantity", lambda x, a: size(x, a).sum(1), "sum of all changes"),
        ("another quantity", lambda x, a: size(x, a).norm(dim=1), "L2 norm"),
        ("another quantity", lambda x, a: (size(x, a) > 0).sum(1), "counts the changed"),
        ("another quantity", lambda x, a: (a - x).flatten(1).amax(1) - (a - x).flatten(1).amin(1), "largest minus the smallest"),
        ("another quantity", lambda x, a: size(x, a).amin(1), "smallest change"),
        ("another quantity", lambda x, a: a.flatten(1).amax(1) - x.flatten(1).amax(1), "is off by"),
        ("hard-coded constant", lambda x, a: torch.full((len(x),), 0.4), "is off by"),
        ("off by one", lambda x, a: 255 * size(x, a).amax(1), "is off by"),
        ("batch of one only", lambda x, a: size(x, a).amax(1).squeeze(), "a batch of one): the result has shape []; [1] is expected. .squeeze()"),
        ("off by one", lambda x, a: size(x, a)[:, :-1].amax(1), "is off by"),
        ("off by one", lambda x, a: size(x, a)[:, 1:].amax(1), "is off by"),
        ("no result", lambda x, a: size(x, a).max(1), "take the one that is asked for"),
        ("raises", lambda x, a: max(abs(a - x)), "Python's own max()"),
        ("batch of one only", lambda x, a: size(x, a)[:1].amax(1).expand(len(x)), "is off by"),
        ("precision", lambda x, a: size(x, a).amax(1).float(), "double precision"),
        ("in place", in_place, "in place"),
        ("stale", largest_so_far, "another result later"),
        ("state changed", without_gradients, "grad"),
        ("no result", printed, "returns nothing"),
        ("no result", in_numpy, "ndarray"),
        ("no result", lambda x, a: size(x, a).amax(1).tolist(), "list"),
        ("raises", lambda x, a: (a - x).abs().flatten(1).amax(2), "fewer axes"),
        ("raises", lambda x, a: (a - x).abs().view(-1).amax(1), "fewer axes"),
        ("endless", endless, "does a loop never end"),
    ),
    "own_score": (
        ("wrong axis", lambda s, y: s[:, y], "scores.gather(1, y[:, None])"),
        ("wrong shape", lambda s, y: s.gather(1, y[:, None]), "[N, 1]"),
        ("another quantity", lambda s, y: s.amax(1), "largest score"),
        ("another quantity", lambda s, y: s.softmax(1).gather(1, y[:, None])[:, 0], "probabilities"),
        ("another quantity", lambda s, y: s.log_softmax(1).gather(1, y[:, None])[:, 0], "log-probabilities"),
        ("another quantity", lambda s, y: s.argmax(1), "predicted classes"),
        ("another quantity", lambda s, y: s.gather(1, y[:, None]).sum(), "sum over the batch"),
        ("another quantity", lambda s, y: s.gather(1, y[:, None]).mean(), "mean over the batch"),
        ("wrong sign", lambda s, y: -s.gather(1, y[:, None])[:, 0], "is off by"),
        ("batch of one only", lambda s, y: s[0, y], "first row"),
        ("batch of one only", lambda s, y: s.gather(1, y[:1, None].expand(len(y), 1))[:, 0], "is off by"),
        ("argument ignored", lambda s, y: s[:, 0], "is off by"),
        ("off by one", one_row_short, "shape"),
        ("off by one", lambda s, y: s.gather(1, ((y + 1) % s.shape[1])[:, None])[:, 0], "is off by"),
        ("precision", lambda s, y: s.float().gather(1, y[:, None])[:, 0], "double precision"),
        ("in place", scores_sorted_in_place, "in place"),
        ("no result", score_loop_of_numbers, "list"),
        ("batch of one only", lambda s, y: s.gather(1, y[:, None]).squeeze(), ".squeeze() without an axis"),
        ("wrong axis", lambda s, y: s[y], "whole rows"),
        ("wrong axis", lambda s, y: s.gather(0, y[None])[0], "Is it the right axis?"),
        ("raises", lambda s, y: s.gather(1, y)[:, 0], "y[:, None] is [N, 1]"),
    ),
    "picture_gradient": (
        ("another quantity", gradient_of(F.cross_entropy), "averaged"),
        ("another quantity", gradient_of(lambda s, y: s.gather(1, y[:, None]).sum()), "score is differentiated"),
        ("another quantity", gradient_of(lambda s, y: total(s.softmax(1), y)), "softmax is applied before"),
        ("another quantity", gradient_of(lambda s, y: s.softmax(1).gather(1, y[:, None]).sum()), "probability is differentiated"),
        ("another quantity", gradient_of(lambda s, y: F.nll_loss(s.softmax(1), y, reduction="sum")), "probability is differentiated"),
        ("another quantity", gradient_of(lambda s, y: s.sum()), "all classes are added up"),
        ("wrong axis", gradient_of(lambda s, y: -s.softmax(1).log()[:, y].sum()), "scores[:, y] takes"),
        ("another quantity", lambda m, x, y: right_gradient(m, x, y).sign(), "gradient's sign"),
        ("another quantity", lambda m, x, y: x + right_gradient(m, x, y), "added to its gradient"),
        ("no absolute value", lambda m, x, y: right_gradient(m, x, y).abs(), "gradient's size"),
        ("wrong sign", gradient_of(lambda s, y: -total(s, y)), "sign is wrong"),
        ("argument ignored", gradient_of(lambda s, y: total(s, s.argmax(1))), "prediction"),
        ("batch of one only", gradient_of(lambda s, y: total(s[:1], y[:1])), "only the first"),
        ("batch of one only", lambda m, x, y: right_gradient(m, x, y).squeeze(), "one picture alone"),
        ("wrong shape", lambda m, x, y: right_gradient(m, x, y).amax(1), "shape"),
        ("wrong shape", lambda m, x, y: right_gradient(m, x, y).flatten(1), "shape"),
        ("in place", asks_the_picture_itself, "requires_grad"),
        ("attached", with_graph, "graph"),
        ("model changed", by_backward, ".backward()"),
        ("model changed", zeroed, "zero_grad"),
        ("model changed", put_into_eval, "mode"),
        ("random", noisy_start, "random"),
        ("precision", only_single_precision, "double precision"),
        ("no result", tuple_kept, "tuple"),
        ("no result", lambda m, x, y: x.clone().requires_grad_().grad, "returns nothing, None"),
        ("raises", gradient_of(lambda s, y: F.cross_entropy(y, s)), "scores first, then the classes"),
        ("raises", another_network, "another network called"),
        ("raises", pictures_first, "they come in the order (model, x, y)"),
        ("raises", tuple_squared, "(gradient,) = torch.autograd.grad"),
        ("raises", no_requires_grad, "requires_grad_()"),
        ("raises", not_summed, "add up the batch"),
        ("raises", of_the_original, "very tensor"),
    ),
}  # fmt: skip
