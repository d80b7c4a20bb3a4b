"""Train the shipped checkpoints: `make train NAME=lenet-digits`, or `python -m experiments.train` for the list.

`python -m experiments.train --measure lenet-digits` measures one again and corrects its row.

Each row below says on which pictures, how long and how. The checkpoint goes to data/checkpoints, and its row
(data source, command, seed, accuracy) to data/checkpoints/README.md.
"""

from __future__ import annotations

import copy
import datetime
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import attacks, data, defenses, layers, measure, models, runtime, training, visualize
from experiments import distilling, train_detector, train_generative, train_memory
from experiments.replayed import Replayed


class Plan(NamedTuple):
    """How a checkpoint is trained."""

    world: str
    source: str
    epochs: int
    lr: float = 0.05
    pictures: int | None = None  # None: all there are
    augment: training.Augment | None = None
    norm: bool = False  # train with batch normalization, folded into the convolutions afterwards
    batch_size: int = 128
    weight_decay: float = 5e-4
    optimizer: str = "sgd"
    smoothing: float = 0.0
    attack: Callable[..., Tensor] | None = None  # adversarial training: what makes the pictures that it learns from, with its budget
    clean: float = 0.0  # the share of the loss on clean pictures, in adversarial training
    warm: int = 0  # epochs with half the attack's budget, before those with all of it: from the start that one can be too hard to learn anything
    near: int = 0  # epochs on near views of the signs, before those on whole scenes
    calibrated: bool = False  # scores scaled so that the network is as sure as it is right, on other training pictures
    tests: int | None = None  # None: as many as `data.load` gives by itself
    seed: int = 0  # of the start, of the order, and of drawn training pictures
    half: int = 0  # 1 or 2: one of the two disjoint halves, chosen by chance, of seed 0's training pictures; 0: all
    mixed: bool = True  # with batch norm, compute in bfloat16: faster on processors that are made for it
    authors: bool = False  # trained by `as_its_authors`
    temperature: float | None = None  # defensive distillation: a teacher is trained at this temperature first, then this network on its soft labels
    teacher: str = ""  # with a temperature: a network that was trained without one, which times T is the teacher; "": one is trained
    bounds_of: str = ""  # chapter 22: a trained network that it goes on from, its ReLUs bounded at the 99.9th percentile of a thousand training pictures
    others: int = 0  # faces: so many groups of 40 more people are learned, whom the head forgets afterwards
    note: str = ""


def flipped(augment: training.Augment) -> training.Augment:
    """An augmentation behind left-right flips."""
    flip = training.shift_and_flip(0)
    return lambda x, chance: augment(flip(x, chance), chance)


