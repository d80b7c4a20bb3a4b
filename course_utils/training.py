"""One training loop. Adversarial, distilled and noisy training are losses that are given to it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from . import runtime

Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]
Augment = Callable[[Tensor, torch.Generator], Tensor]


class History(NamedTuple):
    """What `train` recorded: the mean loss of each epoch, and the value of `evaluate` after it (if given)."""

    loss: list[float]
    score: list[float]


def cross_entropy(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The usual loss: mean cross-entropy of the model's logits."""
    return F.cross_entropy(model(x), y)


def train(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    epochs: int,
    batch_size: int = 128,
    lr: float = 0.05,
    momentum: float = 0.9,
    weight_decay: float = 5e-4,
    loss: Loss = cross_entropy,
    augment: Augment | None = None,
    evaluate: Callable[[nn.Module], float] | None = None,
    seed: int = 0,
    optimizer: str = "sgd",
    mixed: bool = False,
    label: str = "",
) -> History:
    """Train `model` in place on pictures `x` `[N, C, H, W]` (or a byte tensor, divided by 255) and labels `y` `[N]`.

    One cycle of the learning rate: up to `lr` in the first fifth, then down to 0, and the momentum the other way round,
    from 0.95 to 0.85 and back for a `momentum` of 0.9 (Smith 2018).
    `mixed=True` computes in bfloat16 where that is safe. The model ends in eval mode.
    """
    if len(x) == 0 or len(x) != len(y):
        raise ValueError(f"x holds {len(x)} pictures and y {len(y)} labels; as many of each, and at least one, are expected.")
    runtime.check_count(epochs, "epochs")
    runtime.check_count(batch_size, "batch_size")
    where = runtime.model_device(model) or runtime.device()
    chance = runtime.generator(seed)
    rule = runtime.pick("optimizer", optimizer, ("sgd", "adam"))
    own = layout_of(model)
    layout = torch.channels_last if mixed else own  # the faster one for bfloat16 convolutions
    model.to(memory_format=layout)
    weights = [p for p in model.parameters() if p.requires_grad]
    step = (
        torch.optim.SGD(weights, lr, momentum, weight_decay=weight_decay, nesterov=momentum > 0)
        if rule == "sgd"
        else torch.optim.Adam(weights, lr, weight_decay=weight_decay)
    )
    steps, swing = epochs * -(-len(x) // batch_size), (1 - momentum) / 2
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        step, lr, total_steps=steps, pct_start=0.2 if steps > 5 else 0.0,  # fewer steps only go down
        cycle_momentum=momentum > 0, base_momentum=max(0.0, momentum - swing), max_momentum=momentum + swing,
    )  # fmt: skip
    history = History([], [])
    for _ in runtime.progress(range(epochs), label or "training"):
        model.train()
        total = torch.zeros((), device=where)
        for part in torch.randperm(len(x), generator=chance).split(batch_size):
            images, labels = x[part], y[part].to(where)
            images = images.float() / 255 if images.dtype == torch.uint8 else images
            if augment is not None:
                images = augment(images, chance)
            with torch.autocast(where.type, torch.bfloat16, enabled=mixed):
                value = loss(model, images.to(where, memory_format=layout), labels)
            step.zero_grad(set_to_none=True)
            value.backward()
            step.step()
            schedule.step()
            total += value.detach() * len(part)
        history.loss.append(total.item() / len(x))
        if evaluate is not None:
            history.score.append(evaluate(model))
    model.eval().to(memory_format=own)
    step.zero_grad(set_to_none=True)
    return history


def layout_of(model: nn.Module) -> torch.memory_format:
    """How the weights of the model's convolutions lie in memory: channels last where all of them do, else contiguous."""
    tables = [p for p in model.parameters() if p.dim() == 4]
    last = tables and all(p.is_contiguous(memory_format=torch.channels_last) for p in tables)
    plain = all(p.is_contiguous() for p in tables)  # both are true of 1 x 1 filters and of a single channel
    return torch.channels_last if last and not plain else torch.contiguous_format


def right_reasons(model: nn.Module, x: Tensor, y: Tensor, inside: Tensor, strength: float) -> Tensor:
    """Right for the right reasons (Ross 2017): cross-entropy + strength * squared input gradient outside the object.

    The gradient is that of the sum of all log-probabilities; its squares are added up over the pixels where `inside`
    `[N, 1, H, W]` is 0, and averaged over the pictures. It stays in the graph, so that the weights learn from it.
    """
    x = x.clone().requires_grad_()
    log_p = model(x).log_softmax(1)
    (gradient,) = torch.autograd.grad(log_p.sum(), x, create_graph=True)
    outside = (gradient * (1 - inside)).square().flatten(1).sum(1).mean()
    return F.nll_loss(log_p, y) + strength * outside


