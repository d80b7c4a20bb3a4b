"""A model's forward written down as a list of steps, with `torch.fx`."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor, fx, nn
from torch.nn.modules import module as torch_modules
from torch.nn.utils import parametrize

from ..runtime import frozen

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_GLOBAL_HOOKS = tuple(f"_global{name}" for name in _HOOKS)
_tracing = threading.Lock()  # torch.fx replaces nn.Module.__call__ while it traces: one thread at a time


def hooked(module: nn.Module) -> bool:
    """Whether something is registered to run with the module's own call."""
    return any(getattr(module, hooks, None) for hooks in _HOOKS)


def hooked_everywhere() -> bool:
    """Whether something is registered to run with the calls of all modules."""
    return any(getattr(torch_modules, hooks, None) for hooks in _GLOBAL_HOOKS)


def plain_class(module: nn.Module) -> type | None:
    """The class whose forward is what this module runs; None where the module itself has another one.

    Parametrizing a module puts it into a class made for it alone; its forward is still that of its own class.
    """
    own = type(module)
    cls = own.__bases__[0] if parametrize.is_parametrized(module) and own.__module__ == parametrize.__name__ else own
    altered = any(callable(getattr(cls, name, None)) for name in vars(module))
    return cls if own.forward is cls.forward and own.__call__ is cls.__call__ and not altered else None


def why_no_plan(model: nn.Module, x: Tensor) -> str | None:
    """Why the steps of a model cannot be known from its layers: something may run that no layer shows. Else None."""
    if hooked_everywhere():
        return "hooks on all modules are registered"
    for name, module in model.named_modules():
        if hooked(module):
            return f"{name or type(model).__name__} has hooks"
    for tensor in (x, *model.parameters(), *model.buffers()):
        if type(tensor) not in (Tensor, nn.Parameter):
            return f"a {type(tensor).__name__} may work in other ways than a plain tensor"
    return None


class Forward(NamedTuple):
    """A forward as steps. `calls` holds what runs at each; `outputs` the step that gives a module's (last) output."""

    graph: fx.Graph
    calls: dict[fx.Node, Any]
    outputs: dict[nn.Module, fx.Node]


def write_down(model: nn.Module) -> Forward:
    """The steps of `model(x)` in eval mode. A module with hooks is one step, whose inside is not looked at."""
    root, tracer = _PicturesAlone(model), _Tracer()
    with _tracing, frozen(model):
        graph = tracer.trace(root)
    return Forward(graph, {node: _call(root, node) for node in graph.nodes}, tracer.outputs)


class _PicturesAlone(nn.Module):
    """Calls the model with the pictures and nothing else, so that further options of its forward keep their defaults.

    It is also where the tracer keeps the tensors that a forward makes itself, and not in the model.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Any:
        return self.model(x)


class _Proxy(fx.Proxy):
    """Stands for a tensor; `a += b` is written down as such (torch.fx alone makes a sum of it)."""


for _name in ("iadd", "isub", "imul", "itruediv", "ipow"):

    def _in_place(self: _Proxy, other: Any, target: Callable = getattr(operator, _name)) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", target, (self, other), {})

    setattr(_Proxy, f"__{_name}__", _in_place)


class _Tracer(fx.Tracer):
    """Notes which step gives each module's output, and takes a module for one step only if nobody altered it.

    While it traces, the calls and attributes of all modules pass through it, also those of other threads: these get what
    they would get without it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.outputs: dict[nn.Module, fx.Node] = {}
        self.thread = threading.get_ident()

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        cls = plain_class(m)
        own = cls is not None and cls.__module__.startswith(("torch.nn.", "torch.ao.nn."))
        return hooked(m) or (own and not issubclass(cls, nn.Sequential))

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        if threading.get_ident() != self.thread:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)

    def call_module(self, m: nn.Module, forward: Callable, args: tuple, kwargs: dict) -> Any:
        if threading.get_ident() != self.thread:
            return forward(*args, **kwargs)
        output = super().call_module(m, forward, args, kwargs)
        if isinstance(output, fx.Proxy):
            self.outputs[m] = output.node
        return output


def _call(root: nn.Module, node: fx.Node) -> Any:
    """What runs at a step: a module, a function, or for an attribute its value."""
    if node.op == "call_module":
        return root.get_submodule(node.target)
    if node.op == "get_attr":
        return operator.attrgetter(node.target)(root)
    if node.op == "call_method":
        return lambda first, *args, **kwargs: getattr(first, node.target)(*args, **kwargs)
    return node.target


def works_in_place(node: fx.Node, call: Any) -> bool:
    """Whether a step says of itself that it changes its first argument: `inplace=True`, `relu_`, `+=`."""
    if isinstance(call, nn.Module):
        return bool(getattr(call, "inplace", False))
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    marked = name.endswith("_") or (getattr(operator, name, None) is node.target and name.startswith("i"))
    return marked or bool(node.kwargs.get("inplace"))