NEAR = 64  # side in pixels of a near view: every main sign fits
OTHERS = 1_000_000  # a seed whose drawn pictures no network is trained on; groups of people from here up are for training only
PLANS = {
    "lenet-digits": Plan("digits", "drawn", 12, pictures=30_000),
    "lenet-mnist": Plan("digits", "mnist", 12),
    # Goodfellow's objective (2014, section 6), with the epochs and pictures of the plain networks above.
    "lenet-digits-fgsm": Plan("digits", "drawn", 12, pictures=30_000, attack=partial(attacks.fgsm, eps=0.25), clean=0.5, note="adversarial training: half of the loss on FGSM, eps 0.25"),
    "lenet-mnist-fgsm": Plan("digits", "mnist", 12, attack=partial(attacks.fgsm, eps=0.25), clean=0.5, note="adversarial training: half of the loss on FGSM, eps 0.25"),
    "lenet-digits-twin": Plan("digits", "drawn", 6, pictures=20_000, seed=1, note="another start and other training pictures than lenet-digits"),
    "lenet-mnist-twin": Plan("digits", "mnist", 4, seed=1, note="another start and another order than lenet-mnist"),
    "stridenet-digits": Plan("digits", "drawn", 12, pictures=30_000),
    "stridenet-mnist": Plan("digits", "mnist", 12),
    "twopairs-digits": Plan("digits", "drawn", 12, pictures=30_000),
    "twopairs-mnist": Plan(
        "digits", "mnist", 50, lr=0.01, authors=True, seed=1, note="trained as in Carlini and Wagner's code; of six seeds the one whose distances are nearest to their mean",
    ),
    "twopairs-digits-distilled": Plan(
        "digits", "drawn", 4, lr=0.003, pictures=10_000, optimizer="adam", weight_decay=0, temperature=100, teacher="twopairs-digits",
        note="defensive distillation, T = 100; the teacher is `twopairs-digits`, its logits times 100",
    ),
    "stridenet-digits-distilled": Plan("digits", "drawn", 12, pictures=30_000, temperature=100, note="defensive distillation, T = 100"),
    "stridenet-mnist-distilled": Plan("digits", "mnist", 12, temperature=100, note="defensive distillation, T = 100"),
    "twopairs-mnist-distilled": Plan(
        "digits", "mnist", 50, lr=0.01, authors=True, temperature=100, seed=1, note="defensive distillation, T = 100, trained as in Carlini and Wagner's code",
    ),
    "signnet-signs": Plan("signs", "drawn", 12, pictures=16_000, norm=True, augment=training.jitter(light=0.2)),
    "signnet-gtsrb": Plan("signs", "gtsrb", 24, norm=True, augment=training.jitter(light=0.5), smoothing=0.05),
    # Chapter 04's control: trained on their own, from another start, half as wide.
    "signnet-signs-twin": Plan(
        "signs", "drawn", 6, pictures=6_000, norm=True, augment=training.jitter(light=0.2), seed=1, mixed=False,
        note="half as wide; other training pictures than signnet-signs",
    ),
    "signnet-gtsrb-twin": Plan(
        "signs", "gtsrb", 4, batch_size=64, norm=True, augment=training.jitter(light=0.3), seed=1, mixed=False,
        note="half as wide; the training pictures of signnet-gtsrb in another order",
    ),
    "resnet-signs": Plan("signs", "drawn", 6, lr=0.1, pictures=8_000, norm=True, augment=training.jitter(light=0.2), mixed=False),
    "resnet-gtsrb": Plan("signs", "gtsrb", 6, lr=0.1, norm=True, augment=training.jitter(light=0.3), mixed=False),
    "chain-signs": Plan(
        "signs", "drawn", 6, lr=0.1, pictures=8_000, norm=True, augment=training.jitter(light=0.2), mixed=False, note="resnet-signs without shortcuts"
    ),
    "chain-gtsrb": Plan(
        "signs", "gtsrb", 6, lr=0.1, norm=True, augment=training.jitter(light=0.3), mixed=False, note="resnet-gtsrb without shortcuts"
    ),
    "scenenet-scenes": Plan(
        "photos", "drawn", 4, lr=0.06, pictures=3_500, norm=True, augment=training.shift_and_flip(6, flip=False), batch_size=64,
        near=10, calibrated=True, tests=1000, note="10 epochs on near views of the signs, then 4 on whole scenes",
    ),
    "allconv-signs": Plan("objects", "drawn", 12, pictures=16_000, norm=True, augment=training.shift_and_flip(2, flip=False)),
    "allconv-cifar10": Plan(
        "objects", "cifar10", 14, lr=0.1, norm=True, augment=training.shift_and_flip(4),
        note="half the paper's width, which two cores train",
    ),
    "speechnet-spoken": Plan("spoken", "drawn", 10, pictures=6_000, norm=True, mixed=False, note="every word by a speaker of its own"),
    "speechnet-spoken-twin": Plan("spoken", "drawn", 10, pictures=6_000, norm=True, mixed=False, seed=1, note="other words than speechnet-spoken"),
    "resnet-cifar10": Plan("objects", "cifar10", 6, lr=0.1, norm=True, augment=training.shift_and_flip(4), mixed=False),
    "facenet-faces": Plan(
        "faces", "drawn", 6, pictures=2_400, norm=True, augment=training.shift_and_flip(3), mixed=False, others=3,
        note="with 120 people more, 60 pictures each, whom the head forgot afterwards",
    ),
    "facenet-orl": Plan(
        "faces", "orl", 25, lr=0.002, optimizer="adam", weight_decay=1e-4, batch_size=32, norm=True, augment=flipped(training.jitter(angle=8, light=0.25)), mixed=False,
        note="8 pictures of each person to train, the other 2 to test",
    ),
    "smallvgg-cifar10": Plan("objects", "cifar10", 5, lr=0.1, norm=True, augment=training.shift_and_flip(4), mixed=False, note="half the width"),
    "nin-cifar10": Plan(
        "objects", "cifar10", 4, lr=0.1, norm=True, augment=training.shift_and_flip(4), mixed=False, note="a sixth of the paper's width, dropout 0.1",
    ),
    "nin-signs": Plan("objects", "drawn", 8, lr=0.1, pictures=12_000, norm=True, augment=training.shift_and_flip(2, flip=False), mixed=False),
    # Chapter 20: as nin-*, on codes; a code has sixteen channels for one, and takes longer to learn from.
    "nin-cifar10-thermometer": Plan(
        "objects", "cifar10", 20, lr=0.1, norm=True, augment=training.shift_and_flip(4), mixed=False, note="as nin-cifar10, behind a thermometer code of 16 levels",
    ),
    "nin-signs-thermometer": Plan(
        "objects", "drawn", 16, lr=0.1, pictures=16_000, norm=True, augment=training.shift_and_flip(2, flip=False), mixed=False,
        note="as nin-signs, behind a thermometer code of 16 levels",
    ),
    "smallvgg-signs": Plan("objects", "drawn", 8, lr=0.1, pictures=12_000, norm=True, augment=training.shift_and_flip(2, flip=False), mixed=False),
}
# Chapter 18. Madry's network and training (2017), and beside it plain training, FGSM alone at the same eps, and a twin of another start.
MADRY = Plan("digits", "mnist", 20, lr=0.003, optimizer="adam", weight_decay=0.0, batch_size=256)
PGD, FEW = partial(attacks.pgd, eps=0.3, step=0.01, steps=40), partial(attacks.pgd, eps=0.3, step=0.075, steps=10)
for name, changes in {
    "madry-mnist": {"epochs": 8},
    "madry-mnist-fgsm": {"attack": partial(attacks.fgsm, eps=0.3), "note": "adversarial training: FGSM alone, eps 0.3"},
    "madry-mnist-pgd": {"epochs": 6, "warm": 2, "attack": PGD, "note": "adversarial training: PGD, eps 0.3, 40 steps of 0.01, after 2 epochs with half the budget"},
    "madry-mnist-pgd-twin": {"epochs": 8, "warm": 1, "seed": 1, "attack": FEW, "note": "another start than madry-mnist-pgd, a quarter of its width, and 10 steps of 0.075"},
    "madry-digits": {"epochs": 8},
    "madry-digits-fgsm": {"attack": partial(attacks.fgsm, eps=0.3), "note": "adversarial training: FGSM alone, eps 0.3"},
    "madry-digits-pgd": {"epochs": 24, "warm": 2, "attack": PGD, "note": "adversarial training: PGD, eps 0.3, 40 steps of 0.01, after 2 epochs with half the budget"},
    "madry-digits-pgd-twin": {"epochs": 10, "warm": 1, "seed": 1, "attack": FEW, "note": "another start and other pictures than madry-digits-pgd, and 10 steps of 0.075"},
}.items():
    PLANS[name] = MADRY._replace(**changes, **({"source": "drawn", "pictures": 30_000} if "digits" in name else {}))
