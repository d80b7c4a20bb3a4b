"""Wrong answers to the exercises of chapter 04, each with words that its message must hold."""

import torch
import torch.nn.functional as F
from torch import nn

from course_utils import visualize
from course_utils.checks.ch04_saliency_occlusion import delete_top, integrated_gradients, occlusion_map
from course_utils.runtime import frozen
from course_utils.training import right_reasons
from course_utils.visualize import score_gradient


def occlusion_that_piles_up(model, x, y, window, stride, fill):
    covered, base = x.clone(), model(x)[0, y].item()
    return torch.tensor([
        [base - model(covered.index_put_(tuple(torch.meshgrid(torch.arange(1), torch.arange(3), torch.arange(t, t + window),
                                                               torch.arange(s, s + window), indexing="ij")), torch.tensor(fill)))[0, y].item()
         for s in range(0, x.shape[3] - window + 1, stride)]
        for t in range(0, x.shape[2] - window + 1, stride)
    ])  # fmt: skip


def right_reasons_detached(model, x, y, inside, strength):
    z = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(z).log_softmax(1).sum(), z)
    return F.cross_entropy(model(x), y) + strength * (gradient * (1 - inside)).square().flatten(1).sum(1).mean()


def right_reasons_freed(model, x, y, inside, strength):
    z = x.clone().requires_grad_()
    log_p = model(z).log_softmax(1)
    (gradient,) = torch.autograd.grad(log_p.sum(), z)
    return F.nll_loss(log_p, y) + strength * (gradient * (1 - inside)).square().flatten(1).sum(1).mean()


def right_reasons_frozen(model, x, y, inside, strength):
    with frozen(model):
        return right_reasons(model, x, y, inside, strength).detach()


def right_reasons_summed(model, x, y, inside, strength):
    plain = F.cross_entropy(model(x), y)
    return plain + len(x) * (right_reasons(model, x, y, inside, strength) - plain)


WRONG = {
    "saliency": (
        (lambda m, x, y: score_gradient(m, x, y).amax(1), "absolute value"),
        (lambda m, x, y: score_gradient(m, x, y).abs().sum(1), "added up"),
        (lambda m, x, y: score_gradient(m, x, y).abs().amax(1) / len(x), "averaged over the batch"),
        (lambda m, x, y: visualize.saliency(m, x), "labels y"),
        (lambda m, x, y: torch.autograd.grad(F.cross_entropy(m(z := x.clone().requires_grad_()), y, reduction="sum"), z)[0].abs().amax(1), "loss"),
        (lambda m, x, y: torch.autograd.grad(m(z := x.clone().requires_grad_()).softmax(1).gather(1, y[:, None]).sum(), z)[0].abs().amax(1), "before the softmax"),
        (lambda m, x, y: score_gradient(m, x, y).abs(), "colours are still there"),
    ),
    "occlusion_map": (
        (lambda m, x, y, w, s, c: -occlusion_map(m, x, y, w, s, c), "sign"),
        (lambda m, x, y, w, s, c: m(x)[0, y].detach() - occlusion_map(m, x, y, w, s, c), "subtract"),
        (lambda m, x, y, w, s, c: occlusion_map(m, x, y, w, s, c).T, "swapped"),
        (lambda m, x, y, w, s, c: occlusion_map(m, x, y, w, s, 0.0), "black"),
        (lambda m, x, y, w, s, c: occlusion_map(m, x, y, w, 1, c), "positions"),
        (lambda m, x, y, w, s, c: occlusion_map(m, x, y, w, s, c)[:-1, :-1], "ends at the edge"),
        (lambda m, x, y, w, s, c: occlusion_map(m, x, int(m(x).argmax()), w, s, c), "y is not used"),
        (lambda m, x, y, w, s, c: occlusion_map(nn.Sequential(m, nn.Softmax(1)), x, y, w, s, c), "before the softmax"),
        (lambda m, x, y, w, s, c: occlusion_map(m, x, y, w, s, c).double(), "torch.float64"),
        (occlusion_that_piles_up, "copied anew"),
    ),
    "integrated_gradients": (
        (lambda m, x, y, n: x * score_gradient(m, x, y), "alone"),
        (lambda m, x, y, n: integrated_gradients(m, x, y, n) * n, "divided"),
        (lambda m, x, y, n: integrated_gradients(m, x, y, n) / x.clamp_min(1e-6), "multiplied"),
        (lambda m, x, y, n: visualize.integrated_gradients(m, x, y, steps=n, baseline=1.0), "white"),
        (lambda m, x, y, n: integrated_gradients(m, x, (y + 1) % 3, n), "completeness"),
    ),
    "delete_top": (
        (lambda x, h, s, c: delete_top(x, -h, s, c), "lowest heat"),
        (lambda x, h, s, c: x.where((h < h.quantile(1 - s))[:, None], torch.tensor(c)), "by themselves"),
        (lambda x, h, s, c: delete_top(x, h, 1 - s, c), "three quarters"),
        (lambda x, h, s, c: delete_top(x, h, s, 0.0), "nothing was replaced"),
        (lambda x, h, s, c: torch.cat([delete_top(x, h, s, c)[:, :1], x[:, 1:]], 1), "all its colours"),
        (lambda x, h, s, c: x.copy_(delete_top(x, h, s, c)), "in place"),
        (lambda x, h, s, c: delete_top(x, h, 0.25, c), "with share 0.0, 16"),
        (lambda x, h, s, c: x.where(h.flatten(1).argsort(1, descending=True).view_as(h)[:, None] >= 16, torch.tensor(c)), "other pixels"),
        (lambda x, h, s, c: None, "returns nothing"),
    ),
    "right_reasons": (
        (right_reasons_detached, "create_graph"),
        (right_reasons_freed, "cannot train"),
        (lambda m, x, y, i, s: right_reasons(m, x, y, 1 - i, s), "outside"),
        (right_reasons_summed, "take the mean"),
        (right_reasons_frozen, "no gradient for the weights"),
        (lambda m, x, y, i, s: right_reasons(m, x, y, i, s) + 1, "strength 0"),
    ),
}  # fmt: skip
