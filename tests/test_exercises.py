"""Exercises: every checker accepts its reference and names each committed mistake; and how check, hint and source work."""

from __future__ import annotations

import functools
import re

import nbformat
import pytest
import torch
import torch.nn.functional as F

from course_utils import exercises as ex
from course_utils.notebooks import ROOT

ALL = sorted(ex.exercises())
# In quotes or not, as check("fgsm", fgsm) or hint("fgsm").
USED = re.compile(r"\b(?:check|hint)\(\s*[\"']([\w-]+)[\"']")


# ---------------------------------------------------------------- every registered exercise


@functools.cache
def messages(name: str) -> list[str]:
    """What check prints for each wrong answer of an exercise."""
    return [ex.mistake(ex.exercise(name), answer) for answer, _ in ex.exercise(name).wrong]


@pytest.mark.parametrize("name", ALL)
def test_reference_is_accepted(name: str) -> None:
    assert ex.mistake(ex.exercise(name), ex.exercise(name).reference) is None


@pytest.mark.parametrize("name", ALL)
def test_wrong_answers_are_named(name: str) -> None:
    wrong = ex.exercise(name).wrong
    assert len(wrong) >= 3, "three wrong answers at least"
    for (answer, words), message in zip(wrong, messages(name)):
        assert message is not None, f"{answer.__name__} is accepted"
        assert words in message, f"{answer.__name__}: {message}"
        assert "not written yet" not in message
    assert len(set(messages(name))) == len(wrong), f"two wrong answers get the same message: {messages(name)}"


@pytest.mark.parametrize("name", ALL)
def test_stub_gives_the_reference(name: str, capsys: pytest.CaptureFixture) -> None:
    def stub(*arguments, **options):
        raise NotImplementedError  # your code here

    assert ex.check(name, stub) is ex.exercise(name).reference
    assert capsys.readouterr().out == f"Exercise {name}: not written yet; going on with the course's own version.\n"


@pytest.mark.parametrize("name", ALL)
def test_hints_form_a_ladder(name: str) -> None:
    task = ex.exercise(name)
    assert len(task.hints) >= 2 and len(set(task.hints)) == len(task.hints)
    assert task.difficulty in (1, 2, 3) and 1 <= task.minutes <= 60


def test_notebooks_use_exactly_the_registered_exercises() -> None:
    checked, named = set(), set()
    for path in (ROOT / "notebooks" / "solutions").glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                named.update(USED.findall(cell.source))
                checked.update(re.findall(r"\bcheck\(\s*[\"']([\w-]+)[\"']", cell.source))
    assert named <= set(ALL), f"not registered: {named - set(ALL)}"
    assert checked == set(ALL), f"in no notebook: {set(ALL) - checked}"


# ---------------------------------------------------------------- right answers, written in another way


def linear_step_where(x, w, eps):
    return torch.where(w > 0, x + eps, x - eps)


def largest_change_loop(x, x_adv):
    return torch.tensor([(a - b).abs().max().item() for a, b in zip(x, x_adv)])


def fgsm_one_by_one(model, x, y, eps):
    out = []
    for i in range(len(x)):
        z = x[i : i + 1].clone().requires_grad_()
        F.cross_entropy(model(z), y[i : i + 1]).backward(inputs=[z])
        out.append(torch.clamp(z + eps * z.grad.sign(), 0, 1).detach())
    return torch.cat(out)


def fgsm_that_cleans_up(model, x, y, eps):
    z = x.clone().requires_grad_()
    F.cross_entropy(model(z), y).backward()
    model.zero_grad()
    return (x + eps * z.grad.sign()).clamp(0, 1)


def targeted_by_log_probability(model, x, target, eps):
    gradient = torch.func.grad(lambda z: model(z).log_softmax(1).gather(1, target[:, None]).sum())(x)
    return (x + eps * gradient.sign()).clamp(0, 1).detach()


def noise_from_normal(x, eps, generator):
    return (x + eps * torch.randn(x.shape, generator=generator).sign()).clamp(0, 1)


def honest_by_counting(before, after, y):
    kept = [int(b == t) for b, t in zip(before, y)]
    return sum(int(k and a != t) for k, a, t in zip(kept, after, y)) / sum(kept)


def saliency_by_vmap(model, x, y):
    score = torch.func.grad(lambda z, c: model(z[None])[0].gather(0, c[None])[0])
    return torch.func.vmap(score)(x, y).abs().amax(1)


