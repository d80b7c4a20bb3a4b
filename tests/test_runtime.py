"""The ground: device, seeds, frozen models, input checks with their messages, claims."""

from __future__ import annotations

import io
import sys

import pytest
import torch
from torch import nn

from course_utils import runtime


@pytest.fixture
def net() -> nn.Sequential:
    """A small network with batch statistics, in train mode."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5), nn.Flatten(), nn.Linear(2 * 36, 3))


@pytest.fixture(autouse=True)
def same_settings(monkeypatch: pytest.MonkeyPatch):
    """Whatever a test chooses is chosen for that test only."""
    monkeypatch.setattr(runtime, "_chosen", dict(runtime._chosen))
    monkeypatch.setattr(runtime, "_defaults", dict(runtime._defaults))


def pictures(n: int = 4) -> torch.Tensor:
    return torch.rand(n, 1, 8, 8, generator=runtime.generator(0))


# ---------------------------------------------------------------- device, data profile, seeds


def test_device_is_chosen_and_kept() -> None:
    assert runtime.device("cpu") == torch.device("cpu") == runtime.device()
    assert runtime.device("meta").type == "meta" and runtime.device().type == "meta"


def test_device_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime._chosen.clear()
    monkeypatch.setenv("COURSE_DEVICE", "meta")
    assert runtime.device().type == "meta"
    runtime._chosen.clear()
    monkeypatch.setenv("COURSE_DEVICE", "")
    assert runtime.device().type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_data_profile_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime._defaults.pop("data", None)
    monkeypatch.delenv("COURSE_DATA", raising=False)
    assert runtime.data_profile() == "drawn"
    monkeypatch.setenv("COURSE_DATA", "real")
    assert runtime.data_profile() == "real"
    monkeypatch.setenv("COURSE_DATA", "reel")
    with pytest.raises(ValueError, match="unknown data profile in COURSE_DATA 'reel'. Nearest: real"):
        runtime.data_profile()


def test_one_seed_one_sequence() -> None:
    draws = [torch.rand(3, generator=runtime.generator(seed)) for seed in (5, 5, 6)]
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
    runtime.seed_everything(5)
    assert torch.equal(torch.rand(3, generator=runtime.generator()), draws[0])


def test_setup_seeds_and_says_what_it_chose(capsys: pytest.CaptureFixture) -> None:
    runtime.device("cpu")
    numbers = []
    for _ in range(2):
        runtime.setup(data="drawn", seed=3)
        numbers.append(torch.rand(1))
    assert numbers[0] == numbers[1]
    assert capsys.readouterr().out.startswith("Ready: drawn pictures, seed 3, computing on CPU (")


def test_setup_without_a_profile_follows_the_environment_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DATA", "")
    runtime.setup(data="real")
    assert runtime.data_profile() == "real"
    runtime.setup()
    assert runtime.data_profile() == "drawn"


def test_setup_refuses_an_unknown_profile() -> None:
    with pytest.raises(ValueError, match="unknown data profile 'drwan'. Nearest: drawn"):
        runtime.setup(data="drwan")


# ---------------------------------------------------------------- claims


def test_claim_prints_one_line(capsys: pytest.CaptureFixture) -> None:
    runtime.claim("one is one", torch.tensor(True))
    assert capsys.readouterr().out == "✓ one is one\n"


def test_claim_fails_loudly() -> None:
    with pytest.raises(AssertionError, match="does not hold in this run: one is two"):
        runtime.claim("one is two", 1 == 2)


# ---------------------------------------------------------------- frozen, logits, predict


def trace(model: nn.Module) -> list:
    """All of a model that a visitor must leave as it was."""
    state = [tensor.clone() for tensor in model.state_dict().values()]
    return [
        [module.training for module in model.modules()],
        [parameter.requires_grad for parameter in model.parameters()],
        [parameter.grad for parameter in model.parameters()],
        [tensor.tolist() for tensor in state],
    ]


def test_frozen_is_eval_without_parameter_gradients(net: nn.Module) -> None:
    net[1].eval()
    net[0].weight.requires_grad_(False)
    before = trace(net)
    with torch.no_grad(), runtime.frozen(net):
        assert not any(module.training for module in net.modules())
        x = pictures().requires_grad_(True)
        (gradient,) = torch.autograd.grad(net(x).sum(), x)  # also where the caller had gradients off
        assert gradient.abs().sum() > 0
        assert all(not parameter.requires_grad for parameter in net.parameters())
    assert trace(net) == before and net.training and not net[1].training


def test_frozen_restores_after_an_error(net: nn.Module) -> None:
    before = trace(net)
    with pytest.raises(KeyError), runtime.frozen(net):
        raise KeyError
    assert trace(net) == before


def test_logits_are_the_same_in_any_batch_size(net: nn.Module) -> None:
    before, x = trace(net), pictures(7)
    whole = runtime.logits(net, x)
    assert whole.shape == (7, 3) and not whole.requires_grad
    assert torch.allclose(whole, runtime.logits(net, x, batch_size=3), atol=1e-6)
    assert torch.equal(runtime.predict(net, x), whole.argmax(1))
    assert trace(net) == before


# ---------------------------------------------------------------- input checks


@pytest.mark.parametrize(
    "x, words",
    [
        ([[0.0]], r"x is a list; a torch tensor \[N, C, H, W\] is expected"),
        (torch.zeros(1, 8, 8), r"x has 3 dimensions, shape \[1, 8, 8\]; four are expected.*use x\[None\]"),
        (torch.zeros(0, 1, 8, 8), "x is an empty batch"),
        (torch.zeros(1, 1, 8, 8, dtype=torch.uint8), "x holds torch.uint8.*Divide bytes by 255"),
        (torch.full((1, 1, 2, 2), torch.nan), "x holds NaN"),
        (torch.full((1, 1, 2, 2), 1.5), r"pixels from 1.5 to 1.5; pixels in \[0, 1\] are expected"),
        (torch.full((1, 1, 2, 2), -0.1), "pixels from -0.1 to -0.1"),
        (torch.full((1, 1, 2, 2), torch.inf), "pixels from inf to inf"),
    ],
)
def test_bad_pictures_are_refused(x, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        runtime.check_pictures(x)


def test_one_bad_pixel_is_enough() -> None:
    x = pictures()
    x[2, 0, 3, 3] = torch.nan
    with pytest.raises(ValueError, match="picture holds NaN"):
        runtime.check_pictures(x, name="picture")


def test_model_on_another_device_is_named(net: nn.Module) -> None:
    with pytest.raises(ValueError, match=r"x is on cpu but the model is on meta; move one: x.to\('meta'\)"):
        runtime.check_pictures(pictures(), net.to("meta"))


def test_good_pictures_come_back_as_they_are(net: nn.Module) -> None:
    x = pictures()
    assert runtime.check_pictures(x, net) is x
    assert runtime.check_pictures(x.double(), nn.Flatten()) is not None  # a model without tensors lives nowhere


@pytest.mark.parametrize(
    "y, words",
    [
        ([0, 1], "y holds list; class numbers as torch.int64"),
        (torch.tensor([0.0, 1.0]), r"y holds torch.float32; .* y.long\(\)"),
        (torch.tensor([0, 1, 2]), r"y has shape \[3\]; one label a picture is expected: \[2\]"),
        (torch.tensor([0, 3]), "y holds labels from 0 to 3; the model has 3 classes: 0 to 2"),
        (torch.tensor([-1, 0]), "y holds labels from -1 to 0"),
    ],
)
def test_bad_labels_are_refused(y, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        runtime.check_labels(y, 2, 3)


def test_labels_on_another_device_are_named() -> None:
    y = torch.tensor([0, 1])
    with pytest.raises(ValueError, match="y is on cpu but the pictures are on meta"):
        runtime.check_labels(y, 2, 3, where=torch.device("meta"))
    assert runtime.check_labels(y, 2, 3, where=y.device) is y


def test_settle_takes_the_prediction_or_the_labels() -> None:
    scores, y = torch.tensor([[0.0, 2.0, 1.0], [3.0, 2.0, 1.0]], requires_grad=True), torch.tensor([2, 2])
    assert runtime.settle(None, scores).tolist() == [1, 0] and runtime.settle(y, scores) is y
    with pytest.raises(ValueError, match="y holds labels from 0 to 3; the model has 3 classes"):
        runtime.settle(torch.tensor([0, 3]), scores)
    with pytest.raises(ValueError, match=r"the model gives shape \[2, 3, 1\]; class scores \[N, classes\] are expected"):
        runtime.settle(y, scores[:, :, None])
    with pytest.raises(ValueError, match=r"the model gives a dict; class scores \[N, classes\] are expected"):
        runtime.settle(None, {"logits": torch.zeros(2, 3)})  # type: ignore[arg-type]


def test_gradient_needs_a_value_that_has_one() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    assert runtime.gradient(x**2, x).tolist() == [2.0, 4.0]
    with pytest.raises(ValueError, match="no gradient for the pixels; does its forward use no_grad or detach"):
        runtime.gradient(x.detach() ** 2, x)


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_numbers_that_are_no_budget(value: float) -> None:
    with pytest.raises(ValueError, match=f"eps is {value}; a finite number of at least 0 is expected"):
        runtime.check_positive(value, "eps")


def test_zero_is_positive_only_where_it_is_allowed() -> None:
    assert runtime.check_positive(0, "eps") == 0
    with pytest.raises(ValueError, match="step is 0; a finite number above 0 is expected"):
        runtime.check_positive(0, "step", zero=False)


@pytest.mark.parametrize("fill", [0, 0.5, (0.1, 0.2, 1), torch.tensor([[[0.3]], [[0.2]], [[0.1]]])])
def test_a_colour_is_a_number_or_one_a_channel(fill) -> None:
    x = torch.rand(2, 3, 4, 4).double()
    colour = runtime.check_colour(fill, x)
    assert colour.dtype == x.dtype and colour.shape in [(1, 1, 1), (3, 1, 1)]
    assert torch.allclose(colour.flatten().float(), torch.as_tensor(fill).float().flatten())


@pytest.mark.parametrize("fill", [(0.1, 0.2), -0.1, 1.5, float("nan"), ()])
def test_what_is_no_colour_is_refused(fill) -> None:
    with pytest.raises(ValueError, match="fill is .*or one for each of the 3 channels"):
        runtime.check_colour(fill, torch.rand(2, 3, 4, 4))


def test_pick_names_the_nearest() -> None:
    assert runtime.pick("world", "signs", ["digits", "signs"]) == "signs"
    with pytest.raises(ValueError, match="unknown world 'sings'. Nearest: signs"):
        runtime.pick("world", "sings", ["digits", "signs"])
    with pytest.raises(ValueError, match="unknown world 'qqq'. Known: digits, signs."):
        runtime.pick("world", "qqq", ["digits", "signs"])


# ---------------------------------------------------------------- progress


@pytest.mark.parametrize("watched, words", [("0", ""), ("1", "epochs done")])
def test_progress_speaks_only_when_watched(watched: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PROGRESS", watched)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert list(runtime.progress(range(3), "epochs")) == [0, 1, 2]
    assert (words in sys.stderr.getvalue()) and bool(sys.stderr.getvalue()) == bool(words)


@pytest.mark.parametrize("name", ["gpu", "cuda:99"])
def test_a_device_that_is_not_there_is_named_and_not_kept(name: str) -> None:
    before = runtime.device()
    with pytest.raises(ValueError, match=f"device '{name}' cannot be used here .*choose 'cpu'"):
        runtime.device(name)
    assert runtime.device() == before


@pytest.mark.parametrize("value, kind", [("0.1", "str"), (None, "NoneType"), (torch.ones(2), "Tensor")])
def test_a_number_must_be_a_number(value, kind: str) -> None:
    with pytest.raises(ValueError, match=f"eps is a {kind}; one number is expected"):
        runtime.check_positive(value, "eps")

