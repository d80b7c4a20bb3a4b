"""Right answers to the exercises of chapter 07, in other words than the reference's."""

import math

import torch

# ---------------------------------------------------------------- distortion


def distortion_by_mean(x, x_adv):
    return (x_adv - x).flatten(1).square().mean(1).sqrt()


def distortion_by_norm(x, x_adv):
    change = x_adv - x
    return torch.linalg.vector_norm(change, dim=(1, 2, 3)) / math.sqrt(x[0].numel())


def distortion_one_by_one(x, x_adv):
    return torch.stack([((a - b) ** 2).mean() ** 0.5 for a, b in zip(x, x_adv)])


def distortion_by_einsum(x, x_adv):
    change = x_adv - x
    return (torch.einsum("nchw,nchw->n", change, change) / change[0].numel()).sqrt()


# ---------------------------------------------------------------- c_to_try


def c_by_where(low, high):
    both = (low * high).sqrt()
    return torch.where(high == math.inf, 10 * low, torch.where(low == 0, high / 10, both))


def c_by_masks(low, high):
    c = torch.sqrt(low * high)
    free, none = torch.isinf(high), low == 0
    c[free] = low[free] * 10
    c[none] = high[none] * 0.1
    return c


def c_one_by_one(low, high):
    def one(a, b):
        if math.isinf(b):
            return 10 * a
        return b / 10 if a == 0 else math.sqrt(a * b)

    return torch.tensor([one(a, b) for a, b in zip(low.tolist(), high.tolist())]).to(low)


def c_by_logs(low, high):
    """The middle of the logarithms, where both are numbers."""
    down = torch.where(low == 0, high / 100, low)
    upper = torch.where(high.isinf(), 100 * low, high)
    return ((down.log() + upper.log()) / 2).exp()


# ---------------------------------------------------------------- nearest_plane


def plane_by_rows(x, weight, bias):
    scores = x.flatten(1) @ weight.T + bias
    own = scores.argmax(1)
    w = weight[own][:, None] - weight
    lead = scores.gather(1, own[:, None]) - scores
    distance = lead / w.norm(dim=2)
    rows = torch.arange(len(x), device=x.device)
    distance[rows, own] = math.inf
    k = distance.argmin(1)
    change = -(lead / w.norm(dim=2) ** 2)[rows, k, None] * w[rows, k]
    return change.view_as(x)


def plane_one_by_one(x, weight, bias):
    changes = []
    for picture in x:
        scores = weight @ picture.flatten() + bias
        own = int(scores.argmax())
        others = [k for k in range(len(bias)) if k != own]
        pairs = [((scores[own] - scores[k]) / (weight[own] - weight[k]).norm(), weight[own] - weight[k]) for k in others]
        distance, w = min(pairs, key=lambda pair: pair[0].item())
        changes.append(-distance * (w / w.norm()).view(picture.shape))
    return torch.stack(changes)


def plane_by_cdist(x, weight, bias):
    """|w_own - w_k| are distances between rows of the weights."""
    scores = torch.nn.functional.linear(x.flatten(1), weight, bias)
    best, own = scores.max(1)
    apart = torch.stack([(weight - row).square().sum(1).sqrt() for row in weight])[own]
    ratio = torch.where(apart > 0, (best[:, None] - scores) / apart, torch.inf)
    distance, k = ratio.min(1)
    direction = (weight[k] - weight[own]) / apart.gather(1, k[:, None])
    return (distance[:, None] * direction).reshape(x.shape)


# ---------------------------------------------------------------- wave_norm


def wave_by_exp(kernel, u, v):
    turn = u * torch.arange(kernel.shape[2], device=kernel.device)[:, None] + v * torch.arange(kernel.shape[3], device=kernel.device)
    matrix = (kernel * torch.exp(-1j * turn)).sum((2, 3))
    return torch.linalg.matrix_norm(matrix, 2).item()


def wave_by_cosines(kernel, u, v):
    """Two real matrices; [[C, -S], [S, C]] has the same singular values, each twice."""
    rows, columns = kernel.shape[2:]
    turn = torch.tensor([[u * i + v * j for j in range(columns)] for i in range(rows)], dtype=kernel.dtype, device=kernel.device)
    c, s = (torch.einsum("oihw,hw->oi", kernel, part) for part in (turn.cos(), turn.sin()))
    return torch.linalg.svdvals(torch.cat([torch.cat([c, -s], 1), torch.cat([s, c], 1)]))[0].item()


def wave_by_numpy(kernel, u, v):
    import numpy as np

    k = kernel.detach().cpu().numpy()
    rows, columns = np.exp(1j * u * np.arange(k.shape[2])), np.exp(1j * v * np.arange(k.shape[3]))
    return float(np.linalg.svd(k @ columns @ rows, compute_uv=False).max())


def wave_by_eigenvalue(kernel, u, v):
    matrix = sum(kernel[:, :, i, j] * complex(math.cos(u * i + v * j), -math.sin(u * i + v * j)) for i in range(kernel.shape[2]) for j in range(kernel.shape[3]))
    return torch.linalg.eigvalsh(matrix.mH @ matrix)[-1].sqrt().item()


RIGHT = {
    "distortion": (distortion_by_mean, distortion_by_norm, distortion_one_by_one, distortion_by_einsum),
    "c_to_try": (c_by_where, c_by_masks, c_one_by_one, c_by_logs),
    "nearest_plane": (plane_by_rows, plane_one_by_one, plane_by_cdist),
    "wave_norm": (wave_by_exp, wave_by_cosines, wave_by_numpy, wave_by_eigenvalue),
}
