"""Changes of expressions. Each operator yields (kind, what stands there instead) for one site."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .tree import Change, Context, Method, Operator, Site, build, changed, method, number, numbers

# ---------------------------------------------------------------- arithmetic

SIGNS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}


def signs(site: Site, context: Context) -> Iterator[Change]:
    """+ and -, * and /, a unary minus; in a sum or product, one of the two dropped."""
    node = site.node
    if isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in SIGNS:
        kind = "sign flipped" if isinstance(node.op, (ast.Add, ast.Sub)) else "* and / swapped"
        yield kind, changed(node, op=SIGNS[type(node.op)]())
    if isinstance(node, ast.BinOp) and isinstance(node.op, (*SIGNS, ast.Pow)):
        yield "operand dropped", node.left
        if not isinstance(node.op, ast.Pow):
            yield "operand dropped", node.right
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.FloorDiv):
        yield "rounding changed", build("-(-A // B)", A=node.left, B=node.right)
    if isinstance(node, ast.UnaryOp) and numbers(node) is None:
        yield ("sign flipped" if isinstance(node.op, ast.USub) else "negation dropped"), node.operand
    appended = isinstance(site.parent, ast.Call) and getattr(site.parent.func, "attr", "") == "append"
    if site.field == "args" and appended:
        yield "sign flipped", build("-A", A=node)


COMPARED = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
OPPOSITE = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt,
}  # fmt: skip
LOGIC = {ast.And: ast.Or, ast.Or: ast.And, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd}


def comparisons(site: Site, context: Context) -> Iterator[Change]:
    """< and <=, == and !=, the opposite; and with or; the two sides of a condition."""
    node = site.node
    if isinstance(node, ast.Compare):
        for table, kind in ((COMPARED, "edge of a comparison"), (OPPOSITE, "comparison turned")):
            for at, op in enumerate(node.ops):
                if type(op) in table:
                    yield kind, changed(node, ops=[*node.ops[:at], table[type(op)](), *node.ops[at + 1 :]])
    if isinstance(node, (ast.BoolOp, ast.BinOp)) and type(node.op) in LOGIC:
        yield "and for or", changed(node, op=LOGIC[type(node.op)]())
    if isinstance(node, ast.BoolOp):
        yield from (("operand dropped", value) for value in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitAnd, ast.BitOr)):
        yield from (("operand dropped", value) for value in (node.left, node.right))
    if isinstance(node, ast.IfExp):
        yield from (("condition dropped", value) for value in (node.body, node.orelse))
    if isinstance(node, ast.comprehension) and node.ifs:
        yield "condition dropped", changed(node, ifs=[])


# ---------------------------------------------------------------- constants

ALONG = {
    "sum", "mean", "amax", "amin", "max", "min", "argmax", "argmin", "argsort", "sort", "norm", "vector_norm", "std", "var",
    "prod", "any", "all", "flatten", "softmax", "log_softmax", "logsumexp", "cumsum", "stack", "cat", "median", "quantile",
    "squeeze", "unsqueeze", "gather", "flip", "roll", "topk", "unbind", "chunk", "split", "select", "index_select",
}  # fmt: skip


def constants(site: Site, context: Context) -> Iterator[Change]:
    """A whole number off by one, a decimal changed, True for False, the reduction of a loss."""
    node = site.node
    if not isinstance(node, ast.Constant):
        return
    value = node.value
    holder = site.above[-2] if isinstance(site.parent, ast.Tuple) else site.parent
    # x[-1] is often x[0], where there is but one, and the last axis may be the first.
    index = isinstance(holder, ast.Subscript) or getattr(getattr(holder, "func", None), "attr", "") in ALONG
    if isinstance(value, bool):
        yield "True for False", ast.Constant(not value)
    elif isinstance(value, int):
        yield from (("number off by one", number(new)) for new in (value + 1, value - 1) if new >= 0 or not index)
    elif isinstance(value, float):
        others = (0.9 * value, 2 * value) if abs(value) > 1e-3 else (value + 0.01, value + 0.1)
        yield from (("decimal changed", number(float(f"{new:.6g}"))) for new in others)
    elif value in ("sum", "mean"):
        yield "sum for mean", ast.Constant("mean" if value == "sum" else "sum")


# ---------------------------------------------------------------- axes

AXES = (0, 1, 2, 3)  # not -1, which is one of them
LAST = {"argsort", "sort", "topk", "softmax", "log_softmax"}  # without an axis they go along the last one


def others(axis: int) -> tuple[int, ...]:
    """The axes to try instead of one; of the last, -1, it is not known which it is."""
    return tuple(one for one in AXES if one != axis) if axis >= 0 else (0,)


def whole(node: ast.AST) -> bool:
    return isinstance(numbers(node), int)


def axes(site: Site, context: Context) -> Iterator[Change]:
    """The axis of a reduction: another one, none; of several, one dropped; and rows for columns in an index."""
    node, call = site.node, method(site.node, context)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        parts = node.slice.elts
        for at in range(len(parts) - 1):
            swapped = [*parts[:at], parts[at + 1], parts[at], *parts[at + 2 :]]
            yield "axes swapped", changed(node, slice=changed(node.slice, elts=swapped))
    if call is None or call.name not in ALONG:
        return
    for at, value in enumerate(call.arguments):
        several = isinstance(value, (ast.Tuple, ast.List)) and all(map(whole, value.elts)) and call.name not in ("stack", "cat")
        rest = [*call.arguments[:at], *call.arguments[at + 1 :]]
        put = lambda new, at=at: call.given([*call.arguments[:at], new, *call.arguments[at + 1 :]])  # noqa: E731
        if (whole(value) or several) and call.name not in LAST:
            yield "axis dropped", call.given(rest)
        if whole(value):
            yield from (("other axis", put(number(axis))) for axis in others(numbers(value)))
        if several:
            for one in value.elts:
                yield "axis dropped", put(changed(value, elts=[other for other in value.elts if other is not one]))
    for at, word in enumerate(node.keywords):
        if word.arg in ("dim", "axis") and whole(word.value):
            for axis in others(numbers(word.value)):
                words = [*node.keywords[:at], changed(word, value=number(axis)), *node.keywords[at + 1 :]]
                yield "other axis", changed(node, keywords=words)


# ---------------------------------------------------------------- calls

CLIPS = ("clamp", "clip", "clamp_", "clip_")


def clips(site: Site, context: Context) -> Iterator[Change]:
    """A clip dropped, on one side only, moved into the sum, or to the smallest and largest value that is there."""
    call = method(site.node, context)
    if call is None or call.name not in (*CLIPS, "clamp_min", "clamp_max"):
        return
    yield "clip dropped", call.receiver
    if call.name not in CLIPS or len(call.arguments) != 2:
        return
    low, high = call.arguments
    yield "clip on one side", build("A.clamp_min(B)", A=call.receiver, B=low)
    yield "clip on one side", build("A.clamp_max(B)", A=call.receiver, B=high)
    yield "clip elsewhere", build("A.clamp(-1, 1)", A=call.receiver)
    if isinstance(call.receiver, ast.BinOp):
        left, right = call.receiver.left, call.receiver.right
        yield "clip moved into the sum", changed(call.receiver, left=build("A.clamp(B, C)", A=left, B=low, C=high))
        yield "clip moved into the sum", changed(call.receiver, right=build("A.clamp(B, C)", A=right, B=low, C=high))
    names = [inner.id for inner in ast.walk(call.receiver) if isinstance(inner, ast.Name) and inner.id in context.arguments]
    for name in dict.fromkeys(names):
        if getattr(context.arguments[name], "shape", ()):
            yield "clip to what is there", build(f"A.clamp({name}.min(), {name}.max())", A=call.receiver)


BUILT_IN = {"abs", "round", "int", "float", "sorted", "reversed", "max", "min", "sum"}


def dropped(site: Site, context: Context) -> Iterator[Change]:
    """A call dropped, so that what it was made of stays; a keyword argument dropped."""
    node, call = site.node, method(site.node, context)
    if not isinstance(node, ast.Call) or moves(node):
        return
    if call is not None and not (isinstance(call.receiver, ast.Name) and call.receiver.id not in context.arguments and
                                 isinstance(site.parent, ast.Expr)):  # fmt: skip
        yield f"{call.name} dropped", call.receiver
    if isinstance(node.func, ast.Name) and node.func.id in BUILT_IN and node.args:
        yield f"{node.func.id} dropped", node.args[0]
    for word in node.keywords:
        if word.arg not in (None, "device"):
            yield "keyword dropped", changed(node, keywords=[other for other in node.keywords if other is not word])


def moves(call: ast.Call) -> bool:
    """Whether a call only brings a tensor to a device: without another device at hand nothing can tell it from nothing."""
    name = getattr(call.func, "attr", "")
    return name in ("cpu", "cuda", "contiguous") or (name == "to" and "device" in ast.unparse(call).rsplit(".to(")[-1])


INSTEAD = {
    "sum": ("mean",), "mean": ("sum",), "amax": ("amin",), "amin": ("amax",), "max": ("min",), "min": ("max",),
    "argmax": ("argmin",), "argmin": ("argmax",), "softmax": ("log_softmax",), "log_softmax": ("softmax",),
    "floor": ("ceil", "round"), "ceil": ("floor", "round"), "round": ("floor", "ceil"), "any": ("all",), "all": ("any",),
    "rand": ("randn",), "randn": ("rand",), "rand_like": ("randn_like",), "randn_like": ("rand_like",),
    "zeros": ("ones",), "ones": ("zeros",), "zeros_like": ("ones_like",), "ones_like": ("zeros_like",),
    "cross_entropy": ("nll_loss",), "std": ("var",), "var": ("std",), "abs": ("square",),
    "square": ("abs",), "maximum": ("minimum",), "minimum": ("maximum",), "sin": ("cos",), "cos": ("sin",),
}  # fmt: skip
NAMES = {  # of Python's own functions: name -> the other's name and form
    "round": {"int": "int(A)", "ceil": "-int(-A // 1)"}, "int": {"round": "round(A)", "ceil": "-int(-A // 1)"},
    "max": {"min": "min(A)"}, "min": {"max": "max(A)"}, "sum": {"max": "max(A)"}, "any": {"all": "all(A)"}, "all": {"any": "any(A)"},
}  # fmt: skip


def instead(site: Site, context: Context) -> Iterator[Change]:
    """Another function of the same kind: a mean for a sum, the smallest for the largest, up for down."""
    node, call = site.node, method(site.node, context)
    if call is not None:
        yield from ((f"{name} for {call.name}", call.renamed(name)) for name in INSTEAD.get(call.name, ()))
        if call.name in ("flatten", "reshape") and not call.function:
            yield from viewed(call, context)
        if call.name == "gather" and len(call.arguments) == 2 and isinstance(call.arguments[1], ast.Subscript):
            yield "index for gather", build("A[:, B]", A=call.receiver, B=call.arguments[1].value)
        if call.name == "grad" and "detach" not in context.text and "create_graph" not in context.text:
            word = ast.keyword("create_graph", ast.Constant(True))
            yield "graph kept", changed(node, keywords=[*node.keywords, word])
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
        for name, form in NAMES.get(node.func.id, {}).items():
            yield f"{name} for {node.func.id}", build(form, A=node.args[0])
        if hasattr(context.arguments.get(node.func.id), "parameters"):  # the model
            yield "softmax added", build("A.softmax(1)", A=node)
            if not any(name in ast.unparse(site.statement) for name in ("log_softmax", "cross_entropy")):  # twice is once
                yield "softmax added", build("A.log_softmax(1)", A=node)


def viewed(call: Method, context: Context) -> Iterator[Change]:
    """A view of a tensor that was given, which does not work for every layout in memory."""
    given = isinstance(call.receiver, ast.Name) and call.receiver.id in context.arguments
    if given and call.name == "reshape":
        yield "view for reshape", call.renamed("view")
    if given and call.name == "flatten" and [numbers(one) for one in call.arguments] == [1]:
        yield "view for flatten", build("A.view(len(A), -1)", A=call.receiver)


OPERATORS: tuple[Operator, ...] = (clips, signs, comparisons, axes, constants, instead, dropped)
