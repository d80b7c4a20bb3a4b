"""The one-step attacks: what holds for every picture, against independent computations, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from course_utils import data, models, runtime
from course_utils.attacks import fgsm, fgv, random_sign
from course_utils.attacks.common import attacking, input_gradient, within
from course_utils.measure import accuracy
from course_utils.models import Normalized
from course_utils.runtime import generator

ATTACKS: dict[str, Callable[..., Tensor]] = {"fgsm": fgsm, "fgv": fgv}
every_attack = pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU (CUDA), and there is none here")
every_device = pytest.mark.parametrize("where", ["cpu", pytest.param("cuda", marks=needs_cuda)])
every_precision = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
stable = settings(deadline=None, max_examples=25, derandomize=True)
CLASSES = 4


def small(seed: int = 0, inplace: bool = True) -> nn.Module:
    """A network with its normalizer, batch statistics and dropout inside, so that a wrong mode would show."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace), nn.Conv2d(6, 6, 3, stride=2),
            nn.ReLU(inplace), nn.Dropout(0.5), nn.Flatten(), nn.Linear(6 * 3 * 4, CLASSES),
        )  # fmt: skip
        net[1].running_mean.uniform_(-0.2, 0.2)
        net[1].running_var.uniform_(0.5, 1.5)
    return Normalized(net, (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)).eval()


def some(count: int = 3, seed: int = 1, dtype: torch.dtype = torch.float32) -> Tensor:
    """Pictures 3x8x10; some pixels are exactly black or white."""
    x = torch.rand(count, 3, 8, 10, generator=generator(seed), dtype=torch.float64)
    return (1.2 * x - 0.1).clamp(0, 1).to(dtype)


def labels(count: int = 3, seed: int = 2) -> Tensor:
    return torch.randint(CLASSES, (count,), generator=generator(seed))


def rounding(x: Tensor) -> float:
    """How far a pixel in [0, 1] may be off by rounding alone."""
    return 2 * torch.finfo(x.dtype).eps


def in_any_state(choice: st.DataObject) -> nn.Module:
    """`small()` with whatever mixture of modes, frozen parameters and gradients."""
    model = small()
    for module in model.modules():
        module.training = choice.draw(st.booleans())
    for parameter in model.parameters():
        parameter.requires_grad_(choice.draw(st.booleans()))
        parameter.grad = torch.ones_like(parameter) if choice.draw(st.booleans()) else None
    return model


# ---------------------------------------------------------------- what holds for every picture


@st.composite
def cases(draw: st.DrawFn) -> tuple[nn.Module, Tensor, Tensor | None, dict]:
    """A network, pictures, labels or none, and the options of an attack."""
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    count, seed = draw(st.integers(1, 5)), draw(st.integers(0, 10_000))
    eps = draw(st.one_of(st.sampled_from([0.0, 1e-6, 0.007, 0.25, 1.0, 5.0]), st.floats(0, 1)))
    y = labels(count, seed) if draw(st.booleans()) else None
    targeted = y is not None and draw(st.booleans())
    return small(seed).to(dtype), some(count, seed, dtype), y, {"eps": eps, "targeted": targeted}


@every_attack
@stable
@given(case=cases())
def test_the_result_is_in_the_budget_in_the_range_and_like_the_input(attack: Callable, case: tuple) -> None:
    model, x, y, options = case
    clean = x.clone()
    found = attack(model, x, y, **options)
    assert (found - x).abs().max() <= options["eps"] + rounding(x)
    assert found.min() >= 0 and found.max() <= 1
    assert (found.shape, found.dtype, found.device) == (x.shape, x.dtype, x.device)
    assert not found.requires_grad and found.grad_fn is None
    assert torch.equal(x, clean) and found.data_ptr() != x.data_ptr(), "the given pictures are not touched"


@every_attack
@stable
@given(case=cases())
def test_a_batch_gives_what_its_pictures_give_alone(attack: Callable, case: tuple) -> None:
    model, x, y, options = case
    whole = attack(model, x, y, **options)
    alone = [attack(model, x[i : i + 1], None if y is None else y[i : i + 1], **options) for i in range(len(x))]
    differing = (whole - torch.cat(alone)).abs() > 1e-4 * max(options["eps"], 1e-3)
    assert differing.sum() <= (1 if x.dtype == torch.float32 else 0), "but for a slope that is 0 within rounding"


