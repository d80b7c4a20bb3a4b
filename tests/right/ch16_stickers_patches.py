"""Right answers to the exercises of chapter 16, in other words than the reference's."""

import math

import torch

# ---------------------------------------------------------------- put_stickers


def stickers_plainly(x, boxes, adds):
    z = x.detach().clone()
    for k in range(len(x)):
        for (x0, y0, x1, y1), add in zip(boxes[k].tolist(), adds.tolist()):
            z[k, :, y0:y1, x0:x1] += add
    return z.clamp(0, 1)


def stickers_by_masks(x, boxes, adds):
    down, across = torch.arange(x.shape[2], device=x.device)[:, None], torch.arange(x.shape[3], device=x.device)
    x0, y0, x1, y1 = boxes[..., None, None].unbind(2)
    inside = (down >= y0) & (down < y1) & (across >= x0) & (across < x1)
    layer = (inside * adds[None, :, None, None]).sum(1, keepdim=True)
    return torch.clip(x.detach() + layer.to(x.dtype), 0, 1)


def stickers_by_product(x, boxes, adds):
    down, across = torch.arange(x.shape[2], device=x.device), torch.arange(x.shape[3], device=x.device)
    rows = ((boxes[:, :, 1:2] <= down) & (down < boxes[:, :, 3:])).to(x.dtype)
    columns = ((boxes[:, :, :1] <= across) & (across < boxes[:, :, 2:3])).to(x.dtype)
    layer = torch.einsum("nsh,s,nsw->nhw", rows, adds.to(x.dtype), columns)
    return (x.detach() + layer[:, None]).clamp(0, 1)


# ---------------------------------------------------------------- printing_error


def score_plainly(x, palette):
    return (x[:, None] - palette[None, :, :, None, None]).norm(dim=2).prod(1)


def score_by_colour(x, palette):
    score = torch.ones_like(x[:, 0])
    for colour in palette:
        score = score * (x - colour[:, None, None]).square().sum(1).sqrt()
    return score


def score_by_cdist(x, palette):
    pixels = x.movedim(1, 3)
    apart = (pixels.unsqueeze(3) - palette).pow(2).sum(-1).pow(0.5)
    return torch.prod(apart, dim=3)


# ---------------------------------------------------------------- rp2_cost


def cost_plainly(scores, target, change, mask, weight):
    views = -scores.log_softmax(2)[:, torch.arange(len(target)), target]
    return weight * (mask * change).flatten(1).norm(dim=1) + views.mean(0)


def cost_by_cross_entropy(scores, target, change, mask, weight):
    losses = torch.stack([torch.nn.functional.cross_entropy(view, target, reduction="none") for view in scores])
    return losses.mean(0) + weight * (change * mask).square().sum((1, 2, 3)).sqrt()


def cost_by_picture(scores, target, change, mask, weight):
    costs = []
    for k, goal in enumerate(target.tolist()):
        chance = torch.logsumexp(scores[:, k], 1) - scores[:, k, goal]
        costs.append(weight * torch.linalg.vector_norm(change[k] * mask[0]) + chance.sum() / len(scores))
    return torch.stack(costs)


# ---------------------------------------------------------------- patch_matrix


def matrix_plainly(side, across, down, turn, size):
    c, s, k = math.cos(math.radians(turn)), math.sin(math.radians(turn)), size / side
    right, low = (2 * across - size) / side, (2 * down - size) / side
    return torch.tensor([[k * c, k * s, -(c * right + s * low)], [-k * s, k * c, s * right - c * low]])


def matrix_by_product(side, across, down, turn, size):
    angle = math.pi * turn / 180
    back = torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    middle = torch.tensor([[across], [down]]) * 2 / size - 1
    return size / side * torch.cat([back, -back @ middle], 1)


def matrix_by_inverse(side, across, down, turn, size):
    angle = torch.deg2rad(torch.tensor(float(turn), dtype=torch.float64))
    c, s, k = angle.cos().item(), angle.sin().item(), side / size
    there = torch.tensor([[k * c, -k * s, 2 * across / size - 1], [k * s, k * c, 2 * down / size - 1], [0, 0, 1]], dtype=torch.float64)
    return torch.linalg.inv(there)[:2].float()


RIGHT = {
    "put_stickers": (stickers_plainly, stickers_by_masks, stickers_by_product),
    "printing_error": (score_plainly, score_by_colour, score_by_cdist),
    "rp2_cost": (cost_plainly, cost_by_cross_entropy, cost_by_picture),
    "patch_matrix": (matrix_plainly, matrix_by_product, matrix_by_inverse),
}
