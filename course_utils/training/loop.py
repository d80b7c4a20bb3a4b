"""One training loop. Adversarial, distilled and noisy training are losses that are given to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .. import runtime
from . import resuming
from .augmenting import Augment
from .losses import Loss, cross_entropy


class History(NamedTuple):
    """What `train` recorded: the mean loss of each epoch, and the value of `evaluate` after it (if given)."""

    loss: list[float]
    score: list[float]


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
    resume: str | Path | None = None,
) -> History:
    """Train `model` in place on pictures `x` `[N, C, H, W]` (or a byte tensor, divided by 255) and labels `y` `[N]`.

    One cycle of the learning rate: up to `lr` in the first fifth, then down to 0, and the momentum the other way round,
    from 0.95 to 0.85 and back for a `momentum` of 0.9 (Smith 2018).
    `mixed=True` computes in bfloat16 where that is safe. The model ends in eval mode.
    On the CPU the same `seed` gives the same weights, also where dropout or an attack draws by chance while the model trains.
    resume: a file that keeps the state of the training, written after every epoch. A call that finds it goes on behind the last finished
    epoch, and ends as if it had never been interrupted; it must be given the same model, pictures and options.
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
    how = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "momentum": momentum, "weight_decay": weight_decay, "rule": rule, "seed": seed, "mixed": mixed}
    with runtime.seeded_weights(seed):
        kept = resuming.Kept(resume, resuming.settings(model, len(x), **how), model, step, schedule, chance)
        history = History(*kept.take_up())
        for _ in runtime.progress(range(len(history.loss), epochs), label or "training"):
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
            kept.put_down(history)
    model.eval().to(memory_format=own)
    step.zero_grad(set_to_none=True)
    return history


def layout_of(model: nn.Module) -> torch.memory_format:
    """How the weights of the model's convolutions lie in memory: channels last where all of them do, else contiguous."""
    tables = [p for p in model.parameters() if p.dim() == 4]
    last = tables and all(p.is_contiguous(memory_format=torch.channels_last) for p in tables)
    plain = all(p.is_contiguous() for p in tables)  # both are true of 1 x 1 filters and of a single channel
    return torch.channels_last if last and not plain else torch.contiguous_format