@every_attack
@stable
@given(seed=st.integers(0, 10_000), targeted=st.booleans(), double=st.booleans())
def test_without_a_budget_nothing_changes(attack: Callable, seed: int, targeted: bool, double: bool) -> None:
    dtype = torch.float64 if double else torch.float32
    x = some(3, seed, dtype)
    assert torch.equal(attack(small(seed).to(dtype), x, labels(3, seed), eps=0, targeted=targeted), x)


@every_attack
@stable
@given(seed=st.integers(0, 10_000))
def test_without_labels_it_is_the_predicted_class(attack: Callable, seed: int) -> None:
    model, x = small(seed), some(3, seed)
    own = model(x).argmax(1)
    assert torch.equal(attack(model, x, eps=0.1), attack(model, x, own, eps=0.1))
    assert not torch.equal(attack(model, x, eps=0.1), attack(model, x, (own + 1) % CLASSES, eps=0.1))


def trace(model: nn.Module) -> list:
    """All of a model that an attack must leave as it was."""
    hooks = [(m._forward_hooks, m._forward_pre_hooks, m._backward_hooks, m._backward_pre_hooks) for m in model.modules()]
    return [
        [module.training for module in model.modules()],
        [parameter.requires_grad for parameter in model.parameters()],
        [parameter.grad if parameter.grad is None else parameter.grad.tolist() for parameter in model.parameters()],
        [tensor.tolist() for tensor in (*model.parameters(), *model.buffers())],
        [[list(kind.items()) for kind in kinds] for kinds in hooks],
        [module.inplace for module in model.modules() if isinstance(module, nn.ReLU)],
    ]


@every_attack
@stable
@given(data=st.data())
def test_the_model_comes_back_as_it_was(attack: Callable, data: st.DataObject) -> None:
    """Whatever mixture of modes, frozen parameters, gradients and hooks it had."""
    model, x = in_any_state(data), some()
    seen = []
    model.model[0].register_forward_hook(lambda *_: seen.append("hook"))
    before, pictures = trace(model), x.clone().requires_grad_()
    found = attack(model, pictures, labels(), eps=0.1)
    assert trace(model) == before and pictures.grad is None and pictures.requires_grad
    assert seen == ["hook"], "one forward pass, with the caller's own hook"
    assert torch.equal(found, attack(small(), x, labels(), eps=0.1)), "modes and frozen parameters change nothing"


@every_attack
def test_the_model_comes_back_as_it_was_after_an_error(attack: Callable) -> None:
    model = small().train()
    before = trace(model)
    with pytest.raises(ValueError, match="the model has 4 classes"):
        attack(model, some(), torch.tensor([0, 1, 4]), eps=0.1)
    assert trace(model) == before


@every_attack
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
@pytest.mark.parametrize("eps", [0.1, 0.007, 0.03, 0.25])
def test_in_half_precision_rounding_does_not_break_the_budget(attack: Callable, dtype: torch.dtype, eps: float) -> None:
    """x + 0.1 in bfloat16 is up to 0.1016 away from x."""
    model, x = small().to(dtype), some(4, dtype=dtype)
    for found in (attack(model, x, labels(4), eps=eps), random_sign(x, eps=eps)):
        assert found.dtype == dtype and found.min() >= 0 and found.max() <= 1
        change = (found.double() - x.double()).abs()
        assert 0.5 * eps < change.max() <= eps * (1 + 1e-6)


class Reads:
    """Counts how often a tensor is read by the host: on a GPU each of these waits for all that was queued."""

    WAYS = ("item", "tolist", "__bool__", "__int__", "__float__", "__index__", "numpy", "cpu", "nonzero")

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[str] = []
        for way in self.WAYS:
            monkeypatch.setattr(Tensor, way, self.counted(way, getattr(Tensor, way)))

    def counted(self, way: str, real: Callable) -> Callable:
        def read(tensor: Tensor, *args, **kwargs):
            self.seen.append(way)
            return real(tensor, *args, **kwargs)

        return read


