"""Rubbish pictures by evolution: MAP-Elites, which asks a network for scores only, never for a gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import runtime
from ..runtime import check_count
from .common import wide
from .cppn import Patterns
from .mutation import Genomes, Pixels


class Encoding(Protocol):
    """How a genome becomes a picture, and how it mutates."""

    def random(self, count: int, chance: torch.Generator) -> Genomes: ...
    def children(self, parents: Genomes, generation: int, chance: torch.Generator) -> Genomes: ...
    def pictures(self, genomes: Genomes) -> Tensor: ...


class Elites(NamedTuple):
    """The best picture of each class `[K, C, H, W]`; the log-probabilities of their classes `[K]`, and those after each generation
    `[G + 1, K]`, the first row before any; the genomes, from which evolution can go on; and how many generations are behind them."""

    images: Tensor
    log_probs: Tensor
    history: Tensor
    genomes: Genomes
    generation: int


ENCODINGS: dict[str, Callable[[Sequence[int]], Encoding]] = {"direct": Pixels, "cppn": Patterns}


def map_elites(
    model: nn.Module, shape: Sequence[int], *, encoding: str | Encoding = "direct", generations: int = 200, children: int = 200,
    sharing: bool = True, start: Elites | None = None, watch: Callable[[Elites], None] | None = None,
    generator: torch.Generator | None = None,
) -> Elites:  # fmt: skip
    """MAP-Elites with one cell for each class (Mouret and Clune 2015, Nguyen 2014): pictures that a model takes for its classes.

    A generation: `children` copies of elites drawn at random mutate and are scored in one batch. A child takes over every
    cell for whose class its log-probability is higher than the elite's.

    shape: of one picture, (C, H, W). encoding: "direct" (pixels), "cppn" (a painting network), or an encoding of your own.
    sharing: False for separate hill climbers; each has its share of the children, and they compete for its own cell only.
    start: elites to go on from, also those of another model: they are scored anew. watch: called with the elites, after each
    generation.
    """
    check_count(generations, "generations", least=0), check_count(children, "children")
    chance, way = generator or runtime.generator(), encoding_of(encoding, shape)
    with runtime.frozen(model), torch.no_grad():
        genomes = on_its_device(model, way.random(children, chance) if start is None else start.genomes)
        best, genomes = champions(log_probs(model, way, genomes), genomes)
        history, first = [best], 0 if start is None else start.generation
        for generation in range(first, first + generations):
            best, genomes = a_generation(model, way, best, genomes, generation, children, sharing, chance)
            history.append(best)
            if watch is not None:
                watch(Elites(shown(model, way, genomes), best, torch.stack(history), genomes, generation + 1))
        return Elites(shown(model, way, genomes).clone(), best, torch.stack(history), genomes, first + generations)


def a_generation(
    model: nn.Module, way: Encoding, best: Tensor, genomes: Genomes, generation: int, children: int, sharing: bool, chance: torch.Generator
) -> tuple[Tensor, Genomes]:
    """Parents, their children, the children's scores, and who takes over: the elites' log-probabilities `[K]` and genomes after it."""
    cells = torch.randint(len(best), (children,), generator=chance) if sharing else torch.arange(children) % len(best)
    cells = cells.to(best.device)
    born = way.children(tuple(part.index_select(0, cells) for part in genomes), generation, chance)
    scores = log_probs(model, way, born)
    if not sharing:  # a child counts for its parent's cell alone
        own = cells[:, None] == torch.arange(len(best), device=best.device)
        scores = scores.masked_fill(~own, -torch.inf)
    return take_over(best, genomes, scores, born)


def take_over(best: Tensor, genomes: Genomes, scores: Tensor, born: Genomes) -> tuple[Tensor, Genomes]:
    """In each cell the best child for its class, where it is better than the elite. best: `[K]`; scores: the children's, `[N, K]`."""
    height, new = champions(scores, born)
    better = height > best
    kept = (torch.where(better.view(-1, *[1] * (part.dim() - 1)), child, part) for part, child in zip(genomes, new))
    return torch.where(better, height, best), tuple(kept)


def champions(scores: Tensor, genomes: Genomes) -> tuple[Tensor, Genomes]:
    """For each class the best of all genomes: its log-probability, and the genome."""
    best, which = scores.max(0)
    return best, tuple(part[which] for part in genomes)


def on_its_device(model: nn.Module, genomes: Genomes) -> Genomes:
    weight = runtime.model_tensor(model)
    return genomes if weight is None else tuple(part.to(weight.device) for part in genomes)


def shown(model: nn.Module, way: Encoding, genomes: Genomes) -> Tensor:
    """The genomes' pictures, in the model's precision."""
    weight = runtime.model_tensor(model)
    pictures = way.pictures(genomes)
    return pictures if weight is None else pictures.to(weight.dtype)


def log_probs(model: nn.Module, way: Encoding, genomes: Genomes) -> Tensor:
    """log p of every class for every genome's picture, `[N, K]`, in single precision at least.

    Also where p is so near to 1 that it, and log_softmax, would round to 1 and 0: log p = -log(1 + exp(rest - score)), where rest
    is the logsumexp of the other scores.
    """
    pictures = shown(model, way, genomes)
    scores = wide(runtime.check_scores(model(pictures.clone()), len(pictures)))  # the model may change its input in place: it gets a copy
    top = scores.argmax(1, keepdim=True)
    rest = scores.scatter(1, top, -torch.inf).logsumexp(1, keepdim=True)
    return scores.log_softmax(1).scatter(1, top, F.logsigmoid(scores.gather(1, top) - rest))


def encoding_of(encoding: str | Encoding, shape: Sequence[int]) -> Encoding:
    """The encoding of that name for pictures of this shape, (C, H, W), or the given one."""
    if len(shape) != 3 or not all(isinstance(size, int) and size > 0 for size in shape):
        raise ValueError(f"shape is {tuple(shape)}; that of one picture is expected, (C, H, W), three numbers above 0.")
    return ENCODINGS[runtime.pick("encoding", encoding, ENCODINGS)](shape) if isinstance(encoding, str) else encoding
