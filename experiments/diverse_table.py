"""Chapter 18: do diverse examples train better, or more of them? The LOTS paper's protocol at its length, and rows of equal numbers.

`python -m experiments.diverse_table PART[,PART...] [SHARE]`, PART: `equal`: LeNet fine-tuned on 50,000 pictures of one kind each, 20,000 iterations of batch 64;
`small`: the same with StrideNet, 2,000 pictures and 500 iterations, which a core does in some minutes; `paper`: as many as each attack makes and as many iterations as in the paper (FGS 52 k and 20 K, LOTS 2.1 M and 100 K), and FGS with as many iterations as LOTS.
The pictures are made once, on the basic network; then FGS, FGV, hot/cold and LOTS are made anew on each network, and PGD, which none of them has seen. SHARE of the iterations, made
pictures and tested digits. Networks that learn side by side are one stack of weights (`torch.func`), so that a GPU is busy: of two seeds each, fed with half digits, half made pictures.
"""

from __future__ import annotations

import copy
import sys
import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils import attacks, data, layers, measure, models, runtime

from . import lots_table
from .lots_table import Made, fixed_targets, made
from .record import add

SEEDS, BATCH = (0, 1), 64
NETS = {"equal": "lenet-mnist", "paper": "lenet-mnist", "small": "stridenet-mnist"}
LAYERS = {"lenet-mnist": lots_table.LAYERS, "stridenet-mnist": {"conv1": "0", "conv2": "3", "ip1": "6"}}
SIZES = {"equal": (60_000, 50_000, 20_000), "small": (2_500, 2_000, 500), "paper": (60_000, 0, 0)}  # digits attacked, made pictures kept, iterations
HARD = (1.05, 1.1, 1.15, 1.2)  # hard positives: so many times what is enough
PAPER = {"fgs": 20_000, "hc": 50_000, "lots": 100_000}
ATTACKS = ("fgs", "fgv", "hc", "lots")


def levels(x: Tensor) -> Tensor:
    """Whole grey levels, as bytes."""
    return (255 * x).round().clamp(0, 255).byte()


def rounded(x: Tensor) -> Tensor:
    return levels(x).float() / 255


def harder(some: Made, seed: int = 3) -> Made:
    """Each perturbation 5 to 20 % longer than the least that was enough (clipping may take some of it back)."""
    origin, moved, labels = some
    factor = torch.tensor(HARD)[torch.randint(len(HARD), (len(moved),), generator=runtime.generator(seed))].to(moved)
    return origin, rounded(origin + factor[:, None, None, None] * (moved - origin)), labels


def of_targets(net: nn.Module, start: Made, layer: str) -> Made:
    """LOTS towards what another attack made of the same digits, as far as is enough; the paper's "improved" samples."""
    parts = []
    for x, goal, y in zip(*(column.split(lots_table.BATCH) for column in start)):
        found = attacks.smallest_scale(net, x, attacks.lots_direction(net, x, layers.representation(net, goal, layer), layer=layer), y, halvings=7)
        parts.append((x[found.found], found.images[found.found], y[found.found]))
    return tuple(torch.cat(column) for column in zip(*parts))


def borrowed(some: Made) -> Made:
    """The same perturbations, each on another digit: as long and as many, without aim."""
    origin, moved, labels = some
    order = torch.randperm(len(origin), generator=runtime.generator(4)).to(origin.device)
    return origin, rounded(origin + (moved - origin)[order]), labels


def pools(net: nn.Module, at: dict[str, str], count: int, whole: bool) -> dict[str, Made]:
    """What each attack makes of `count` training digits that the network has right; `whole`: every target and rank, for the paper's rows only."""
    train = data.load("digits", "train", count, source="mnist")
    x, y = train.x.to(runtime.device()), train.y.to(runtime.device())
    right = runtime.predict(net, x) == y
    x, y, targets = x[right], y[right], fixed_targets(net, "digits", "mnist")
    if whole:
        return {"fgs": made(net, x, y, "fgs", targets), "hc": made(net, x, y, "hc", targets), "lots": made(net, x, y, "lots", targets, at=at)}
    found = {kind: made(net, x, y, kind, targets) for kind in ("fgs", "fgv")}
    found["hc"] = made(net, x, y, "hc", targets, turns=True)  # a third of all: more than is needed
    found["lots"] = made(net, x, y, "lots", targets, each=1, at=at)
    found |= {name: made(net, x, y, name, targets, each=1, at=at) for name in at}
    found["hc, harder"], found["lots, harder"] = harder(found["hc"]), harder(found["lots"])
    for kind in ("fgv", "hc"):
        found[f"lots of {kind}"] = tuple(torch.cat(c) for c in zip(*(of_targets(net, tuple(v[k :: len(at)] for v in found[kind]), layer) for k, layer in enumerate(at.values()))))
    return found | {"borrowed": borrowed(found["lots"])}


