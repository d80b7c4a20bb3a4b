"""Chapter 18 at full scale, on MNIST: the evaluation table of Madry 2017, the loss from many starts, capacity, Goodfellow's pair, label leaking.

`COURSE_DATA_DIR=... python -m experiments.adversarial_table`, or with a share (0.1) of the pictures, starts and epochs and some of the PARTS, such as
`0.1 evaluation capacity`: their numbers go into the table, beside those of other runs. The parts stand in the order of what matters most.
"""

from __future__ import annotations

import sys
import time
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils import attacks, data, measure, models, runtime, training
from course_utils.runtime import generator

from .adversarial_capacity import EPS, ROWS, SMALL, STEP, capacity, cold, digits, leaking, left, others, parts_of, percent, told
from .common import in_parts
from .record import add

AGAIN = {"pgd40x20": partial(attacks.pgd, **SMALL, steps=40, restarts=20), "pgd100x20": partial(attacks.pgd, **SMALL, steps=100, restarts=20)}
SOURCES = {"a": "madry-mnist-pgd", "twin": "madry-mnist-pgd-twin", "b": "lenet-mnist", "b_fgsm": "lenet-mnist-fgsm", "natural": "madry-mnist"}


def evaluation(share: float) -> dict[str, float]:
    """The lecture's table but for the many restarts: the robust network attacked through itself and through others; and what three other trainings withstand."""
    x, y = digits("test", max(50, int(10_000 * share)))
    nets = {key: models.load(name) for key, name in SOURCES.items()}
    robust, numbers = nets["a"], {"tested": float(len(y)), "a_natural": percent(nets["a"], x, y)}
    for key, source in nets.items():
        for row, attack in ROWS.items():
            numbers[f"{key}_{row}"] = told(f"{key} {row}", left(robust, source, attack, x, y))
    aimed = in_parts(lambda a, b: attacks.pgd(robust, a, b, **SMALL, steps=40, targeted=True), x, others(y), parts_of(x))
    numbers["a_targeted40"] = percent(robust, aimed, y)
    numbers["a_noise"] = percent(robust, attacks.random_sign(x, eps=EPS, generator=generator(0)), y)
    for key, name in (("nat", "madry-mnist"), ("only", "madry-mnist-fgsm"), ("mixed", "lenet-mnist-fgsm"), ("narrow", "madry-mnist-pgd-twin")):
        net = models.load(name)
        numbers |= {f"{key}_clean": percent(net, x, y), **{f"{key}_own_{row}": told(f"{key} {row}", left(net, net, ROWS[row], x, y)) for row in ("fgsm", "pgd40")}}
    return numbers


def restarts(share: float) -> dict[str, float]:
    """Twenty starts each. Through the network itself a digit counts as right only if it survives all of them; from the twin comes, for each digit, the start
    that fools the twin, or comes nearest to it: who attacks from another network cannot try all twenty on this one."""
    x, y = digits("test", max(50, int(10_000 * share)))
    robust, twin = models.load(SOURCES["a"]), models.load(SOURCES["twin"])
    numbers = {"restarts_tested": float(len(y))}
    for key, source, row in (("a", robust, "pgd40x20"), ("a", robust, "pgd100x20"), ("twin", twin, "pgd100x20")):
        numbers[f"{key}_{row}"] = told(f"{key} {row}", left(robust, source, AGAIN[row], x, y))
    return numbers


QUANTILES = (0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1)
AMONG = tuple(t / 10 for t in range(11))  # places on the segment between two maxima


