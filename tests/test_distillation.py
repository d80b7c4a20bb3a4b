"""Defensive distillation: the softmax, the two trainings, what they leave alone, and the facts that chapter 19 rests on."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from course_utils import attacks, data, defenses, measure, models, runtime, training
from course_utils.defenses import distillation
from course_utils.runtime import generator
from tests.test_attacks import small, some

stable = settings(deadline=None, max_examples=40, derandomize=True)


def lesson(count: int = 400) -> tuple[Tensor, Tensor]:
    x, y, *_ = data.load("digits", "train", count, source="drawn")
    return x, y


def thin(seed: int = 0) -> nn.Sequential:
    net = nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(196, 32), nn.ReLU(), nn.Linear(32, 10))
    return distillation.anew(net, seed)


# ---------------------------------------------------------------- the softmax


@stable
@given(st.integers(0, 10_000), st.floats(1e-38, 1e6), st.floats(1e-3, 1e5))
def test_probabilities_at_every_temperature(seed: int, temperature: float, size: float) -> None:
    z = size * torch.randn(3, 5, generator=generator(seed))
    p, exact = defenses.softened(z, temperature), ((z.double() - z.double().amax(1, keepdim=True)) / temperature).softmax(1)
    assert torch.allclose(p.double(), exact, atol=1e-5) and torch.allclose(p.sum(1), torch.ones(3), atol=1e-5)
    assert torch.equal(p.argmax(1), z.argmax(1)) or p.std() < 1e-6


def test_both_limits() -> None:
    z = torch.tensor([[3.0, -1, 2.5, 0], [2, 2, 1, 0]])
    assert torch.allclose(defenses.softened(z, 1e-9), torch.tensor([[1.0, 0, 0, 0], [0.5, 0.5, 0, 0]]))
    assert torch.allclose(defenses.softened(z, 1e9), torch.full((2, 4), 0.25))


def test_soft_labels_are_the_model_s_probabilities_and_leave_it_as_it_was() -> None:
    net, x = small().train(), some()
    state = copy.deepcopy(net.state_dict())
    soft = defenses.soft_labels(net, x, 7.0)
    assert net.training and all(torch.equal(value, state[key]) for key, value in net.state_dict().items()) and not soft.requires_grad
    assert torch.allclose(soft, (runtime.logits(net, x) / 7).softmax(1), atol=1e-6)


def test_pictures_may_be_bytes_as_in_training() -> None:
    x = (255 * lesson(20)[0]).round().byte()
    assert torch.allclose(defenses.soft_labels(thin(), x, 3.0), defenses.soft_labels(thin(), x.float() / 255, 3.0))
    assert runtime.logits(defenses.distill(thin(), x, temperature=3.0, epochs=1), x.float() / 255).isfinite().all()


@pytest.mark.parametrize("soft", [False, True])
def test_the_loss_at_a_temperature(soft: bool) -> None:
    net, x, y = small(), some(), torch.tensor([0, 3, 1])
    goal = F.one_hot(y, 4).float() * 0.7 + 0.075 if soft else y
    share = goal if soft else F.one_hot(y, 4).float()
    want = -(share * (net(x) / 30).log_softmax(1)).sum(1).mean()
    assert torch.allclose(defenses.at_temperature(30)(net, x, goal), want, atol=1e-6)


# ---------------------------------------------------------------- the trainings


def test_a_student_is_as_right_as_its_teacher_and_its_logits_grow_with_the_temperature() -> None:
    x, y = lesson()
    held, its, *_ = data.load("digits", "test", 200, source="drawn")
    students = {t: defenses.distill(thin(), x, y, temperature=t, epochs=12, batch_size=32) for t in (1, 100)}
    right = {t: measure.accuracy(net, held, its) for t, net in students.items()}
    size = {t: runtime.logits(net, held).abs().mean() for t, net in students.items()}
    assert min(right.values()) > 0.6 and 50 < size[100] / size[1] < 200
    fooled = {t: measure.success_rate(net, attacks.fgsm(net, held, its, eps=0.25), its, x=held) for t, net in students.items()}
    assert fooled[100] < 0.5 * fooled[1]
    warm = defenses.Scaled(students[100], 0.01)
    assert measure.success_rate(students[100], attacks.fgsm(warm, held, its, eps=0.25), its, x=held) > 0.9 * fooled[1]


@pytest.mark.parametrize("temperature", [20, 100])
def test_an_ordinary_teacher_gives_a_student_with_ordinary_logits(temperature: int) -> None:
    """Its soft labels at T are all near a tenth; the student learns from them all the same."""
    teacher, (x, _), held = models.load("stridenet-digits"), lesson(600), data.load("digits", "test", 200, source="drawn")
    before = copy.deepcopy(teacher.state_dict())
    student = defenses.distill(teacher, x, temperature=temperature, student=thin(1), epochs=20)
    assert all(torch.equal(value, before[key]) for key, value in teacher.state_dict().items())
    assert measure.accuracy(student, held.x, held.y) > 0.7
    assert runtime.logits(student, held.x).abs().mean() < 3 * runtime.logits(teacher, held.x).abs().mean()


def test_student_and_teacher_have_one_architecture_and_other_weights() -> None:
    x, y = lesson(64)
    teacher = thin(3)
    student = defenses.distill(teacher, x, temperature=5.0, epochs=1)
    shapes = [[tuple(p.shape) for p in net.parameters()] for net in (teacher, student)]
    assert shapes[0] == shapes[1] and type(student) is type(teacher) and not student.training
    assert not any(torch.equal(a, b) for a, b in zip(teacher.parameters(), student.parameters()))
    mine = thin(4)
    assert defenses.distill(teacher, x, temperature=5.0, student=mine, epochs=1) is mine, "a given student is trained in place"


def test_one_seed_gives_one_student_and_the_seeds_of_others_are_left_alone() -> None:
    x, y = lesson(64)
    net, before = thin(), torch.get_rng_state()
    runs = [defenses.distill(net, x, y, temperature=9.0, epochs=1, seed=seed)[4].weight for seed in (1, 1, 2)]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2])


def test_a_training_that_was_killed_goes_on(tmp_path) -> None:
    x, y = lesson(128)
    how = {"temperature": 10.0, "epochs": 3, "batch_size": 32}
    whole = defenses.distill(thin(), x, y, **how)

    class Killed(Exception):
        pass

    seen = []

    def kill(model: nn.Module) -> float:
        seen.append(0)
        if len(seen) == 5:  # in the student's second epoch
            raise Killed
        return 0.0

    with pytest.raises(Killed):
        defenses.distill(thin(), x, y, evaluate=kill, resume=tmp_path / "run", **how)
    again = defenses.distill(thin(), x, y, evaluate=kill, resume=tmp_path / "run", **how)
    assert len(seen) == 7, "only the second and the third epoch of the student are left"
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), again.parameters()))


def test_training_at_a_temperature_is_training_without_one_and_a_factor() -> None:
    """The loss of z = T u at T, and its slope along every weight of u's network, are those of u at 1."""
    x, y = lesson(32)
    u = thin(2)
    z = copy.deepcopy(u)
    distillation.enlarge(z, 50, x[:2])
    assert torch.allclose(z(x), 50 * u(x), rtol=1e-4, atol=1e-3)
    losses = {"u": training.cross_entropy(u, x, y), "z": defenses.at_temperature(50)(z, x, y)}
    slopes = [torch.autograd.grad(loss, net[2].weight)[0] for loss, net in ((losses["u"], u), (losses["z"], z))]
    assert torch.allclose(losses["u"], losses["z"], atol=1e-5) and torch.allclose(slopes[0], slopes[1], atol=1e-5)


