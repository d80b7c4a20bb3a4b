"""Which pixels the units of each step's map see.

Each step of a forward is a sliding window (convolution, pooling), works on each position by itself (ReLU, sums,
concatenation), or mixes all positions (flatten, linear, global pooling). What is in none of the tables counts as mixing.
Up to the first step that mixes, it is known which pixels a unit sees, and so which units a changed pixel can
reach: the first is the receptive field (`fields`), the second makes local recomputation possible (`local`).
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from torch import Tensor, fx, nn

from .axes import Axis
from .positions import call_keeps_positions, layer_keeps_positions
from .tracing import plain_class, works_in_place, write_down
from .windows import Window, window_of_call, window_of_layer

Axes = tuple[Axis, Axis]


class Plan:
    """The steps of a model's forward on pictures of a size, each with what its units see.

    `sees[node]` is a pair of axes; or the name of the step that mixed all positions; or None for a constant.
    `windows[node]` is the sliding window that a step is, `sources[node]` the maps that it works on, `in_place` holds the
    steps that change their first argument, and `last_use[node]` the values that nobody needs any more behind a step.
    """

    def __init__(self, model: nn.Module, size: tuple[int, int]) -> None:
        self.graph, self.calls, self.outputs = write_down(model)
        self.steps: list[fx.Node] = list(self.graph.nodes)
        self.input, self.end = self.steps[0], self.steps[-1]
        self.in_place = {node for node in self.steps if node.args and works_in_place(node, self.calls[node])}
        self.constants: dict[fx.Node, Any] = {}
        self.windows: dict[fx.Node, Window] = {}
        self.sources: dict[fx.Node, list[fx.Node]] = {}
        picture = Axis.picture(size[0]), Axis.picture(size[1])
        self.sees: dict[fx.Node, Axes | str | None] = {self.input: picture}
        for node in self.steps[1:]:
            self.sources[node] = [s for s in node.all_input_nodes if s not in self.constants]
            self.sees[node] = self._seen_by(node)
        self.last_use: dict[fx.Node, list[fx.Node]] = defaultdict(list)
        order = {node: i for i, node in enumerate(self.steps)}
        for node in self.steps[:-1]:
            if node not in self.constants:
                self.last_use[max(node.users, key=order.__getitem__, default=node)].append(node)
        self.order = order

    def is_map(self, node: fx.Node) -> bool:
        """Whether it is known what the units of a step's map see."""
        return isinstance(self.sees[node], tuple)

    def crops(self, node: fx.Node) -> bool:
        """Whether some later step needs more of this step's map than the part that this step computes itself."""
        alike = (self.is_map(user) and user not in self.windows and len(self.sources[user]) == 1 for user in node.users)
        return self.is_map(node) and (node is self.input or not all(alike))

    def mixing(self) -> str:
        """The name of the first step that mixes all positions."""
        return next((seen for seen in self.sees.values() if isinstance(seen, str)), "output")

    def run(self, node: fx.Node, values: dict[fx.Node, Any], *, keep: bool = False) -> Any:
        """One step, on the values of the steps before it; with `keep` a step that works in place gets a copy."""
        args, kwargs = fx.map_arg((node.args, node.kwargs), values.__getitem__)
        if node is self.end:
            return args[0]
        if keep and node in self.in_place and isinstance(args[0], Tensor):
            args = (args[0].clone(), *args[1:])
        return self.calls[node](*args, **kwargs)

    def _seen_by(self, node: fx.Node) -> Axes | str | None:
        moving = [self.sees[source] for source in self.sources[node]]
        if node is self.end:
            return moving[0] if len(moving) == 1 and node.args[0] is self.sources[node][0] else "output"
        if not moving:
            known = node.op == "get_attr"
            self.constants[node] = self.calls[node] if known else self.run(node, self.constants, keep=True)
            return None
        mixed = next((seen for seen in moving if isinstance(seen, str)), None)
        if mixed is not None:
            return mixed
        window = self._window(node, tuple(map(len, moving[0])))  # type: ignore[arg-type]
        if window is not None:
            self.windows[node] = window
            return tuple(
                axis.slide(*(option[i] for option in window[:4]), window.ceil, window.extra[i])
                for i, axis in enumerate(moving[0])
            )  # type: ignore[return-value]
        grids = {tuple((len(axis), axis.stride) for axis in seen) for seen in moving}  # type: ignore[union-attr]
        if len(grids) == 1 and self._keeps_positions(node):
            rows, columns = moving[0]  # type: ignore[misc]
            for other in moving[1:]:
                rows, columns = rows.join(other[0]), columns.join(other[1])  # type: ignore[index]
            return rows, columns
        name = node.target.removeprefix("model.") if isinstance(node.target, str) else node.name
        return f"{name} ({_kind(node, self.calls[node])})"

    def _window(self, node: fx.Node, size: tuple[int, int]) -> Window | None:
        """The sliding window that a step on one map is; its settings must be constants."""
        if not node.args or self.sources[node] != [node.args[0]]:
            return None
        if node.op == "call_module":
            alone = len(node.args) == 1 and not node.kwargs
            return window_of_layer(plain_class(self.calls[node]), self.calls[node], size) if alone else None
        if node.op != "call_function":
            return None
        options, named = fx.map_arg((node.args[1:], node.kwargs), self.constants.get)
        return window_of_call(node.target, size, options, named)

    def _keeps_positions(self, node: fx.Node) -> bool:
        if node.op == "call_module":
            alone = len(node.args) == 1 and not node.kwargs
            return alone and layer_keeps_positions(plain_class(self.calls[node]), self.calls[node])
        constants = [self.constants[source] for source in node.all_input_nodes if source in self.constants]
        return call_keeps_positions(node.target, node.args, dict(node.kwargs), constants)


def _kind(node: fx.Node, call: object) -> str:
    """What runs at a step: "relu", "cat", "AdaptiveAvgPool2d"."""
    if isinstance(call, nn.Module):
        return type(call).__name__
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
