"""Right answers to the exercises of chapter 08, in other words than the reference's."""

import math

import torch

# ---------------------------------------------------------------- small_mutation


def mutation_by_where(u, eta):
    power = 1 / (eta + 1)
    return torch.where(u < 0.5, (2 * u) ** power - 1, 1 - (2 * (1 - u)) ** power)


def mutation_by_sign(u, eta):
    up = u >= 0.5
    size = 1 - (2 * torch.where(up, 1 - u, u)).pow(1 / (eta + 1))
    return torch.where(up, size, -size)


def mutation_by_distance(u, eta):
    """|2u - 1| is how far u is from the middle: 2 min(u, 1 - u) = 1 - |2u - 1|."""
    away = 2 * u - 1
    side = torch.where(away < 0, -torch.ones_like(u), torch.ones_like(u))
    return side * (1 - (1 - away.abs()) ** (1 / (1 + eta)))


def mutation_by_masks(u, eta):
    change = torch.empty_like(u)
    low = u < 0.5
    change[low] = (2 * u[low]) ** (1 / (eta + 1)) - 1
    change[~low] = 1 - (2 - 2 * u[~low]) ** (1 / (eta + 1))
    return change


# ---------------------------------------------------------------- rate_now


def rate_by_power(rate, generation, every):
    return rate * 0.5 ** (generation // every)


def rate_by_loop(rate, generation, every):
    for _ in range(every, generation + 1, every):
        rate = rate / 2
    return rate


def rate_by_floor(rate, generation, every):
    return rate / 2 ** math.floor(generation / every)


# ---------------------------------------------------------------- next_elites


def elites_by_max(elites, best, children, log_p):
    height, child = log_p.max(0)
    return torch.where((height > best)[:, None, None, None], children[child], elites)


def elites_one_by_one(elites, best, children, log_p):
    after, height = elites.clone(), best.clone()
    for child, scores in zip(children, log_p):
        for k in range(len(best)):
            if scores[k] > height[k]:
                after[k], height[k] = child, scores[k]
    return after


def elites_by_index(elites, best, children, log_p):
    after = elites.clone()
    better = log_p.amax(0) > best
    after[better] = children[log_p.argmax(0)[better]]
    return after


def elites_by_joining(elites, best, children, log_p):
    """The elites stand before the children: where two are equal, argmax takes the first."""
    own = torch.eye(len(best), dtype=torch.bool, device=best.device)
    everyone = torch.cat([torch.where(own, best, torch.full_like(best, -torch.inf)), log_p])
    return torch.cat([elites, children])[everyone.argmax(0)]


# ---------------------------------------------------------------- node_answers


def node_by_where(weights, kind, before):
    z = (weights[:, None] @ before)[:, 0]
    out = z
    for k, f in enumerate((torch.sin, torch.sigmoid, lambda z: torch.exp(-(z**2)))):
        out = torch.where((kind == k)[:, None], f(z), out)
    return out


def node_one_by_one(weights, kind, before):
    functions = {0: torch.sin, 1: torch.sigmoid, 2: lambda z: torch.exp(-z * z), 3: lambda z: z}
    return torch.stack([functions[int(k)](w @ v) for w, k, v in zip(weights, kind, before)])


def node_by_einsum(weights, kind, before):
    z = torch.einsum("nk,nkp->np", weights, before)
    out = z.clone()
    out[kind == 0] = z[kind == 0].sin()
    out[kind == 1] = 1 / (1 + (-z[kind == 1]).exp())
    out[kind == 2] = z[kind == 2].square().neg().exp()
    return out


def node_by_gather(weights, kind, before):
    z = (weights.unsqueeze(2) * before).sum(1)
    every = torch.stack([z.sin(), z.sigmoid(), torch.exp(-z.square()), z], 1)
    return every[torch.arange(len(z), device=z.device), kind]


RIGHT = {
    "small_mutation": (mutation_by_where, mutation_by_sign, mutation_by_distance, mutation_by_masks),
    "rate_now": (rate_by_power, rate_by_loop, rate_by_floor),
    "next_elites": (elites_by_max, elites_one_by_one, elites_by_index, elites_by_joining),
    "node_answers": (node_by_where, node_one_by_one, node_by_einsum, node_by_gather),
}