SIGNS_PGD = {
    "norm": True, "mixed": False, "warm": 1, "attack": partial(attacks.pgd, eps=4 / 255, step=1 / 255, steps=7),
    "note": "half as wide; adversarial training: PGD, eps 4/255, 7 steps of 1/255, after an epoch with half the budget",
}  # fmt: skip
PLANS["signnet-signs-pgd"] = Plan("signs", "drawn", 4, pictures=16_000, augment=training.jitter(light=0.2), **SIGNS_PGD)
PLANS["signnet-gtsrb-pgd"] = Plan("signs", "gtsrb", 4, augment=training.jitter(light=0.5), **SIGNS_PGD)
# Chapter 22: a small network with ReLU; and networks that go on from one with ReLU, each ReLU replaced by a bounded leaky one.
PLANS["signnet-signs-relu"] = Plan(
    "signs", "drawn", 8, lr=0.1, pictures=10_000, norm=True, mixed=False, augment=training.jitter(light=0.2), note="a third as wide as `signnet-signs`",
)
for name, source, before, how in (
    ("signs", "drawn", "relu", {"epochs": 2, "lr": 0.003, "pictures": 5_000}), ("gtsrb", "gtsrb", "twin", {"epochs": 1, "lr": 5e-4, "pictures": 4_000, "batch_size": 64}),
):
    PLANS[f"signnet-{name}-bounded"] = Plan(
        "signs", source, mixed=False, augment=training.jitter(light=0.2), seed=1, bounds_of=f"signnet-{name}-{before}", **how,
        note=f"from `signnet-{name}-{before}`, its ReLUs replaced by bounded leaky ones (a trained bound for each channel, at first the 99.9th percentile; slope 0.1)",
    )