@every_attack
@pytest.mark.parametrize("given", [True, False], ids=["labels", "own prediction"])
def test_an_attack_reads_from_the_device_once_and_a_step_never(attack: Callable, given: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    model, x, y = small(), some(), labels() if given else None
    reads = Reads(monkeypatch)
    attack(model, x, y, eps=0.1)
    assert reads.seen == ["tolist"], "pictures and labels are checked together, at the border"
    with attacking(model, x, y) as (x, chosen):
        reads.seen.clear()
        moved = x
        for _ in range(5):
            moved = within(moved + 0.02 * input_gradient(model, moved, chosen).sign(), x, 0.05)
    assert reads.seen == []


def test_repeated_steps_keep_the_budget_and_the_first_prediction() -> None:
    model, x = small(), some(5)
    own, sign = model(x).argmax(1), 0.04
    with attacking(model, x, None) as (x, chosen):
        moved = expected = x
        for _ in range(6):
            moved = within(moved + sign * input_gradient(model, moved, chosen).sign(), x, 0.1)
            expected = expected + sign * input_gradient(model, expected, own).sign()
            expected = torch.minimum(torch.maximum(expected, x - 0.1), x + 0.1).clamp(0, 1)
    assert torch.equal(moved, expected) and (model(moved).argmax(1) != own).any()
    assert (moved - x).abs().max() <= 0.1 + rounding(x)


# ---------------------------------------------------------------- against independent computations


def numpy_slope(x: np.ndarray, y: np.ndarray, weights: list[np.ndarray], mean: float, std: float) -> tuple[np.ndarray, np.ndarray]:
    """Loss and slope of J = cross-entropy of W2 relu(W1 z + b1) + b2 with z = (x - mean) / std, differentiated by hand."""
    first, bias, second, other = weights
    hidden = ((x - mean) / std) @ first.T + bias
    scores = np.maximum(hidden, 0) @ second.T + other
    shifted = np.exp(scores - scores.max(1, keepdims=True))
    share = shifted / shifted.sum(1, keepdims=True)
    above = share - np.eye(share.shape[1])[y]
    return -np.log(share[np.arange(len(y)), y]), ((above @ second) * (hidden > 0)) @ first / std


@every_precision
@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("eps", [0.007, 0.25])
def test_against_a_network_differentiated_by_hand(dtype: torch.dtype, targeted: bool, eps: float) -> None:
    random = np.random.default_rng(0)
    weights = [random.normal(size=s) / 3 for s in ((12, 30), (12,), (5, 12), (5,))]
    net = nn.Sequential(nn.Flatten(), nn.Linear(30, 12), nn.ReLU(True), nn.Linear(12, 5))
    for parameter, value in zip(net.parameters(), weights):
        parameter.data = torch.from_numpy(value)
    model = Normalized(net, 0.3, 0.5).to(dtype)
    x = torch.from_numpy(random.random((6, 2, 3, 5))).to(dtype)
    y = torch.from_numpy(random.integers(0, 5, 6))
    flat = x.double().numpy().reshape(6, -1)
    # The buffers hold 0.3 in single precision, so the numbers by hand use the same.
    _, slope = numpy_slope(flat, y.numpy(), weights, float(np.float32(0.3)), 0.5)
    assert np.abs(slope).min() > 1e-6, "no sign is decided by rounding"
    sign = -1 if targeted else 1
    near = 1e-12 if dtype == torch.float64 else 1e-6
    for attack, step in ((fgsm, np.sign(slope)), (fgv, slope / np.abs(slope).max(1, keepdims=True))):
        expected = np.clip(flat + sign * eps * step, 0, 1)
        found = attack(model, x, y, eps=eps, targeted=targeted).double().numpy().reshape(6, -1)
        assert np.abs(found - expected).max() < near


def test_against_finite_differences() -> None:
    """Convolutions, batch statistics and in-place ReLUs: the loss itself, in double precision, at both sides of a pixel."""
    model, x, y, step = small().double(), some(2, dtype=torch.float64), torch.tensor([1, 3]), 1e-6
    nudges = step * torch.eye(x[0].numel(), dtype=torch.float64).view(-1, *x.shape[1:])

    def loss(pictures: Tensor, label: Tensor) -> Tensor:
        with torch.no_grad():
            scores = model(pictures)
        return scores.exp().sum(1).log() - scores[:, label]

    slope = torch.stack([(loss(p + nudges, k) - loss(p - nudges, k)) / (2 * step) for p, k in zip(x, y)]).view_as(x)
    clear = slope.abs() > 1e-6 * slope.abs().max()
    assert clear.float().mean() > 0.9
    expected = (x + 0.1 * slope.sign()).clamp(0, 1)
    assert torch.equal(fgsm(model, x, y, eps=0.1)[clear], expected[clear])
    largest = slope.abs().flatten(1).amax(1)[:, None, None, None]
    assert torch.allclose(fgv(model, x, y, eps=0.1), (x + 0.1 * slope / largest).clamp(0, 1), atol=1e-7)


@every_attack
@every_precision
def test_the_loss_goes_up_and_towards_a_target_down(attack: Callable, dtype: torch.dtype) -> None:
    model, x, y = small().to(dtype), some(8, dtype=dtype), labels(8)
    loss = lambda pictures: nn.functional.cross_entropy(model(pictures), y, reduction="none").detach()  # noqa: E731
    assert (loss(attack(model, x, y, eps=0.003)) > loss(x)).all()
    assert (loss(attack(model, x, y, eps=0.003, targeted=True)) < loss(x)).all()


def test_fgsm_moves_every_pixel_and_fgv_only_the_strongest_by_eps() -> None:
    model, x, y = small().double(), some(3, dtype=torch.float64) * 0.5 + 0.25, labels()
    change = (fgsm(model, x, y, eps=0.1) - x).abs()
    assert torch.allclose(change, torch.full_like(change, 0.1))
    change = (fgv(model, x, y, eps=0.1) - x).abs().flatten(1)
    assert torch.allclose(change.amax(1), torch.full((3,), 0.1, dtype=torch.float64))
    assert ((change > 0.099).sum(1) < 5).all() and change.median() < 0.05


@every_attack
def test_where_the_loss_is_flat_there_is_no_step(attack: Callable) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(240, CLASSES)).requires_grad_(False)
    model[1].weight.zero_()
    assert torch.equal(attack(model, some(), labels(), eps=0.3), some())


