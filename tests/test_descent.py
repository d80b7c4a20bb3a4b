"""Weights move as torch's own optimizers move them, and training loads no compiler."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import torch
from torch import nn

from course_utils import descent
from course_utils.runtime import generator


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).double()


@pytest.mark.parametrize("rule", ["sgd", "adam"])
@pytest.mark.parametrize("decay", [0.0, 0.01])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("steps", [1, 5, 40])
def test_as_torch_moves_them_through_one_cycle(rule: str, decay: float, momentum: float, steps: int) -> None:
    one, other, lr = net(), net(), 0.03
    theirs = (
        torch.optim.SGD(other.parameters(), lr, momentum, weight_decay=decay, nesterov=momentum > 0)
        if rule == "sgd"
        else torch.optim.Adam(other.parameters(), lr, weight_decay=decay)
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        theirs, lr, total_steps=steps, pct_start=0.2 if steps > 5 else 0.0, cycle_momentum=momentum > 0, base_momentum=0.85, max_momentum=0.95
    )
    ours = (descent.Sgd if rule == "sgd" else descent.Adam)(one.parameters(), decay)
    still = 0.9 if rule == "adam" else 0.0
    for k in range(steps):
        x = torch.randn(8, 6, generator=generator(k), dtype=torch.float64)
        for model, step in ((one, lambda: ours.step(*descent.one_cycle(k, steps, lr, *((0.85, 0.95) if momentum else (still, still))))),  # noqa: B023
                            (other, theirs.step)):  # fmt: skip
            model.zero_grad()
            model(x).square().sum().backward()
            step()
        schedule.step()
    for a, b, start in zip(one.parameters(), other.parameters(), net().parameters(), strict=True):
        assert torch.allclose(a, b, rtol=1e-10, atol=1e-12) and not torch.equal(a, start)


def test_weights_without_a_gradient_stay_and_gradients_can_be_forgotten() -> None:
    model = net()
    before, step = copy.deepcopy(model), descent.Adam(model.parameters(), 0.1)
    step.step(0.1, 0.9)
    model[2](torch.ones(1, 5).double()).sum().backward()
    step.step(0.1, 0.9)
    assert torch.equal(model[0].weight, before[0].weight) and not torch.equal(model[2].weight, before[2].weight)
    step.forget()
    assert all(weight.grad is None for weight in model.parameters())


def test_training_loads_no_compiler() -> None:
    code = """import sys, torch
from course_utils import training
for rule in ("sgd", "adam"):
    training.train(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2)), torch.rand(6, 1, 2, 2), torch.arange(6) % 2, epochs=1, optimizer=rule)
print("torch._dynamo" in sys.modules)"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"
