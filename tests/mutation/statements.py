"""Changes of statements: deleted, turned, a loop of another length, a block without its `with`, a decorator dropped."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .tree import Change, Context, Definition, Operator, Site, build, changed

NO_GRADIENTS = ("no_grad", "inference_mode")


def deleted(site: Site, context: Context) -> Iterator[Change]:
    """A statement deleted; what was added up only kept."""
    node = site.node
    if isinstance(node, ast.stmt) and site.index is not None and not isinstance(node, (ast.Return, ast.Pass, ast.Import)):
        yield "statement deleted", []
    if isinstance(node, ast.AugAssign):
        yield "not added up", ast.Assign([node.target], node.value)


def with_dropped(site: Site, context: Context) -> Iterator[Change]:
    """`with torch.no_grad():` (or any other) dropped; its block stays."""
    if isinstance(site.node, ast.With):
        quiet = any(name in ast.unparse(item.context_expr) for item in site.node.items for name in NO_GRADIENTS)
        yield ("no_grad dropped" if quiet else "with dropped"), site.node.body


def conditions(site: Site, context: Context) -> Iterator[Change]:
    """The condition of an `if` or `while` turned round."""
    if site.field == "test" and isinstance(site.parent, (ast.If, ast.While, ast.IfExp)):
        yield "condition turned", build("not A", A=site.node)


def loops(site: Site, context: Context) -> Iterator[Change]:
    """A loop one step short, one too many, beginning at its second step, running once."""
    node = site.node
    if site.field != "iter" or not isinstance(site.parent, (ast.For, ast.comprehension)):
        return
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range" and not node.keywords:
        ends = node.args if len(node.args) > 1 else [ast.Constant(0), *node.args]
        first, last, step = (*ends, ast.Constant(1))[:3]
        for kind, low, high in (
            ("one step short", "A", "B - 1"), ("one step too many", "A", "B + C"), ("begins one late", "A + C", "B"),
            ("begins one early", "A - C", "B"),
        ):  # fmt: skip
            yield f"loop, {kind}", changed(node, args=[build(end, A=first, B=last, C=step) for end in (low, high)] + ends[2:])
    else:
        yield "loop, one step short", build("list(A)[:-1]", A=node)
        yield "loop, begins one late", build("list(A)[1:]", A=node)
    yield "loop, runs once", build("list(A)[:1]", A=node)


def undecorated(definition: Definition) -> Iterator[tuple[str, Definition, str, str]]:
    """Each decorator dropped: kind, the definition without it, the line as it was and as it is."""
    for one in definition.decorator_list:
        quiet = any(name in ast.unparse(one) for name in NO_GRADIENTS)
        rest = [other for other in definition.decorator_list if other is not one]
        kind = "no_grad dropped" if quiet else "decorator dropped"
        yield kind, changed(definition, decorator_list=rest), f"@{ast.unparse(one)}", "(deleted)"


OPERATORS: tuple[Operator, ...] = (deleted, with_dropped, conditions, loops)
