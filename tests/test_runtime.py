"""The ground: device, seeds, frozen models, input checks with their messages, claims."""

from __future__ import annotations

import io
import re
import sys
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

import course_utils
from course_utils import attacks, measure, runtime, visualize
from course_utils.runtime import devices, running
from course_utils.runtime import settings as chosen_settings


@pytest.fixture
def net() -> nn.Sequential:
    """A small network with batch statistics, in train mode."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5), nn.Flatten(), nn.Linear(2 * 36, 3))


@pytest.fixture(autouse=True)
def same_settings(monkeypatch: pytest.MonkeyPatch):
    """Whatever a test chooses is chosen for that test only."""
    monkeypatch.setattr(devices, "_chosen", dict(devices._chosen))
    monkeypatch.setattr(chosen_settings, "_defaults", dict(chosen_settings._defaults))


def pictures(n: int = 4) -> torch.Tensor:
    return torch.rand(n, 1, 8, 8, generator=runtime.generator(0))


# ---------------------------------------------------------------- device, data profile, seeds


def test_device_is_chosen_and_kept() -> None:
    assert runtime.device("cpu") == torch.device("cpu") == runtime.device()
    assert runtime.device("meta").type == "meta" and runtime.device().type == "meta"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU (CUDA), and there is none here")
def test_a_gpu_convolves_in_full_precision() -> None:
    torch.backends.cudnn.allow_tf32 = True
    runtime.device("cuda")
    x, layer = torch.randn(8, 64, 28, 28), torch.nn.Conv2d(64, 64, 3)
    with torch.no_grad():
        expected = layer.double()(x.double())
        found = layer.float().cuda()(x.cuda()).cpu()
    assert not torch.backends.cudnn.allow_tf32 and (found - expected).abs().max() < 1e-5


def test_device_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    devices._chosen.clear()
    monkeypatch.setenv("COURSE_DEVICE", "meta")
    assert runtime.device().type == "meta"
    devices._chosen.clear()
    monkeypatch.setenv("COURSE_DEVICE", "")
    assert runtime.device().type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_data_profile_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen_settings._defaults.pop("data", None)
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
        course_utils.setup(data="drawn", seed=3)
        numbers.append(torch.rand(1))
    assert numbers[0] == numbers[1]
    assert capsys.readouterr().out.startswith("Ready: drawn pictures, seed 3, computing on CPU (")


def test_setup_without_a_profile_follows_the_environment_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DATA", "")
    course_utils.setup(data="real")
    assert runtime.data_profile() == "real"
    course_utils.setup()
    assert runtime.data_profile() == "drawn"


def test_setup_refuses_an_unknown_profile() -> None:
    with pytest.raises(ValueError, match="unknown data profile 'drwan'. Nearest: drawn"):
        course_utils.setup(data="drwan")


# ---------------------------------------------------------------- claims


def test_claim_prints_one_line(capsys: pytest.CaptureFixture) -> None:
    course_utils.claim("one is one", torch.tensor(True))
    assert capsys.readouterr().out == "✓ one is one\n"


def test_claim_fails_loudly() -> None:
    with pytest.raises(AssertionError, match="does not hold in this run: one is two"):
        course_utils.claim("one is two", 1 == 2)


@pytest.mark.parametrize("guess, words", [((), ""), ((...,), ""), ((None,), ""), ((0,), "; your guess: 0"), (("six",), "; your guess: six")])
def test_an_answer_stands_beside_the_guess(guess: tuple, words: str, capsys: pytest.CaptureFixture) -> None:
    course_utils.answer("pixels that change", 231, *guess)
    assert capsys.readouterr().out == f"→ pixels that change: 231{words}\n"


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


def test_frozen_blocks_may_be_nested_also_around_a_part(net: nn.Module) -> None:
    before = trace(net)
    with runtime.frozen(net[1]):
        with runtime.frozen(net), runtime.frozen(net):
            pass
        assert not net[1].training and not net[1].weight.requires_grad, "the outer block still holds its part"
        assert net.training and net[0].weight.requires_grad, "and nothing else"
    assert trace(net) == before and not running._held


def test_two_blocks_that_overlap_give_the_model_back_whole(net: nn.Module) -> None:
    """The first that came leaves first, as two threads do: the model must not stay frozen, nor thaw too early."""
    net[1].eval()
    before = trace(net)
    first, second = runtime.frozen(net), runtime.frozen(net)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert not any(module.training for module in net.modules())
    assert not any(parameter.requires_grad for parameter in net.parameters())
    second.__exit__(None, None, None)
    assert trace(net) == before and not running._held


def test_many_threads_on_one_model_leave_it_as_it_was(net: nn.Module) -> None:
    before, faults = trace(net), []
    start = threading.Barrier(8)

    def visit(number: int) -> None:
        start.wait()
        for turn in range(40):
            with runtime.frozen(net if (turn + number) % 3 else net[1]):
                if (turn + number) % 3 and (net.training or net[0].weight.requires_grad):
                    faults.append((number, turn))
                time.sleep(1e-5 * ((7 * number + turn) % 5))

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults and trace(net) == before and not running._held


def test_frozen_leaves_inference_mode(net: nn.Module) -> None:
    before, x = trace(net), pictures()
    with runtime.frozen(net):
        (expected,) = torch.autograd.grad(net(z := x.clone().requires_grad_()).sum(), z)
    with torch.inference_mode():
        made_inside = x.clone()
        with runtime.frozen(net):
            for given in (x, made_inside):
                z = runtime.watched(given)
                assert torch.equal(runtime.gradient(net(z.clone()), z), expected)
        assert torch.is_inference_mode_enabled()
    assert trace(net) == before


def test_a_model_made_in_inference_mode_is_named_where_gradients_are_needed(net: nn.Module) -> None:
    with torch.inference_mode():
        made_inside = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    assert runtime.logits(made_inside, pictures()).shape == (4, 3)
    assert all(parameter.requires_grad for parameter in made_inside.parameters())
    with pytest.raises(ValueError, match="the model was made inside torch.inference_mode.*build or load it outside"):
        runtime.check_batch(pictures(), None, made_inside)


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


def test_labels_or_prediction_takes_the_prediction_or_the_labels() -> None:
    scores, y = torch.tensor([[0.0, 2.0, 1.0], [3.0, 2.0, 1.0]], requires_grad=True), torch.tensor([2, 2])
    assert runtime.labels_or_prediction(None, scores).tolist() == [1, 0] and runtime.labels_or_prediction(y, scores) is y
    with pytest.raises(ValueError, match="y holds labels from 0 to 3; the model has 3 classes"):
        runtime.labels_or_prediction(torch.tensor([0, 3]), scores)
    with pytest.raises(ValueError, match=r"the model gives shape \[2, 3, 1\]; class scores \[N, classes\] are expected"):
        runtime.labels_or_prediction(y, scores[:, :, None])
    with pytest.raises(ValueError, match=r"the model gives a dict; class scores .* Wrap the model in one whose forward"):
        runtime.labels_or_prediction(None, {"logits": torch.zeros(2, 3)})  # type: ignore[arg-type]


def test_a_function_is_no_model(net: nn.Module) -> None:
    words = "model is a function; a torch.nn.Module is expected. Put a function into a module's forward"
    with pytest.raises(ValueError, match=words), runtime.frozen(lambda x: x):  # type: ignore[arg-type]
        pass
    with pytest.raises(ValueError, match=words):
        attacks.fgsm(lambda x: net(x), pictures(), eps=0.1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="batch_size is 0; a whole number of at least 1"):
        runtime.logits(net, pictures(), batch_size=0)


class Gives(nn.Module):
    """A model whose forward returns what it was told."""

    def __init__(self, form: Callable[[torch.Tensor], object]) -> None:
        super().__init__()
        self.form, self.linear = form, nn.Linear(64, 3)

    def forward(self, x: torch.Tensor) -> object:
        return self.form(self.linear(x.flatten(1)))


WHAT_MODELS_GIVE = [
    (lambda s: {"logits": s}, "the model gives a dict; .* Wrap the model"),
    (lambda s: (s, s), "the model gives a tuple; .* Wrap the model"),
    (lambda s: s[:, None], r"the model gives shape \[4, 1, 3\]"),
    (lambda s: s[:, :, None, None], r"the model gives shape \[4, 3, 1, 1\]"),
    (lambda s: s[0], r"the model gives shape \[3\]"),
    (lambda s: s[:2], "the model gives 2 rows of scores for 4 pictures"),
    (lambda s: None, "the model gives a NoneType"),
]


@pytest.mark.parametrize("form, words", WHAT_MODELS_GIVE)
def test_a_model_that_gives_no_scores_is_named_by_every_method(form: Callable, words: str) -> None:
    model, x, y = Gives(form), pictures(), torch.tensor([0, 1, 2, 0])
    for method in (
        runtime.logits, runtime.predict, visualize.saliency, visualize.occlusion,
        lambda model, x: visualize.saliency(model, x, y),
        lambda model, x: visualize.integrated_gradients(model, x, y, steps=1),
        lambda model, x: visualize.deletion_curve(model, x, x[:, 0], y),
        lambda model, x: attacks.fgsm(model, x, y, eps=0.1),
        lambda model, x: attacks.fgv(model, x, eps=0.1),
        lambda model, x: measure.accuracy(model, x, y),
    ):  # fmt: skip
        options = {"window": 3, "stride": 2} if method is visualize.occlusion else {}
        with pytest.raises(ValueError, match=words):
            method(model, x, **options)


def test_labels_are_checked_at_the_border_and_taken_once(net: nn.Module) -> None:
    x, y, scores = pictures(), torch.tensor([0, 1, 2, 2]), torch.eye(4)[:, :3] + torch.arange(3.0)
    given = runtime.check_batch(x, y, net)
    assert given(scores).tolist() == y.tolist() and given[torch.tensor([3, 0])](scores[:2]).tolist() == [2, 0]
    own = runtime.check_batch(x, None, net)
    with pytest.raises(ValueError, match="the labels are not known yet"):
        own[torch.tensor([0])]
    assert own(scores).tolist() == own(-scores).tolist() == scores.argmax(1).tolist(), "the first scores decide"
    with pytest.raises(ValueError, match="y holds labels from 0 to 2; the model has 2 classes"):
        given(scores[:, :2])
    large = torch.tensor([0, 1, 2, 16_777_217])  # a class number that float32 cannot hold is still far too large
    with pytest.raises(ValueError, match="the model has 3 classes"):
        runtime.check_batch(x, large, net)(scores)


@pytest.mark.parametrize("value", [2.5, 2.0, "2", None, 0, -1, True, torch.tensor(2)])
def test_what_is_no_count_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=re.escape(f"steps is {value!r}; a whole number of at least 1 is expected")):
        runtime.check_count(value, "steps")  # type: ignore[arg-type]


def test_counts_come_back_as_int() -> None:
    assert runtime.check_count(np.int64(3), "steps") == 3 and runtime.check_count(0, "drop", least=0) == 0


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

