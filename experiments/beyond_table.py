"""Chapter 18, beyond pixel space: small networks trained on drawn digits in adversarial scenes, in random ones, and under pixel noise.

`python -m experiments.beyond_table PART[,PART...] [SHARE] [JOBS]`, PART: `train-KIND-SEED`, KIND one of `plain`, `random`, `rendered`, `scenes`, `pixels`; those in SHIPPED
are written as checkpoints. SHARE of 1,500 steps of 128 new digits. All kinds take as many steps, and all but one learn from as many pictures: `rendered` is the second
control, and learns from all five scenes of which `scenes` chooses the worst. Everything is drawn on the CPU: one to four minutes of a quiet core a network, JOBS of them side by side.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils import attacks, data, measure, models, runtime

from . import train
from .record import add

KINDS, STEPS, BATCH, TRIES, EPS = ("plain", "random", "rendered", "scenes", "pixels"), 1500, 128, 5, 0.2
SHIPPED = {("random", 0): "madry-digits-random", ("scenes", 0): "madry-digits-scenes", ("pixels", 0): "madry-digits-pixels"}


def lesson(net: nn.Module, kind: str, seed: int, chance: torch.Generator) -> tuple[Tensor, Tensor]:
    """A batch of digits that never come again, as this kind of training has them."""
    scene = data.adjustable("digits", BATCH, seed)
    if kind in ("plain", "pixels"):
        x = scene.render(scene.own)
        return (x if kind == "plain" else attacks.pgd(net, x, scene.y, eps=EPS, step=EPS / 4, steps=7, generator=chance)), scene.y
    tries = {"random": 1, "rendered": 1, "scenes": TRIES}[kind]
    draws = [attacks.worst_change(net, scene, scene.y, tries=tries, generator=chance).images for _ in range(TRIES if kind == "rendered" else 1)]
    return torch.cat(draws), scene.y.repeat(len(draws))


def trained(kind: str, seed: int, share: float) -> nn.Module:
    """The narrow network of Madry's, trained on endless drawn digits."""
    steps, chance = max(20, int(STEPS * share)), runtime.generator(seed)
    with runtime.seeded_weights(seed):
        net = models.MadryNet(width=2).to(runtime.device())
    rule = torch.optim.Adam(net.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(rule, 4e-3, total_steps=steps, pct_start=0.2)
    start = time.time()
    for k in range(steps):
        x, y = lesson(net, kind, 10_000_000 * (seed + 1) + k, chance)
        loss = F.cross_entropy(net.train()(x), y)
        rule.zero_grad()
        loss.backward()
        rule.step()
        schedule.step()
        if k % 500 == 0:
            print(f"{kind} {seed} step {k} {time.time() - start:.0f} s, loss {loss.item():.3f}", flush=True)
    return net.eval()


def errors(net: nn.Module, count: int) -> dict[str, float]:
    """Percent wrong: on digits as they come, in random scenes, in the worst ones for this network, and under pixel noise."""
    scene, chance = data.adjustable("digits", count, seed=77), runtime.generator(0)
    x, y = scene.render(scene.own), scene.y
    wrong = lambda z: 100 * (1 - measure.accuracy(net, z, y))  # noqa: E731
    worst = attacks.worst_change(net, scene, y, tries=20, generator=chance)
    return {
        "natural": wrong(x), "random": wrong(attacks.worst_change(net, scene, y, tries=1, generator=chance).images), "worst": 100 * worst.fooled.float().mean().item(),
        "climbed": 100 * attacks.worst_change(net, scene, y, tries=1, steps=10, generator=chance).fooled.float().mean().item(),
        "camera": wrong(attacks.beyond_pixels(net, x, y, tries=20, generator=chance)),
        "noise": wrong(attacks.random_sign(x, eps=EPS, generator=chance)),
        **{f"pgd{eps}": wrong(attacks.pgd(net, x, y, eps=eps, steps=20, generator=chance)) for eps in (0.1, EPS)},
    }  # fmt: skip


def taught(kind: str, seed: int, share: float) -> tuple[dict[str, float], int]:
    net, count = trained(kind, seed, share), max(100, int(2000 * min(share, 1)))
    if (name := SHIPPED.get((kind, seed))) and share >= 1:
        models.checkpoints.save(net.cpu(), name)
        net = models.load(name)
    return {f"{kind}{seed}_{key}": value for key, value in errors(net, count).items()}, count


EVERY = [f"train-{kind}-{seed}" for seed in (0, 1, 2) for kind in KINDS]


def listed(kind: str, seed: int) -> None:
    """The row of a shipped network in data/checkpoints/README.md."""
    name, test = SHIPPED[kind, seed], data.load("digits", "test", source="drawn")
    score = 100 * measure.accuracy(models.load(name), test.x.to(runtime.device()), test.y.to(runtime.device()))
    note = {"random": "each digit by a random hand", "scenes": f"each digit by the worst of {TRIES} random hands", "pixels": f"PGD, eps {EPS}, 7 steps"}[kind]
    train.record(name, f"drawn, {STEPS * BATCH:,} pictures, none twice", f"{score:.2f} % of {len(test.y):,}", seed, note)


def done(part: str, share: float) -> tuple[dict[str, float], int]:
    torch.set_num_threads(1)
    _, kind, seed = part.split("-")
    return taught(runtime.pick("kind", kind, KINDS), int(seed), share)


def run(name: str) -> None:
    """Train one of the shipped networks: `make train NAME=madry-digits-scenes`."""
    main(next(f"train-{kind}-{seed}" for (kind, seed), shipped in SHIPPED.items() if shipped == name))


def main(parts: str = "", share: float = 1.0, jobs: int = 1) -> None:
    share = float(share)
    with ProcessPoolExecutor(int(jobs), multiprocessing.get_context("spawn")) as pool:
        runs = {pool.submit(done, part, share): part for part in (parts.split(",") if parts else EVERY)}
        for run in as_completed(runs):
            (numbers, count), part = run.result(), runs[run]
            print(part, {k: round(v, 2) for k, v in numbers.items()}, flush=True)
            if share == 1 and (kind_seed := (part.split("-")[1], int(part.split("-")[2]))) in SHIPPED:
                listed(*kind_seed)
            add("beyond", part, numbers, source="drawn digits that no network was trained on", count=count, seed=0, command=f"python -m experiments.beyond_table {part} {share}")


if __name__ == "__main__":
    main(*sys.argv[1:])
