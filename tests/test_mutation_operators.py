"""The operators of mutation testing: each makes what it says, and nothing that is always as right as the original."""

from __future__ import annotations

import ast
import textwrap

import pytest
import torch

from tests.mutation.mutants import mutants
from tests.mutation.tree import Context, bare, build, canonical, line

NET = torch.nn.Linear(2, 2)
X, Y = torch.rand(4, 3, 2, 2), torch.arange(4)


def definition(source: str) -> ast.FunctionDef:
    return bare(ast.parse(textwrap.dedent(source)).body[-1])


def texts(body: str, result=None, **arguments) -> set[str]:
    """The mutants, as "kind: line after", of a function with these arguments (their values as recorded)."""
    one = definition(f"def f({', '.join(arguments)}):\n" + textwrap.indent(textwrap.dedent(body).strip(), "    "))
    rebound = frozenset(node.id for node in ast.walk(one) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    known = Context(arguments, result, frozenset({"torch", "F", "math"}), rebound, ast.unparse(one))
    return {f"{mutant.kind}: {mutant.after}" for mutant in mutants((one,), known)}


# ---------------------------------------------------------------- what each operator makes


@pytest.mark.parametrize(
    "body, wanted",
    [
        ("return x + a", ["sign flipped: return x - a", "operand dropped: return x", "operand dropped: return a"]),
        ("return -x", ["sign flipped: return x"]),
        ("return x * a", ["* and / swapped: return x / a"]),
        ("return x // 2", ["rounding changed: return -(-x // 2)"]),
        ("r.append(x)", ["sign flipped: r.append(-x)"]),
        ("return (x + a).clamp(0, 1)", [
            "clip dropped: return x + a", "clip moved into the sum: return x + a.clamp(0, 1)",
            "clip moved into the sum: return x.clamp(0, 1) + a", "clip to what is there: return (x + a).clamp(x.min(), x.max())",
            "clip on one side: return (x + a).clamp_min(0)", "clip on one side: return (x + a).clamp_max(1)",
            "clip elsewhere: return (x + a).clamp(-1, 1)"]),
        ("return torch.clamp(x, 0, 1)", ["clip dropped: return x", "number off by one: return torch.clamp(x, 1, 1)"]),
        ("return x.sum(1)", ["axis dropped: return x.sum()", "other axis: return x.sum(2)", "mean for sum: return x.mean(1)",
                             "sum dropped: return x"]),
        ("return x.sum((1, 2, 3))", ["axis dropped: return x.sum((1, 3))", "axis dropped: return x.sum()"]),
        ("return x.amax(dim=1)", ["other axis: return x.amax(dim=0)", "amin for amax: return x.amin(dim=1)"]),
        ("return torch.stack([x, x], 0)", ["axis dropped: return torch.stack([x, x])"]),
        ("return x[:, a]", ["axes swapped: return x[a, :]"]),
        ("return x.flatten(1)", ["view for flatten: return x.view(len(x), -1)"]),
        ("return x < a", ["edge of a comparison: return x <= a", "comparison turned: return x >= a"]),
        ("return x == a", ["comparison turned: return x != a"]),
        ("return a and x", ["and for or: return a or x", "operand dropped: return x"]),
        ("return a if x else 0", ["condition dropped: return a", "condition turned: return a if not x else 0"]),
        ("return 3", ["number off by one: return 4", "number off by one: return 2"]),
        ("return x[0]", ["number off by one: return x[1]"]),
        ("return 0.5", ["decimal changed: return 0.45", "decimal changed: return 1.0"]),
        ("return x.argsort(descending=True)", ["True for False: return x.argsort(descending=False)",
                                               "keyword dropped: return x.argsort()"]),
        ("return F.nll_loss(x, a, reduction='sum')", ["sum for mean: return F.nll_loss(x, a, reduction='mean')"]),
        ("return x.detach().abs()", ["detach dropped: return x.abs()", "abs dropped: return x.detach()",
                                     "square for abs: return x.detach().square()", "in place: return x.detach().abs_()"]),
        ("return x.sign() * a", ["sign dropped: return x * a", "in place: return x.sign_() * a"]),
        ("return x - a", ["in place: return x.sub_(a)"]),
        ("return a * x", ["in place: return x.mul_(a)"]),
        ("return round(x)", ["int for round: return int(x)", "round dropped: return x",
                             "ceil for round: return -int(-x // 1)"]),
        ("return x.log_softmax(1)", ["softmax for log_softmax: return x.softmax(1)"]),
        ("return torch.autograd.grad(a, x)[0]", ["graph kept: return torch.autograd.grad(a, x, create_graph=True)[0]"]),
        ("return net(x).gather(1, y[:, None])", ["index for gather: return net(x)[:, y]",
                                                 "softmax added: return net(x).softmax(1).gather(1, y[:, None])"]),
        ("with torch.no_grad():\n    r = x\nreturn r", ["no_grad dropped: r = x", "statement deleted: (deleted)"]),
        ("for k in range(a):\n    r = k", [
            "loop, one step short: for k in range(0, a - 1):", "loop, one step too many: for k in range(0, a + 1):",
            "loop, begins one late: for k in range(0 + 1, a):", "loop, runs once: for k in list(range(a))[:1]:"]),
        ("return [k for k in x if k]", ["condition dropped: return [k for k in x]",
                                        "loop, one step short: return [k for k in list(x)[:-1] if k]"]),
        ("if a:\n    x = 1\nreturn x", ["condition turned: if not a:"]),
        ("r += x", ["not added up: r = x", "sign flipped: r -= x"]),
        ("return x", ["argument fixed: a = 0.1", "labels by the model: y = net(x).argmax(1)", "precision fixed: x = x.float()",
                      "argument ignored: x = x.new_zeros(x.shape)", "first of the batch only: x = x[:1].expand(x.shape)",
                      "model changed: net.eval()"]),
    ],
)  # fmt: skip
def test_operator_makes(body: str, wanted: list[str]) -> None:
    made = texts(body, x=X, a=0.1, y=Y, net=NET)
    assert set(wanted) <= made, sorted(made)


@pytest.mark.parametrize(
    "result, wanted",
    [
        (X, ["result squeezed: return x.squeeze()", "first of the batch only: return x[:1]", "precision fixed: return x.float()",
             "result attached: return x.requires_grad_()", "result turned: return x.mT", "sign flipped: return -x"]),
        (X.sum().requires_grad_(), ["result detached: return x.detach()", "result scaled: return x * 1.1"]),
        (0.4, ["result rounded: return round(x, 2)"]),
    ],
)  # fmt: skip
def test_result_is_changed_by_its_type(result, wanted: list[str]) -> None:
    made = texts("return x", result, x=X)
    assert set(wanted) <= made, sorted(made)


@pytest.mark.parametrize(
    "body, unwanted",
    [
        ("x = x.clone()\nreturn x + a", "in place: "),  # its own copy may be written to
        ("return (x + a).abs()", "in place: return (x + a).abs_()"),
        ("return x.to(x.device)", "to dropped: "),
        ("return torch.zeros(2, device=x.device)", "keyword dropped: "),
        ("return torch.autograd.grad(a, x)[0].detach()", "graph kept: "),
        ("return F.cross_entropy(net(x), y)", "softmax added: return F.cross_entropy(net(x).log_softmax(1), y)"),
        ("return x[0]", "number off by one: return x[-1]"),
        ("def g():\n    return a\nreturn x", "result squeezed: return a.squeeze()"),
    ],
)
def test_what_is_always_as_right_is_not_made(body: str, unwanted: str) -> None:
    assert not [text for text in texts(body, X, x=X, a=0.1, y=Y, net=NET) if text.startswith(unwanted)]


def test_decorator_is_dropped() -> None:
    one = definition("@torch.no_grad()\ndef f(x):\n    return x")
    assert ("no_grad dropped", "@torch.no_grad()", "(deleted)") in [(m.kind, m.before, m.after) for m in mutants((one,), Context())]


def test_arguments_of_one_form_are_swapped() -> None:
    assert "arguments swapped: a, b = (b, a)" in texts("return a - b", a=X, b=X)
    assert not [text for text in texts("return a - b", a=X, b=Y) if "swapped: a, b" in text]


def test_each_mutant_differs_and_the_original_stays() -> None:
    one = definition("def f(x, y):\n    'Said.'\n    z = x + 1\n    z = x + 1\n    return z.abs().sum(1) - y")
    before = ast.dump(one)
    made = list(mutants((one,), Context({"x": X, "y": Y}, X)))
    forms = [canonical(mutant.parts) for mutant in made]
    assert len(set(forms)) == len(forms) > 20 and canonical((one,)) not in forms
    assert len({mutant.text for mutant in made}) == len(made), "a key means one mutant"
    assert ast.dump(one) == before
    again = [mutant.text for mutant in mutants((one,), Context({"x": X, "y": Y}, X))]
    assert again == [mutant.text for mutant in made]


def test_names_do_not_make_a_difference() -> None:
    one, other = definition("def f(x):\n    y = x\n    return y"), definition("def g(a: int):\n    b = a\n    return b")
    assert canonical((one,)) == canonical((other,)) != canonical((definition("def f(x):\n    y = x\n    return x"),))


def test_build_and_line() -> None:
    assert line(build("A.clamp(B)", A=build("x + 1"), B=build("0"))) == "(x + 1).clamp(0)"
    assert line(ast.parse("for k in a:\n    b").body[0]) == "for k in a:"


def test_classes_are_changed_in_their_methods() -> None:
    one = definition("class Twice:\n    def __call__(self, x):\n        return x + x")
    assert "sign flipped: return x - x" in {f"{m.kind}: {m.after}" for m in mutants((one,), Context())}
