"""The forms that write into a tensor which was given, where the original makes a new one."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .tree import Change, Context, Operator, Site, build, method

PLACED = {"clamp", "clip", "clamp_min", "clamp_max", "abs", "neg", "sign", "round", "square", "sqrt", "exp", "log", "masked_fill",
          "add", "sub", "mul", "div", "scatter", "index_fill"}  # fmt: skip
WRITING = {ast.Add: "add_", ast.Sub: "sub_", ast.Mult: "mul_", ast.Div: "div_"}
ALIASES = {"flatten", "reshape", "view", "detach", "view_as", "squeeze", "unsqueeze", "t", "transpose", "permute", "to"}


def is_argument(node: ast.AST, context: Context) -> bool:
    """Whether an expression is the memory of a tensor that was given: an argument never given a new value, or a view of it."""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ALIASES:
        node = node.func.value
    given = isinstance(node, ast.Name) and node.id in context.arguments and node.id not in context.rebound
    return given and hasattr(context.arguments[node.id], "add_")


def in_place(site: Site, context: Context) -> Iterator[Change]:
    """The form that writes into the tensor that was given."""
    node, call = site.node, method(site.node, context)
    if call is not None and call.name in PLACED and is_argument(call.receiver, context):
        yield "in place", call.renamed(call.name + "_")
    if isinstance(node, ast.BinOp) and type(node.op) in WRITING:
        name = WRITING[type(node.op)]
        if is_argument(node.left, context):
            yield "in place", build(f"A.{name}(B)", A=node.left, B=node.right)
        if is_argument(node.right, context) and name in ("add_", "mul_"):
            yield "in place", build(f"A.{name}(B)", A=node.right, B=node.left)


OPERATORS: tuple[Operator, ...] = (in_place,)