@torch.no_grad()
def occlusion_in_one_batch(model, x, y, window, stride, fill):
    places = [(t, s) for t in range(0, x.shape[2] - window + 1, stride) for s in range(0, x.shape[3] - window + 1, stride)]
    many = x.repeat(len(places), 1, 1, 1)
    for picture, (t, s) in zip(many, places):
        picture[:, t : t + window, s : s + window] = fill
    return (model(x)[:, y] - model(many)[:, y]).reshape((x.shape[2] - window) // stride + 1, -1)


def integrated_by_trapezoids(model, x, y, steps):
    total = torch.zeros_like(x)
    for k in range(steps + 1):
        z = (k / steps * x).requires_grad_()
        (gradient,) = torch.autograd.grad(model(z).gather(1, y[:, None]).sum(), z)
        total += gradient / (2 if k in (0, steps) else 1)
    return x * total / steps


def delete_by_topk(x, heat, share, fill):
    places = heat.flatten(1).topk(int(share * heat[0].numel())).indices
    gone = torch.zeros_like(heat.flatten(1), dtype=torch.bool).scatter(1, places, True).view_as(heat)
    return x.masked_fill(gone[:, None], fill)


def right_reasons_two_passes(model, x, y, inside, strength):
    z = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.log_softmax(model(z), 1).sum(), z, create_graph=True)
    return F.cross_entropy(model(x), y) + strength * ((1 - inside) * gradient**2).sum((1, 2, 3)).mean()


@pytest.mark.parametrize(
    "name, answer",
    [
        ("linear_step", linear_step_where),
        ("largest_change", largest_change_loop),
        ("fgsm", fgsm_one_by_one),
        ("fgsm", fgsm_that_cleans_up),
        ("targeted_fgsm", targeted_by_log_probability),
        ("noise_of_size", noise_from_normal),
        ("honest_success", honest_by_counting),
        ("saliency", saliency_by_vmap),
        ("occlusion_map", occlusion_in_one_batch),
        ("integrated_gradients", integrated_by_trapezoids),
        ("delete_top", delete_by_topk),
        ("right_reasons", right_reasons_two_passes),
    ],
)
def test_right_answers_in_other_words_are_accepted(name: str, answer) -> None:
    assert ex.mistake(ex.exercise(name), answer) is None


# ---------------------------------------------------------------- how it works, on an exercise of our own


def double(x: torch.Tensor) -> torch.Tensor:
    """Twice x."""
    return 2 * x


def check_double(f) -> None:
    x = torch.tensor([1.0, -2.0])
    with ex.untouched(x=x):
        y = f(x)
    ex.expect(y.shape == x.shape, "the shape must stay.")
    ex.close(y, 2 * x, "the double")


@pytest.fixture
def task():
    own = ex.Exercise("double", double, check_double, hints=("Add.", "x + x"), wrong=())
    ex.register(own)
    yield own
    del ex._exercises["double"]
    ex._hints_given.pop("double", None)


def said(capsys: pytest.CaptureFixture, name: str, answer) -> str:
    """What check prints when it falls back on the reference."""
    assert ex.check(name, answer) is ex.exercise(name).reference
    return capsys.readouterr().out.strip()


def test_right_answer_is_given_back(task, capsys) -> None:
    mine = lambda x: x + x  # noqa: E731
    assert ex.check("double", mine) is mine
    assert capsys.readouterr().out == "✓ double: passed\n"


def test_wrong_value_is_named(task, capsys) -> None:
    out = said(capsys, "double", lambda x: 3 * x)
    assert out == "✗ double: the double is off by up to 2: -6 where -4 is expected. Going on with the course's own version."


def test_in_place_edit_is_named(task, capsys) -> None:
    assert "x was changed in place" in said(capsys, "double", lambda x: x.mul_(2))


def test_error_of_the_student_is_reported_with_its_line(task, capsys) -> None:
    def broken(x):
        return x.no_such_thing  # the line

    out = said(capsys, "double", broken)
    assert "AttributeError" in out and "no_such_thing" in out and "in the line: return x.no_such_thing  # the line" in out


def test_unusable_result_is_reported(task, capsys) -> None:
    assert "the check could not use what your function returns (AttributeError: 'NoneType'" in said(capsys, "double", lambda x: None)


def test_missing_return_is_named() -> None:
    with pytest.raises(ex.Mistake, match="your function returns nothing; end it with `return`"):
        ex.returned(None, torch.ones(2), "r")


@pytest.mark.parametrize(
    "got, words",
    [
        ([1.0], r"r is list; a torch tensor of shape \[2\] is expected"),
        (torch.ones(2, 1), r"r has shape \[2, 1\]; \[2\] is expected"),
        (torch.ones(2).double(), "r holds torch.float64; torch.float32 is expected"),
        (torch.tensor([1.0, torch.nan]), "r holds NaN; do you divide by 0"),
    ],
)
def test_returned_says_what_is_wrong(got, words: str) -> None:
    with pytest.raises(ex.Mistake, match=words):
        ex.returned(got, torch.ones(2), "r")


def test_exit_in_an_answer_does_not_stop_the_notebook(task, capsys) -> None:
    def leaves(x):
        raise SystemExit(1)

    assert "your code raised SystemExit: 1, in the line: raise SystemExit(1)." in said(capsys, "double", leaves)


