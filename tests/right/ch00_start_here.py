"""Right answers to the exercises of chapter 00, written in other words than the reference."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F


def largest_change_loop(x, x_adv):
    return torch.stack([(a - b).abs().max() for a, b in zip(x, x_adv)])


def flattened(x, x_adv):
    return (x_adv - x).abs().flatten(1).amax(1)


def norm_without_end(x, x_adv):
    return torch.linalg.vector_norm(x_adv - x, ord=float("inf"), dim=(1, 2, 3))


def up_or_down(x, x_adv):
    change = (x - x_adv).reshape(len(x), -1)
    return torch.maximum(change.max(1).values, (-change).max(1).values)


def in_numpy_and_back(x, x_adv):
    change = np.abs(x_adv.detach().cpu().numpy() - x.detach().cpu().numpy())
    return torch.from_numpy(change.reshape(len(x), -1).max(1)).to(x)


# ---------------------------------------------------------------- own_score


def by_two_indices(scores, y):
    return scores[torch.arange(len(y), device=y.device), y]


def by_one_hot(scores, y):
    return (scores * F.one_hot(y, scores.shape[1]).to(scores)).sum(1)


def by_mask(scores, y):
    return scores[F.one_hot(y, scores.shape[1]).bool()]


def by_diagonal(scores, y):
    return scores[:, y].diagonal()


def by_loop(scores, y):
    return torch.stack([row[label] for row, label in zip(scores, y)])


def as_a_loss(scores, y):
    return -F.nll_loss(scores, y, reduction="none")


# ---------------------------------------------------------------- picture_gradient


def one_by_one(model, x, y):
    gradients = []
    for picture, label in zip(x, y):
        picture = picture[None].clone().requires_grad_()
        gradients.append(torch.autograd.grad(F.cross_entropy(model(picture), label[None]), picture)[0])
    return torch.cat(gradients)


def by_vmap(model, x, y):
    def loss(picture, label):
        return -model(picture[None]).log_softmax(1)[0].gather(0, label[None])[0]

    return torch.func.vmap(torch.func.grad(loss))(x, y).detach()


def mean_times_count(model, x, y):
    x = x.detach().clone().requires_grad_()
    return torch.autograd.grad(len(x) * F.cross_entropy(model(x), y), x)[0]


def backward_to_the_picture_only(model, x, y):
    own = x.detach().clone().requires_grad_()
    F.cross_entropy(model(own), y, reduction="none").backward(torch.ones(len(x)).to(x), inputs=[own])
    return own.grad


def by_hand_through_the_softmax(model, x, y):
    own = x.detach().clone().requires_grad_()
    scores = model(own)
    slope = scores.detach().softmax(1) - F.one_hot(y, scores.shape[1]).to(scores)  # dJ / d scores
    return torch.autograd.grad(scores, own, grad_outputs=slope)[0]


RIGHT = {
    "largest_change": (largest_change_loop, flattened, norm_without_end, up_or_down, in_numpy_and_back),
    "own_score": (by_two_indices, by_one_hot, by_mask, by_diagonal, by_loop, as_a_loss),
    "picture_gradient": (one_by_one, by_vmap, mean_times_count, backward_to_the_picture_only, by_hand_through_the_softmax),
}
