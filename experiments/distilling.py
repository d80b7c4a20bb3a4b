"""Training as Carlini and Wagner's code trains, at a temperature; on a GPU each step is recorded once and then replayed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils import defenses

if TYPE_CHECKING:
    from .train import Plan


def descend(
    model: nn.Module, x: Tensor, y: Tensor, plan: Plan, chance: torch.Generator, *, temperature: float = 1.0, epochs: int | None = None,
    watch: Callable[[nn.Module], object] = id,
) -> None:  # fmt: skip
    """Go down the cross-entropy of softmax(z / T) with classes `[N]` or soft labels `[N, K]`, by SGD with one learning rate and Nesterov's momentum 0.9."""
    optimizer = torch.optim.SGD(model.parameters(), plan.lr, 0.9, nesterov=True)

    def step(images: Tensor, labels: Tensor) -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(images) / temperature, labels).backward()
        optimizer.step()

    model.train()
    replay = recorded(step, x[: plan.batch_size], y[: plan.batch_size], model, optimizer) if x.is_cuda else step
    for _ in range(plan.epochs if epochs is None else epochs):
        model.train()
        for part in torch.randperm(len(x), generator=chance).to(x.device).split(plan.batch_size):
            if not x.is_cuda or len(part) == plan.batch_size:  # a recorded step has one size; another 32 pictures are left out in each epoch
                replay(x[part], y[part])
        watch(model)
    model.eval()


def recorded(step: Callable[[Tensor, Tensor], None], x: Tensor, y: Tensor, model: nn.Module, optimizer: torch.optim.Optimizer) -> Callable[[Tensor, Tensor], None]:
    """The step as one CUDA graph: some sixty launches become one. The network and the optimizer come out as they went in."""
    before = copy.deepcopy(model.state_dict())
    images, labels, beside = x.clone(), y.clone(), torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):  # the memory that a step needs must be there before it is recorded
        for _ in range(3):
            step(images, labels)
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    optimizer.zero_grad(set_to_none=True)
    with torch.cuda.graph(graph):
        step(images, labels)
    model.load_state_dict(before)
    for state in optimizer.state.values():
        state["momentum_buffer"].zero_()

    def replay(x: Tensor, y: Tensor) -> None:
        images.copy_(x), labels.copy_(y)
        graph.replay()

    return replay


def distill(
    model: nn.Module, x: Tensor, y: Tensor, plan: Plan, chance: torch.Generator, watch: Callable[[nn.Module], object] = id, *, keep: bool = False
) -> nn.Module | None:
    """Their way: an epoch at T = 1 to begin with; from there a teacher at T, and from there, too, the student, on the teacher's soft labels at T.

    keep: whether the teacher is wanted.
    """
    descend(model, x, y, plan, chance, epochs=1, watch=watch)
    teacher = copy.deepcopy(model)
    descend(teacher, x, y, plan, chance, temperature=plan.temperature, watch=watch)
    soft = torch.cat([defenses.soft_labels(teacher, part, plan.temperature) for part in x.split(2000)])
    descend(model, x, soft, plan, chance, temperature=plan.temperature, watch=watch)
    return teacher if keep else None
