"""Right answers to the exercises of chapter 14, in other words than the reference's."""

import math

import torch


# ---------------------------------------------------------------- fooling_share


def share_plainly(model, x, v):
    with torch.no_grad():
        before, after = model(x).argmax(1), model((x + v).clamp(0, 1)).argmax(1)
    return (before != after).float().mean().item()


def share_by_counting(model, x, v):
    fooled = 0
    for picture in x:
        moved = torch.clip(picture + v, 0, 1)
        fooled += int(model(picture[None]).argmax()) != int(model(moved[None]).argmax())
    return fooled / len(x)


def share_in_one_batch(model, x, v):
    both = torch.cat([x, torch.minimum(torch.maximum(x + v, torch.zeros_like(x)), torch.ones_like(x))])
    first, second = model(both).max(1).indices.chunk(2)
    return 1 - torch.eq(first, second).double().mean().item()


# ---------------------------------------------------------------- into_budget


def budget_plainly(v, xi, norm):
    if norm == "linf":
        return v.clamp(-xi, xi)
    return v * (xi / v.norm().clamp_min(1e-12)).clamp(max=1)


def budget_by_if(v, xi, norm):
    if norm == "l2":
        size = math.sqrt((v.double() ** 2).sum().item())
        return v * (xi / size) if size > xi else v.clone()
    return torch.where(v > xi, torch.full_like(v, xi), torch.where(v < -xi, torch.full_like(v, -xi), v))


def budget_by_renorm(v, xi, norm):
    if norm == "linf":
        return v.sign() * v.abs().clamp(max=xi)
    return torch.renorm(v.reshape(1, -1), p=2, dim=0, maxnorm=xi).reshape(v.shape)


# ---------------------------------------------------------------- one_turn


def turn_plainly(model, x, v, xi, smallest):
    x, v = x.detach(), v.detach()
    if model(x + v).argmax() != model(x).argmax():
        return v.clone()
    return (v + smallest(x + v)).clamp(-xi, xi).detach()


def turn_from_the_end(model, x, v, xi, smallest):
    with torch.no_grad():
        own, now = (int(model(z).argmax(1)) for z in (x, x + v))
        r = smallest(x + v) if own == now else None
        return v.detach().clone() if r is None else torch.clip(v + r, min=-xi, max=xi)


def turn_by_scores(model, x, v, xi, smallest):
    moved = (x + v).detach()
    own = model(x)[0].max(0).indices
    scores = model(moved)[0]
    still = bool((scores[own] >= scores).all())
    new = (moved + smallest(moved) - x.detach())[0] if still else v.detach().clone()
    return torch.minimum(torch.maximum(new, torch.full_like(new, -xi)), torch.full_like(new, xi)) if still else new


# ---------------------------------------------------------------- shared_part


def part_plainly(normals, k):
    rows = normals.flatten(1)
    rows = rows / rows.norm(dim=1, keepdim=True)
    squares = torch.linalg.svdvals(rows) ** 2
    return (squares[:k].sum() / squares.sum()).item()


def part_by_eigenvalues(normals, k):
    """The squared singular values are the eigenvalues of the table of products."""
    rows = torch.nn.functional.normalize(normals.reshape(len(normals), -1), dim=1)
    values = torch.linalg.eigvalsh(rows @ rows.T)
    return (values.flip(0)[:k].sum() / len(rows)).item()


def part_by_svd(normals, k):
    rows = torch.stack([n.flatten() / n.norm() for n in normals])
    s = torch.linalg.svd(rows, full_matrices=False)[1]
    return float((s[:k] ** 2).sum() / s.square().sum())


RIGHT = {
    "fooling_share": (share_plainly, share_by_counting, share_in_one_batch),
    "into_budget": (budget_plainly, budget_by_if, budget_by_renorm),
    "one_turn": (turn_plainly, turn_from_the_end, turn_by_scores),
    "shared_part": (part_plainly, part_by_eigenvalues, part_by_svd),
}
