"""Projected gradient descent for training on a GPU: all its steps are recorded once as a CUDA graph and replayed for every batch.

A small network's kernels are done sooner than the processor can ask for the next one; a graph asks once for all of them. The steps are those of
`attacks.pgd`: the very same code is recorded.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_utils import attacks, runtime
from course_utils.attacks.balls import MaxBall
from course_utils.attacks.iterative import climb
from course_utils.runtime import Labels


class Replayed:
    """`attacks.pgd` in the max-norm with a random start, for one model and batches of one size; other sizes are attacked in the usual way."""

    def __init__(self, model: nn.Module, eps: float, step: float, steps: int) -> None:
        self.model, self.options = model, {"eps": eps, "step": step, "steps": steps}
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor, *, generator: torch.Generator) -> Tensor:
        if self.graph is None and x.is_cuda:
            self.record(x, y)
        if self.graph is None or x.shape != self.x.shape:
            return attacks.pgd(model, x, y, generator=generator, **self.options)
        self.x.copy_(x), self.y.copy_(y)
        self.start.copy_(MaxBall(x, self.options["eps"]).random(generator))
        self.graph.replay()
        return self.found.clone()

    def steps(self) -> Tensor:
        eps, step, steps = (self.options[name] for name in ("eps", "step", "steps"))
        return climb(self.model, self.start, Labels(self.y, len(self.x)), MaxBall(self.x, eps), step, steps)

    def record(self, x: Tensor, y: Tensor) -> None:
        """Run it a few times on a stream of its own, as PyTorch asks, then record it."""
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True  # to train, ten bits of each factor are enough
        self.x, self.y, self.start = x.clone(), y.clone(), x.clone()
        with runtime.frozen(self.model):
            beside = torch.cuda.Stream()
            beside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(beside):
                for _ in range(2):
                    self.steps()
            torch.cuda.current_stream().wait_stream(beside)
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                self.found = self.steps()