# Szegedy's fully connected nets: sigmoid layers, no augmentation, squared weights as penalty.
for world, source, pictures in (("digits", "drawn", 30_000), ("digits", "mnist", None)):
    for name, penalty in (("fc10", 1e-4), ("fc10", 0.01), ("fc10", 1), ("fc100", 1e-5), ("fc200", 1e-5), ("ae400", 1e-6)):
        tag, strong = "digits" if source == "drawn" else "mnist", f"-decay{penalty:g}" if penalty >= 0.01 else ""
        PLANS[f"{name}-{tag}{strong}"] = Plan(
            world, source, 30, lr=0.003, pictures=pictures, optimizer="adam", weight_decay=penalty,
            note=f"weight decay {penalty:g}",
        )  # fmt: skip
# His split trio: two networks on one half of the training pictures, a third on the other half. Each has a seed of its own: what they
# share comes from no common start.
for tag, source, pictures in (("digits", "drawn", 30_000), ("mnist", "mnist", None)):
    for name, half, seed in (("fc100", 1, 0), ("fc123", 1, 2), ("fc100", 2, 1)):
        PLANS[f"{name}-{tag}-p{half}"] = Plan(
            "digits", source, 30, lr=0.003, pictures=pictures, optimizer="adam", weight_decay=1e-5, seed=seed, half=half,
            note=f"weight decay 1e-05; half P{half} of the training pictures",
        )  # fmt: skip


def percent_right(model: nn.Module, pictures: data.Pictures, n: int | None = None) -> float:
    """Percent of the pictures, or of the first n, that the model gets right."""
    return 100 * measure.accuracy(model, pictures.x[:n].to(runtime.device()), pictures.y[:n].to(runtime.device()))


def halved(attack: partial) -> partial:
    """The attack with half its budget, and steps half as long."""
    return partial(attack.func, **{key: value / 2 if key in ("eps", "step") else value for key, value in attack.keywords.items()})


def quick(attack: partial, model: nn.Module) -> Callable[..., Tensor]:
    """The attack as it is; on a GPU, projected gradient descent recorded and replayed."""
    if attack.func is not attacks.pgd or runtime.device().type != "cuda":
        return attack
    return Replayed(model, **attack.keywords)


def under(attack: Callable[..., Tensor], model: nn.Module, pictures: data.Pictures, n: int) -> data.Pictures:
    """The first n pictures, attacked."""
    x, y = pictures.x[:n].to(runtime.device()), pictures.y[:n].to(runtime.device())
    return pictures._replace(x=attack(model, x, y), y=y)


def pretrain_encoder(net: models.AENet10, x: Tensor, seed: int) -> None:
    """AE400-10's first stage: the autoencoder learns to give the picture back; its encoder is then kept fixed."""
    whole = models.Autoencoder(net.head.in_features)
    loss = lambda model, pictures, _: F.mse_loss(model(pictures), pictures)  # noqa: E731
    training.train(whole, x, torch.zeros(len(x), dtype=torch.long), epochs=15, lr=0.003, optimizer="adam", weight_decay=1e-6, loss=loss, seed=seed)
    net.encoder.load_state_dict(whole.encoder.state_dict())
    net.encoder.requires_grad_(False)


def some(plan: Plan, split: str, n: int | None, seed: int = 0) -> data.Pictures:
    """Pictures of a plan's world, or its sounds, which are no world: they are always synthesised."""
    return data.spoken(split, n, seed=seed) if plan.world == "spoken" else data.load(plan.world, split, n, source=plan.source, seed=seed)


class TrainingSet(NamedTuple):
    """Pictures `[N, C, H, W]`, as bytes where they are many; labels `[N]`; boxes `[N, K, 4]` of a scene's signs."""

    x: Tensor
    y: Tensor
    boxes: Tensor | None
    source: str