def with_batch_norm(model: nn.Sequential) -> nn.Sequential:
    """A copy of a chain, or of a chain of chains, with batch normalization behind every convolution: it trains faster. See `fold_batch_norm`."""
    whole = copy.deepcopy(model)
    for chain in [part for part in whole.modules() if isinstance(part, nn.Sequential)]:
        layers: list[nn.Module] = []
        for layer in chain:
            layers.append(layer)
            if isinstance(layer, nn.Conv2d):
                layers.append(nn.BatchNorm2d(layer.out_channels, device=layer.weight.device))
        chain._modules = {str(place): layer for place, layer in enumerate(layers)}
    return whole


def fold_batch_norm(trained: nn.Sequential, plain: nn.Sequential) -> None:
    """Write the trained chain's convolutions, with their normalization folded in, into the `plain` chain: same outputs."""
    layers = leaves(copy.deepcopy(trained).eval())
    folded = []
    for layer, behind in zip(layers, [*layers[1:], None]):
        if isinstance(layer, nn.Conv2d) and isinstance(behind, nn.BatchNorm2d):
            folded.append(fuse_conv_bn_eval(layer, behind))
        elif not isinstance(layer, nn.BatchNorm2d):
            folded.append(layer)
    for own, layer in zip(leaves(plain), folded, strict=True):
        own.load_state_dict(layer.state_dict())


def leaves(model: nn.Module) -> list[nn.Module]:
    """The layers that hold no others, in order."""
    return [part for part in model.modules() if not list(part.children())]


def temperature(scores: Tensor, y: Tensor) -> float:
    """The T for which softmax(scores / T) fits the labels best: the least mean cross-entropy (Guo et al. 2017).

    A network that is as sure as it is right has T = 1; above 1 it is too sure, below not sure enough. The slope of the
    cross-entropy along 1 / T never falls, so halving an interval finds where it is 0. `scores` `[N, classes]`.
    """
    low, high = 1e-3, 1e3
    own = scores.gather(1, y[:, None])[:, 0]
    for _ in range(60):
        inverse = (low * high) ** 0.5
        slope = ((inverse * scores).softmax(1) * scores).sum(1) - own
        low, high = (low, inverse) if slope.mean() > 0 else (inverse, high)
    return 1 / inverse


def scale_scores(model: nn.Sequential, factor: float) -> None:
    """Multiply the scores of a chain by `factor`, in place: its last weights and biases, behind which all is linear."""
    last = [layer for layer in model if isinstance(layer, (nn.Conv2d, nn.Linear))][-1]
    with torch.no_grad():
        for parameter in last.parameters():
            parameter.mul_(factor)


def shift_and_flip(pixels: int, flip: bool = True) -> Augment:
    """Random shifts of up to `pixels` (zeros move in), and left-right flips."""

    def augment(x: Tensor, chance: torch.Generator) -> Tensor:
        count, _, height, width = x.shape
        padded = F.pad(x, (pixels,) * 4)
        dy, dx = torch.randint(0, 2 * pixels + 1, (2, count), generator=chance)
        rows = (dy[:, None] + torch.arange(height))[:, None, :, None]
        columns = (dx[:, None] + torch.arange(width))[:, None, None, :]
        moved = padded[torch.arange(count)[:, None, None, None], torch.arange(x.shape[1])[None, :, None, None], rows, columns]
        if flip:
            chosen = torch.rand(count, generator=chance) < 0.5
            moved[chosen] = moved[chosen].flip(3)
        return moved

    return augment


def jitter(angle: float = 12, scale: float = 0.12, shift: float = 0.08, light: float = 0.3) -> Augment:
    """Random rotation (degrees), scale, shift (share of the size), contrast and brightness, for pictures that must not be flipped."""

    def augment(x: Tensor, chance: torch.Generator) -> Tensor:
        def uniform(spread: float) -> Tensor:
            return ((2 * torch.rand(len(x), generator=chance) - 1) * spread).to(x)

        turn, size = uniform(angle * torch.pi / 180), 1 + uniform(scale)
        cos, sin = turn.cos() / size, turn.sin() / size
        theta = torch.stack([cos, -sin, 2 * uniform(shift), sin, cos, 2 * uniform(shift)], 1).reshape(-1, 2, 3)
        grid = F.affine_grid(theta, list(x.shape), align_corners=False)
        moved = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
        contrast, brightness = (1 + uniform(light))[:, None, None, None], uniform(light / 2)[:, None, None, None]
        return (moved * contrast + brightness).clamp(0, 1)

    return augment
