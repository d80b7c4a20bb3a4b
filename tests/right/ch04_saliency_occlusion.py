"""Right answers to the exercises of chapter 04, written in other words than the reference."""

import torch
import torch.nn.functional as F


def saliency_by_vmap(model, x, y):
    score = torch.func.grad(lambda z, c: model(z[None])[0].gather(0, c[None])[0])
    return torch.func.vmap(score)(x, y).abs().amax(1)


@torch.no_grad()
def occlusion_in_one_batch(model, x, y, window, stride, fill):
    places = [(t, s) for t in range(0, x.shape[2] - window + 1, stride) for s in range(0, x.shape[3] - window + 1, stride)]
    many = x.repeat(len(places), 1, 1, 1)
    for picture, (t, s) in zip(many, places):
        picture[:, t : t + window, s : s + window] = fill
    return (model(x)[:, y] - model(many)[:, y]).reshape((x.shape[2] - window) // stride + 1, -1)


def integrated_by_trapezoids(model, x, y, steps):
    total = torch.zeros_like(x)
    for k in range(steps + 1):
        z = (k / steps * x).requires_grad_()
        (gradient,) = torch.autograd.grad(model(z).gather(1, y[:, None]).sum(), z)
        total += gradient / (2 if k in (0, steps) else 1)
    return x * total / steps


def delete_by_topk(x, heat, share, fill):
    places = heat.flatten(1).topk(int(share * heat[0].numel())).indices
    gone = torch.zeros_like(heat.flatten(1), dtype=torch.bool).scatter(1, places, True).view_as(heat)
    return x.masked_fill(gone[:, None], fill)


def right_reasons_two_passes(model, x, y, inside, strength):
    z = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.log_softmax(model(z), 1).sum(), z, create_graph=True)
    return F.cross_entropy(model(x), y) + strength * ((1 - inside) * gradient**2).sum((1, 2, 3)).mean()


def occlusion_in_two_loops(model, x, y, window, stride, fill):
    rows = []
    with torch.no_grad():
        base = model(x)[0, y]
        for top in range(0, x.shape[2] - window + 1, stride):
            row = []
            for left in range(0, x.shape[3] - window + 1, stride):
                covered = x.clone()
                covered[:, :, top : top + window, left : left + window] = fill
                row.append(base - model(covered)[0, y])
            rows.append(torch.stack(row))
    return torch.stack(rows)


def integrated_by_midpoints(model, x, y, steps):
    total = torch.zeros_like(x)
    for k in range(steps):
        point = ((k + 0.5) / steps * x).requires_grad_()
        total += torch.autograd.grad(model(point).gather(1, y[:, None]).sum(), point)[0]
    return x * total / steps


RIGHT = {
    "saliency": (saliency_by_vmap,),
    "occlusion_map": (occlusion_in_one_batch, occlusion_in_two_loops),
    "integrated_gradients": (integrated_by_trapezoids, integrated_by_midpoints),
    "delete_top": (delete_by_topk,),
    "right_reasons": (right_reasons_two_passes,),
}
