"""Train chapter 20's generative networks: `make train NAME=pixelcnn-digits`, `generator-mnist` and so on.

A PixelCNN learns by likelihood; measured: bits per pixel, and how many test digits a LeNet reads behind PixelDefend. A generator begins as the decoder of a variational autoencoder (Kingma 2013),
so that there is a code for every kind of digit, and goes on against a critic, as a Wasserstein GAN with gradient penalty (Gulrajani 2017), which is
Defense-GAN's; measured: how many test digits a LeNet reads in their projections on what the generator draws.
Each takes minutes on a GPU; `python -m experiments.train_generative NAME --share 0.1` tries it with a tenth of the work.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils import data, defenses, measure, models, runtime, training

Record = Callable[[str, str, str, int, str], None]
SOURCES = {"digits": ("drawn", 30_000), "mnist": ("mnist", None)}
NAMES = tuple(f"{kind}-{source}" for kind in ("pixelcnn", "generator") for source in SOURCES)
TESTED, READ = 1000, 500  # test digits behind PixelDefend, and behind Defense-GAN, which takes longer
REACH = 0.2  # the eps of PixelDefend where its network is measured


class Likelihood(NamedTuple):
    """How a PixelCNN is trained."""

    epochs: int = 16
    rate: float = 0.003
    batch: int = 128


class Game(NamedTuple):
    """How a generator is trained: epochs as an autoencoder, then steps against the critic, with the usual settings of a WGAN with gradient penalty."""

    epochs: int = 20
    rate: float = 0.002  # of the autoencoder
    steps: int = 4000
    critic: int = 5  # the critic's steps for each of the generator's
    penalty: float = 10.0
    slow: float = 2e-4  # the rate of both in the game
    batch: int = 128
    kept: float = 0.999  # the generator that is shipped is a running mean of the one that plays


def pictures(source: str, split: str, n: int | None = None) -> Tensor:
    """Digits `[N, 1, 28, 28]` of a source, on the device."""
    return data.load("digits", split, n, source=source).x.to(runtime.device())


def likelihood(model: nn.Module, x: Tensor, _: Tensor) -> Tensor:
    """The PixelCNN's loss: the mean surprise of a pixel, in bits."""
    return F.cross_entropy(model(x), model.rounded(x)[:, 0]) / math.log(2)


def learn_pixels(net: models.PixelCNN, x: Tensor, plan: Likelihood, label: str, watch: Callable[[nn.Module], float]) -> None:
    """Train a PixelCNN on pictures, by likelihood."""
    training.train(
        net, x, torch.zeros(len(x), dtype=torch.long), epochs=plan.epochs, batch_size=plan.batch, lr=plan.rate, optimizer="adam", weight_decay=0,
        loss=likelihood, label=label, evaluate=watch,
    )  # fmt: skip


# ---------------------------------------------------------------- the generator


