"""Exercises: every checker accepts its reference and names each committed mistake; and how check, hint and source work."""

from __future__ import annotations

import functools
import re

import nbformat
import pytest
import torch

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


@pytest.mark.parametrize("touch", [touch_mode, touch_gradient, touch_weights, touch_flags, touch_hooks])
def test_untouched_sees_changes_of_a_model(touch) -> None:
    net = torch.nn.Linear(2, 2)
    with pytest.raises(ex.Mistake, match="net is not as it was"), ex.untouched(net=net):
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
