"""Places in the syntax tree of a function, what may stand there instead, and how a change reads."""

from __future__ import annotations

import ast
import copy
import dataclasses
import itertools
from collections.abc import Callable, Iterator
from typing import Any

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclasses.dataclass(frozen=True)
class Context:
    """What is known about a function that is changed: its arguments, and what the names in it mean."""

    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)  # name -> the value at the checker's first call
    result: Any = None  # what the reference returned there
    modules: frozenset[str] = frozenset({"torch", "F"})  # names of Python modules: torch.clamp(x, 0, 1) is a function
    rebound: frozenset[str] = frozenset()  # arguments that the function gives a new value: x = x.clone()
    text: str = ""


@dataclasses.dataclass(frozen=True)
class Site:
    """One node of a function's body, and the way to it."""

    node: ast.AST
    path: tuple[tuple[ast.AST, str, int | None], ...]  # from the definition down: parent, its field, the place in a list

    @property
    def above(self) -> tuple[ast.AST, ...]:
        return tuple(parent for parent, _, _ in self.path)

    @property
    def parent(self) -> ast.AST:
        return self.path[-1][0]

    @property
    def field(self) -> str:
        return self.path[-1][1]

    @property
    def index(self) -> int | None:
        return self.path[-1][2]

    @property
    def statement(self) -> ast.AST:
        """The innermost statement that holds the node; a comprehension's clauses belong to the statement around it."""
        return next(node for node in (self.node, *reversed(self.above)) if isinstance(node, ast.stmt))


Change = tuple[str, "ast.AST | list[ast.stmt]"]  # the kind of the mutation, and what stands there instead
Operator = Callable[[Site, Context], Iterator[Change]]


def bare(definition: Definition) -> Definition:
    """A copy without docstrings and annotations: neither changes what the function does."""
    tree = copy.deepcopy(definition)
    for node in ast.walk(tree):
        if isinstance(node, Definition) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.returns = None
    return ast.fix_missing_locations(tree)


def sites(definition: Definition) -> Iterator[Site]:
    """All nodes of the body, from the outside in. Arguments' defaults and decorators are no part of it."""

    def inside(node: ast.AST, path: tuple) -> Iterator[Site]:
        for field, value in ast.iter_fields(node):
            if field in ("args", "decorator_list", "bases") and isinstance(node, (*DEFINITIONS, ast.Lambda)):
                continue
            for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(child, ast.AST) and not isinstance(child, (ast.expr_context, ast.operator, ast.cmpop)):
                    way = (*path, (node, field, index))
                    yield Site(child, way)
                    yield from inside(child, way)

    return inside(definition, ())


def replaced(definition: Definition, site: Site, new: ast.AST | list[ast.stmt]) -> tuple[Definition, str, str]:
    """The definition with something else at a site, and the line as it was and as it is.

    What does not change is shared with the original; nodes are never written to.
    """
    statement = site.statement
    for one in new if isinstance(new, list) else [new]:
        if not hasattr(one, "lineno"):
            ast.copy_location(one, statement)
    after = new if site.node is statement else None
    for parent, field, index in reversed(site.path):
        if index is not None:
            items = getattr(parent, field)
            new = [*items[:index], *(new if isinstance(new, list) else [new]), *items[index + 1 :]]
            new = new or ([ast.Pass()] if field == "body" else [])
        new = changed(parent, **{field: new})
        after = new if parent is statement else after
    lines = [line(one) for one in after] if isinstance(after, list) else [line(after)]
    return new, line(statement), "; ".join(lines) or "(deleted)"


def line(node: ast.AST) -> str:
    """A statement in one line, as Python would print it; of a block its head."""
    text = ast.unparse(node)
    return text.split("\n")[0] if hasattr(node, "body") and isinstance(node, ast.stmt) else " ".join(text.split())


def build(template: str, **parts: ast.AST) -> ast.expr:
    """The expression of a template, with nodes in the place of some names: `build("A.clamp(0)", A=node)`."""

    class Fill(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.AST:
            return copy.deepcopy(parts[node.id]) if node.id in parts else node

    return Fill().visit(ast.parse(template, mode="eval").body)


def changed(node: ast.AST, **fields: Any) -> Any:
    """A copy of a node with other fields, at the same place of the file."""
    return ast.copy_location(type(node)(**{**dict(ast.iter_fields(node)), **fields}), node)


def canonical(definitions: tuple[Definition, ...]) -> str:
    """What two functions share that differ in the names of their arguments and variables only."""
    names: dict[str, str] = {}
    for node in itertools.chain.from_iterable(map(ast.walk, definitions)):
        if isinstance(node, ast.arg):
            names.setdefault(node.arg, f"_{len(names)}")
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.setdefault(node.id, f"_{len(names)}")
    names |= {node.name: f"_{node.name}" if len(definitions) > 1 else "_" for node in definitions}

    def form(value: Any) -> str:
        if isinstance(value, list):
            return f"[{','.join(map(form, value))}]"
        if not isinstance(value, ast.AST):
            return repr(value)
        fields = [form(names.get(one, one) if field in ("id", "arg", "name") else one) for field, one in ast.iter_fields(value)]
        return f"{type(value).__name__}({','.join(fields)})"

    return "\n".join(map(form, definitions))


def numbers(node: ast.AST) -> int | float | None:
    """The value of a number written out, with its sign; None for anything else."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and numbers(node.operand) is not None:
        return -numbers(node.operand)
    plain = isinstance(node, ast.Constant) and type(node.value) in (int, float)
    return node.value if plain else None


def number(value: int | float) -> ast.expr:
    """The node of a number."""
    return ast.parse(repr(value), mode="eval").body


@dataclasses.dataclass(frozen=True)
class Method:
    """A call seen as a method's, whether written `x.clamp(0, 1)` or `torch.clamp(x, 0, 1)`."""

    call: ast.Call
    receiver: ast.expr
    name: str
    arguments: tuple[ast.expr, ...]
    function: bool  # written as a function

    def renamed(self, name: str) -> ast.Call:
        return changed(self.call, func=changed(self.call.func, attr=name))

    def given(self, arguments: list[ast.expr], keywords: list[ast.keyword] | None = None) -> ast.Call:
        """The same call with other arguments."""
        first = [self.receiver] if self.function else []
        return changed(self.call, args=[*first, *arguments], keywords=self.call.keywords if keywords is None else keywords)


def method(node: ast.AST, context: Context) -> Method | None:
    """A call as a method's, or None when it is something else."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    root = node.func.value
    while isinstance(root, ast.Attribute):
        root = root.value
    if not (isinstance(root, ast.Name) and root.id in context.modules):
        return Method(node, node.func.value, node.func.attr, tuple(node.args), False)
    if not node.args or isinstance(node.args[0], ast.Starred):
        return None
    return Method(node, node.args[0], node.func.attr, tuple(node.args[1:]), True)
