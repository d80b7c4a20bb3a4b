"""Pictures of which a few pixels are painted over: candidates, how they are painted, and what a model makes of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..layers import Local
from ..runtime import check_scores, frozen


class Canvas:
    """Pictures `x` `[N, C, H, W]` on which candidates are painted, and the scores that a model gives to what comes out.

    A candidate is a list of d pixels `[d, 2 + C]`: row, column, and a colour in grey levels from 0 to 255. Its numbers may have
    fractions and lie outside the picture or outside of the grey levels; they are rounded and clipped only when it is painted.

    For a single pixel only the part of the network is computed again that the pixel can reach (`layers.Local`), where that saves work.
    `queries`: how many pictures are to be scored, where that is known; `batch_size`: how many in one forward, None for what suits.
    """

    def __init__(self, model: nn.Module, x: Tensor, *, pixels: int, queries: int, batch_size: int | None = None, local: bool = True) -> None:
        self.model, self.x = model, x.contiguous()
        self.local = Local(model, self.x, count=queries, local=local and pixels == 1)
        self.batch_size = batch_size or suitable(model, x, self.local.why_not is None)

    def scores(self, candidates: Tensor, index: Tensor) -> Tensor:
        """The model's scores `[n, P, classes]` for P candidates `[n, P, d, 2 + C]` for each of the pictures `index` `[n]`."""
        each = index[:, None].expand(candidates.shape[:2]).flatten()
        return self.ask(*placed(candidates.flatten(0, 1), self.x), each).unflatten(0, candidates.shape[:2])

    def ask(self, places: Tensor, colours: Tensor, index: Tensor) -> Tensor:
        """The scores `[K, classes]` of pictures `index` `[K]`, the pixels at `places` `[K, d, 2]` in `colours` `[K, d, C]`."""
        if self.local.why_not is None:
            found = self.local.pixels(places[:, 0], colours[:, 0], index, batch_size=self.batch_size)
        else:
            parts = zip(*(part.split(self.batch_size) for part in (places, colours, index)))
            with frozen(self.model), torch.no_grad():
                found = torch.cat([check_scores(self.model(painted(self.x.index_select(0, i), p, c)), len(i)) for p, c, i in parts])
        return check_scores(found, len(index))


def suitable(model: nn.Module, x: Tensor, local: bool) -> int:
    """How many pictures go into one forward: many on a GPU; on a CPU few, for its caches, where convolutions make large maps."""
    maps = any(isinstance(part, nn.Conv2d) for part in model.modules())
    pixels = 2**22 if x.is_cuda else 2**18 if local else 2**16 if maps else 2**21
    return max(8, pixels // x[0, 0].numel())


def placed(candidates: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Where and how candidates `[K, d, 2 + C]` are painted: rows and columns `[K, d, 2]` and colours `[K, d, C]` in [0, 1]."""
    last = torch.tensor([size - 1 for size in x.shape[2:]]).to(candidates)
    places = candidates[..., :2].round().clamp(min=0).minimum(last).long()
    return places, candidates[..., 2:].round().clamp(0, 255).div(255).to(x.dtype)


def painted(x: Tensor, places: Tensor, colours: Tensor) -> Tensor:
    """Pictures `[K, C, H, W]`, changed in place: the pixels at `places` `[K, d, 2]` in `colours` `[K, d, C]`, later over earlier ones."""
    flat, spots = x.flatten(2), places[..., 0] * x.shape[3] + places[..., 1]
    for spot, colour in zip(spots.unbind(1), colours.unbind(1)):  # one after the other: where two meet, the order is certain
        flat.scatter_(2, spot[:, None, None].expand(-1, x.shape[1], 1), colour[:, :, None])
    return x


def normal(x: Tensor, population: int, pixels: int, chance: torch.Generator) -> Tensor:
    """The first candidates of the one-pixel paper, `[N, P, d, 2 + C]`: rows and columns uniform, grey levels N(128, 127)."""
    places = uniform_places(x, population, pixels, chance)
    return torch.cat([places, 128 + 127 * torch.randn(*places.shape[:3], x.shape[1], generator=chance)], 3).to(x.device)


def uniform(x: Tensor, population: int, pixels: int, chance: torch.Generator) -> Tensor:
    """Candidates `[N, P, d, 2 + C]` of which every pixel and every grey level is equally likely."""
    places = uniform_places(x, population, pixels, chance, edge=0.499)
    return torch.cat([places, 256 * torch.rand(*places.shape[:3], x.shape[1], generator=chance) - 0.5], 3).to(x.device)


def uniform_places(x: Tensor, population: int, pixels: int, chance: torch.Generator, edge: float = 0.0) -> Tensor:
    """Rows and columns from the first to the last, `[N, P, d, 2]`. For an edge of 0 as in the paper, U(1, 32) there: a border pixel is
    half as likely as another."""
    last = torch.tensor(x.shape[2:]) - 1
    return torch.rand(len(x), population, pixels, 2, generator=chance) * (last + 2 * edge) - edge
