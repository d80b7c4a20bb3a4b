"""Chapter 08 at a larger scale: MAP-Elites on LeNet for MNIST by generation and seed, larger steps, survival on its twin, hill climbers, retraining; SqueezeNet.

`COURSE_DATA_DIR=... TORCH_HOME=... python -m experiments.evolved_table PART [SIZE]`, with the parts lenet, steps, climbers, retraining, squeezenet, or no part for all.
SIZE: seeds (lenet, steps, climbers), rounds (retraining), generations (squeezenet). So is the record's count.
"""

from __future__ import annotations

import sys

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils import attacks, data, measure, models, runtime, training
from course_utils.runtime import generator

from .record import add

SHAPE, SURE = (1, 28, 28), 0.9999
LOOKS = (0, 5, 10, 20, 50, 100, 200)


def own(net: nn.Module, x: Tensor) -> Tensor:
    """How sure the network is of each picture's class, picture k showing class k."""
    return runtime.logits(net, x).softmax(1).diagonal()


def first_sure(history: Tensor, sure: float = SURE) -> float:
    """The first generation in which all classes are so sure (one more than there were, if none)."""
    there = (history.exp() >= sure).all(1).nonzero()
    return float(there[0]) if len(there) else float(len(history))


def variation(x: Tensor) -> float:
    """The mean difference of neighbouring pixels."""
    return 0.5 * (x.diff(dim=2).abs().mean() + x.diff(dim=3).abs().mean()).item()


def lenet(seeds: int = 5) -> dict[str, float]:
    net, twin = models.load("lenet-mnist"), models.load("lenet-mnist-twin")
    ten, numbers = torch.arange(10, device=runtime.device()), {}
    for encoding in ("direct", "cppn"):
        runs = [attacks.map_elites(net, SHAPE, encoding=encoding, generator=generator(seed)) for seed in range(seeds)]
        history = torch.stack([run.history for run in runs]).exp()  # [seeds, generations, classes]
        numbers |= {f"{encoding}_median_{g}": 100 * history[:, g].median().item() for g in LOOKS}
        numbers |= {f"{encoding}_least_{g}": 100 * history[:, g].min().item() for g in LOOKS}
        sure = [first_sure(run.history) for run in runs]
        numbers |= {f"{encoding}_all_sure_mean": sum(sure) / seeds, f"{encoding}_all_sure_latest": max(sure), f"{encoding}_seeds": seeds}
        numbers |= {f"{encoding}_{name}": value for name, value in survival(twin, ten.repeat(seeds), torch.cat([run.images for run in runs])).items()}
        numbers[f"{encoding}_variation"] = variation(torch.cat([run.images for run in runs]))
    made = attacks.gradient_rubbish(net, ten.repeat(seeds), SHAPE, sure=SURE)
    numbers |= {f"gradient_{name}": value for name, value in survival(twin, ten.repeat(seeds), made.images).items()}
    numbers |= {"gradient_steps": made.steps.float().mean().item(), "gradient_variation": variation(made.images)}
    pictures = data.load("digits", "test", n=1000, source="mnist")
    x, y = pictures.x.to(ten.device), pictures.y.to(ten.device)
    numbers |= {f"digits_{name}": value for name, value in survival(twin, y, x).items()} | {"digits_variation": variation(x)}
    noise = torch.rand(1000, *SHAPE, generator=generator(9)).to(x)
    numbers |= {f"noise_{name}": value for name, value in survival(twin, runtime.predict(net, noise), noise).items()}
    return numbers


def steps(seeds: int = 5) -> dict[str, float]:
    """What it takes until pixels have all classes sure within 200 generations in every run: larger steps than the paper's eta of 15, or more children."""
    net, numbers = models.load("lenet-mnist"), {}
    ways = {"eta_10": (attacks.Pixels(SHAPE, eta=10), 200), "eta_30": (attacks.Pixels(SHAPE, eta=30), 200), "children_400": ("direct", 400)}
    for name, (encoding, children) in ways.items():
        runs = [attacks.map_elites(net, SHAPE, encoding=encoding, children=children, generator=generator(seed)) for seed in range(seeds)]
        sure = [first_sure(run.history) for run in runs]
        numbers |= {f"{name}_all_sure_mean": sum(sure) / seeds, f"{name}_all_sure_latest": max(sure)}
        numbers[f"{name}_least"] = 100 * min(run.log_probs.exp().min().item() for run in runs)
    return numbers


def survival(net: nn.Module, y: Tensor, x: Tensor) -> dict[str, float]:
    """What another network makes of pictures of classes y: percent taken for y, its mean and median confidence in y, percent at SURE."""
    p = runtime.logits(net, x).softmax(1)
    of_y = p.gather(1, y[:, None])[:, 0]
    return {
        "taken": 100 * (p.argmax(1) == y).float().mean().item(), "kept": 100 * of_y.mean().item(), "kept_median": 100 * of_y.median().item(),
        "kept_sure": 100 * (of_y >= SURE).float().mean().item(), "any_99": 100 * (p.amax(1) >= 0.99).float().mean().item(),
    }  # fmt: skip


