"""What every chapter begins with and leans on: `setup()` in its first cell, `claim(...)` after every fact it
states, `answer(...)` after every question that it asks."""

from __future__ import annotations

from torch import Tensor

from . import data as worlds
from . import runtime, show


def setup(world: str | None = None, data: str | None = None, seed: int = 0) -> None:
    """The last line of every chapter's set-up cell: choose the data profile, seed, style the figures.

    `data` is "drawn" (pictures that the course draws itself), "real" (fetched data sets), or None
    (what the environment variable COURSE_DATA says, else "drawn"). With `world` and `data="real"`
    that world's files are fetched now; otherwise they are fetched when first loaded.
    """
    profile = runtime.choose_profile(data)
    runtime.seed_everything(seed)
    runtime.hints_given.clear()  # so that a second Run All prints the same
    show.style()
    if world is not None and profile == "real":
        worlds.fetch(world)
    print(f"Ready: {profile} pictures, seed {seed}, computing on {runtime.describe_device()}.")


def answer(what: str, value: object, guess: object = ...) -> None:
    """Answer a *Predict* question: prints the value in one stable line, and beside it the student's guess, if there is one.

    A guess is one line, `guess_name = ...`, with the student's word or number in place of the dots.
    """
    shown = f"{value:.3g}" if isinstance(value, float) else str(value)
    print(f"→ {what}: {shown}" + ("" if guess is ... or guess is None else f"; your guess: {guess}"))


def claim(text: str, condition: bool | Tensor) -> None:
    """State a fact and verify it: prints one stable line, or fails loudly when the fact does not hold."""
    if not bool(condition):
        raise AssertionError(f"This claim does not hold in this run: {text}")
    print(f"✓ {text}")
