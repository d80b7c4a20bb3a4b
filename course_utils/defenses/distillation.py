"""Defensive distillation (Papernot 2016): a network learns another one's soft labels at a temperature, and works without it."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import runtime, training
from ..runtime import check_positive


def softened(scores: Tensor, temperature: float | Tensor) -> Tensor:
    """softmax(z / T) of logits z `[..., K]`. T = 1: the usual one. T to infinity: 1 / K each. T to 0: 1 for the largest logit.

    The largest logit is taken off first, so that z / T cannot overflow. In single precision T may be as small as 1e-38.
    """
    return ((scores - scores.amax(-1, keepdim=True)) / temperature).softmax(-1)


def soft_labels(teacher: nn.Module, x: Tensor, temperature: float) -> Tensor:
    """What the teacher says of pictures `[N, C, H, W]` at temperature T: a probability for each class, `[N, K]`."""
    check_positive(temperature, "temperature", zero=False)
    return softened(runtime.logits(teacher, beside(teacher, x)), temperature)


def beside(model: nn.Module, x: Tensor) -> Tensor:
    """Pictures as the training loop takes them (bytes, too, and anywhere), for the model: floats in [0, 1], where its weights are."""
    return (x.float() / 255 if x.dtype == torch.uint8 else x).to(runtime.model_device(model) or x.device)


def at_temperature(temperature: float) -> training.Loss:
    """A loss for `training.train`: the mean cross-entropy of softmax(z / T) with classes `[N]` or with soft labels `[N, K]`."""
    check_positive(temperature, "temperature", zero=False)
    return lambda model, x, y: F.cross_entropy(model(x) / temperature, y)


def distill(
    teacher: nn.Module, x: Tensor, y: Tensor | None = None, *, temperature: float = 100.0, student: nn.Module | None = None,
    epochs: int = 10, lr: float = 0.005, optimizer: str = "adam", weight_decay: float = 0.0, seed: int = 0,
    resume: str | Path | None = None, **options,
) -> nn.Module:  # fmt: skip
    """Defensive distillation: a student that was trained at temperature T on the teacher's soft labels at T. Use it at T = 1, as it comes.

    In the paper the teacher, too, was trained at T: by `learn_at(teacher, x, y, temperature=T, ...)`, or give the classes `y`, and a teacher of
    this architecture is trained here first. Without `y` the teacher is taken as it is, and is not changed.
    student: a network, which is trained in place; None for one of the teacher's architecture with weights of its own. epochs, lr, ... and
    `options` (batch_size, augment, evaluate, ...) are those of `training.train`. Adam, since soft labels may differ little: an ordinary
    teacher's at T = 100 are all near 1 / K. resume: beside this file both trainings keep their states, so that a call that was killed can be repeated.

    x: pictures `[N, C, H, W]` in [0, 1]; they need no labels. y: classes `[N]`, or None.
    """
    kept = {who: None if resume is None else f"{resume}.{who}" for who in ("teacher", "student")}
    options |= {"temperature": temperature, "epochs": epochs, "lr": lr, "optimizer": optimizer, "weight_decay": weight_decay}
    if y is not None:
        teacher = learn_at(anew(teacher, seed), x, y, seed=seed, resume=kept["teacher"], **options)
    soft = soft_labels(teacher, x, temperature)
    student = anew(teacher, seed + 1) if student is None else student
    return learn_at(student, x, soft, seed=seed + 1, resume=kept["student"], **options)


def learn_at(model: nn.Module, x: Tensor, y: Tensor, *, temperature: float, **options) -> nn.Module:
    """Train `model` in place so that softmax(z / T) fits classes `[N]` or soft labels `[N, K]`, and give it back.

    `at_temperature(T)` with z as it comes has gradients of 1 / T, and z has T times as far to go: no learning rate suits all T. So u = z / T is
    trained, in the usual way, and then the last layer is made T times as large: the same loss, the same network, the same answer.
    """
    check_positive(temperature, "temperature", zero=False)
    training.train(model, x, y, **options)
    enlarge(model, temperature, beside(model, x[:2]))
    return model


def enlarge(model: nn.Module, factor: float, x: Tensor) -> None:
    """Multiply the model's logits by `factor`, in place: the weights and biases of its last layer. `x`: pictures to try it on."""
    weights = training.score_weights(model)
    before, kept = runtime.logits(model, x), [parameter.detach().clone() for parameter in weights]
    training.scale_scores(model, factor)
    if not torch.allclose(runtime.logits(model, x), factor * before, rtol=1e-3, atol=1e-3 * factor * before.abs().max().item()):
        with torch.no_grad():
            for parameter, old in zip(weights, kept):
                parameter.copy_(old)
        raise ValueError(f"the answer of {type(model).__name__} is not that of its last linear or convolutional layer; a network that ends in its logits is expected.")


class Scaled(nn.Module):
    """A network whose logits are multiplied by a factor: 100 makes it as sure as a distilled one, 1 / 100 undoes that."""

    def __init__(self, model: nn.Module, factor: float) -> None:
        super().__init__()
        self.model, self.factor = runtime.check_model(model), check_positive(factor, "factor", zero=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * self.model(x)


def anew(model: nn.Module, seed: int = 0) -> nn.Module:
    """A network of the same architecture with weights of its own, as they are before any training."""
    new = copy.deepcopy(model)
    with runtime.seeded_weights(seed):
        for part in new.modules():
            if callable(reset := getattr(part, "reset_parameters", None)):
                reset()
            elif next(part.parameters(recurse=False), None) is not None:
                raise ValueError(f"{type(part).__name__} has weights, but no reset_parameters() that gives them new ones: hand in a new network as `student`.")
    return new
