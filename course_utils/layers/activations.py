"""Names of layers, and their activations."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn

from ..runtime import pick


def names(model: nn.Module) -> list[str]:
    """The dotted names of the model's layers (modules without children), in the order in which they were registered."""
    return [name for name, module in model.named_modules() if name and not any(module.children())]


def resolve(model: nn.Module, layer: str | nn.Module) -> nn.Module:
    """The module that `layer` means: a dotted name (also of a block of layers) or a module of the model itself."""
    return _modules(model)[layer_name(model, layer)]


def layer_name(model: nn.Module, layer: str | nn.Module) -> str:
    """The dotted name of `layer`; a ValueError with the nearest names if the model has no such layer.

    A module that the model holds under several names is known under each; for the module itself it is the first of them.
    """
    known = _modules(model)
    if isinstance(layer, str):
        return pick("layer", layer, [name for name in known if name])
    for name, module in known.items():
        if module is layer:
            return name
    raise ValueError(
        f"the given {type(layer).__name__} is not a layer of this {type(model).__name__}; "
        "give one of its own modules or a name from layers.names(model)."
    )


def _modules(model: nn.Module) -> dict[str, nn.Module]:
    """Every module under every name that it has."""
    return dict(model.named_modules(remove_duplicate=False))


class Captured(dict):
    """Activations by layer name; the module itself is accepted as the key, too."""

    def __init__(self, wanted: dict[str, nn.Module]) -> None:
        super().__init__()
        self.wanted = wanted

    def __missing__(self, key: str | nn.Module) -> Tensor:
        name = next((name for name, module in self.wanted.items() if module is key), key)
        if name in self:
            return self[name]
        pick("captured layer", name, self.wanted)
        raise ValueError(f"layer {name!r} has not run yet: run the model on pictures inside the `with` block first.")


@contextlib.contextmanager
def capture(model: nn.Module, *layers: str | nn.Module) -> Iterator[Captured]:
    """`with capture(model, "features.3") as seen: model(x)`, then `seen["features.3"]` is that layer's output.

    It is the output of the layer's last call in the block. The rest of the network goes on with a copy, so that
    a following in-place ReLU cannot change what was captured, and gradients flow both to it and from it. The hooks are
    gone after the block, also after an error.
    """
    if not layers:
        raise ValueError("capture was given no layer; name at least one of layers.names(model).")
    wanted = {layer_name(model, layer): resolve(model, layer) for layer in layers}
    seen = Captured(wanted)

    def keep(name: str) -> Callable:
        def hook(module: nn.Module, inputs: tuple, output: Any) -> Tensor | None:
            seen[name] = output
            return output.clone() if isinstance(output, Tensor) else None

        return hook

    handles = [module.register_forward_hook(keep(name)) for name, module in wanted.items()]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
