"""Pictures that a small network paints: compositional pattern-producing networks, a whole generation as one batch.

A genome is two tensors: weight `[n, n]`, from node j to node i, 0 where there is no connection; and kind `[n]`, which function a
node has, -1 where there is no node. Nodes stand in the order in which they are computed: four inputs, the places for hidden
ones, the outputs. A connection leads from an earlier place to a later one only, so no genome has a circle. A hidden place has
its function, by turns: so a node of all genomes at once is one call of one function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..runtime import check_count, check_positive
from .mutation import Genomes, check_share, mutated

INPUTS, LINEAR = 4, 3  # x, y, distance to the centre, and always 1
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sine": torch.sin, "sigmoid": torch.sigmoid, "gaussian": lambda z: torch.exp(-z.square()), "linear": lambda z: z,
}  # fmt: skip
# How often a child gets each structural mutation (Nguyen 2014).
RATES = {"add connection": 0.5, "delete connection": 0.3, "rewire": 0.5, "add node": 0.5, "delete node": 0.2}


def coordinates(height: int, width: int) -> Tensor:
    """The inputs of every pixel `[4, H * W]`: x and y from -1 to 1, the distance to the centre, and 1."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    return torch.stack([x, y, (x.square() + y.square()).sqrt(), torch.ones_like(x)]).flatten(1)


def fire(kind: Tensor, z: Tensor) -> Tensor:
    """What nodes of these kinds `[N]` make of their sums `[N, P]`."""
    out = z
    for number, f in enumerate(list(FUNCTIONS.values())[:LINEAR]):
        out = torch.where((kind == number)[:, None], f(z), out)
    return out


def paint(genomes: Genomes, inputs: Tensor, outputs: int) -> Tensor:
    """All genomes' outputs at all pixels `[N, outputs, P]`: node after node, each for all genomes at once."""
    weight, kind = genomes
    nodes, functions = weight.new_empty(*kind.shape, inputs.shape[1]), list(FUNCTIONS.values())
    nodes[:, :INPUTS] = inputs
    for k in range(INPUTS, kind.shape[1]):
        z = (weight[:, k : k + 1, :k] @ nodes[:, :k])[:, 0]
        hidden = k < kind.shape[1] - outputs
        nodes[:, k] = functions[k % len(functions)](z) if hidden else fire(kind[:, k], z)
    return nodes[:, -outputs:]


class Patterns:
    """The indirect encoding (Stanley 2007, Nguyen 2014): a genome is a small network that paints the picture.

    It is asked at every pixel, with the place as input; grey is |output|, at most 1. A genome begins without hidden nodes,
    each input connected to each output. shape: of one picture, (C, H, W). hidden: the most hidden nodes. weights: how large
    they may be. rate: how often a weight mutates.
    """

    def __init__(self, shape: Sequence[int], *, hidden: int = 20, weights: float = 3.0, rate: float = 0.1, eta: float = 15.0) -> None:
        self.shape, self.hidden, self.weights = tuple(shape), check_count(hidden, "hidden", least=0), check_positive(weights, "weights", zero=False)
        self.rate, self.eta = check_share(rate, "rate"), check_positive(eta, "eta")
        self.inputs = coordinates(*self.shape[1:])
        count = INPUTS + hidden + self.shape[0]
        legal = torch.ones(count, count, dtype=torch.bool).tril(-1)  # from earlier to later
        legal[:INPUTS] = legal[:, INPUTS + hidden :] = False  # nothing leads to an input, nor away from an output
        self.legal = legal

    def random(self, count: int, chance: torch.Generator) -> Genomes:
        """`count` genomes to begin with, on the CPU."""
        nodes, outputs = len(self.legal), self.shape[0]
        weight = torch.zeros(count, nodes, nodes)
        weight[:, -outputs:, :INPUTS] = self.weights * (2 * torch.rand(count, outputs, INPUTS, generator=chance) - 1)
        kind = torch.full((count, nodes), -1)
        kind[:, :INPUTS] = LINEAR
        kind[:, -outputs:] = torch.randint(len(FUNCTIONS), (count, outputs), generator=chance)
        return weight, kind

    def pictures(self, genomes: Genomes) -> Tensor:
        """What the genomes look like, `[N, C, H, W]` in [0, 1]."""
        painted = paint(genomes, self.inputs.to(genomes[0]), self.shape[0])
        return painted.abs().clamp(max=1).view(-1, *self.shape)

    def children(self, parents: Genomes, generation: int, chance: torch.Generator) -> Genomes:
        """A child of each parent: the five structural mutations, each by its own chance, then the weights."""
        weight, kind = parents
        draws = torch.rand(len(kind), len(RATES), 5, generator=chance).to(weight)  # five numbers for each mutation
        for change, rate, u in zip(MUTATIONS, RATES.values(), draws.unbind(1)):
            weight, kind = change(self, weight, kind, u[:, 0] < rate, u[:, 1:])
        moved = mutated(weight, self.rate, chance, low=-self.weights, high=self.weights, eta=self.eta)
        return torch.where(weight != 0, moved, weight), kind

    def pairs(self, kind: Tensor) -> Tensor:
        """Which connections could be, `[N, n, n]`: legal ones between nodes that are there."""
        there = kind >= 0
        return self.legal.to(kind.device) & there[:, :, None] & there[:, None]