# ---------------------------------------------------------------- however the model is given


@every_attack
@every_device
def test_on_every_device_the_result_stays_there(attack: Callable, where: str) -> None:
    model, x = small().double().to(where), some(dtype=torch.float64).to(where)
    found = attack(model, x, labels().to(where), eps=0.05)
    assert found.device == x.device
    expected = attack(small().double(), some(dtype=torch.float64), labels(), eps=0.05)
    assert ((found.cpu() - expected).abs() > 1e-6).float().mean() < 0.01


@needs_cuda
@every_attack
def test_labels_left_on_the_cpu_are_named(attack: Callable) -> None:
    with pytest.raises(ValueError, match="y is on cpu but the pictures are on cuda:0"):
        attack(small().cuda(), some().cuda(), labels(), eps=0.1)


@every_attack
def test_gradients_switched_off_by_the_caller(attack: Callable) -> None:
    expected = attack(small(), some(), labels(), eps=0.1)
    with torch.no_grad():
        assert torch.equal(attack(small(), some(), labels(), eps=0.1), expected)
        assert not torch.is_grad_enabled()


@every_attack
def test_inside_inference_mode(attack: Callable) -> None:
    expected = attack(small(), some(), labels(), eps=0.1)
    net = small()
    with torch.inference_mode():
        assert torch.equal(attack(net, some(), labels(), eps=0.1), expected)
        assert torch.is_inference_mode_enabled()


@every_attack
def test_a_model_in_train_mode_is_attacked_in_eval_mode_and_given_back(attack: Callable) -> None:
    model = small().train()
    model.model[1].eval()
    assert torch.equal(attack(model, some(), labels(), eps=0.1), attack(small(), some(), labels(), eps=0.1))
    assert model.training and model.model[5].training and not model.model[1].training
    assert model.model[1].num_batches_tracked == 0


@every_attack
def test_frozen_parameters_are_fine(attack: Callable) -> None:
    model = small().requires_grad_(False)
    assert torch.equal(attack(model, some(), labels(), eps=0.1), attack(small(), some(), labels(), eps=0.1))
    assert not any(parameter.requires_grad for parameter in model.parameters())