def training_set(plan: Plan) -> TrainingSet:
    """The pictures that a plan trains on. Scenes come a thousand at a time, a seed each: as floats they would fill the memory."""
    if plan.world != "photos":
        pictures = some(plan, "train", plan.pictures, 0 if plan.half else plan.seed)
        if plan.half:
            mine = torch.randperm(len(pictures.y), generator=runtime.generator(0)).chunk(2)[plan.half - 1]
            return TrainingSet(pictures.x[mine], pictures.y[mine], None, pictures.source)
        if plan.others:
            more = [data.strangers(len(pictures.y), OTHERS + k) for k in range(plan.others)]
            y = torch.cat([pictures.y, *(part.y + 40 * (k + 1) for k, part in enumerate(more))])
            return TrainingSet(torch.cat([pictures.x, *(part.x for part in more)]), y, None, pictures.source)
        return TrainingSet(pictures.x, pictures.y, pictures.boxes, pictures.source)
    count, parts = plan.pictures or data.WORLDS["photos"].train, []
    for seed, start in enumerate(range(0, count, 1000)):
        part = data.load("photos", "train", min(1000, count - start), source=plan.source, seed=seed)
        parts.append(((part.x * 255).round().byte(), part.y, part.boxes))
    return TrainingSet(*(torch.cat(column) for column in zip(*parts)), part.source)


def with_others(net: nn.Module, groups: int) -> nn.Module:
    """The network itself, or with `groups` a copy whose head has as many groups of 40 more people behind its own."""
    if not groups:
        return net
    more = copy.deepcopy(net)
    more.head = nn.Linear(net.head.in_features, net.classes + 40 * groups, device=net.head.weight.device)
    return more


def near_views(x: Tensor, boxes: Tensor, side: int, chance: torch.Generator) -> Tensor:
    """Windows `[N, C, side, side]` of scenes `[N, C, S, S]` at random places that hold the main sign's box `[N, 4]`."""
    last = boxes[:, :2].clamp(max=x.shape[-1] - side)
    first = torch.minimum((boxes[:, 2:] - side).clamp_min(0), last)
    left, top = (first + torch.rand(len(x), 2, generator=chance) * (last - first)).long().unbind(1)
    return torch.stack([picture[:, b : b + side, a : a + side] for picture, a, b in zip(x, left.tolist(), top.tolist())])