# ---------------------------------------------------------------- structural mutations: where `do` [N] says so, with chance numbers u [N, 4]


def choose(allowed: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """One of the allowed places of each row `[N, K]`, all alike, by a chance number `[N]`; and whether there is any."""
    count = allowed.sum(1)
    rank = torch.minimum((u * count).long(), count - 1)
    return (allowed.cumsum(1) > rank[:, None]).int().argmax(1), count > 0


def put(table: Tensor, place: Tensor, value: Tensor | float, do: Tensor) -> Tensor:
    """The table `[N, ...]` with `value` at one place of each row, counted through the flattened row, where `do` says so."""
    flat, place = table.flatten(1), place[:, None]
    value = torch.as_tensor(value, dtype=table.dtype, device=table.device).expand(len(table))
    return flat.scatter(1, place, torch.where(do[:, None], value[:, None], flat.gather(1, place))).view_as(table)


def add_connection(way: Patterns, weight: Tensor, kind: Tensor, do: Tensor, u: Tensor) -> Genomes:
    place, found = choose((way.pairs(kind) & (weight == 0)).flatten(1), u[:, 0])
    return put(weight, place, way.weights * (2 * u[:, 1] - 1), do & found), kind


def delete_connection(way: Patterns, weight: Tensor, kind: Tensor, do: Tensor, u: Tensor) -> Genomes:
    place, found = choose((weight != 0).flatten(1), u[:, 0])
    return put(weight, place, 0.0, do & found), kind


def rewire(way: Patterns, weight: Tensor, kind: Tensor, do: Tensor, u: Tensor) -> Genomes:
    """A connection gets another source, and keeps its target and its weight."""
    rows, n = torch.arange(len(kind), device=kind.device), kind.shape[1]
    place, found = choose((weight != 0).flatten(1), u[:, 0])
    target, value = place // n, weight.flatten(1)[rows, place]
    source, free = choose((way.pairs(kind) & (weight == 0))[rows, target], u[:, 1])
    do = do & found & free
    return put(put(weight, place, 0.0, do), n * target + source, value, do), kind


def add_node(way: Patterns, weight: Tensor, kind: Tensor, do: Tensor, u: Tensor) -> Genomes:
    """A new node, in any free place between a connection's ends: its input has weight 1, its output the connection's."""
    rows, n = torch.arange(len(kind), device=kind.device), kind.shape[1]
    place, found = choose((weight != 0).flatten(1), u[:, 0])
    target, source, value = place // n, place % n, weight.flatten(1)[rows, place]
    order = torch.arange(n, device=kind.device)
    node, free = choose((kind < 0) & (order > source[:, None]) & (order < target[:, None]), u[:, 1])
    do = do & found & free
    weight = put(put(put(weight, place, 0.0, do), n * node + source, 1.0, do), n * target + node, value, do)
    return weight, put(kind, node, node % len(FUNCTIONS), do)


def delete_node(way: Patterns, weight: Tensor, kind: Tensor, do: Tensor, u: Tensor) -> Genomes:
    """A hidden node goes, with its connections."""
    order = torch.arange(kind.shape[1], device=kind.device)
    node, found = choose((kind >= 0) & (order >= INPUTS) & (order < INPUTS + way.hidden), u[:, 0])
    gone = (order == node[:, None]) & (do & found)[:, None]
    return weight.masked_fill(gone[:, :, None] | gone[:, None], 0.0), kind.masked_fill(gone, -1)


MUTATIONS = (add_connection, delete_connection, rewire, add_node, delete_node)  # in the order of RATES
