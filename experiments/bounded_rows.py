"""Chapter 22: patches and stickers made for a network with ReLU, tried on one with bounds, and the other way round; and what both say of strangers.

The lecture's tables count, for each attack, who is fooled: none, only the original, only the bounded network, both. It says neither which data nor what "two-way" and
"forty-way" are; as in chapter 16 they are GTSRB's Stop against Speed limit (50km/h), and all classes but the three with the fewest pictures. Of drawn signs there are 24 classes: Stop against
Speed limit (50km/h), and all. Pictures: those that all three networks have right. The bounded network is the original with bounds, trained a little further. The control, here "twin", is a network that was
trained on its own, wider, and with ReLU: what fails on it fails for no bound.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from course_utils import attacks, data, defenses, layers, measure, models, runtime, training
from course_utils.runtime import generator

from .common import strange

NETS = {
    "gtsrb": {"original": "signnet-gtsrb-twin", "bounded": "signnet-gtsrb-bounded", "twin": "signnet-gtsrb"},
    "signs": {"original": "signnet-signs-relu", "bounded": "signnet-signs-bounded", "twin": "signnet-signs-twin"},
}
CLASSES = {
    ("two", "gtsrb"): (14, 2), ("forty", "gtsrb"): tuple(k for k in range(43) if k not in (0, 19, 37)),
    ("two", "signs"): (8, 1), ("all", "signs"): tuple(range(24)),
}  # fmt: skip
SOURCES = {"gtsrb": "gtsrb", "signs": "drawn"}
SIDE = 14  # of the patch: 8.5 % of a 48x48 picture


class Both(nn.Module):
    """Two networks at once, for an attack that must fool both: the logarithms of their probabilities, added up."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x).log_softmax(1) + self.second(x).log_softmax(1)


def patched(model: nn.Module, x: Tensor, y: Tensor, *, steps: int = 60, starts: int = 1, seed: int = 0) -> Tensor:
    """A square of any colours, where the loss has the largest gradients; of several starts (other paint, and other places) each picture's best."""
    best, lead = x, torch.full((len(x),), -torch.inf, device=x.device)
    for start in range(starts):
        place = x if start == 0 else attacks.random_sign(x, eps=0.1, generator=generator(seed + start))
        mask = attacks.strongest(slope(model, place, y), count=1, size=(SIDE, SIDE))
        free = {"views": lambda z: z, "printability": 0.0, "penalty": 0.0, "samples": 1}
        made = attacks.robust_stickers(model, x, y, mask=mask, steps=steps, rate=0.3, generator=generator(seed + start), **free).images
        scores = runtime.logits(model, made)
        margin = scores.scatter(1, y[:, None], -torch.inf).amax(1) - scores.gather(1, y[:, None])[:, 0]
        best, lead = torch.where((margin > lead).view(-1, 1, 1, 1), made, best), torch.maximum(margin, lead)
    return measure.quantize(best)


