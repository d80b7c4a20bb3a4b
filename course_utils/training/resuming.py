"""A training that survives being killed: its state in a file, written after every epoch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from .. import runtime



def settings(model: nn.Module, pictures: int, **how) -> str:
    """What must be the same for a training to go on from a file: the network, the number of pictures and how it learns from them."""
    shapes = [(name, list(value.shape)) for name, value in model.state_dict().items()]
    return repr((type(model).__name__, shapes, pictures, sorted(how.items())))


class Kept:
    """All that a training's next epoch depends on: weights, optimizer, schedule, and where both sources of chance stand. Without a path, nothing is kept."""

    def __init__(
        self, path: str | Path | None, settings: str, model: nn.Module, step: Optimizer, schedule: LRScheduler, chance: torch.Generator
    ) -> None:
        self.path, self.settings, self.chance = None if path is None else Path(path), settings, chance
        self.parts = {"model": model, "step": step, "schedule": schedule}

    def put_down(self, history: Sequence[list[float]]) -> None:
        """Write the state. A file that was there stays whole until the new one is."""
        if self.path is None:
            return
        drawn = {"own": self.chance.get_state(), "torch": torch.get_rng_state()}
        if torch.cuda.is_available():
            drawn["gpu"] = torch.cuda.get_rng_state()
        state = {name: part.state_dict() for name, part in self.parts.items()}
        runtime.save_whole({**state, "settings": self.settings, "history": [list(column) for column in history], "chance": drawn}, self.path)

    def take_up(self) -> tuple[list[float], list[float]]:
        """Go on from the state in the file, where there is one; the history so far."""
        if self.path is None or not self.path.exists():
            return [], []
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises a different class for every way in which a file can be broken
            raise ValueError(f"{self.path} is damaged and cannot be read ({type(error).__name__}); delete it to begin anew.") from error
        if not isinstance(state, dict) or state.get("settings") != self.settings:
            raise ValueError(f"{self.path} belongs to another training (other network, pictures or options); delete it, or give another file.")
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        self.chance.set_state(state["chance"]["own"])
        torch.set_rng_state(state["chance"]["torch"])
        if "gpu" in state["chance"] and torch.cuda.is_available():
            torch.cuda.set_rng_state(state["chance"]["gpu"])
        loss, score = state["history"]
        return loss, score