class Encoder(nn.Sequential):
    """The half of the autoencoder that is not shipped: a digit to the mean and the log-variance of its code, `[N, 2 * codes]`."""

    def __init__(self, outputs: int, width: int = 32) -> None:
        w = width
        super().__init__(
            nn.Conv2d(1, w, 4, stride=2, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(w, 2 * w, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
            nn.Flatten(), nn.Linear(2 * w * 49, 8 * w), nn.LeakyReLU(0.2), nn.Linear(8 * w, outputs),
        )  # fmt: skip


class Autoencoder(nn.Module):
    """Both halves, while the generator learns to draw the digits there are."""

    def __init__(self, net: models.Generator) -> None:
        super().__init__()
        self.encoder, self.net = Encoder(2 * net.codes), net

    def forward(self, x: Tensor) -> Tensor:
        """The loss of each picture: the cross-entropy of its pixels, and how far its code's distribution is from the normal one."""
        mean, log_variance = self.encoder(x).clamp(-8, 8).chunk(2, 1)
        z = mean + torch.randn(mean.shape, device=mean.device) * (log_variance / 2).exp()
        apart = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
        return F.binary_cross_entropy(self.net(z), x, reduction="none").flatten(1).sum(1) + apart


def penalty(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """How far the critic's slope is from 1 on the way from real to drawn pictures: the mean of (|grad| - 1)^2."""
    share = torch.rand(len(real), 1, 1, 1, device=real.device)
    between = (share * real + (1 - share) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()


def play(net: models.Generator, x: Tensor, plan: Game, say: Callable[[str], None]) -> models.Generator:
    """The game: the critic learns to tell drawn pictures from real ones, the generator to please it. Gives the running mean of the generators."""
    critic, mean = Encoder(1, 48).to(x.device), copy.deepcopy(net).requires_grad_(False)
    own, its = (torch.optim.Adam(part.parameters(), plan.slow, betas=(0.5, 0.9)) for part in (net, critic))
    fresh = lambda: torch.randn(plan.batch, net.codes, device=x.device)  # noqa: E731
    for step in range(plan.steps):
        for group in (*own.param_groups, *its.param_groups):
            group["lr"] = plan.slow * min(1.0, 2 - 2 * step / plan.steps)  # the same for half of the game, then down to 0
        for _ in range(plan.critic):
            real = x[torch.randint(len(x), (plan.batch,), device=x.device)]
            fake = net(fresh()).detach()
            lead = critic(real).mean() - critic(fake).mean()
            its.zero_grad(), (plan.penalty * penalty(critic, real, fake) - lead).backward(), its.step()
        own.zero_grad(), (-critic(net(fresh())).mean()).backward(), own.step()
        with torch.no_grad():
            for slow, quick in zip(mean.parameters(), net.parameters()):
                slow.lerp_(quick, 1 - min(plan.kept, step / (step + 10)))
        if step % 500 == 499:
            say(f"step {step + 1}, the critic's distance {lead.item():.2f}")
    return mean.requires_grad_(True)


def learn_digits(net: models.Generator, x: Tensor, plan: Game, label: str, seed: int = 0) -> models.Generator:
    """Train a generator as an autoencoder's decoder, which is how it begins."""
    with runtime.seeded_weights(seed):
        whole = Autoencoder(net).to(x.device)
    training.train(
        whole, x, torch.zeros(len(x), dtype=torch.long), epochs=plan.epochs, batch_size=plan.batch, lr=plan.rate, optimizer="adam", weight_decay=0,
        loss=lambda model, pictures, _: model(pictures).mean(), label=f"{label}, autoencoder",
    )  # fmt: skip
    return net


def read(net: models.Generator, source: str, count: int) -> tuple[float, float, float]:
    """How well LeNet reads the projections of `count` test digits, in percent, how well the digits themselves, and how far the two are apart (RMSE)."""
    test = data.load("digits", "test", count, source=SOURCES[source][0])
    x, y, lenet = test.x.to(runtime.device()), test.y.to(runtime.device()), models.load(f"lenet-{source}")
    near = torch.cat([defenses.defense_gan(net, part) for part in x.split(100)])
    return 100 * measure.accuracy(lenet, near, y), 100 * measure.accuracy(lenet, x, y), (near - x).square().flatten(1).mean(1).sqrt().mean().item()


# ---------------------------------------------------------------- one checkpoint


def run(name: str, record: Record, share: float = 1.0) -> None:
    """Train, measure, save and record one of the four; `share` of the work. `record` writes its row."""
    kind, source = runtime.pick("checkpoint", name, NAMES).split("-")
    world, most = SOURCES[source]
    start = time.time()
    runtime.seed_everything(0)
    with runtime.seeded_weights(0):
        net = models.checkpoints.NETWORKS[name]().to(runtime.device())
    x = pictures(world, "train", None if share == 1 and most is None else round(share * (most or 60_000)))
    say = lambda text: print(f"{name} {time.time() - start:5.0f} s  {text}", flush=True)  # noqa: E731
    if kind == "pixelcnn":
        plan, held = Likelihood(), pictures(world, "test", TESTED)

        def watch(model: nn.Module) -> float:
            value = models.bits(model, held[:200]).mean().item()
            say(f"{value:.3f} bits per pixel")
            return value

        learn_pixels(net, x, plan, name, watch)
    else:
        plan = Game()
        before = copy.deepcopy(learn_digits(net, x, plan, name))
        net = play(net, x, plan._replace(steps=round(share * plan.steps)), say)
        first, last = (read(part, source, count_read(share))[0] for part in (before, net))
        say(f"projections of test digits are read: {first:.1f} % after the autoencoder, {last:.1f} % after the game")
    path = models.save(net, name)
    score, note = quality(name, share)
    record(name, f"{world}, {len(x):,} pictures", score, 0, note)
    print(f"{name}: {score}, {note}; {path.stat().st_size / 1e3:.0f} kB, {time.time() - start:.0f} s")


def count_read(share: float) -> int:
    """On how many test digits projections are measured."""
    return max(20, round(share * READ))


def quality(name: str, share: float = 1.0) -> tuple[str, str]:
    """What stands in the row of a checkpoint: its score, and how that was measured."""
    kind, source = name.split("-")
    net = models.load(name)
    if kind == "pixelcnn":
        test = data.load("digits", "test", TESTED, source=SOURCES[source][0])
        x, y, lenet = test.x.to(runtime.device()), test.y.to(runtime.device()), models.load(f"lenet-{source}")
        spent, turned = models.bits(net, x).mean().item(), models.bits(net, x.flip(2)).mean().item()
        right = 100 * measure.accuracy(lenet, defenses.pixel_defend(net, x, eps=REACH), y)
        how = f"{spent:.3f} bits per pixel on test digits in {net.levels} grey levels, {turned:.3f} on the same upside down"
        return f"{right:.2f} % of {TESTED:,}", f"{how}; the accuracy is that of `lenet-{source}` behind PixelDefend, eps {REACH}; without it {100 * measure.accuracy(lenet, x, y):.2f} %"
    count = count_read(share)
    right, clean, apart = read(net, source, count)
    game = Game()
    how = f"the decoder of a variational autoencoder ({game.epochs} epochs), then a Wasserstein GAN with gradient penalty ({game.steps:,} steps)"
    return f"{right:.2f} % of {count:,}", f"{how}; the accuracy is that of `lenet-{source}` on projections of test digits (mean RMSE {apart:.3f}); on the digits themselves {clean:.2f} %"


if __name__ == "__main__":
    from experiments import train  # here, not above: it needs this module

    options = argparse.ArgumentParser()
    options.add_argument("names", nargs="*", default=NAMES)
    options.add_argument("--share", type=float, default=1.0)
    given = options.parse_args()
    for chosen in given.names:
        run(chosen, train.record, given.share)