@every_attack
def test_in_place_relus_change_nothing(attack: Callable) -> None:
    first = nn.Sequential(nn.ReLU(True), small().model)  # the first layer would write into the pictures themselves
    x = some()
    found = attack(Normalized(first, 0.5, 0.25).eval(), x, labels(), eps=0.1)
    same = Normalized(nn.Sequential(nn.ReLU(False), small(inplace=False).model), 0.5, 0.25).eval()
    assert torch.equal(found, attack(same, x, labels(), eps=0.1)) and torch.equal(x, some())


@every_attack
def test_a_first_step_in_place_leaves_the_pictures_alone(attack: Callable) -> None:
    x = some()
    found = attack(nn.Sequential(nn.Hardtanh(0.2, 0.8, inplace=True), small()), x, eps=0.1)
    assert torch.equal(found, attack(nn.Sequential(nn.Hardtanh(0.2, 0.8), small()), x, eps=0.1))
    assert torch.equal(x, some())


@every_attack
def test_a_model_without_weights_takes_any_precision(attack: Callable) -> None:
    class Means(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.mean((2, 3))

    for dtype in (torch.float32, torch.float64):
        found = attack(Means(), some(dtype=dtype), torch.tensor([0, 1, 2]), eps=0.1)
        assert found.dtype == dtype and (found[0, 0] <= some(dtype=dtype)[0, 0]).all()


@every_attack
def test_several_threads_attack_one_model(attack: Callable) -> None:
    model, batches = small().train(), [some(2, seed) for seed in range(24)]
    before = trace(model)
    expected = [attack(model, x, eps=0.1) for x in batches]
    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(lambda x: attack(model, x, eps=0.1), batches))
    assert all(map(torch.equal, found, expected)) and trace(model) == before


# ---------------------------------------------------------------- bad input