def run(name: str) -> None:
    """Train, measure, save and record one checkpoint."""
    plan, start = PLANS[runtime.pick("checkpoint", name, PLANS)], time.time()
    seed, mixed = plan.seed, plan.norm and plan.mixed
    runtime.seed_everything(seed)
    train_set = training_set(plan)
    test_set = some(plan, "test", plan.tests)
    x = (train_set.x * 255).round().byte() if plan.world != "spoken" and train_set.x.is_floating_point() and train_set.x.numel() > 2e8 else train_set.x
    if plan.attack:
        x = x.to(runtime.device())  # on a GPU, so that no step waits for pictures
    plain, calibration = models.checkpoints.NETWORKS[name]().to(runtime.device()), ""
    if isinstance(plain, models.AENet10):
        pretrain_encoder(plain, x, seed)
    if plan.bounds_of:
        from_ = defenses.bounded(models.load(plan.bounds_of), x[:1000].to(runtime.device()))
        plain.load_state_dict(from_.state_dict())
    learner = with_others(plain, plan.others)
    net = training.with_batch_norm(learner) if plan.norm else learner
    smoothed = lambda model, pictures, labels: F.cross_entropy(model(pictures), labels, label_smoothing=plan.smoothing)  # noqa: E731
    loss = training.adversarial(quick(plan.attack, net), clean=plan.clean) if plan.attack else smoothed
    data.downloads.home().mkdir(parents=True, exist_ok=True)
    state = data.downloads.home() / f"{name}.training"  # a training that was killed goes on from there
    how = {
        "lr": plan.lr, "batch_size": plan.batch_size, "weight_decay": plan.weight_decay, "optimizer": plan.optimizer, "augment": plan.augment,
        "seed": seed, "mixed": mixed,
    }  # fmt: skip

    def watch(model: nn.Module) -> float:
        share = percent_right(model, test_set, 1000)
        attacked = f", {percent_right(model, under(plan.attack, model, test_set, 500)):.1f} % under its attack" if plan.attack else ""
        print(f"{name} {time.time() - start:5.0f} s  {share:.2f} %{attacked}", flush=True)
        return share

    if plan.near:
        views = runtime.generator(seed)
        near = torch.cat([near_views(x, train_set.boxes[:, 0], NEAR, views) for _ in range(2)])  # two views of each scene
        training.train(net, near, train_set.y.repeat(2), epochs=plan.near, label=f"{name}, near views", **how)
        print(f"{name} {time.time() - start:5.0f} s  near views", flush=True)
    if plan.warm:
        half = training.adversarial(quick(halved(plan.attack), net), clean=plan.clean)
        training.train(
            net, x, train_set.y, epochs=plan.warm, loss=half, evaluate=watch, label=f"{name}, half the budget", resume=state.with_suffix(".warm"), **how,
        )  # fmt: skip
    if plan.authors:
        as_its_authors(net, x, train_set.y, plan, watch)
    elif plan.temperature:
        teacher = models.load(plan.teacher) if plan.teacher else net
        if plan.teacher:
            defenses.distillation.enlarge(teacher, plan.temperature, defenses.distillation.beside(teacher, x[:2]))
        defenses.distill(
            teacher, x, None if plan.teacher else train_set.y, student=net, temperature=plan.temperature, epochs=plan.epochs, evaluate=watch,
            label=name, resume=state, **how,
        )  # fmt: skip
    else:
        training.train(net, x, train_set.y, epochs=plan.epochs, loss=loss, evaluate=watch, label=name, resume=state, **how)
    if plan.norm:
        training.fold_batch_norm(net.cpu(), learner.cpu())
    if plan.others:
        plain.load_state_dict({key: learner.state_dict()[key][: len(value)] for key, value in plain.cpu().state_dict().items()})
    if plan.calibrated:
        others = data.load(plan.world, "train", 1000, source=plan.source, seed=OTHERS)
        degrees = training.temperature(runtime.logits(plain.cpu(), others.x), others.y)
        training.scale_scores(plain, 1 / degrees)
        calibration = f"scores divided by {degrees:.2f}, the temperature that fits 1,000 other training pictures"
    path = models.save(plain, name)
    for file in (state, state.with_suffix(".warm"), *(Path(f"{state}.{who}") for who in ("teacher", "student"))):
        file.unlink(missing_ok=True)
    score = percent_right(models.load(name), test_set)
    note = ", ".join(filter(None, ["batch norm folded in" if plan.norm else "", plan.note, calibration]))
    record(name, f"{train_set.source}, {len(x):,} pictures", f"{score:.2f} % of {len(test_set.y):,}", seed, note)
    print(f"{name}: {score:.2f} % of {len(test_set.y)} test pictures, {path.stat().st_size / 1e6:.2f} MB, {time.time() - start:.0f} s")


def as_its_authors(net: nn.Module, x: Tensor, y: Tensor, plan: Plan, watch: Callable[[nn.Module], object] = id) -> None:
    """Train TwoPairs as Carlini and Wagner's code does: one learning rate, Nesterov's momentum 0.9, dropout, no weight decay.

    Keras starts weights by Glorot's rule and biases at 0, and the pixels are from -0.5 to 0.5. Afterwards the shift is folded into the
    first biases, which is exact: no convolution has a margin. With a temperature: their way of defensive distillation.
    """
    for part in net.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(part.weight), nn.init.zeros_(part.bias)
    where, chance = runtime.model_device(net), runtime.generator(plan.seed)
    x, y = x.to(where), y.to(where)
    centred = models.Normalized(net, 0.5, 1.0).to(where)
    if plan.temperature:
        distilling.distill(centred, x, y, plan, chance, watch)
    else:
        distilling.descend(centred, x, y, plan, chance, watch=watch)
    first = next(part for part in net.modules() if isinstance(part, nn.Conv2d))
    first.bias.data -= 0.5 * first.weight.data.sum((1, 2, 3))
    net.eval()


DECODERS = sorted(name for name in models.checkpoints.NETWORKS if "-decoder-" in name)
DECODED = {"digits": 3_000, "signs": 2_500}  # on how many pictures a decoder is trained


