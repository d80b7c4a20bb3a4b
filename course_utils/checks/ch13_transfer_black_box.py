"""The exercises of chapter 13: who is fooled by whose pictures, a change of a given size, augmentation, a slope from scores, decibels."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from .. import measure
from ..attacks.black_box import augmented
from ..checking import ATTACK, PICTURES, TENSORS, Case, Exercise, attack_cases, expect_inside, slips
from ..checking import decibels as loudness
from ..runtime import generator

# ---------------------------------------------------------------- who is fooled by whose pictures


def transfer_rates(clean: Tensor, attacked: Tensor, y: Tensor) -> Tensor:
    """[R, M]: among the pictures that network m had right, the share that it gets wrong when attacked in the way r."""
    return among(clean == y, attacked != y)


def among(had: Tensor, wrong: Tensor) -> Tensor:
    return (wrong & had).sum(2) / had.sum(1)


def answers() -> Iterator[Case]:
    """Classes of M networks for N pictures; all networks have some right and some wrong, and some wrong ones become right."""
    for seed, (ways, nets, count) in ((0, (4, 3, 40)), (1, (1, 5, 25)), (2, (3, 1, 30))):
        chance = generator(seed)
        y = torch.randint(6, (count,), generator=chance)
        other = lambda *shape, chance=chance: torch.randint(1, 6, shape, generator=chance)  # noqa: E731
        errs = torch.rand(nets, count, generator=chance) < torch.linspace(0.15, 0.5, nets)[:, None]
        fooled = torch.rand(ways, nets, count, generator=chance) < torch.linspace(0.2, 0.8, ways * nets).view(ways, nets, 1)
        yield {"clean": (y + errs * other(nets, count)) % 6, "attacked": (y + fooled * other(ways, nets, count)) % 6, "y": y}


# ---------------------------------------------------------------- a change of a given size


def amplified(x: Tensor, x_adv: Tensor, size: float) -> Tensor:
    """The change, made so long that its RMS is `size`; then clipped to [0, 1]. Where nothing changed, nothing does."""
    return made_long(rms)(x, x_adv, size)


def rms(r: Tensor) -> Tensor:
    return r.square().mean(1).sqrt()


def made_long(length: Callable[[Tensor], Tensor], clip: bool = True) -> Callable[..., Tensor]:
    """The change of each picture, divided by length(change as [N, D]) and times size."""

    def of(x: Tensor, x_adv: Tensor, size: float) -> Tensor:
        r = x_adv - x
        longer = x + size * r / length(r.flatten(1)).clamp_min(1e-12)[:, None, None, None]
        return longer.clamp(0, 1) if clip else longer

    return of


def by_channel(x: Tensor, x_adv: Tensor, size: float) -> Tensor:
    """Each channel of the change, made so long that the channel's own RMS is `size`."""
    r = x_adv - x
    return (x + size * r / r.square().mean((2, 3), keepdim=True).sqrt().clamp_min(1e-12)).clamp(0, 1)


def changes() -> Iterator[Case]:
    """Changes of many sizes, one of them 0, some of them tiny; many pixels near 0 and 1, so that clipping matters."""
    for seed, shape, size, most in ((0, (6, 2, 4, 5), 0.1037, 0.3), (1, (5, 1, 6, 5), 0.2071, 0.3), (2, (4, 1, 6, 5), 0.0713, 1e-3)):
        x = (1.3 * torch.rand(shape, generator=generator(seed)) - 0.15).clamp(0, 1)
        r = torch.randn(shape, generator=generator(seed + 5)) * torch.linspace(0, most, len(x))[:, None, None, None]
        yield {"x": x, "x_adv": (x + r).clamp(0, 1), "size": size}


# ---------------------------------------------------------------- one round of augmentation


def jacobian_step(model: nn.Module, x: Tensor, y: Tensor, step: float) -> Tensor:
    """x + step * sign(dF_y/dx), clipped to [0, 1]; F_y is the score of the oracle's class."""
    return augmented(model, x.detach(), y, step).detach()