def test_wrong_arguments_are_named(task, capsys) -> None:
    assert "your function must take the arguments (x), in this order" in said(capsys, "double", lambda: 0)


def test_long_errors_keep_their_first_line(task, capsys) -> None:
    out = said(capsys, "double", lambda x: torch.randint(0, 2, x.shape, torch.Generator()))
    assert "\n" not in out and "randint() received an invalid combination" in out


def test_torch_not_implemented_is_no_stub(task, capsys) -> None:
    def unsupported(x):
        raise NotImplementedError("Could not run 'aten::double'")

    assert "not written yet" not in said(capsys, "double", unsupported)


def test_answer_that_is_no_function(task, capsys) -> None:
    assert "check is given Tensor; give it your function" in said(capsys, "double", torch.ones(1))


def test_class_as_answer_reports_its_line(task, capsys) -> None:
    class Broken:
        def __init__(self, x):
            raise KeyError("here")

    assert "KeyError: 'here', in the line: raise KeyError" in said(capsys, "double", Broken)


def test_check_leaves_the_random_numbers_alone(task) -> None:
    torch.manual_seed(1)
    want = torch.rand(1)
    torch.manual_seed(1)
    ex.check("double", lambda x: 2 * x + 0 * torch.rand(2))
    assert torch.rand(1) == want


def test_unknown_name_lists_the_nearest(task) -> None:
    with pytest.raises(ValueError, match=r"unknown exercise 'doubel'. Nearest: .*double"):
        ex.check("doubel", double)


def test_two_exercises_of_one_name_are_refused(task) -> None:
    def other(f) -> None: ...

    other.__module__ = "elsewhere"
    with pytest.raises(ValueError, match="two exercises are named 'double'"):
        ex.register(ex.Exercise("double", double, other, (), ()))


def test_hints_climb(task, capsys) -> None:
    ex.hint("double")
    ex.hint("double")
    ex.hint("double")
    ex.hint("double", 1)
    last = "\nThis was the last hint; the folded solution is below the exercise."
    out = ["Hint 1 of 2: Add.", "Hint 2 of 2: x + x" + last, "Hint 2 of 2: x + x" + last, "Hint 1 of 2: Add.\n"]
    assert capsys.readouterr().out == "\n".join(out)


def test_hint_that_is_not_there(task) -> None:
    with pytest.raises(ValueError, match="level is 3; double has the hints 1 to 2"):
        ex.hint("double", 3)


@pytest.mark.parametrize(
    "got, words",
    [
        ([1.0], "r is list; a tensor is expected"),
        (torch.ones(3), r"r has shape \[3\]; \[2\] is expected"),
        (torch.tensor([1.0, torch.nan]), "r holds NaN"),
        (torch.tensor([1.0, 2.0]), "r is off by up to 1: 2 where 1 is expected"),
    ],
)
def test_close_says_what_differs(got, words: str) -> None:
    with pytest.raises(ex.Mistake, match=words):
        ex.close(got, torch.ones(2), "r")


def test_close_prefers_the_reason() -> None:
    with pytest.raises(ex.Mistake, match="^the sign is wrong$"):
        ex.close(-torch.ones(2), torch.ones(2), why="the sign is wrong")


def touch_mode(net):
    net.eval()


def touch_gradient(net):
    net(torch.ones(1, 2)).sum().backward()


def touch_weights(net):
    net.weight.data += 1


def touch_flags(net):
    net.requires_grad_(False)


def touch_hooks(net):
    net.register_forward_hook(lambda *_: None)


@pytest.mark.parametrize(
    "touch, words",
    [
        (touch_mode, "its mode"),
        (touch_gradient, "its parameters now hold gradients"),
        (touch_weights, "its weights changed"),
        (touch_flags, "its parameters' requires_grad changed"),
        (touch_hooks, "its hooks changed"),
    ],
)
def test_untouched_sees_changes_of_a_model(touch, words: str) -> None:
    net = torch.nn.Linear(2, 2)
    with pytest.raises(ex.Mistake, match=f"net is not as it was: .*{words}"), ex.untouched(net=net):
        touch(net)


def test_untouched_lets_reading_pass() -> None:
    net, x = torch.nn.Linear(2, 2), torch.ones(1, 2)
    with ex.untouched(net=net, x=x):
        net(x)


def test_untouched_sees_a_gradient_on_the_input() -> None:
    x = torch.ones(2)
    with pytest.raises(ex.Mistake, match="x now asks for gradients"), ex.untouched(x=x):
        x.requires_grad_(True)


@torch.no_grad()
def decorated(x):
    """Shown."""
    return x


def test_source_leaves_decorators_out() -> None:
    text = ex.source(decorated)
    assert text == 'def decorated(x):\n    """Shown."""\n    return x'
    assert repr(text) == str(text) and text._repr_markdown_() == f"```python\n{text}\n```"


def test_source_of_a_builtin() -> None:
    with pytest.raises(ValueError, match="no Python source to show"):
        ex.source(len)