def test_a_network_that_does_not_end_in_its_logits_is_refused() -> None:
    x, y = lesson(32)
    with pytest.raises(ValueError, match="ends in its logits"):
        defenses.distill(nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Softmax(1)), x, y, temperature=10.0, epochs=1)
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Softmax(1))
    before = copy.deepcopy(net.state_dict())
    with pytest.raises(ValueError, match="ends in its logits"):
        distillation.enlarge(net, 10.0, x)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items()), "a refused network stays as it was"


def test_weights_that_cannot_be_begun_anew_are_named() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(784, 10))

        def forward(self, x: Tensor) -> Tensor:
            return x.flatten(1) @ self.weight

    with pytest.raises(ValueError, match="Own has weights, but no reset_parameters"):
        distillation.anew(Own())


@pytest.mark.parametrize("temperature", [0, -1.0, float("inf"), float("nan"), "hot"])
def test_a_temperature_is_a_number_above_0(temperature: object) -> None:
    x, y = lesson(8)
    for call in (lambda: defenses.distill(thin(), x, y, temperature=temperature), lambda: defenses.soft_labels(thin(), x, temperature),
                 lambda: defenses.at_temperature(temperature), lambda: defenses.learn_at(thin(), x, y, temperature=temperature, epochs=1)):  # fmt: skip
        with pytest.raises(ValueError, match="temperature is"):
            call()


# ---------------------------------------------------------------- what the chapter rests on


def test_scaling_changes_no_answer_and_hides_the_gradient() -> None:
    net, x = models.load("stridenet-digits"), data.load("digits", "test", 40, source="drawn").x
    sure = defenses.Scaled(net, 100)
    own = runtime.predict(net, x)
    assert torch.equal(runtime.predict(sure, x), own) and torch.allclose(sure(x), 100 * net(x))
    gone = [(attacks.common.input_gradient(model, x, own) == 0).flatten(1).all(1).float().mean() for model in (net, sure)]
    assert gone[0] == 0 and gone[1] > 0.8


def test_the_shipped_distilled_networks_are_right_sure_and_no_farther_from_a_mistake() -> None:
    pictures = data.load("digits", "test", 100, source="drawn")
    plain, student = models.load("stridenet-digits"), models.load("stridenet-digits-distilled")
    right = (runtime.predict(plain, pictures.x) == pictures.y) & (runtime.predict(student, pictures.x) == pictures.y)
    x, y = pictures.x[right], pictures.y[right]
    assert len(x) > 90 and runtime.logits(student, x).abs().mean() > 50 * runtime.logits(plain, x).abs().mean()
    assert measure.success_rate(student, attacks.fgsm(student, x, y, eps=0.25), y) < 0.05 < 0.8 < measure.success_rate(student, attacks.fgsm(defenses.Scaled(student, 0.01), x, y, eps=0.25), y)
    how = {"search": 2, "steps": 40, "rate": 0.1, "edge": 0.02}
    far = [measure.norms(x[:12], attacks.carlini_wagner(net, x[:12], y[:12], c=c, **how)).l2 for net, c in ((plain, 1.0), (student, 0.01))]
    assert far[0].min() > 0 and far[1].min() > 0 and 0.7 < far[1].mean() / far[0].mean() < 1.4
