"""Wrong answers to the exercises of chapter 03: (kind, function, words that the message must hold)."""

import torch
from torch import nn

from course_utils.checks.ch03_gradients import map_back, relu_rules, strongest

# ---------------------------------------------------------------- the strongest position


def table(place, wide):
    return torch.stack([place // wide, place % wide], 1)


def squeezed(maps, channel):
    return strongest(maps, channel).squeeze()


def by_topk(maps, channel):
    return maps[:, channel].flatten(1).topk(1).indices


def of_float(maps, channel):
    place = maps[:, channel].flatten(1).argmax(1)
    return torch.stack([place / maps.shape[3], place % maps.shape[3]], 1)


def above_zero(maps, channel):
    return strongest(maps.clamp(min=0), channel)


def lowered_in_place(maps, channel):
    maps -= maps.amin()
    return strongest(maps, channel)


# ---------------------------------------------------------------- a one, mapped back


def slope(value, finish=lambda g: g, **options):
    def answer(model, x, channel):
        z = x.detach().clone().requires_grad_()
        return finish(torch.autograd.grad(value(model(z), channel).sum(), z, **options)[0])

    return answer


def own(maps, channel):
    return maps[:, channel].flatten(1).amax(1)


def into_the_model(model, x, channel):
    z = x.detach().clone().requires_grad_()
    own(model(z), channel).sum().backward()
    return z.grad


def into_x(model, x, channel):
    x.requires_grad_()
    own(model(x), channel).sum().backward(inputs=[x])
    return x.grad.clone()


def to_eval(model, x, channel):
    model.eval()
    return map_back(model, x, channel)


def not_asked(model, x, channel):
    return torch.autograd.grad(own(model(x), channel).sum(), x)[0]


def hook_left_behind(model, x, channel):
    seen = []
    model.register_forward_hook(lambda module, inputs, output: seen.append(output))
    z = x.detach().clone().requires_grad_()
    model(z)
    return torch.autograd.grad(own(seen[0], channel).sum(), z)[0]


def with_noise(model, x, channel):
    return map_back(model, x + 0.1 * torch.rand_like(x), channel)


# ---------------------------------------------------------------- the rules


def negative_in_place(f, g):
    g[g < 0] = 0
    return g * (f > 0), g, g * (f > 0)


def masked_for_good(f, g):
    f = f.mul_(f > 0)
    return g * (f > 0), g.clamp(min=0), g.clamp(min=0) * (f > 0)


# ---------------------------------------------------------------- hooks


def hooks(which=lambda m: m.modules(), kind=nn.ReLU, change=lambda g: g.clamp(min=0), final=True, after=lambda r: r):
    def answer(model, run):
        def hook(module, inputs, output):
            output.register_hook(change)

        handles = [m.register_forward_hook(hook) for m in which(model) if isinstance(m, kind)]
        try:
            result = run()
        except Exception:
            if final:
                [handle.remove() for handle in handles]
            raise
        [handle.remove() for handle in handles]
        return after(result)

    return answer


def hooks_stay(model, run):
    for m in model.modules():
        if isinstance(m, nn.ReLU):
            m.register_forward_hook(lambda module, inputs, output: output.register_hook(lambda g: g.clamp(min=0)) and None)
    return run()


def swallows(model, run):
    try:
        return hooks()(model, run)
    except Exception as error:
        print("something went wrong:", error)


def returns_a_handle(model, run):
    handles = [m.register_forward_hook(lambda module, inputs, output: output.register_hook(lambda g: g.clamp(min=0)))
               for m in model.modules() if isinstance(m, nn.ReLU)]  # fmt: skip
    try:
        return run()
    finally:
        [handle.remove() for handle in handles]


def change_not_returned(model, run):
    return hooks(change=lambda g: g.clamp(min=0) and None if g.numel() == 1 else None)(model, run)


def backward_hooks(model, run):
    clamp = lambda module, given, taken: tuple(g.clamp(min=0) for g in given)  # noqa: E731
    handles = [m.register_full_backward_hook(clamp) for m in model.modules() if isinstance(m, nn.ReLU)]
    try:
        return run()
    finally:
        [handle.remove() for handle in handles]


def runs_first(model, run):
    run()
    return hooks()(model, run)


def forward_replaced(model, run):
    for m in model.modules():
        if isinstance(m, nn.ReLU):
            m.forward = lambda x: x.relu()
    return hooks()(model, run)


def made_safe(model, run):
    for m in model.modules():
        if isinstance(m, nn.ReLU):
            m.inplace = False
    model.eval()
    return hooks()(model, run)


WRONG = {
    "strongest": (
        ("wrong axis", lambda m, c: strongest(m, c).flip(1), "row and column are swapped"),
        ("wrong axis", lambda m, c: strongest(m, c).T, "the axes are swapped"),
        ("wrong axis", lambda m, c: strongest(m.transpose(0, 1), c), "has shape"),
        ("no absolute value", lambda m, c: strongest(m.abs(), c), "largest size is looked for"),
        ("wrong sign", lambda m, c: strongest(-m, c), "where the channel is weakest"),
        ("argument ignored", lambda m, c: strongest(m, 0), "always channel 0"),
        ("hard-coded constant", lambda m, c: strongest(m, 2), "use the argument `channel`"),
        ("another quantity", lambda m, c: table(m[:, c].flatten(1).argmax(1), m.shape[2]), "divided by the number of rows"),
        ("off by one", lambda m, c: strongest(m, c) + 1, "is off by up to"),
        ("batch of one only", lambda m, c: strongest(m[:1], c).expand(len(m), 2), "first one's position"),
        ("batch of one only", squeezed, "for one picture alone"),
        ("wrong shape", by_topk, "has shape"),
        ("wrong shape", lambda m, c: m[:, c].flatten(1).argmax(1), "numbered row by row"),
        ("precision", of_float, "torch.int64 is expected"),
        ("no clip", above_zero, "is off by up to"),
        ("in place", lowered_in_place, "changed in place"),
        ("no result", lambda m, c: strongest(m, c).tolist(), "is list"),
        ("no result", lambda m, c: None, "returns nothing"),
        ("raises", lambda m, c: m[:, c].argmax((1, 2)), "raised TypeError"),
    ),
    "map_back": (
        ("another quantity", slope(lambda m, c: m[:, c]), "the whole channel is mapped back"),
        ("another quantity", slope(lambda m, c: m[:, c].mean((1, 2))), "the channel's mean"),
        ("another quantity", slope(lambda m, c: own(m, c).square()), "not its value"),
        ("another quantity", lambda m, x, c: map_back(m, x, c) * x, "multiplied by the picture"),
        ("argument ignored", slope(lambda m, c: m.flatten(1).amax(1)), "the strongest neuron of all channels"),
        ("hard-coded constant", slope(lambda m, c: own(m, 1)), "is off by up to"),
        ("hard-coded constant", slope(lambda m, c: own(m, 2)), "use the argument `channel`"),
        ("hard-coded constant", slope(lambda m, c: m[:, c, m.shape[2] // 2, m.shape[3] // 2]), "in the middle of the map"),
        ("hard-coded constant", slope(lambda m, c: m[:, c, 0, 0]), "in the map's corner"),
        ("wrong sign", slope(lambda m, c: -own(m, c)), "the sign is wrong"),
        ("no absolute value", slope(own, torch.abs), "the signs are lost"),
        ("wrong shape", slope(own, lambda g: g.abs().amax(1)), "a map of sizes"),
        ("wrong axis", slope(own, lambda g: g.flip(3)), "is off by up to"),
        ("batch of one only", slope(lambda m, c: own(m, c).mean()), "averaged over the batch"),
        ("batch of one only", slope(lambda m, c: m[:, c].amax()), "of the whole batch"),
        ("batch of one only", slope(own, torch.squeeze), "for one picture alone"),
        ("attached", slope(own, create_graph=True), "still carries the graph"),
        ("random", with_noise, "changes with the random numbers"),
        ("precision", slope(own, lambda g: g.float()), "torch.float64 is expected"),
        ("model changed", into_the_model, "parameters' gradients changed"),
        ("model changed", to_eval, "mode (train or eval)"),
        ("model changed", hook_left_behind, "its hooks changed"),
        ("stale", into_x, "the .grad of x"),
        ("no result", lambda m, x, c: None, "returns nothing"),
        ("raises", not_asked, "nothing asks for a gradient here"),
    ),
    "relu_rules": (
        ("wrong axis", lambda f, g: relu_rules(f, g)[::-1], "another order"),
        ("wrong axis", lambda f, g: (relu_rules(f, g)[1], relu_rules(f, g)[0], relu_rules(f, g)[2]), "another order"),
        ("another quantity", lambda f, g: (f.clamp(min=0), *relu_rules(f, g)[1:]), "the ReLU forward"),
        ("another quantity", lambda f, g: (g * (f > 0), f.clamp(min=0), relu_rules(f, g)[2]), "looks at g, not at"),
        ("another quantity", lambda f, g: (*relu_rules(f, g)[:2], g.clamp(min=0) * f.clamp(min=0)), "multiplies by the input"),
        ("another quantity", lambda f, g: (*relu_rules(f, g)[:2], g * ((f > 0) | (g > 0))), "asks for both"),
        ("another quantity", lambda f, g: (g * (f > 0), (g > 0).to(g), ((g > 0) & (f > 0)).to(g)), "masks are handed down"),
        ("off by one", lambda f, g: (g * (f >= 0), g.clamp(min=0), g.clamp(min=0) * (f >= 0)), "at an input of 0 nothing passes"),
        ("wrong sign", lambda f, g: (g * (f < 0), g.clamp(min=0), g.clamp(min=0) * (f < 0)), "the wrong way round"),
        ("wrong sign", lambda f, g: (g * (f > 0), g.clamp(max=0), g.clamp(max=0) * (f > 0)), "what is negative passes"),
        ("no absolute value", lambda f, g: (g * (f > 0), g.abs(), g.abs() * (f > 0)), "turned around"),
        ("wrong shape", lambda f, g: torch.stack(relu_rules(f, g)), "three things are expected"),
        ("wrong shape", lambda f, g: relu_rules(f, g)[:2], "is not 3 things"),
        ("argument ignored", lambda f, g: (g, g.clamp(min=0), g.clamp(min=0)), "is off by up to"),
        ("in place", negative_in_place, "changed in place"),
        ("in place", masked_for_good, "changed in place"),
        ("precision", lambda f, g: tuple(part.float() for part in relu_rules(f, g)), "torch.float64 is expected"),
        ("no result", lambda f, g: None, "returns nothing"),
        ("raises", lambda f, g: relu_rules(f, g.where(f > 0)), "your code raised"),
    ),
    "with_guided": (
        ("argument ignored", lambda m, run: run(), "no gradient is clamped"),
        ("another quantity", change_not_returned, "no gradient is clamped"),
        ("another quantity", hooks(which=lambda m: m.children()), "not those in its blocks"),
        ("another quantity", hooks(kind=nn.Conv2d), "other modules than the ReLUs"),
        ("another quantity", hooks(kind=nn.Module), "other modules than the ReLUs"),
        ("another quantity", lambda m, run: run().clamp(min=0), "only the finished map is clamped"),
        ("another quantity", hooks(after=lambda r: r.clamp(min=0)), "the finished map is clamped, too"),
        ("wrong sign", hooks(change=lambda g: g.clamp(max=0)), "what is negative passes"),
        ("no absolute value", hooks(change=torch.abs), "turned around"),
        ("in place", hooks(change=lambda g: g.clamp_(min=0)), "clamped in place, also for a shortcut"),
        ("model changed", hooks_stay, "its hooks changed"),
        ("model changed", forward_replaced, "its forward was replaced"),
        ("model changed", made_safe, "mode (train or eval)"),
        ("stale", hooks(final=False), "`finally:` block"),
        ("no result", swallows, "is swallowed"),
        ("no result", lambda m, run: None, "returns nothing"),
        ("another quantity", runs_first, "call it once"),
        ("raises", returns_a_handle, "your code raised"),
        ("raises", backward_hooks, "your code raised RuntimeError"),
    ),
}  # fmt: skip