def slope(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The gradient of the loss for the pictures."""
    with runtime.frozen(model):
        z = x.clone().requires_grad_()
        return torch.autograd.grad(torch.nn.functional.cross_entropy(model(z), y, reduction="sum"), z)[0]


def stuck(model: nn.Module, x: Tensor, y: Tensor, *, generations: int) -> Tensor:
    """The lecture's own attack, two dark and two bright stickers on at most 12 %, which goes on for as sure a mistake as it can find."""
    return measure.quantize(attacks.stickers(model, x, y, generations=generations, until="sure", generator=generator(0)).images)


def fooled(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return runtime.predict(net, x) != y


def from_scratch(source: str, quick: bool) -> dict[str, nn.Module]:
    """The three networks, trained anew: the original (seed 0), and from one other start (seed 1) one with bounds of 3 at first, and its twin with ReLU."""
    pictures = data.load("signs", "train", n=2000 if quick else 16_000, source=SOURCES[source])
    made = {}
    for name, seed, wrap in (("original", 0, lambda net: net), ("bounded", 1, models.with_bounds), ("twin", 1, lambda net: net)):
        with runtime.seeded_weights(seed):
            plain = wrap(models.SignNet(len(pictures.names), width=12))
        whole = training.with_batch_norm(plain).to(runtime.device())
        training.train(whole, pictures.x, pictures.y, epochs=2 if quick else 16, batch_size=64, lr=0.05, seed=seed, augment=training.jitter(light=0.3))
        training.fold_batch_norm(whole.cpu(), plain)
        made[name] = plain.to(runtime.device()).eval()
    return made


def table(way: str, source: str, quick: bool, scratch: bool = False, signs: int | None = None) -> tuple[dict[str, float], int]:
    """Rows in percent, each of four outcomes that add up to 100, for patches and for stickers. signs: on how many, 24 in a quick run and else 500."""
    whole = from_scratch(source, quick) if scratch else {name: models.load(net) for name, net in NETS[source].items()}
    nets, x, y, numbers = asked(whole, CLASSES[way, source], SOURCES[source], signs or (24 if quick else 500))
    relu, bound, twin = nets["original"], nets["bounded"], nets["twin"]
    steps, generations = (30, 5) if quick else (150, 30)
    for attack, make in (("patch", partial(patched, steps=steps)), ("stickers", partial(stuck, generations=generations))):
        made = {name: make(net, x, y) for name, net in (("original", relu), ("bounded", bound), ("together", Both(relu, bound)))}
        hit = {name: {who: fooled(net, z, y) for who, net in nets.items()} for name, z in made.items()}
        rows = {f"for_{name}": measure.outcomes(row["original"], row["bounded"]) for name, row in hit.items()}
        rows["own"] = measure.outcomes(hit["original"]["original"], hit["bounded"]["bounded"])
        rows["control"] = measure.outcomes(hit["original"]["original"], hit["original"]["twin"])
        numbers |= {f"{attack}_{row}_{outcome}": share for row, shares in rows.items() for outcome, share in shares.items()}
        print(way, source, attack, {row: [round(v) for v in shares.values()] for row, shares in rows.items()}, flush=True)
    numbers |= adaptive(relu, bound, x, y, steps, 1 if quick else 10)
    reports = {name: defenses.gradient_masking_report(net, x, y, most=24 if quick else None, queries=50 if quick else 100, generator=generator(0)) for name, net in (nets if not quick else {"bounded": bound}).items()}
    numbers |= {f"{name}_masked": float(report.masked) for name, report in reports.items()} | {f"{name}_findings": float(len(report.findings) if report.masked else 0) for name, report in reports.items()}
    print({name: report.findings for name, report in reports.items()}, flush=True)
    return numbers, len(x)


def adaptive(relu: nn.Module, bound: nn.Module, x: Tensor, y: Tensor, steps: int, starts: int) -> dict[str, float]:
    """The same patch with more steps and starts, on the bounded network as it is, with its bounds passed over backwards, and the best of both; on the other one for comparison."""
    long = partial(patched, x=x, y=y, steps=2 * steps, starts=starts, seed=7)
    open_ = long(defenses.exposed(bound))
    tries = {"plain": fooled(bound, long(bound), y), "exposed": fooled(bound, open_, y), "original": fooled(relu, long(relu), y)}
    tries["best"] = tries["plain"] | tries["exposed"]
    mask = attacks.strongest(slope(relu, x, y), count=1, size=(SIDE, SIDE))
    noise = torch.where(mask > 0, torch.rand(x.shape, generator=generator(3)).to(x), x)
    tries |= {"noise_original": fooled(relu, noise, y), "noise_bounded": fooled(bound, noise, y)}
    numbers = {f"adaptive_{name}": 100 * hit.double().mean().item() for name, hit in tries.items()}
    print({name: round(value) for name, value in numbers.items()}, flush=True)
    return numbers


def asked(whole: dict[str, nn.Module], classes: tuple[int, ...], source: str, count: int) -> tuple[dict[str, nn.Module], Tensor, Tensor, dict[str, float]]:
    """The networks, asked about some classes; pictures of these that all have right; and how many of all pictures each has right, in percent."""
    pictures = data.load("signs", "test", source=source)
    number = torch.full((len(pictures.names),), -1)
    number[list(classes)] = torch.arange(len(classes))
    order = (number[pictures.y] >= 0).nonzero().flatten()
    order = order[torch.randperm(len(order), generator=generator(0))]
    x, y = pictures.x[order].to(runtime.device()), number[pictures.y[order]].to(runtime.device())
    nets = {name: models.Restricted(net, classes) for name, net in whole.items()}
    right = {name: measure.right(net, x, y) for name, net in nets.items()}
    kept = torch.stack(list(right.values())).all(0).nonzero().flatten()[:count]
    return nets, x[kept], y[kept], {f"{name}_right": 100 * share.double().mean().item() for name, share in right.items()}


def strangers(source: str, quick: bool) -> tuple[dict[str, float], int]:
    """What is none of their signs: how often they are sure of it all the same, AUROC of doubt and of energy against signs, and activations above the clean 99.9th percentile."""
    n, numbers = 150 if quick else 1000, {}
    sets = strange(n, 48, objects=data.load("objects", "test", n=n, source="cifar10", size=48).x)
    clean = data.load("signs", "test", n=n, source=SOURCES[source]).x.to(runtime.device())
    for name, file in NETS[source].items():
        net = models.load(file)
        own, before = runtime.logits(net, clean), largest(net, clean)
        numbers |= {f"{name}_own_sure": 100 * (defenses.unsure(own) < 0.1).double().mean().item(), f"{name}_own_largest": before}
        for what, pictures in sets.items():
            z = runtime.logits(net, pictures.to(clean.device))
            numbers |= {f"{name}_{what}_sure": 100 * (defenses.unsure(z) < 0.1).double().mean().item(), f"{name}_{what}_largest": largest(net, pictures.to(clean.device))}
            numbers |= {f"{name}_{what}_doubt": measure.auroc(defenses.unsure(z), defenses.unsure(own)), f"{name}_{what}_energy": measure.auroc(defenses.energy(z), defenses.energy(own))}
    return numbers, n


def largest(net: nn.Module, x: Tensor) -> float:
    """The largest activation of the last hidden layer on pictures x."""
    name = [name for name, part in net.named_modules() if isinstance(part, nn.ReLU | models.BoundedLeakyReLU)][-1]
    with runtime.frozen(net), torch.no_grad(), layers.capture(net, name) as seen:
        net(x)
    return seen[name].max().item()


TABLES: dict[str, Callable[..., tuple[dict[str, float], int]]] = {
    **{f"{way}_{source}": partial(table, way, source) for way, source in CLASSES},
    "forty_gtsrb_scratch": partial(table, "forty", "gtsrb", scratch=True), "all_signs_scratch": partial(table, "all", "signs", scratch=True),
}  # fmt: skip
PARTS: dict[str, Callable[..., tuple[dict[str, float], int]]] = {**TABLES, **{f"strangers_{source}": partial(strangers, source) for source in SOURCES}}