def climbers(seeds: int = 5) -> dict[str, float]:
    """One population with ten cells against ten hill climbers, with as many evaluations."""
    net, numbers = models.load("lenet-mnist"), {}
    for encoding in ("direct", "cppn"):
        runs = {s: [attacks.map_elites(net, SHAPE, encoding=encoding, sharing=s, generator=generator(seed)) for seed in range(seeds)] for s in (True, False)}
        for sharing, of in runs.items():
            name, history = "shared" if sharing else "apart", torch.stack([run.history for run in of])
            numbers |= {f"{encoding}_{name}_mean_{g}": history[:, g].mean().item() for g in LOOKS}
            numbers |= {f"{encoding}_{name}_least_{g}": 100 * history[:, g].exp().min(1).values.mean().item() for g in LOOKS}
            numbers[f"{encoding}_{name}_all_sure_mean"] = sum(first_sure(run.history) for run in of) / seeds
        better = [sum(a.history[g].mean() > b.history[g].mean() for a, b in zip(*runs.values())).item() for g in (20, 50, 200)]
        numbers |= {f"{encoding}_shared_better_{g}": 100 * share / seeds for g, share in zip((20, 50, 200), better)}
    return numbers


def with_rubbish(net: nn.Module) -> nn.Module:
    """The network with one class more: the same weights, and a new row."""
    wider = models.LeNet(11).to(runtime.device())
    state = {**net.state_dict()}
    last = [key for key in state if state[key].shape[:1] == (10,)]
    state.update({key: torch.cat([state[key], state[key].new_zeros(1, *state[key].shape[1:])]) for key in last})
    wider.load_state_dict(state)
    return wider.eval()


def retraining(rounds: int = 5, breeds: int = 8, generations: int = 60) -> dict[str, float]:
    """Round after round: evolve, add what was evolved as an eleventh class, train on, evolve again. With painted pictures, as in the paper."""
    net, numbers, rubbish = models.load("lenet-mnist"), {}, []
    pictures, held = data.load("digits", "train", n=10_000, source="mnist"), data.load("digits", "test", n=2000, source="mnist")
    for number in range(rounds + 1):
        tried = [attacks.map_elites(net, SHAPE, encoding=encoding, generations=200, generator=generator(1000 + number)) for encoding in ("cppn", "direct")]
        for encoding, run in zip(("cppn", "direct"), tried):
            p = run.history[:, :10].exp()
            numbers |= {f"round_{number}_{encoding}_median_{g}": 100 * p[g].median().item() for g in (20, 50, 200)}
            numbers |= {f"round_{number}_{encoding}_least": 100 * p[-1].min().item(), f"round_{number}_{encoding}_all_99": first_sure(run.history[:, :10], 0.99)}
        numbers[f"round_{number}_accuracy"] = 100 * measure.accuracy(net, held.x.to(runtime.device()), held.y.to(runtime.device()))
        print({key: round(value, 3) for key, value in numbers.items() if f"round_{number}_" in key}, flush=True)
        if number == rounds:
            break
        for k in range(breeds):
            for at in (generations // 3, generations):  # early elites and late ones
                run = attacks.map_elites(net, SHAPE, encoding="cppn", generations=at, generator=generator(100 * number + k))
                rubbish.append(run.images[:10])
        x = torch.cat([pictures.x, *(torch.cat(rubbish).cpu() for _ in range(3))])
        y = torch.cat([pictures.y, torch.full((len(x) - len(pictures.y),), 10)])
        if number == 0:
            net = with_rubbish(net)
        training.train(net, x, y, epochs=2, lr=0.02, seed=number)
        latest = torch.cat(rubbish[-2 * breeds :])
        numbers[f"round_{number + 1}_caught"] = 100 * (runtime.predict(net, latest) == 10).float().mean().item()
        numbers[f"round_{number + 1}_rubbish"] = sum(map(len, rubbish))
    return numbers


def squeezenet(generations: int = 400, children: int = 100) -> dict[str, float]:
    """A thousand classes at 224 x 224: far fewer generations than the paper's 5,000 (painted) and 20,000 (direct)."""
    net, numbers = models.checkpoints.imagenet_network(), {}
    for encoding in ("cppn", "direct"):
        said = lambda run: print(encoding, run.generation, run.log_probs.exp().median().item(), flush=True) if run.generation % 25 == 0 else None  # noqa: E731
        run = attacks.map_elites(net, (3, 224, 224), encoding=encoding, generations=generations, children=children, watch=said)
        p = run.history.exp()
        numbers |= {f"{encoding}_median_{g}": 100 * p[g].median().item() for g in (0, generations // 2, generations)}
        numbers |= {f"{encoding}_mean": 100 * p[-1].mean().item(), f"{encoding}_sure": float((p[-1] >= 0.99).sum()), f"{encoding}_half": float((p[-1] >= 0.5).sum())}
        numbers |= {f"{encoding}_tenth": float((p[-1] >= 0.1).sum()), f"{encoding}_variation": variation(run.images), f"{encoding}_generations": generations}
    return numbers | {"children": children}


PARTS = {
    "lenet": (lenet, 5, "seeds"), "steps": (steps, 5, "seeds"), "climbers": (climbers, 5, "seeds"),
    "retraining": (retraining, 5, "rounds"), "squeezenet": (squeezenet, 400, "generations"),
}  # fmt: skip


def main(part: str | None = None, size: int | None = None) -> None:
    for name in [part] if part else PARTS:
        run, usual, of = PARTS[name]
        size_now = size or usual
        numbers = {f"{name}_{key}": value for key, value in run(size_now).items()}
        source = "mnist; ImageNet weights of torchvision's SqueezeNet"
        add("evolved", name, numbers, source=source, count=size_now, of=of, seed=0, command=f"python -m experiments.evolved_table {name} {size_now}")
        print(numbers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:]))
