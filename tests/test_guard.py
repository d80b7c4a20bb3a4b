"""The guarded state in which a student's function runs: what it leaves changed is put back and named, and a time limit ends it."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time

import numpy
import pytest
import torch
import torch.nn.functional as F

from course_utils.checking import Exercise, Mistake, TimeUp, guarded, objection
from course_utils.checking import guard, words
from course_utils.checking.guard import time_limit
from course_utils.places import course_folder


def world() -> tuple:
    """All that must be the same before and after."""
    return (
        *(setting.read() for setting in guard.SETTINGS), torch.get_rng_state().sum().item(), torch.initial_seed(), random.getstate(),
        numpy.random.get_state()[1].tobytes(), F.relu, torch.relu, torch.Tensor.abs, torch.nn.Module.train, numpy.abs, random.random,
    )  # fmt: skip


def replaces(holder, name: str):
    return lambda: setattr(holder, name, lambda *_, **__: 0)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda: torch.set_grad_enabled(False), "gradients are switched off"),
        (lambda: torch.set_default_dtype(torch.float64), "default precision"),
        (lambda: torch.set_default_device("meta"), "default device"),
        (lambda: torch.set_num_threads(torch.get_num_threads() + 1), "number of threads"),
        (lambda: torch.use_deterministic_algorithms(True), "deterministic mode"),
        (lambda: torch.autograd.set_detect_anomaly(True), "anomaly detection"),
        (lambda: torch.set_float32_matmul_precision("medium"), "precision of matrix products"),
        (lambda: setattr(torch.backends.cudnn, "benchmark", not torch.backends.cudnn.benchmark), "cudnn.benchmark"),
        (lambda: torch.manual_seed(0), "sets the seed of torch's random numbers"),
        (lambda: random.seed(0), "sets the seed of Python's random numbers"),
        (lambda: numpy.random.seed(0), "sets the seed of NumPy's random numbers"),
        (replaces(F, "relu"), "replaced torch.nn.functional.relu"),
        (replaces(torch, "relu"), "replaced torch.relu"),
        (replaces(torch.Tensor, "abs"), "replaced torch.Tensor.abs"),
        (replaces(torch.nn.Module, "train"), "replaced torch.nn.Module.train"),
        (replaces(numpy, "abs"), "replaced numpy.abs"),
        (lambda: delattr(F, "relu"), "replaced torch.nn.functional.relu"),
    ],
)
def test_what_is_left_changed_is_named_and_put_back(change, words: str) -> None:
    before = world()
    with pytest.raises(Mistake, match=words), guarded():
        change()
    assert world() == before


def test_it_is_put_back_also_after_an_error() -> None:
    before = world()
    with pytest.raises(KeyError, match="here"), guarded():
        torch.set_grad_enabled(False)
        torch.manual_seed(0)
        raise KeyError("here")
    assert world() == before


def test_what_is_put_back_in_time_is_no_mistake() -> None:
    with guarded(), torch.no_grad():
        torch.rand(3)
        random.random()
        numpy.random.random(100)
        random.shuffle(list(range(50)))


def test_random_numbers_begin_alike_and_the_caller_keeps_its_own() -> None:
    def draw() -> tuple:
        with guarded():
            return torch.rand(1).item(), random.random(), numpy.random.random()

    before = world()
    assert draw() == draw()
    assert world() == before


def forever() -> None:
    k = 0
    while True:
        k += 1


def stubborn() -> None:
    while True:
        try:
            forever()
        except Exception:
            pass


@pytest.mark.parametrize("run", [forever, stubborn, lambda: time.sleep(60)])
def test_a_time_limit_ends_it(run) -> None:
    start = time.monotonic()
    with pytest.raises(TimeUp), time_limit(0.2):
        run()
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("run", [forever, stubborn])
def test_a_time_limit_ends_it_in_another_thread(run) -> None:
    """As on systems without alarms: raised between two steps of Python."""
    ended = []

    def work() -> None:
        try:
            with time_limit(0.2):
                run()
        except TimeUp:
            ended.append(True)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(20)
    assert ended == [True]
    sys.setprofile(lambda *_: None)  # a profiler works afterwards
    try:
        assert sum(map(abs, range(3))) == 3
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize("main", [True, False])
def test_a_module_is_loaded_to_its_end(main: bool, tmp_path, monkeypatch) -> None:
    """Else it would stay half loaded for the rest of the session; after it the limit holds."""
    (tmp_path / "slow_module.py").write_text("import time\nfor _ in range(8):\n    time.sleep(0.1)\nend = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "slow_module", raising=False)
    ended = []

    def work() -> None:
        try:
            with time_limit(0.2):
                import slow_module

                ended.append(slow_module.end)
                forever()
        except TimeUp:
            ended.append("up")

    thread = threading.Thread(target=work, daemon=True)
    work() if main else (thread.start(), thread.join(20))
    assert ended == [True, "up"]


def test_the_time_limit_leaves_other_alarms_alone() -> None:
    rang = []
    own = signal.signal(signal.SIGALRM, lambda *_: rang.append(True))
    try:
        signal.setitimer(signal.ITIMER_REAL, 30)
        with time_limit(5):
            pass
        assert 20 < signal.getitimer(signal.ITIMER_REAL)[0] <= 30
        assert signal.getsignal(signal.SIGALRM)(0, None) is None and rang == [True]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, own)


def test_quick_work_is_not_disturbed() -> None:
    for _ in range(50):
        with time_limit(5):
            pass
    time.sleep(0.01)


# ---------------------------------------------------------------- through a check


def halve(x: torch.Tensor) -> torch.Tensor:
    """Half of x."""
    return x / 2


TASK = Exercise("halve", halve, lambda: [{"x": torch.tensor([1.0, -2.0])}], hints=())


def said(answer) -> str:
    return objection(TASK, answer) or "accepted"


def test_an_endless_loop_is_named_with_its_line(monkeypatch) -> None:
    monkeypatch.setattr(guard, "SECONDS", 0.3)

    def endless(x):
        k = 0
        while k < 10:
            x = x + 0  # k never grows
        return x

    message = said(endless)
    assert "still running after 0.3 seconds; does a loop never end? It was in the line: " in message
    assert "while k < 10" in message or "k never grows" in message


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), GeneratorExit()])
def test_nothing_escapes_from_an_answer(error: BaseException) -> None:
    def leaves(x):
        raise error  # the line

    assert f"your code raised {type(error).__name__}" in said(leaves) and "raise error  # the line" in said(leaves)


def switches_gradients_off(x):
    torch.set_grad_enabled(False)
    return x / 2


def test_gradients_switched_off_are_named_and_on_again() -> None:
    assert "after your function gradients are switched off" in said(switches_gradients_off)
    assert torch.is_grad_enabled()


def test_prints_are_shown_once(capsys) -> None:
    def talks(x):
        print("hello")
        return x / 2

    assert said(talks) == "accepted"
    assert capsys.readouterr().out == "hello\n"


def left_in(x):
    y = x / 2
    raise NotImplementedError  # your code here
    return y


def untouched_stub(x):
    """Half of x."""
    raise NotImplementedError  # your code here


def test_a_stub_whose_line_was_left_in_is_told_from_an_empty_one() -> None:
    assert "the line `raise NotImplementedError` is still in your function" in said(left_in)
    assert said(untouched_stub) == "Exercise halve: not written yet; going on with the course's own version."


# ---------------------------------------------------------------- errors in words

NET = torch.nn.Linear(2, 2)


def leaf() -> torch.Tensor:
    return torch.ones(2, requires_grad=True)


def tuple_kept(x):
    z = x.clone().requires_grad_()
    return torch.autograd.grad(z.sum(), z).abs()


def tuple_negated(x):
    z = x.clone().requires_grad_()
    return -torch.autograd.grad(z.sum(), z)


def tuple_added(x):
    z = x.clone().requires_grad_()
    return x + torch.autograd.grad(z.sum(), z)


def no_leaf(x):
    z = 2 * x.clone().requires_grad_()
    z.sum().backward()
    return z.grad.sign()


def used_twice(x):
    z = x.clone().requires_grad_()
    total = z.square().sum()
    torch.autograd.grad(total, z)
    return torch.autograd.grad(total, z)[0]


def leaf_in_place(x):
    z = x.clone().requires_grad_()
    z += 1
    return z


def changed_in_between(x):
    z = x.clone().requires_grad_()
    y = z.exp()
    value = y.sum()
    y.mul_(2)
    return torch.autograd.grad(value, z)[0]


def flag_of_computed(x):
    z = 2 * x.clone().requires_grad_()
    return z.requires_grad_(False)


@pytest.mark.parametrize(
    "answer, sentence",
    [
        (tuple_kept, "torch.autograd.grad gives a tuple"),
        (tuple_negated, "torch.autograd.grad gives a tuple"),
        (tuple_added, "torch.autograd.grad gives a tuple"),
        (no_leaf, "x.grad is None where x is not a leaf"),
        (lambda x: torch.autograd.grad(x.sum(), x)[0], "nothing asks for a gradient here"),
        (lambda x: x.sum().backward(), "nothing asks for a gradient here"),
        (lambda x: torch.autograd.grad(leaf().sum(), leaf())[0], "was not computed from the x that you differentiate"),
        (lambda x: torch.autograd.grad(2 * (z := x.clone().requires_grad_()), z)[0], "add up the batch first"),
        (used_twice, "the graph was used up"),
        (leaf_in_place, "changed in place while its gradient"),
        (changed_in_between, "changed in place while its gradient"),
        (flag_of_computed, "this tensor was computed from others"),
        (lambda x: x.clone().requires_grad_().numpy(), ".detach() first"),
        (lambda x: torch.ones(2, 3).T.view(6), "use .reshape or .flatten"),
        (lambda x: torch.ones(2, 2, dtype=torch.float64) @ x, "two precisions meet"),
        (lambda x: x.item(), ".item() is for one number"),
        (lambda x: x if x > 0 else -x, "an `if` needs one truth value"),
        (lambda x: x.gather(0, x), "an index must be of whole numbers"),
        (lambda x: x.sum(3), "fewer axes than you think"),
        (lambda x: x[None].gather(1, torch.tensor([0])), "the index of gather needs as many axes"),
        (lambda x: x[None].gather(1, torch.zeros(2, 1, dtype=torch.long)), "the index of gather does not fit"),
        (lambda x: F.cross_entropy(torch.tensor([[0, 1]]), x[None]), "F.cross_entropy takes the scores first"),
        (lambda x: torch.nn.Conv2d(3, 1, 1)(x.reshape(1, 1, 1, 2)), "is another network called than the one that is given"),
        (lambda x: x + torch.ones(3), "two shapes do not fit together"),
    ],
)
def test_errors_of_torch_are_translated(answer, sentence: str) -> None:
    message = said(answer)
    assert sentence in message and "(Your code raised " in message, message


def test_every_meaning_is_tried() -> None:
    """Each entry of the table is met by an error above, except two devices, which one machine may not have."""
    import re

    met = set()
    for answer, _ in test_errors_of_torch_are_translated.pytestmark[0].args[1]:
        try:
            answer(torch.tensor([1.0, -2.0]))
        except Exception as error:
            met.add(next((pattern for pattern, _ in words.MEANINGS if re.search(pattern, str(error))), None))
    missing = {pattern for pattern, _ in words.MEANINGS} - met
    assert len(missing) == 1 and "same device" in missing.pop()


def test_a_wrap_of_torchs_own_is_no_replacement() -> None:
    """torch wraps torch.manual_seed when vmap is first used; a right answer with vmap must pass in a fresh process, too."""
    code = """
import torch
from course_utils.checking import guarded
before = torch.manual_seed
with guarded(60):
    torch.func.vmap(torch.func.grad(lambda v: v.sin().sum()))(torch.rand(2, 3))
    import torch._dynamo
print(torch.manual_seed is not before)
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=course_folder(), capture_output=True, text=True, check=True)
    assert ran.stdout == "True\n"
