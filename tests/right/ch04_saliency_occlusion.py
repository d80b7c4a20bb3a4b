"""Right answers to the exercises of chapter 04, written in other words than the references."""

import numpy as np
import torch
import torch._dynamo  # noqa: F401  which the first vmap imports: here, and not within the time limit of an answer
import torch.nn.functional as F

# ---------------------------------------------------------------- the gradient, and the map


def gradient_by_vmap(model, x, y):
    score = torch.func.grad(lambda z, c: model(z[None])[0].gather(0, c[None])[0])
    return torch.func.vmap(score)(x, y).detach()


def gradient_picture_by_picture(model, x, y):
    parts = []
    for picture, label in zip(x.detach().clone(), y):
        z = picture[None].requires_grad_()
        parts.append(torch.autograd.grad(model(z)[0, label], z)[0])
    return torch.cat(parts)


def gradient_by_backward(model, x, y):
    z = x.detach().clone().requires_grad_()
    (model(z) * F.one_hot(y, model(z).shape[1])).sum().backward(inputs=[z])
    return z.grad


def gradient_by_a_given_weight(model, x, y):
    z = x.detach().requires_grad_(False).clone().requires_grad_()
    scores = model(z)
    weight = torch.zeros_like(scores)
    weight[torch.arange(len(y), device=y.device), y] = 1
    (gradient,) = torch.autograd.grad(scores, z, grad_outputs=weight)
    return gradient


def saliency_by_vmap(model, x, y):
    return gradient_by_vmap(model, x, y).abs().amax(1)


def saliency_colour_by_colour(model, x, y):
    red, green, blue = gradient_picture_by_picture(model, x, y).abs().unbind(1)
    return torch.maximum(torch.maximum(red, green), blue)


def saliency_in_numpy(model, x, y):
    sizes = np.abs(gradient_by_backward(model, x, y).cpu().numpy())
    return torch.from_numpy(sizes.max(axis=1)).to(x)


def saliency_by_two_signs(model, x, y):
    gradient = gradient_by_a_given_weight(model, x, y)
    return torch.cat([gradient, -gradient], 1).max(dim=1).values


# ---------------------------------------------------------------- occlusion