def climbed(net: nn.Module, x: Tensor, y: Tensor, starts: int, steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """One picture from many starts: where PGD ends `[K, ...]`, the loss there `[K]`, and the mean loss after each step `[steps + 1]`."""
    ends, losses, curve = [], [], torch.zeros(steps + 1)
    for k, count in enumerate([4_000] * (starts // 4_000) + [starts % 4_000] * (starts % 4_000 > 0)):
        many, its = x[None].expand(count, -1, -1, -1), y.expand(count)
        ball = attacks.MaxBall(many, EPS)
        z = ball.random(generator(k))
        for t in range(steps + 1):
            z = z.detach().requires_grad_()
            loss = F.cross_entropy(net(z), its, reduction="none")
            curve[t] += loss.sum().item() / starts
            if t < steps:
                z = ball.back(z.detach() + STEP * torch.autograd.grad(loss.sum(), z)[0].sign())
        ends.append(z.detach().cpu() if k == 0 else z.detach()[:0].cpu()), losses.append(loss.detach().cpu())
    return torch.cat(ends), torch.cat(losses), curve


def apart(ends: Tensor, centre: Tensor) -> tuple[float, float]:
    """Mean angle, seen from the centre, and mean L2 distance between the 200 first ends, each with the next."""
    steps = (ends[:200] - centre).flatten(1)
    cosine = F.cosine_similarity(steps, steps.roll(1, 0)).clamp(-1, 1)
    return cosine.arccos().rad2deg().mean().item(), (steps - steps.roll(1, 0)).norm(dim=1).mean().item()


def landscape(share: float) -> dict[str, float]:
    """The loss from 1e5 starts: the plain and the robust network of width 4 on three digits, the robust one of width 16 on one, from a fifth of the starts.

    The digits are among those on which one step takes the robust network's loss highest: on most it stays near 0 whatever one does.
    """
    x, y = digits("test", 200)
    starts, steps = max(100, int(1e5 * share)), 100
    nets = {"natural": models.load("madry-mnist"), "robust": models.load("madry-mnist-pgd-twin"), "wide": models.load("madry-mnist-pgd")}
    right = torch.stack([runtime.predict(net, x) == y for net in nets.values()]).all(0)
    shaken = F.cross_entropy(runtime.logits(nets["robust"], attacks.fgsm(nets["robust"], x, y, eps=EPS)), y, reduction="none").where(right, -1)
    chosen = shaken.argsort(descending=True)[5:20:5]
    numbers = {"starts": float(starts), "landscape_digits": 3.0}
    for key, net in nets.items():
        for d, i in enumerate(chosen[: 1 if key == "wide" else 3].tolist()):
            with runtime.frozen(net):
                ends, losses, curve = climbed(net, x[i], y[i], starts // 5 if key == "wide" else starts, steps)
                name, here = f"{key}{d}", x[i].cpu()
                low, high = (here - EPS).clamp(min=0), (here + EPS).clamp(max=1)
                random = low + (high - low) * torch.rand(200, *here.shape, generator=generator(7))
                loss = lambda z: F.cross_entropy(net(z.to(x)), y[i].expand(len(z)))  # noqa: B023, E731
                with torch.no_grad():
                    segment = [loss((1 - t) * ends[:200] + t * ends[:200].roll(1, 0)).item() for t in AMONG]
                    numbers |= {f"{name}_segment_{t:g}": v for t, v in zip(AMONG, segment)} | {f"{name}_random_loss": loss(random).item()}
            numbers |= {f"{name}_q{q:g}": losses.double().quantile(q).item() for q in QUANTILES}
            numbers |= {f"{name}_mean": losses.mean().item(), f"{name}_std": losses.std().item()} | {f"{name}_step{t}": curve[t].item() for t in range(0, steps + 1, 5)}
            middle = (low + high) / 2  # of the box: the digit itself lies on its edge, where a pixel is black
            numbers[f"{name}_angle"], numbers[f"{name}_apart"] = apart(ends, middle)
            numbers[f"{name}_random_angle"], numbers[f"{name}_random_apart"] = apart(random, middle)
            numbers[f"{name}_angle_from_x"], numbers[f"{name}_random_angle_from_x"] = apart(ends, here)[0], apart(random, here)[0]
            told(name, *(numbers[f"{name}_{k}"] for k in ("step0", "q0", "q0.5", "q1", "angle", "random_angle")))
    return numbers


def goodfellow(share: float) -> dict[str, float]:
    """Two LeNets, trained equally long: plainly, and half of the loss on FGSM at eps 0.25. Each one's pictures on the other; and PGD."""
    x, y = digits("test", max(50, int(10_000 * share)))
    nets, numbers = {"plain": models.load("lenet-mnist"), "mixed": models.load("lenet-mnist-fgsm")}, {"goodfellow_tested": float(len(y))}
    for key, net in nets.items():
        z = in_parts(partial(attacks.fgsm, net, eps=0.25), x, y, parts_of(x))
        wrong = runtime.predict(net, z) != y
        numbers |= {f"{key}_clean_error": 100 - percent(net, x, y), f"{key}_fgsm_error": 100 * wrong.float().mean().item(),
                    f"{key}_confidence": 100 * measure.confidence(net, z)[wrong].mean().item(),
                    f"{key}_noise_error": 100 - percent(net, attacks.random_sign(x, eps=0.25, generator=generator(0)), y),
                    f"{key}_on_the_other": 100 - percent(nets["mixed" if key == "plain" else "plain"], z, y),
                    f"{key}_pgd_error": 100 - left(net, net, partial(attacks.pgd, eps=0.25, step=0.01, steps=40), x, y)}  # fmt: skip
        told(key, *(numbers[f"{key}_{k}"] for k in ("clean_error", "fgsm_error", "on_the_other", "pgd_error")))
    return numbers


def noise(share: float) -> dict[str, float]:
    """The paper's control: LeNet trained as long on clean digits and on noise of the same size, which never asks the network."""
    x, y = digits("train", max(1000, int(60_000 * share)))
    held, truth = digits("test", max(100, int(10_000 * share)))
    signs = lambda model, x, y: (x + 0.25 * (2 * torch.randint(0, 2, x.shape).to(x) - 1)).clamp(0, 1)  # noqa: E731
    evenly = lambda model, x, y: (x + 0.25 * (2 * torch.rand(x.shape).to(x) - 1)).clamp(0, 1)  # noqa: E731
    numbers = {"noise_tested": float(len(truth))}
    for key, noisy in (("signs", signs), ("evenly", evenly)):
        with runtime.seeded_weights(0):
            net = models.LeNet().to(runtime.device())
        training.train(net, x, y, epochs=max(2, round(12 * share)), loss=training.adversarial(noisy, clean=0.5), label=key)
        numbers |= {f"noise_{key}_clean_error": 100 - percent(net, held, truth), f"noise_{key}_fgsm_error": 100 - left(net, net, partial(attacks.fgsm, eps=0.25), held, truth)}
        told(key, *(numbers[f"noise_{key}_{k}"] for k in ("clean_error", "fgsm_error")))
    return numbers


COUNTS = {"evaluation": "tested", "restarts": "restarts_tested", "capacity": "capacity_tested", "cold": "cold_tested", "leaking": "leaking_tested", "landscape": "starts",
          "goodfellow": "goodfellow_tested", "noise": "noise_tested"}  # fmt: skip
PARTS = {"goodfellow": goodfellow, "evaluation": evaluation, "capacity": capacity, "landscape": landscape, "leaking": leaking, "restarts": restarts, "cold": cold, "noise": noise}


def main(*given: str) -> None:
    share = float(next((word for word in given if word not in PARTS), 1))
    for part in [word for word in given if word in PARTS] or PARTS:
        begin = time.time()
        numbers = PARTS[part](share)
        add("adversarial", part, numbers, source="mnist", count=int(numbers[COUNTS[part]]), seed=0, command="python -m experiments.adversarial_table",
            of="starts" if part == "landscape" else "pictures")  # fmt: skip
        told(f"{part}, seconds", time.time() - begin)


if __name__ == "__main__":
    main(*sys.argv[1:])
