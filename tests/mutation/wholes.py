"""Changes of a function as a whole: what it does with an argument before all else, and with its result at the end.

They need to know the arguments, which are recorded where the checker first calls the reference.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from .tree import Change, Context, Site, build

LABELS = {"y", "target", "label", "labels"}


def openings(context: Context) -> Iterator[tuple[str, str]]:
    """(kind, one line of code to stand first in the function)."""
    for name, value in context.arguments.items():
        yield from of_argument(name, value, context.arguments)
    decimals = [name for name, value in context.arguments.items() if isinstance(value, Tensor) and value.is_floating_point()]
    if decimals:
        yield "precision fixed", "; ".join(f"{name} = {name}.float()" for name in decimals)
    for (one, a), (other, b) in itertools.combinations(context.arguments.items(), 2):
        if isinstance(a, Tensor) and isinstance(b, Tensor) and (a.shape, a.dtype) == (b.shape, b.dtype):
            yield "arguments swapped", f"{one}, {other} = ({other}, {one})"


def of_argument(name: str, value: Any, arguments: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What may be done to one argument, by its type."""
    if isinstance(value, (bool, int, float, str)):
        yield "argument fixed", f"{name} = {value!r}"
    if isinstance(value, Tensor):
        yield from of_tensor(name, value)
    if isinstance(value, torch.Generator):
        yield "argument ignored", f"{name} = None"
        yield "generator seeded", f"{name} = {name}.clone_state().manual_seed(0)"
        yield "generator seeded", f"{name}.manual_seed(0)"
    if isinstance(value, nn.Module):
        yield "model changed", f"{name}.eval()"
        yield "model changed", f"{name}.train()"
        yield "model changed", f"{name}.zero_grad()"
        yield "model changed", f"{name}.requires_grad_(False)"
    picture = next((key for key, one in arguments.items() if isinstance(one, Tensor) and one.dim() == 4), None)
    model = next((key for key, one in arguments.items() if isinstance(one, nn.Module)), None)
    if picture and model:
        if isinstance(value, Tensor) and value.dtype == torch.long and value.shape == arguments[picture].shape[:1]:
            yield "labels by the model", f"{name} = {model}({picture}).argmax(1)"
        if type(value) is int and name in LABELS:
            yield "labels by the model", f"{name} = int({model}({picture}).argmax(1)[0])"


def of_tensor(name: str, value: Tensor) -> Iterator[tuple[str, str]]:
    """What may be done to a tensor that is given."""
    yield "argument ignored", f"{name} = {name}.new_zeros({name}.shape)"
    if value.dtype != torch.long:
        yield "argument ignored", f"{name} = {name}.new_ones({name}.shape)"
    if value.dim() and len(value) > 1:
        yield "first of the batch only", f"{name} = {name}[:1].expand({name}.shape)"
    if value.is_floating_point():
        yield "argument asks for gradients", f"{name}.requires_grad_()"


def results(site: Site, context: Context) -> Iterator[Change]:
    """What may be done to the value of a function's own `return`, by the type of the reference's result."""
    inner = any(isinstance(node, (ast.FunctionDef, ast.Lambda)) for node in site.above[1:])
    if site.field != "value" or not isinstance(site.parent, ast.Return) or inner:
        return
    for kind, form in of_result(context.result):
        yield kind, build(form, A=site.node)


def of_result(value: Any) -> Iterator[tuple[str, str]]:
    """(kind, form) of what may be done to a result A."""
    if isinstance(value, (int, float, Tensor)) and not isinstance(value, bool):
        yield "sign flipped", "-A"
        yield "result scaled", "A * 1.1"
    if isinstance(value, float):
        yield "result rounded", "round(A, 2)"
    if not isinstance(value, Tensor):
        return
    if value.is_floating_point():
        yield "precision fixed", "A.float()"
        yield "result rounded", "A.round(decimals=2)"
        yield ("result detached", "A.detach()") if value.requires_grad else ("result attached", "A.requires_grad_()")
    if value.dim():
        yield "result squeezed", "A.squeeze()"
        yield "first of the batch only", "A[:1]"
        yield "first of the batch only", "(lambda r: r[:1].expand(r.shape))(A)"
        yield "result turned", "A.flip(0)"
        yield "result turned", "A.flip(-1)"
        if value.is_floating_point():
            yield "result evened out", "(lambda r: r * 0 + r.mean())(A)"
    if value.dim() > 1:
        yield "result turned", "A.mT"
    if value.dim() == 4:
        yield "result evened out", "(lambda r: r.mean(1, keepdim=True).expand(r.shape))(A)"
