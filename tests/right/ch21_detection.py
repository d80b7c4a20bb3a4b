"""Right answers to the exercises of chapter 21, in other words than the reference's."""

import torch
import torch.nn.functional as F

# ---------------------------------------------------------------- covered_lead


def by_scatter(scores, covered):
    own = scores.argmax(1)[:, None, None].expand(-1, covered.shape[1], 1)
    return covered.gather(2, own)[..., 0] - covered.scatter(2, own, -torch.inf).amax(2)


def by_mask(scores, covered):
    own = F.one_hot(scores.argmax(1), scores.shape[1]).bool()[:, None]
    return (covered * own).sum(2) - covered.masked_fill(own, -torch.inf).max(2).values


def picture_by_picture(scores, covered):
    leads = []
    for z, under in zip(scores, covered):
        k = int(z.argmax())
        others = torch.cat([under[:, :k], under[:, k + 1 :]], 1)
        leads.append(under[:, k] - others.max(1).values)
    return torch.stack(leads)


# ---------------------------------------------------------------- area_by_pairs


def by_comparison(attacked, clean):
    return ((attacked[:, None] > clean) + 0.5 * (attacked[:, None] == clean)).mean().to(attacked.dtype)


def by_sign(attacked, clean):
    return ((attacked.reshape(-1, 1) - clean).sign().mean() + 1) / 2


def by_order(attacked, clean):
    in_order = clean.sort().values
    lower = torch.searchsorted(in_order, attacked.contiguous())
    upper = torch.searchsorted(in_order, attacked.contiguous(), right=True)
    return ((lower + upper).to(attacked.dtype) / 2).mean() / len(clean)


# ---------------------------------------------------------------- alarm_level


def by_sort(clean, rate):
    return clean.sort(descending=True).values[int(rate * len(clean) + 1e-6)]


def by_topk(clean, rate):
    return clean.topk(1 + int(rate * len(clean) + 1e-6)).values[-1]


def by_counting(clean, rate):
    above = (clean[None] > clean[:, None]).sum(1)
    return clean[above <= rate * len(clean) + 1e-6].min()


# ---------------------------------------------------------------- local_dimension


def by_cdist(features, among, k):
    nearest = torch.cdist(features, among).sort(1).values[:, :k]
    return -1 / (nearest / nearest[:, -1:]).log().mean(1)


def by_logarithms(features, among, k):
    logs = (features[:, None] - among[None]).norm(dim=2).topk(k, largest=False).values.log()
    return k / (k * logs[:, k - 1] - logs.sum(1))


def by_squares(features, among, k):
    squares = (features[:, None] - among).square().sum(2).sort(dim=1).values[:, :k]
    return -2.0 / (squares / squares[:, -1, None]).log().mean(dim=1)


# ---------------------------------------------------------------- free_energy


def by_logsumexp(scores, temperature):
    return -temperature * torch.logsumexp(scores / temperature, 1)


def by_the_largest(scores, temperature):
    top = scores.amax(1, keepdim=True)
    return -top[:, 0] - temperature * ((scores - top) / temperature).exp().sum(1).log()


def by_log_softmax(scores, temperature):
    z = scores / temperature
    return temperature * (z.log_softmax(1)[:, 0] - z[:, 0])


RIGHT = {
    "covered_lead": (by_scatter, by_mask, picture_by_picture),
    "area_by_pairs": (by_comparison, by_sign, by_order),
    "alarm_level": (by_sort, by_topk, by_counting),
    "local_dimension": (by_cdist, by_logarithms, by_squares),
    "free_energy": (by_logsumexp, by_the_largest, by_log_softmax),
}