@every_attack
@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda x: x + 1, r"x holds pixels from 1 to 2; pixels in \[0, 1\] are expected", id="above 1"),
        pytest.param(lambda x: x - 0.5, r"x holds pixels from -0.5 to 0.5; pixels in \[0, 1\]", id="below 0"),
        pytest.param(lambda x: x.where(x < x.max(), torch.nan), "x holds NaN", id="NaN"),
        pytest.param(lambda x: x[0], r"x has 3 dimensions, shape \[3, 8, 10\].*use x\[None\]", id="one picture"),
        pytest.param(lambda x: x[None], "x has 5 dimensions", id="five dimensions"),
        pytest.param(lambda x: x[:0], "x is an empty batch", id="empty batch"),
        pytest.param(lambda x: (255 * x).byte(), "x holds torch.uint8; .* Divide bytes by 255", id="bytes"),
        pytest.param(lambda x: x.numpy(), "x is a ndarray; a torch tensor", id="an array"),
        pytest.param(lambda x: x.double(), r"x holds torch.float64 but the model computes in torch.float32", id="precision"),
    ],
)
def test_bad_pictures_are_refused(attack: Callable, change: Callable, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        attack(small(), change(some()), labels(), eps=0.1)


@every_attack
@pytest.mark.parametrize(
    ("y", "words"),
    [
        pytest.param(torch.tensor([0, 1, 4]), "y holds labels from 0 to 4; the model has 4 classes: 0 to 3", id="above"),
        pytest.param(torch.tensor([0, -1, 3]), "y holds labels from -1 to 3", id="below"),
        pytest.param(torch.tensor([0, 1, 2], dtype=torch.int32), r"y holds torch.int32; .* y.long\(\)", id="int32"),
        pytest.param(torch.tensor([0.0, 1.0, 2.0]), "y holds torch.float32", id="floats"),
        pytest.param([0, 1, 2], "y holds list", id="a list"),
        pytest.param(torch.tensor([0, 1]), r"y has shape \[2\]; one label a picture is expected: \[3\]", id="too few"),
        pytest.param(torch.eye(4).long()[:3], r"y has shape \[3, 4\]; one label a picture", id="one-hot"),
        pytest.param(torch.tensor(1), r"y has shape \[\]", id="one number"),
    ],
)
def test_bad_labels_are_refused(attack: Callable, y: Tensor, words: str) -> None:
    for targeted in (False, True):
        with pytest.raises(ValueError, match=words):
            attack(small(), some(), y, eps=0.1, targeted=targeted)


@every_attack
@pytest.mark.parametrize("eps", [-0.1, float("nan"), float("inf")])
def test_bad_budgets_are_refused(attack: Callable, eps: float) -> None:
    with pytest.raises(ValueError, match=f"eps is {eps}; a finite number of at least 0 is expected"):
        attack(small(), some(), labels(), eps=eps)


@every_attack
def test_a_model_on_another_device_is_named(attack: Callable) -> None:
    with pytest.raises(ValueError, match=r"x is on cpu but the model is on meta; move one: x.to\('meta'\)"):
        attack(small().to("meta"), some(), labels(), eps=0.1)


@every_attack
def test_labels_on_another_device_are_named(attack: Callable) -> None:
    with pytest.raises(ValueError, match=r"y is on meta but the pictures are on cpu; move it: y.to\('cpu'\)"):
        attack(small(), some(), labels().to("meta"), eps=0.1)


@every_attack
def test_a_target_is_needed(attack: Callable) -> None:
    with pytest.raises(ValueError, match="targeted=True needs y, the classes that the pictures shall be taken for"):
        attack(small(), some(), eps=0.1, targeted=True)


@every_attack
def test_a_model_that_does_not_classify_is_named(attack: Callable) -> None:
    with pytest.raises(ValueError, match=r"the model gives shape \[3, 6, 8, 10\]; class scores \[N, classes\] are expected"):
        attack(small().model[0], some(), labels(), eps=0.1)


@every_attack
def test_a_model_without_gradient_is_named(attack: Callable) -> None:
    class Blind(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.detach().mean((2, 3))

    with pytest.raises(ValueError, match="the model's scores have no gradient for the pixels"):
        attack(Blind(), some(), torch.tensor([0, 1, 2]), eps=0.1)


# ---------------------------------------------------------------- the noise beside them


@stable
@given(seed=st.integers(0, 10_000), eps=st.floats(0, 1), double=st.booleans())
def test_random_signs_stay_in_the_budget_and_in_the_range(seed: int, eps: float, double: bool) -> None:
    x = some(3, seed, torch.float64 if double else torch.float32)
    found = random_sign(x.clone().requires_grad_(), eps=eps, generator=generator(seed))
    assert (found.shape, found.dtype) == (x.shape, x.dtype) and not found.requires_grad
    assert (found - x).abs().max() <= eps + rounding(x) and found.min() >= 0 and found.max() <= 1
    assert torch.equal(found, random_sign(x, eps=eps, generator=generator(seed)))


def test_random_signs_are_fair_and_move_every_pixel_by_eps() -> None:
    x = torch.full((4, 3, 40, 40), 0.5)
    change = random_sign(x, eps=0.25, generator=generator(0)) - x
    assert set(change.unique().tolist()) == {-0.25, 0.25}
    assert abs(change.sign().mean()) < 0.03
    assert not torch.equal(change, random_sign(x, eps=0.25, generator=generator(1)) - x)
    assert not torch.equal(change[0], change[1]), "each picture gets coins of its own"


@pytest.mark.parametrize("eps", [-0.1, float("nan"), float("inf")])
def test_random_signs_refuse_a_bad_budget(eps: float) -> None:
    with pytest.raises(ValueError, match=f"eps is {eps}"):
        random_sign(some(), eps=eps)


def test_random_signs_refuse_bad_pictures() -> None:
    with pytest.raises(ValueError, match=r"pixels in \[0, 1\] are expected"):
        random_sign(some() * 255, eps=0.1)


def test_aim_matters_on_a_trained_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same budget: noise is nearly harmless, the gradient's sign is not, the gradient's value lies between."""
    monkeypatch.setitem(runtime.devices._chosen, "device", torch.device("cpu"))
    net, (x, y, *_) = models.load("lenet-digits"), data.load("digits", "test", 200, source="drawn")
    clean, noisy = accuracy(net, x, y), accuracy(net, random_sign(x, eps=0.1, generator=generator(0)), y)
    sign, value = (accuracy(net, attack(net, x, y, eps=0.1), y) for attack in (fgsm, fgv))
    assert clean >= 0.97 and noisy > clean - 0.05
    assert sign < 0.7 * noisy and sign < value <= clean
