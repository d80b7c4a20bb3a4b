"""What an attack keeps for each picture while it works on it: the nearest success, whether anything is gained, which are left."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from .common import each, wide

GAIN = 0.999  # a picture goes on while its value falls by so much from one look to the next


class Rows:
    """A row for each picture, in every attribute that is a tensor or itself has rows: `rows[chosen]` is some of the pictures."""

    def __getitem__(self, chosen: Tensor) -> Rows:
        some = copy.copy(self)
        some.keep_rows(chosen)
        return some

    def keep_rows(self, chosen: Tensor) -> None:
        for name, part in list(vars(self).items()):
            if isinstance(part, (Tensor, Rows)):
                setattr(self, name, part[chosen])


class Nearest(Rows):
    """For each picture the nearest one that was as wanted so far: itself at first, at an infinite distance."""

    def __init__(self, x: Tensor) -> None:
        self.x, self.size = wide(x), wide(x).new_full((len(x),), torch.inf)

    def keep(self, won: Tensor, z: Tensor, size: Tensor) -> None:
        """Take pictures z of `size` `[N]` where they are as wanted and nearer."""
        nearer = won & (size < self.size)
        self.x, self.size = torch.where(each(nearer), z.detach(), self.x), torch.where(nearer, size, self.size)


class Progress(Rows):
    """The lowest value of each picture, now and when it was looked at last."""

    def __init__(self, size: Tensor) -> None:
        self.lowest = self.before = torch.full_like(size, torch.inf)

    def see(self, value: Tensor) -> None:
        self.lowest = torch.minimum(self.lowest, value.detach())

    def ended(self, due: Tensor | None = None) -> Tensor:
        """Which of the pictures that are `due` (None: all) have gained too little since they were looked at last."""
        over = self.lowest >= GAIN * self.before
        if due is None:
            self.before = self.lowest
            return over
        self.before = torch.where(due, self.lowest, self.before)
        return over & due

    def restart(self, chosen: Tensor) -> None:
        self.before, self.lowest = (part.masked_fill(chosen, torch.inf) for part in (self.before, self.lowest))


class Working(Rows):
    """The pictures that are still worked on, with whatever belongs to each (y, c, ...), and the results of all."""

    def __init__(self, x: Tensor, **parts: Tensor | Rows) -> None:
        self.x, self.left, self.best = x, torch.arange(len(x), device=x.device), Nearest(x)
        self.results = (self.best.x.clone(), self.best.size.clone())  # a tuple: these keep all their rows
        vars(self).update(parts)

    def __len__(self) -> int:
        return len(self.left)

    def leave(self, done: Tensor) -> None:
        """Those that are done hand in their best, and are worked on no more."""
        if done.any():
            for result, part in zip(self.results, (self.best.x, self.best.size)):
                result[self.left[done]] = part[done]
            self.keep_rows(~done)

    def finish(self) -> tuple[Tensor, Tensor]:
        """The rest hand in theirs, too. The nearest successes of all pictures, and how far they are `[N]` (infinity: none)."""
        self.leave(torch.ones_like(self.left, dtype=torch.bool))
        return self.results