@torch.no_grad()
def occlusion_in_one_batch(model, x, y, window, stride, fill):
    places = [(t, s) for t in range(0, x.shape[2] - window + 1, stride) for s in range(0, x.shape[3] - window + 1, stride)]
    many = x.repeat(len(places), 1, 1, 1)
    for picture, (t, s) in zip(many, places):
        picture[:, t : t + window, s : s + window] = fill
    return (model(x)[:, y] - model(many)[:, y]).reshape((x.shape[2] - window) // stride + 1, -1)


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


def occlusion_with_masks(model, x, y, window, stride, fill):
    base = model(x)[0, y].item()
    rows, columns = ((size - window) // stride + 1 for size in x.shape[2:])
    drops = torch.empty(rows, columns).to(x.detach())
    high, wide = torch.arange(x.shape[2], device=x.device), torch.arange(x.shape[3], device=x.device)
    for r in range(rows):
        for c in range(columns):
            top, left = r * stride, c * stride
            inside = ((high >= top) & (high < top + window))[:, None] & ((wide >= left) & (wide < left + window))
            drops[r, c] = base - model(x.masked_fill(inside, fill))[0, y].item()
    return drops


def occlusion_number_by_number(model, x, y, window, stride, fill):
    rows, columns = (x.shape[2] - window) // stride + 1, (x.shape[3] - window) // stride + 1
    drops = torch.zeros(rows, columns)  # of float32, whatever comes in
    for r in range(rows):
        for c in range(columns):
            covered = x.clone()
            covered[0, :, r * stride : r * stride + window, c * stride : c * stride + window] = fill
            drops[r, c] = (model(x) - model(covered))[0, y].item()
    return drops


# ---------------------------------------------------------------- the way from black


def points_stacked(x, steps):
    return torch.stack([(k + 0.5) / steps * x for k in range(steps)])


def points_by_linspace(x, steps):
    shares = torch.linspace(0.5 / steps, 1 - 0.5 / steps, steps, dtype=x.dtype, device=x.device)
    return torch.einsum("s,nchw->snchw", shares, x)


def points_as_midpoints_of_pieces(x, steps):
    ends = torch.arange(steps + 1).to(x) / steps
    middles = (ends[:-1] + ends[1:]) / 2
    return middles[:, None, None, None, None] * x[None]


def integrated_by_midpoints(model, x, y, steps):
    total = torch.zeros_like(x)
    for k in range(steps):
        point = ((k + 0.5) / steps * x).requires_grad_()
        total += torch.autograd.grad(model(point).gather(1, y[:, None]).sum(), point)[0]
    return x * total / steps


def integrated_in_one_batch(model, x, y, steps):
    points = points_stacked(x, steps).flatten(0, 1)
    gradient = gradient_by_backward(model, points, y.repeat(steps))
    return x * gradient.unflatten(0, (steps, len(x))).mean(0)


def integrated_by_vmap(model, x, y, steps):
    of_a_point = torch.func.grad(lambda z: model(z).gather(1, y[:, None]).sum())
    return (x * torch.func.vmap(of_a_point)(points_by_linspace(x, steps)).mean(0)).detach()


# ---------------------------------------------------------------- deletion


def delete_by_topk(x, heat, share, fill):
    places = heat.flatten(1).topk(round(share * heat[0].numel())).indices
    gone = torch.zeros_like(heat.flatten(1), dtype=torch.bool).scatter(1, places, True).view_as(heat)
    return x.masked_fill(gone[:, None], fill)


def delete_picture_by_picture(x, heat, share, fill):
    out = x.clone()
    count = round(share * heat.shape[1] * heat.shape[2])
    for picture, one in zip(out, heat):
        for place in one.flatten().sort(descending=True).indices[:count].tolist():
            picture[:, place // one.shape[1], place % one.shape[1]] = fill
    return out


def delete_in_numpy(x, heat, share, fill):
    flat = x.clone().flatten(2).cpu().numpy()
    count = round(share * flat.shape[2])
    for picture, one in zip(flat, heat.flatten(1).cpu().numpy()):
        picture[:, np.argsort(-one)[:count]] = fill
    return torch.from_numpy(flat).reshape(x.shape).to(x)


# ---------------------------------------------------------------- right for the right reasons


def penalty_of_the_whole_batch(model, x, inside):
    z = x.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.log_softmax(model(z), 1).sum(), z, create_graph=True)
    return ((1 - inside) * gradient**2).sum((1, 2, 3)).mean()


def penalty_picture_by_picture(model, x, inside):
    total = 0
    for picture, mask in zip(x, inside):
        z = picture[None].detach().clone().requires_grad_()
        scores = model(z)[0]
        value = scores.sum() - len(scores) * scores.logsumexp(0)
        total = total + (torch.autograd.grad(value, z, create_graph=True)[0][0] * (1 - mask)).pow(2).sum()
    return total / len(x)


def penalty_of_chosen_pixels(model, x, inside):
    z = x.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(z).log_softmax(-1).sum(), z, create_graph=True)
    return gradient[(inside == 0).expand_as(x)].square().sum() / len(x)


def right_reasons_in_two_passes(model, x, y, inside, strength):
    return F.cross_entropy(model(x), y) + strength * penalty_of_the_whole_batch(model, x, inside)


def right_reasons_in_one_pass(model, x, y, inside, strength):
    z = x.detach().clone().requires_grad_()
    log_p = model(z).log_softmax(1)
    (gradient,) = torch.autograd.grad(log_p.sum(), z, create_graph=True)
    return -log_p.gather(1, y[:, None]).mean() + strength * (gradient * (1 - inside)).square().flatten(1).sum(1).mean()


def right_reasons_picture_by_picture(model, x, y, inside, strength):
    losses = [F.cross_entropy(model(x[i : i + 1]), y[i : i + 1]) for i in range(len(x))]
    return torch.stack(losses).mean() + strength * penalty_picture_by_picture(model, x, inside)


RIGHT = {
    "score_gradient": (gradient_by_vmap, gradient_picture_by_picture, gradient_by_backward, gradient_by_a_given_weight),
    "saliency": (saliency_by_vmap, saliency_colour_by_colour, saliency_in_numpy, saliency_by_two_signs),
    "occlusion_map": (occlusion_in_one_batch, occlusion_in_two_loops, occlusion_with_masks, occlusion_number_by_number),
    "path_points": (points_stacked, points_by_linspace, points_as_midpoints_of_pieces),
    "integrated_gradients": (integrated_by_midpoints, integrated_in_one_batch, integrated_by_vmap),
    "delete_top": (delete_by_topk, delete_picture_by_picture, delete_in_numpy),
    "outside_penalty": (penalty_of_the_whole_batch, penalty_picture_by_picture, penalty_of_chosen_pixels),
    "right_reasons": (right_reasons_in_two_passes, right_reasons_in_one_pass, right_reasons_picture_by_picture),
}