def stepped() -> Iterator[Case]:
    for case, step in zip(attack_cases()(), (0.0973, -0.0317)):
        yield {key: case[key] for key in ("model", "x", "y")} | {"step": step}


def moved(gradient: Tensor, x: Tensor, step: float) -> Tensor:
    return (x + step * gradient.sign()).clamp(0, 1)


def along(change: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A wrong answer that does something else with the right gradient: change(gradient, x, step)."""
    return lambda model, x, y, step: change(slips.gradient_of(slips.own_score, model, x, y), x, step)


# ---------------------------------------------------------------- a slope from scores alone


def slope_from_scores(plus: Tensor, minus: Tensor, u: Tensor, sigma: float) -> Tensor:
    """mean over s of u_s (f(x + sigma u_s) - f(x - sigma u_s)) / (2 sigma), [N, C, H, W]."""
    return estimated(u, (plus - minus) / (2 * sigma))


def estimated(u: Tensor, weight: Tensor) -> Tensor:
    return (u * weight[:, :, None, None, None]).mean(0)


def asked() -> Iterator[Case]:
    """Values of a bent function at pairs of places; both the mean and the difference of a pair matter to a wrong formula."""
    for seed, shape, sigma in ((0, (7, 4, 2, 3, 4), 0.0513), (1, (5, 6, 1, 4, 3), 0.271)):
        u, w = torch.randn(shape, generator=generator(seed)), torch.randn(shape[2:], generator=generator(seed + 9))
        f = lambda v, w=w: (v * w).flatten(2).sum(2) + (v * w).flatten(2).sum(2).square() + 0.5  # noqa: E731
        yield {"plus": f(sigma * u), "minus": f(-sigma * u), "u": u, "sigma": sigma}


# ---------------------------------------------------------------- decibels


def decibels(wave: Tensor, changed: Tensor) -> Tensor:
    """10 log10(sum wave^2 / sum (changed - wave)^2) for each waveform `[N]`; infinite where nothing is changed."""
    return measure.snr(wave, changed)


EXERCISES = (
    Exercise("transfer_rates", transfer_rates, answers, difficulty=1, minutes=8, battery=TENSORS, what="the table", hints=(
        "Two questions for each network and picture: did it have the picture right before, and does it get it wrong now?",
        "had = clean == y is [M, N], wrong = attacked != y is [R, M, N]; & joins them, and M and N line up by themselves.",
        "(wrong & had).sum(2) / had.sum(1)",
    ), mistakes=(
        (lambda c, a, y: (a != y).float().mean(2), "pictures that the network had wrong before count as well; leave them out, above and below."),
        (lambda c, a, y: ((a != y) & (c == y)).float().mean(2), "it is divided by the number of all pictures; divide by how many this network had right."),
        (lambda c, a, y: (a != y).sum(2) / (c == y).sum(1), "above, pictures count that the network had wrong before; join the two conditions with &."),
        (lambda c, a, y: among(c == y, a == y), "this is the share that is still right; count those that are wrong now."),
        (lambda c, a, y: among(torch.ones_like(c, dtype=torch.bool), a != c), "every change of the answer counts, also of a wrong one; ask whether it was right before."),
        (lambda c, a, y: among((c == y).all(0).expand_as(c), a != y), "only pictures count that all networks had right; each network has its own."),
        (lambda c, a, y: among(c == y, a != y).T, "rows and columns are exchanged: a row for each way, a column for each network."),
        (lambda c, a, y: (a != y).float().mean(2) - (c != y).float().mean(1), "this is by how much the error grows, of all pictures; count picture by picture: right before, and wrong now."),
        (lambda c, a, y: 100 * among(c == y, a != y), "these are percent; shares from 0 to 1 are expected."),
        (lambda c, a, y: ((a != y) & (c == y)).sum(2) / (c == y).sum(), "it is divided by how many all networks together had right; each network has its own number: .sum(1)."),
    )),
    Exercise("amplified", amplified, changes, difficulty=1, minutes=8, battery=PICTURES, what="the batch of pictures", rules=(expect_inside,), hints=(
        "The change is x_adv - x. How long is it now, and by which factor must it grow, or shrink, for each picture?",
        "Its size is chapter 07's distortion: (x_adv - x).flatten(1).square().mean(1).sqrt(), [N]. Where it is 0, keep the division sane: .clamp_min(1e-12).",
        "factor = (size / rms)[:, None, None, None]; (x + factor * (x_adv - x)).clamp(0, 1)",
    ), mistakes=(
        (made_long(lambda r: r.norm(dim=1)), "the L2 norm becomes `size`; the root of the MEAN square is asked for, which is larger by sqrt(n): divide the norm by it."),
        (made_long(lambda r: r.abs().amax(1)), "the largest change of a pixel becomes `size`; take the root of the mean square."),
        (made_long(lambda r: r.abs().mean(1)), "the mean absolute change becomes `size`; take the root of the mean square."),
        (made_long(lambda r: r.square().mean(1)), "it is divided by the mean square; the root is missing."),
        (made_long(lambda r: r.square().mean().sqrt().expand(len(r))), "the size of the whole batch is used; each picture has its own."),
        (made_long(lambda r: r.std(1)), "the mean change is taken off before squaring (std does that); the root of the mean square does not."),
        (by_channel, "each channel is brought to `size` of its own; a picture has one size, over all of its channels and pixels."),
        (made_long(lambda r: torch.ones(len(r), device=r.device)), "the change is multiplied by `size`; it must be divided by its own size, too."),
        (lambda x, a, s: amplified(x, a, s) - x, "this is the change alone; add it to x."),
        (lambda x, a, s: (2 * x - made_long(rms, False)(x, a, s)).clamp(0, 1), "the change goes the other way: it is x_adv - x."),
        (lambda x, a, s: made_long(lambda r: rms(r).clamp_min(s))(x, a, s), "a change that is larger than `size` stays as it is; it is brought to that size, too."),
        (lambda x, a, s: (a + made_long(rms, False)(x, a, s) - x).clamp(0, 1), "it is added to x_adv; the change starts at x."),
        (made_long(lambda r: r.norm(dim=1) / 28), "n is taken to be 784, as for one size of pictures; count the values: x[0].numel()."),
    )),
    Exercise("jacobian_step", jacobian_step, stepped, difficulty=2, minutes=12, battery=ATTACK, what="the batch of new pictures", rules=(expect_inside,), hints=(
        "It is FGSM's line with one thing changed: not the loss is differentiated, but the score (logit) of the class that the oracle gave.",
        "scores.gather(1, y[:, None]).sum() adds up the right scores; torch.autograd.grad of it for a copy of x that asks for gradients.",
        "z = x.detach().clone().requires_grad_(); (slope,) = torch.autograd.grad(model(z).gather(1, y[:, None]).sum(), z); (x + step * slope.sign()).clamp(0, 1).detach()",
    ), mistakes=(
        (along(lambda g, x, s: x + s * g.sign()), "pixels leave [0, 1]; clip after the step: .clamp(0, 1)."),
        (along(lambda g, x, s: moved(g, x, abs(s))), "step may be negative, and the pictures then go down the score: do not make it positive."),
        (along(lambda g, x, s: moved(-g, x, s)), "the step goes down the score; add step * sign, whose own sign says where to."),
        (along(lambda g, x, s: (x + s * g).clamp(0, 1)), "the gradient's value is used; take its sign."),
        (along(lambda g, x, s: (x + s * g / g.abs().flatten(1).amax(1)[:, None, None, None]).clamp(0, 1)), "the gradient's value is used, scaled; take its sign."),
        (along(lambda g, x, s: (x + s * g / g.flatten(1).norm(dim=1)[:, None, None, None]).clamp(0, 1)), "the gradient's value is used, scaled; take its sign."),
        (along(lambda g, x, s: s * g.sign()), "this is the change alone; add it to x."),
        (along(lambda g, x, s: torch.cat([x, moved(g, x, s)])), "the old pictures are returned as well; return the new ones alone."),
        (along(lambda g, x, s: x.clone()), "the pictures come back as they were; move them by step times the sign of the gradient."),
        *slips.of_the_score(moved),
    )),
    Exercise("slope_from_scores", slope_from_scores, asked, difficulty=2, minutes=10, battery=TENSORS, what="the batch of slopes", hints=(
        "Along one direction u the function rises by (plus - minus) on a way that is 2 sigma |u| long: that is one number for each direction and picture.",
        "weight = (plus - minus) / (2 * sigma) is [S, N]; each direction u_s is multiplied by its weight, and the mean is taken over the directions.",
        "(u * weight[:, :, None, None, None]).mean(0)",
    ), mistakes=(
        (lambda p, m, u, s: estimated(u, p - m), "the difference is not divided by 2 sigma, the length of the way."),
        (lambda p, m, u, s: estimated(u, (p - m) / s), "the two places are 2 sigma apart: divide by 2 * sigma."),
        (lambda p, m, u, s: estimated(u, (p - m) / 2 * s), "it is divided by 2 and multiplied by sigma, since `/ 2 * sigma` goes from left to right; put brackets: / (2 * sigma)."),
        (lambda p, m, u, s: estimated(u, (m - p) / (2 * s)), "the sign is turned: plus less minus."),
        (lambda p, m, u, s: estimated(u, (p + m) / (2 * s)), "the two values are added; their difference is how far the function rises."),
        (lambda p, m, u, s: estimated(u, p / s), "only the value at x + sigma u is used; the difference of the pair takes away what both have in common."),
        (lambda p, m, u, s: estimated(u, p / (2 * s)), "only the value at x + sigma u is used; the difference of the pair takes away what both have in common."),
        (lambda p, m, u, s: estimated(u, (p - m) / (2 * s)) * len(u), "the directions are added up; take their mean."),
        (lambda p, m, u, s: estimated(u.sign(), (p - m) / (2 * s)), "the signs of u are used; multiply by u itself."),
        (lambda p, m, u, s: estimated(u, ((p - m) / (2 * s)).sign()), "only the sign of the rise is used; the directions with a larger rise count more."),
        (lambda p, m, u, s: estimated(u, (p - m) / (2 * s)).sign(), "this is the sign of the slope; the caller takes it."),
        (lambda p, m, u, s: estimated(u, ((p - m) / (2 * s)).mean(1, keepdim=True).expand_as(p)), "the rises are averaged over the pictures; each picture has its own."),
        (lambda p, m, u, s: estimated(u, (p - m) / (2 * s)).mean(0, keepdim=True).expand(u.shape[1:]), "the slopes are averaged over the pictures; each picture has its own."),
        (lambda p, m, u, s: estimated(u, (p - m) / (2 * s**2)), "sigma is squared; one sigma is the length of the way, and u is not multiplied by it."),
    )),
    Exercise("decibels", decibels, loudness.sounds, difficulty=1, minutes=8, battery=PICTURES, what="the batch of waveforms", hints=(
        "A decibel compares powers: the sum of the squares of the word's samples with that of the change, for each waveform of its own.",
        "signal and noise are sums over dim=1. 10 * (signal / noise).log10() does the rest, but for silence that was not changed, where it is 0 / 0.",
        "torch.where(noise > 0, 10 * (signal / noise).log10(), torch.inf), with noise = (changed - wave).square().sum(1).",
    ), mistakes=loudness.MISTAKES),
)  # fmt: skip
