"""The open task of chapter 12: paint plates so that a network misreads the frames of a drive, with few gradients for each plate."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from .. import attacks, data, models, runtime
from ..checking import OpenTask, counted, expect_budget, expect_gradients
from ..data import scenes
from ..transforms import roadside

EPS, GRADIENTS, PLATES, FRAMES = 16 / 255, 16, 10, 12
Camera = Callable[..., Tensor]  # camera(plates, generator=...): a frame of each, from somewhere on the road


def road(outlines: Tensor) -> Camera:
    """The camera of the drive: 8 to 40 metres, up to 50 degrees from the side, in an evening street."""
    street = scenes.empty(1, generator=runtime.generator(6), size=48).to(outlines)
    return partial(roadside, distance=(8.0, 40.0), angle=(-50.0, 50.0), behind=street, shape=outlines)


def pgd(model: nn.Module, camera: Camera, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """Small steps on one frame, from where the camera stands first."""
    return attacks.transform_attack(
        model, x, y, transform=lambda z: camera(z, generator=runtime.generator(0)), samples=1, eps=eps, steps=GRADIENTS)  # fmt: skip


def misread(attack: Callable) -> float:
    """Percent of a drive's frames that are misread with `attack(model, camera, x, y, eps)`'s paint, among those read rightly without.

    Drawn plates and their network, whatever data the chapter runs on. First on one plate with half the eps: an attack that has its own
    eps in mind goes over that budget.
    """
    net, flat = models.load("signnet-signs"), data.plates(PLATES, source="drawn")
    x, y, outlines = (t.to(runtime.device()) for t in (flat.x, flat.y, flat.masks[:, None].float()))
    painted(attack, net, road(outlines[:1]), x[:1], y[:1], EPS / 2)
    camera = road(outlines)
    found = painted(attack, net, camera, x, y, EPS)
    bad = good = 0
    for seed in range(100, 100 + FRAMES):
        clean, seen = (runtime.predict(net, camera(p, generator=runtime.generator(seed))) for p in (x, found))
        good += (clean == y).sum().item()
        bad += ((clean == y) & (seen != y)).sum().item()
    return 100 * bad / good


def painted(attack: Callable, net: nn.Module, camera: Camera, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """What the attack makes of the plates, when it keeps the rules."""
    classes = len(data.WORLDS["signs"].kinds)
    got, used = counted(attack, x, "the batch of painted plates", classes=classes, model=net, camera=camera, x=x, y=y, eps=eps)
    expect_budget(got, {"x": x, "eps": eps})
    expect_gradients(used, GRADIENTS)
    return got


TASKS = (
    OpenTask("fool_the_drive", pgd, misread, goal=27.0, minutes=20, hints=(
        "The course's pgd looks through one camera, again and again. Draw another one in each step: one generator, made once, outside of the loop.",
        "Large steps first, small ones at the end: eps / 4 * (1 - k / 16).",
        "One camera says little about the others. Let the direction remember: before = 0.8 * before + gradient / gradient.abs().mean((1, 2, 3), keepdim=True).",
        "The loss goes on rising in frames that are fooled already. The lead of the best other class over y, clamped at 2, spends the gradients where they are needed.",
    )),
)  # fmt: skip