def fine_tuned(basic: nn.Module, members: list[tuple[Tensor, Tensor]], iterations: int, digits: tuple[Tensor, Tensor], seed: int) -> list[nn.Module]:
    """Copies of `basic`, each trained on with its own pictures (bytes) and as many digits, by Caffe's rule: 0.01 (1 + t / 10,000) ^ -0.75."""
    where, chance = runtime.device(), torch.Generator(runtime.device()).manual_seed(seed)
    pool = torch.cat([digits[0], *(x for x, _ in members)]).to(where)
    classes = torch.cat([digits[1], *(y for _, y in members)]).to(where)
    sizes = torch.tensor([len(x) for x, _ in members], device=where)
    first = len(digits[0]) + sizes.cumsum(0) - sizes
    weights, _ = torch.func.stack_module_state([copy.deepcopy(basic).requires_grad_() for _ in members])
    weights = {name: value.detach().contiguous().requires_grad_() for name, value in weights.items()}
    scores = torch.func.vmap(lambda p, x: torch.func.functional_call(basic, p, (x,)))
    rule = torch.optim.SGD(weights.values(), 0.01, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.LambdaLR(rule, lambda t: (1 + t / 10_000) ** -0.75)
    start, half = time.time(), BATCH // 2
    for t in range(iterations):
        own = (torch.rand(len(members), half, generator=chance, device=where) * sizes[:, None]).long().clamp_max(sizes[:, None] - 1) + first[:, None]
        plain = torch.randint(len(digits[0]), (len(members), half), generator=chance, device=where)
        index = torch.cat([torch.where(sizes[:, None] > 0, own, plain.roll(1, 1)), plain], 1)
        logits = scores(weights, pool[index].float() / 255)
        loss = F.cross_entropy(logits.flatten(0, 1), classes[index].flatten(), reduction="sum") / BATCH
        rule.zero_grad(set_to_none=True)
        loss.backward()
        rule.step()
        schedule.step()
        if t % max(1, iterations // 2) == 0:
            print(f"iteration {t}, {time.time() - start:.0f} s, mean loss {loss.item() / len(members):.4f}", flush=True)
    nets = []
    for k in range(len(members)):
        net = copy.deepcopy(basic)
        net.load_state_dict({name: value[k].detach() for name, value in weights.items()})
        nets.append(net.eval())
    return nets


def tried(name: str, net: nn.Module, at: dict[str, str], count: int) -> dict[str, float]:
    """The error on all test digits, the four attacks on some of those that it has right, and PGD."""
    test = data.load("digits", "test", source="mnist")
    every, labels = test.x.to(runtime.device()), test.y.to(runtime.device())
    x, y = every[:count], labels[:count]
    right = runtime.predict(net, x) == y
    x, y, targets, numbers = x[right], y[right], fixed_targets(net, "digits", "mnist"), {"error": 100 * (1 - measure.accuracy(net, every, labels))}
    for kind, times in zip(ATTACKS, (1, 1, 3, 9)):
        origin, moved, _ = made(net, x, y, kind, targets, turns=True, at=at)
        some = slice(0, 40)
        numbers |= {f"{kind}_success": 100 * len(moved) / (times * len(x)), f"{kind}_l2": 255 * measure.norms(origin, moved).l2.mean().item(),
                    f"{kind}_pass": measure.pass_score(origin[some], moved[some], whole=True).mean().item()}  # fmt: skip
    for norm, eps in (("l2", 1.5), ("linf", 0.1)):
        moved = attacks.pgd(net, x, y, eps=eps, norm=norm, steps=20, generator=runtime.generator(0))
        numbers[f"pgd_{norm}"] = 100 * (runtime.predict(net, moved) != y).float().mean().item()
    return {f"{name}_{key}": value for key, value in numbers.items()}


def rows(part: str, share: float) -> tuple[dict[str, float], int]:
    lots_table.BATCH = 4000 if runtime.device().type == "cuda" else 500
    name = NETS[part]
    basic, whole, at, (attacked, equal, iterations) = models.load(name), data.load("digits", "train", source="mnist"), LAYERS[name], SIZES[part]
    basic.to(memory_format=torch.contiguous_format)
    digits, count = (levels(whole.x), whole.y), max(50, int((100 if part == "small" else 1000) * min(share, 1)))
    start = time.time()
    found = pools(basic, at, max(400, int(attacked * share)), part == "paper")
    kept = {kind: (levels(moved).cpu(), y.cpu()) for kind, (_, moved, y) in found.items()}
    del found
    print({kind: len(x) for kind, (x, _) in kept.items()}, f"made in {time.time() - start:.0f} s", flush=True)
    nothing = (digits[0][:0], digits[1][:0])
    plans: list[tuple[int, dict[str, tuple[Tensor, Tensor]]]] = []
    if part != "paper":
        least = min(equal, *(len(x) for x, _ in kept.values()))
        same = {kind: tuple(v[torch.randperm(len(x), generator=runtime.generator(5))[:least]] for v in (x, y)) for kind, (x, y) in kept.items()}
        plans.append((iterations, {"digits": nothing, **same}))
    else:
        plans += [(PAPER["fgs"], {"fgs": kept["fgs"]}), (PAPER["hc"], {"hc": kept["hc"]}), (PAPER["lots"], {"digits": nothing, "fgs, longer": kept["fgs"], "lots": kept["lots"]})]
    numbers = {f"{part}_{kind}_made": len(x) for _, group in plans for kind, (x, _) in group.items()}
    for length, group in plans:
        members = [m for m in group.values() for _ in SEEDS]
        stack = len(members) if runtime.device().type == "cuda" else 1  # a CPU learns them faster one by one
        nets = [n for k in range(0, len(members), stack) for n in fine_tuned(basic, members[k : k + stack], max(20, int(length * share)), digits, k % len(SEEDS))]
        print(part, list(group), f"learned after {time.time() - start:.0f} s", flush=True)
        for k, net in enumerate(nets):
            numbers |= tried(f"{part}_{list(group)[k // len(SEEDS)]}_{k % len(SEEDS)}", net, at, count)
        print(part, list(group), f"tried after {time.time() - start:.0f} s", flush=True)
    return numbers | (tried(f"{part}_basic_0", basic, at, count) if part != "paper" else {}), count


def main(parts: str = "equal,paper", share: float = 1.0) -> None:
    for part in parts.split(","):
        numbers, count = rows(runtime.pick("part", part, NETS), float(share))
        add("diverse", part, numbers, source="MNIST test digits that the network has right", count=count, seed=0, command=f"python -m experiments.diverse_table {part} {share}")


if __name__ == "__main__":
    main(*sys.argv[1:])