def run_decoder(name: str) -> None:
    """Train, measure, save and record one of chapter 06's decoders: `lenet-digits-decoder-3` inverts layer 3 of `lenet-digits`."""
    (net, layer), start = name.split("-decoder-"), time.time()
    plan, model = PLANS[net], models.load(net)
    pictures = data.load(plan.world, "train", DECODED[plan.world], source=plan.source)
    held = data.load(plan.world, "test", 1000, source=plan.source)
    made = visualize.train_decoder(model, layer, pictures.x.to(runtime.device()), epochs=8, lr=0.004)
    path = models.save(made, name)
    back = visualize.decode(models.load(name), layers.representation(model, held.x.to(runtime.device()), layer))
    apart = (back - held.x.to(back)).square().flatten(1).mean(1).sqrt().mean().item()
    score = percent_right(model, held._replace(x=back))
    record(name, f"{pictures.source}, {len(pictures.x):,} pictures", f"{score:.2f} % of {len(held.y):,}", 0,
           f"gives pictures back from layer {layer} of `{net}`, mean RMSE {apart:.3f}; the accuracy is that of `{net}` on them")  # fmt: skip
    print(f"{name}: RMSE {apart:.3f}, {score:.2f} % recognised, {path.stat().st_size / 1e3:.0f} kB, {time.time() - start:.0f} s", flush=True)


HEADER = """# The shipped checkpoints

Plain state dicts in half precision (matrices of more than 400,000 weights, in older ones of more than a million, in eight bits, with a step for each
row; the pixels of memories, all in [-1, 1], in four), for `course_utils.models.load(name)`. Accuracy is measured after rounding, on the test
pictures of the same source. Parameters: all weights of the network.

| name | network | parameters | trained on | test accuracy | seed | device, date | command | notes |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""


def rows() -> dict[str, str]:
    """The rows of data/checkpoints/README.md by checkpoint."""
    page = models.checkpoints.folder() / "README.md"
    lines = page.read_text().splitlines() if page.exists() else []
    return {line.split("`")[1]: line for line in lines if line.startswith("| `")}


def write_row(name: str, row: str) -> None:
    """Write or replace the checkpoint's row."""
    page = models.checkpoints.folder() / "README.md"
    page.write_text(HEADER + "\n".join(sorted((rows() | {name: row}).values())) + "\n")


def record(name: str, source: str, score: str, seed: int, note: str) -> None:
    """The row of a checkpoint that was just trained."""
    net = models.load(name)
    count = sum(p.numel() for p in net.parameters())
    write_row(name, (
        f"| `{name}` | {type(net).__name__} | {count:,} | {source} | {score} | {seed} | {runtime.describe_device()}, "
        f"{datetime.date.today()} | `make train NAME={name}` | {note} |"
    ))  # fmt: skip


def remeasure(name: str) -> None:
    """Measure a shipped checkpoint again, as after a change of the drawn pictures, and correct its row's accuracy."""
    plan = PLANS[runtime.pick("checkpoint", name, PLANS)]
    test_set = some(plan, "test", plan.tests)
    cells = rows()[name].split(" | ")
    before, cells[4] = cells[4], f"{percent_right(models.load(name), test_set):.2f} % of {len(test_set.y):,}"
    print(f"{name}: {before} -> {cells[4]}")
    write_row(name, " | ".join(cells))


if __name__ == "__main__":
    from experiments import beyond_table  # here, not above: it needs this module

    plans = {**dict.fromkeys(PLANS, run), **dict.fromkeys(beyond_table.SHIPPED.values(), beyond_table.run), **dict.fromkeys(DECODERS, run_decoder), train_detector.NAME: lambda _: train_detector.run(record), **dict.fromkeys(train_generative.NAMES, partial(train_generative.run, record=record)), **dict.fromkeys(train_memory.NAMES, partial(train_memory.run, record=record))}
    if "--measure" in sys.argv:
        for chosen in sys.argv[2:]:
            remeasure(chosen)
        sys.exit()
    if len(sys.argv) < 2:
        print("Checkpoints:", *sorted(plans), sep="\n  ")
    for chosen in sys.argv[1:]:
        plans[runtime.pick("checkpoint", chosen, plans)](chosen)
