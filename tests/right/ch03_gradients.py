"""Right answers to the exercises of chapter 03, written in other words than the references."""

import contextlib

import numpy as np
import torch
import torch._dynamo  # noqa: F401  which the first vmap imports: here, and not within the time limit of an answer
from torch import nn

# ---------------------------------------------------------------- the strongest position


def by_unravel(maps, channel):
    place = maps[:, channel].flatten(1).argmax(1)
    return torch.stack(torch.unravel_index(place, maps.shape[2:]), 1)


def row_by_row(maps, channel):
    best, columns = maps[:, channel].max(dim=2)
    rows = best.argmax(1)
    return torch.stack([rows, columns.gather(1, rows[:, None])[:, 0]], dim=1)


def picture_by_picture(maps, channel):
    found = [(one == one.max()).nonzero()[0] for one in maps[:, channel]]
    return torch.stack(found)


def positions_in_numpy(maps, channel):
    one = maps[:, channel].detach().cpu().numpy()
    places = [np.unravel_index(picture.argmax(), picture.shape) for picture in one]
    return torch.tensor(np.array(places), device=maps.device)


# ---------------------------------------------------------------- a one, mapped back


def by_positions(model, x, channel):
    z = x.detach().clone().requires_grad_()
    maps = model(z)
    row, column = by_unravel(maps, channel).unbind(1)
    return torch.autograd.grad(maps[torch.arange(len(z)), channel, row, column].sum(), z)[0]


def by_a_one(model, x, channel):
    z = x.detach().clone().requires_grad_()
    maps = model(z)
    one = torch.zeros_like(maps)
    for picture, (row, column) in zip(one, row_by_row(maps, channel).tolist()):
        picture[channel, row, column] = 1
    (gradient,) = torch.autograd.grad(maps, z, grad_outputs=one)
    return gradient


def by_vmap(model, x, channel):
    return torch.func.vmap(torch.func.grad(lambda z: model(z[None])[0, channel].amax()))(x).detach()


def one_after_the_other(model, x, channel):
    parts = []
    for picture in x.detach().clone():
        z = picture[None].requires_grad_()
        model(z)[0, channel].max().backward(inputs=[z])
        parts.append(z.grad)
    return torch.cat(parts)


# ---------------------------------------------------------------- the rules


def rules_by_where(f, g):
    zero = torch.zeros_like(g)
    return torch.where(f > 0, g, zero), torch.where(g > 0, g, zero), torch.where((f > 0) & (g > 0), g, zero)


def rules_by_relu(f, g):
    gate = f.sign().relu()
    return gate * g, g.relu(), (gate * g).relu()


def rules_by_autograd(f, g):
    x = f.detach().clone().requires_grad_()
    (plain,) = torch.autograd.grad(x.relu(), x, grad_outputs=g)
    positive = g.clone()
    positive[positive < 0] = 0
    return plain, positive, torch.minimum(plain.clamp_min(0), positive)


def rules_by_fill(f, g):
    shut = f <= 0
    return g.masked_fill(shut, 0), g.masked_fill(g <= 0, 0), g.masked_fill(shut, 0).masked_fill(g <= 0, 0)


# ---------------------------------------------------------------- hooks


def by_a_stack(model, run):
    def hook(module, inputs, output):
        output.register_hook(torch.relu)

    with contextlib.ExitStack() as stack:
        for module in model.modules():
            if isinstance(module, nn.ReLU):
                stack.callback(module.register_forward_hook(hook).remove)
        return run()


@contextlib.contextmanager
def clamping(model):
    handles = []

    def hook(module, inputs, output):
        output.register_hook(lambda g: g * (g > 0))

    try:
        for _, module in model.named_modules():
            if type(module) is nn.ReLU:
                handles.append(module.register_forward_hook(hook))
        yield
    finally:
        while handles:
            handles.pop().remove()


def by_a_context(model, run):
    with clamping(model):
        return run()


def by_recursion(model, run):
    handles = []

    def walk(module):
        for child in module.children():
            walk(child)
        if isinstance(module, nn.ReLU) and module not in [m for m, _ in handles]:
            handles.append((module, module.register_forward_hook(hook)))

    def hook(module, inputs, output):
        output.register_hook(lambda g: torch.maximum(g, torch.zeros_like(g)))

    walk(model)
    try:
        result = run()
    finally:
        for _, handle in handles:
            handle.remove()
    return result


RIGHT = {
    "strongest": (by_unravel, row_by_row, picture_by_picture, positions_in_numpy),
    "map_back": (by_positions, by_a_one, by_vmap, one_after_the_other),
    "relu_rules": (rules_by_where, rules_by_relu, rules_by_autograd, rules_by_fill),
    "with_guided": (by_a_stack, by_a_context, by_recursion),
}
