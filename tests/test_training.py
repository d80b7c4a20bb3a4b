"""The training loop, batch normalization folded away, and the augmentations."""

from __future__ import annotations

import copy
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from course_utils import attacks, training
from course_utils.models import AllConv, DenseNet10, LeNet, SceneNet, SignNet
from course_utils.runtime import generator


def task(count: int = 96) -> tuple[Tensor, Tensor]:
    """Pictures whose class is the half that is bright."""
    random = generator(0)
    x = 0.4 * torch.rand(count, 1, 6, 6, generator=random)
    y = torch.randint(2, (count,), generator=random)
    x[y == 0, :, :, :3] += 0.5
    x[y == 1, :, :, 3:] += 0.5
    return (x * 255).round() / 255, y


def tiny() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Dropout(0.1), nn.Flatten(), nn.Linear(144, 2))


def run(model: nn.Module | None = None, **options) -> tuple[nn.Module, training.History]:
    x, y = task()
    model = model or tiny()
    torch.manual_seed(1)  # dropout draws from the global sequence
    return model, training.train(model, **{"x": x, "y": y, "epochs": 3, "batch_size": 20, "lr": 0.1} | options)


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


# ---------------------------------------------------------------- the loop


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_it_learns(optimizer: str) -> None:
    x, y = task()
    model, history = run(epochs=6, optimizer=optimizer, lr=0.1 if optimizer == "sgd" else 0.01)
    assert len(history.loss) == 6 and history.score == []
    assert history.loss[-1] < 0.2 * history.loss[0]
    assert (model(x).argmax(1) == y).float().mean() > 0.95
    assert not any(module.training for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_score_is_taken_after_every_epoch() -> None:
    seen = []

    def evaluate(model: nn.Module) -> float:
        seen.append(model[0].weight.clone())
        return float(len(seen))

    model, history = run(evaluate=evaluate)
    assert history.score == [1.0, 2.0, 3.0] and len(history.loss) == 3
    assert not torch.equal(seen[0], seen[1]) and torch.equal(seen[2], model[0].weight)


def test_loss_is_the_mean_over_the_pictures_also_of_a_smaller_last_batch() -> None:
    """96 pictures in batches of 20: the last one holds 16. With lr 0 nothing moves, so the mean is known."""
    x, y = task()
    model = tiny()[:2].append(nn.Flatten()).append(nn.Linear(144, 2))
    expected = training.cross_entropy(model, x, y).item()
    assert training.train(model, x, y, epochs=1, batch_size=20, lr=0.0).loss == pytest.approx([expected], rel=1e-5)


def test_same_seed_same_weights_other_seed_others() -> None:
    augment = training.shift_and_flip(1)
    one, again, other = (run(seed=seed, augment=augment)[0] for seed in (3, 3, 4))
    assert same(one, again) and not same(one, other)


def test_bytes_are_divided_by_255() -> None:
    x, y = task()
    as_bytes, as_floats = run(x=(x * 255).round().byte())[0], run()[0]
    for a, b in zip(as_bytes.parameters(), as_floats.parameters()):
        assert torch.allclose(a, b, atol=1e-6)


def test_frozen_parameters_stay() -> None:
    model = tiny()
    model[0].requires_grad_(False)
    before = copy.deepcopy(model)
    run(model)
    assert same(model[0], before[0]) and not same(model[4], before[4])
    assert not model[0].weight.requires_grad and model[4].weight.requires_grad


def test_a_loss_can_be_given() -> None:
    """It gets the model itself in train mode, so that adversarial, distilled or noisy training are losses."""
    modes, sizes = [], []

    def shrink(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        modes.append(model.training)
        sizes.append((len(x), len(y)))
        return sum(parameter.square().sum() for parameter in model.parameters())

    model, history = run(loss=shrink)
    assert all(modes) and sizes == ([(20, 20)] * 4 + [(16, 16)]) * 3
    assert history.loss[2] < history.loss[0]
    assert sum(p.square().sum() for p in model.parameters()) < sum(p.square().sum() for p in tiny().parameters())


def test_augmentations_get_floats_and_the_seeded_generator() -> None:
    x, y = task()
    seen = []

    def augment(images: Tensor, chance: torch.Generator) -> Tensor:
        seen.append((images.dtype, images.max().item() <= 1, torch.rand(1, generator=chance).item()))
        return images

    run(x=(x * 255).byte(), augment=augment, epochs=1)
    first = list(seen)
    seen.clear()
    run(x=(x * 255).byte(), augment=augment, epochs=1)
    assert seen == first and all(kind == torch.float32 and small for kind, small, _ in seen)
    assert len({number for *_, number in seen}) == 5


def test_learning_rate_goes_up_and_down_to_0(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = []
    step = torch.optim.SGD.step
    monkeypatch.setattr(torch.optim.SGD, "step", lambda self, *a: (rates.append(self.param_groups[0]["lr"]), step(self, *a))[1])
    run(epochs=4, lr=0.1)  # 20 steps
    peak = rates.index(max(rates))
    assert len(rates) == 20 and peak in (3, 4) and rates[peak] == pytest.approx(0.1, rel=0.05)
    assert rates == sorted(rates[: peak + 1]) + sorted(rates[peak + 1 :], reverse=True) and rates[-1] < 0.001


@pytest.mark.parametrize(("momentum", "low", "high"), [(0.9, 0.85, 0.95), (0.5, 0.25, 0.75), (0.0, 0.0, 0.0)])
def test_momentum_goes_the_other_way_around_the_given_one(
    momentum: float, low: float, high: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = []
    step = torch.optim.SGD.step
    monkeypatch.setattr(torch.optim.SGD, "step", lambda self, *a: (used.append(self.param_groups[0]["momentum"]), step(self, *a))[1])
    run(epochs=4, momentum=momentum)
    assert used[0] == used[-1] == pytest.approx(high, abs=0.01) and min(used) == pytest.approx(low, abs=0.01)


@pytest.mark.parametrize("steps", [1, 2, 4, 5, 6, 7])
def test_few_steps_are_enough(steps: int) -> None:
    x, y = task(steps)
    model, history = run(x=x, y=y, epochs=1, batch_size=1)
    assert len(history.loss) == 1 and all(parameter.isfinite().all() for parameter in model.parameters())


def test_mixed_precision_learns_and_leaves_single_precision() -> None:
    x, y = task()
    model, history = run(epochs=6, mixed=True)
    assert history.loss[-1] < 0.5 * history.loss[0]
    assert all(p.dtype == torch.float32 and p.is_contiguous() for p in model.parameters())
    assert (model(x).argmax(1) == y).float().mean() > 0.95


@pytest.mark.parametrize("pictures, labels, epochs, words", [
    (4, 3, 1, "x holds 4 pictures and y 3 labels"), (4, 5, 1, "and y 5 labels"), (0, 0, 1, "at least one"), (4, 4, 0, "epochs is 0"),
])  # fmt: skip
def test_what_cannot_be_trained_on_is_refused(pictures: int, labels: int, epochs: int, words: str) -> None:
    x, y = torch.rand(pictures, 1, 28, 28), torch.zeros(labels, dtype=torch.int64)
    with pytest.raises(ValueError, match=words):
        training.train(DenseNet10(), x, y, epochs=epochs)


def test_unknown_optimizer_lists_the_nearest() -> None:
    with pytest.raises(ValueError, match="unknown optimizer 'adamm'. Nearest: adam"):
        run(optimizer="adamm")


# ---------------------------------------------------------------- going on after a kill


def noisy(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """A loss that draws by chance, as an attack's random start does; the network has dropout besides."""
    return training.cross_entropy(model, x + 0.1 * torch.rand(x.shape), y)


class Killed(Exception):
    """In the middle of an epoch."""


def killed_after(batches: int) -> training.Loss:
    """`noisy`, until so many batches are done."""
    seen = []

    def loss(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        seen.append(len(x))
        if len(seen) > batches:
            raise Killed
        return noisy(model, x, y)

    return loss


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_an_interrupted_training_ends_as_if_it_had_not_been(tmp_path: Path, optimizer: str) -> None:
    """Five batches an epoch; it stops in the middle of the third of four, and goes on with another network's weights in memory."""
    options = {"epochs": 4, "optimizer": optimizer, "lr": 0.01, "augment": training.shift_and_flip(1), "evaluate": lambda net: net[0].weight.sum().item()}
    whole, history = run(loss=noisy, **options)
    with pytest.raises(Killed):
        run(loss=killed_after(12), resume=tmp_path / "state", **options)
    torch.manual_seed(99)
    fresh = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Dropout(0.1), nn.Flatten(), nn.Linear(144, 2))
    losses = []
    again, continued = run(fresh, loss=lambda *batch: losses.append(1) or noisy(*batch), resume=tmp_path / "state", **options)
    assert same(whole, again) and continued == history
    assert len(losses) == 10, "only the last two epochs were run again"
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


JOB = """
import sys, time, torch
from torch import nn
from course_utils import attacks, training
torch.manual_seed(0)
net = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2))
x, y = torch.rand(64, 1, 4, 4), torch.arange(64) % 2
_, state, done, pause = sys.argv
training.train(
    net, x, y, epochs=6, batch_size=16, loss=training.adversarial(attacks.pgd, eps=0.1, steps=2), evaluate=lambda net: time.sleep(float(pause)) or 0.0, resume=state
)
torch.save(net.state_dict(), done)
"""


def test_a_killed_process_goes_on_from_its_last_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real kill (SIGKILL), after the first state was written and before the training is over."""
    job, state, done = (tmp_path / name for name in ("job.py", "state", "weights"))
    job.write_text(JOB)
    first = subprocess.Popen([sys.executable, str(job), str(state), str(done), "0.4"], env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])})
    monkeypatch.setattr(sys, "argv", [str(job), str(tmp_path / "other"), str(tmp_path / "expected"), "0"])
    runpy.run_path(str(job))
    started = time.monotonic()
    while not state.exists() and time.monotonic() - started < 120:
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    assert first.wait(timeout=30) == -signal.SIGKILL and not done.exists()
    assert 1 <= len(torch.load(state, weights_only=True)["history"][0]) < 6
    monkeypatch.setattr(sys, "argv", [str(job), str(state), str(done), "0"])
    runpy.run_path(str(job))
    expected, found = (torch.load(path, weights_only=True) for path in (tmp_path / "expected", done))
    assert all(torch.equal(expected[key], found[key]) for key in expected)


def test_a_finished_training_is_not_run_again(tmp_path: Path) -> None:
    model, history = run(resume=tmp_path / "state")
    other, kept = run(resume=tmp_path / "state", loss=killed_after(0))
    assert same(model, other) and kept == history


@pytest.mark.parametrize("change", [{"epochs": 4}, {"lr": 0.2}, {"seed": 5}, {"optimizer": "adam"}, {"batch_size": 10}, {"model": DenseNet10((), 2, 36)}])
def test_a_state_of_another_training_is_refused(tmp_path: Path, change: dict) -> None:
    run(resume=tmp_path / "state")
    with pytest.raises(ValueError, match="belongs to another training"):
        run(resume=tmp_path / "state", **change)


def test_a_damaged_state_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"half of it")
    with pytest.raises(ValueError, match="state is damaged and cannot be read"):
        run(resume=tmp_path / "state")


def test_the_seed_governs_dropout_too_and_torchs_own_chance_goes_on_untouched() -> None:
    x, y = task()
    found = []
    for before in (1, 2):
        model = tiny()
        torch.manual_seed(before)
        training.train(model, x, y, epochs=2, seed=7)
        found.append(model)
        ahead = torch.rand(3)
        torch.manual_seed(before)
        assert torch.equal(ahead, torch.rand(3))
    assert same(*found)


# ---------------------------------------------------------------- adversarial training


def test_the_adversarial_loss_is_goodfellows() -> None:
    x, y = task(12)
    model = tiny().eval()
    moved = attacks.fgsm(model, x, y, eps=0.1)
    expected = 0.3 * training.cross_entropy(model, x, y) + 0.7 * training.cross_entropy(model, moved, y)
    found = training.adversarial(attacks.fgsm, clean=0.3, eps=0.1)(model, x, y)
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    only = training.adversarial(attacks.fgsm, eps=0.1)(model, x, y)
    assert only.item() == pytest.approx(training.cross_entropy(model, moved, y).item(), rel=1e-6)
    assert found.requires_grad and model[0].weight.grad is None


def test_the_gradient_does_not_go_through_the_attack() -> None:
    x, y = task(12)
    model = tiny().eval()
    training.adversarial(attacks.fgsm, eps=0.1)(model, x, y).backward()
    found = model[0].weight.grad.clone()
    model.zero_grad()
    training.cross_entropy(model, attacks.fgsm(model, x, y, eps=0.1), y).backward()
    assert torch.allclose(found, model[0].weight.grad)


def test_the_model_learns_in_train_mode_and_is_attacked_in_eval_mode() -> None:
    modes = []

    class Watch(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            modes.append(self.training)
            return x

    x, y = task(12)
    model = nn.Sequential(Watch(), *tiny()).train()
    training.adversarial(attacks.pgd, clean=0.5, eps=0.1, steps=3)(model, x, y)
    assert modes == [False] * 3 + [True] * 2


def test_random_starts_differ_from_step_to_step_and_follow_torchs_chance() -> None:
    x, y = task(12)
    model, loss = tiny().eval(), training.adversarial(attacks.pgd, eps=0.2, steps=1, step=0.01)
    torch.manual_seed(5)
    first, second = loss(model, x, y), loss(model, x, y)
    torch.manual_seed(5)
    assert first != second and loss(model, x, y) == first


def test_predicted_labels_are_the_models_own() -> None:
    x, y = task(40)
    model = tiny().eval()
    moved = attacks.fgsm(model, x, None, eps=0.2)
    found = training.adversarial(attacks.fgsm, predicted=True, eps=0.2)(model, x, y)
    assert found.item() == pytest.approx(training.cross_entropy(model, moved, y).item(), rel=1e-6)
    assert found.item() != pytest.approx(training.adversarial(attacks.fgsm, eps=0.2)(model, x, y).item(), rel=1e-3)


@pytest.mark.parametrize("clean", [-0.1, 1.0, float("nan")])
def test_a_share_of_the_clean_loss_that_makes_no_sense_is_refused(clean: float) -> None:
    with pytest.raises(ValueError, match="clean is"):
        training.adversarial(attacks.fgsm, clean=clean, eps=0.1)


def test_adversarial_training_leaves_what_a_small_change_turns_over() -> None:
    """One part in ten of the halves lie; the pixels of a checkerboard tell the class always, by 0.2, which a change of 0.15 turns over."""
    x, y = task(600)
    x[:60] = x[:60].flip(3)
    board = (torch.arange(6)[:, None] + torch.arange(6)) % 2 * 2.0 - 1
    x = (0.1 + 0.8 * x + 0.1 * board * (2 * y - 1)[:, None, None, None]).clamp(0, 1)
    plain, robust = (run(x=x, y=y, epochs=12, loss=loss, weight_decay=0)[0] for loss in (training.cross_entropy, training.adversarial(attacks.pgd, eps=0.15, steps=5)))
    share = lambda net, eps: (net(attacks.pgd(net, x, y, eps=eps, steps=20)).argmax(1) == y).float().mean().item()  # noqa: E731
    assert share(plain, 0) > 0.98 and share(plain, 0.15) < 0.6
    assert share(robust, 0.15) > 0.8


# ---------------------------------------------------------------- batch normalization


@pytest.mark.parametrize("build", [lambda: AllConv(width=6), lambda: SignNet(5, width=4)], ids=["AllConv", "SignNet"])
def test_folding_batch_norm_gives_the_same_outputs(build: Callable[[], nn.Sequential]) -> None:
    torch.manual_seed(0)
    plain = build()
    model = training.with_batch_norm(plain)
    pairs = [(a, b) for a, b in zip(model, list(model)[1:]) if isinstance(a, nn.Conv2d)]
    assert len(pairs) == sum(isinstance(layer, nn.Conv2d) for layer in plain)
    assert all(isinstance(norm, nn.BatchNorm2d) and norm.num_features == conv.out_channels for conv, norm in pairs)
    for _, norm in pairs:
        norm.running_mean.uniform_(-0.5, 0.5)
        norm.running_var.uniform_(0.5, 2)
        nn.init.uniform_(norm.weight, 0.5, 2)
        nn.init.uniform_(norm.bias, -0.5, 0.5)
    before, x = copy.deepcopy(model.state_dict()), torch.rand(3, 3, 48, 48)
    fresh = build().eval()
    training.fold_batch_norm(model.train(), fresh)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items()) and model.training
    assert torch.allclose(fresh(x), model.eval()(x), atol=1e-4, rtol=1e-4)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in fresh)


def test_batch_norm_is_made_where_the_network_is() -> None:
    model = training.with_batch_norm(AllConv(width=6).to("meta"))
    assert {tensor.device.type for tensor in model.state_dict().values()} == {"meta"}


# ---------------------------------------------------------------- augmentations

AUGMENTATIONS = {
    "shift_and_flip": training.shift_and_flip(2), "shift": training.shift_and_flip(3, flip=False), "jitter": training.jitter(),
}  # fmt: skip


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("shape", [(9, 3, 20, 16), (1, 1, 28, 28)])
def test_augmentations_keep_shape_and_range_and_follow_the_generator(name: str, shape: tuple[int, ...]) -> None:
    augment, x = AUGMENTATIONS[name], torch.rand(shape, generator=generator(0))
    given, state = x.clone(), torch.get_rng_state()
    one, again, other = (augment(x, generator(seed)) for seed in (1, 1, 2))
    assert one.shape == x.shape and one.dtype == x.dtype and one.min() >= 0 and one.max() <= 1
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert torch.equal(x, given) and torch.equal(torch.get_rng_state(), state), "nothing else is touched"


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentations_keep_precision_and_device(name: str) -> None:
    x = torch.rand(4, 3, 20, 16, generator=generator(0))
    fine = AUGMENTATIONS[name](x.double(), generator(1))
    assert fine.dtype == torch.float64 and torch.allclose(fine.float(), AUGMENTATIONS[name](x, generator(1)), atol=1e-4)


def test_shifts_move_whole_pictures_by_up_to_so_many_pixels() -> None:
    x = torch.zeros(300, 2, 9, 9)
    x[:, :, 4, 4] = 1
    moved = training.shift_and_flip(2, flip=False)(x, generator(0))
    assert (moved.flatten(2).sum(2) == 1).all() and torch.equal(moved[:, 0], moved[:, 1])
    rows, columns = (moved[:, 0].amax(axis).argmax(1) - 4 for axis in (2, 1))
    places = set(zip(rows.tolist(), columns.tolist()))
    assert places == {(r, c) for r in range(-2, 3) for c in range(-2, 3)}


def test_half_of_the_pictures_are_flipped() -> None:
    x = torch.linspace(0, 1, 5).expand(400, 1, 5, 5)
    moved = training.shift_and_flip(0)(x, generator(0))
    flipped = (moved == x.flip(3)).flatten(1).all(1)
    assert (flipped | (moved == x).flatten(1).all(1)).all() and 0.4 < flipped.float().mean() < 0.6
    assert torch.equal(training.shift_and_flip(0, flip=False)(x, generator(0)), x)


def test_jitter_without_spread_changes_nothing() -> None:
    x = torch.rand(3, 3, 12, 12, generator=generator(0))
    assert torch.allclose(training.jitter(0, 0, 0, 0)(x, generator(1)), x, atol=1e-5)


def test_jitter_of_light_keeps_the_places() -> None:
    x = torch.rand(20, 1, 8, 8, generator=generator(0)) * 0.3 + 0.35
    moved = training.jitter(0, 0, 0, 0.3)(x, generator(1))
    for before, after in zip(x.flatten(1), moved.flatten(1)):
        assert torch.corrcoef(torch.stack([before, after]))[0, 1] > 0.9999
    assert 0.02 < (moved.mean((1, 2, 3)) - x.mean((1, 2, 3))).std() < 0.3


def test_jitter_turns_by_up_to_the_angle() -> None:
    """A bar through the centre, turned: its direction from the second moments of its pixels."""
    x = torch.zeros(200, 1, 41, 41)
    x[:, :, 20, 4:37] = 1
    moved = training.jitter(20, 0, 0, 0)(x, generator(0))[:, 0]
    v, u = torch.meshgrid(torch.arange(-20.0, 21), torch.arange(-20.0, 21), indexing="ij")
    uv, uu, vv = ((moved * product).sum((1, 2)) for product in (u * v, u * u, v * v))
    angle = torch.rad2deg(0.5 * torch.atan2(2 * uv, uu - vv))
    assert 17 < angle.max() < 21 and -21 < angle.min() < -17


def test_temperature_is_where_the_cross_entropy_is_least() -> None:
    scores, chance = 3 * torch.randn(4000, 5, generator=generator(0)), generator(1)
    share = (scores / 2.5).softmax(1).cumsum(1)
    y = (torch.rand(4000, 1, generator=chance) > share).sum(1).clamp(max=4)  # drawn as a network of temperature 2.5 says
    found = training.temperature(scores, y)
    assert found == pytest.approx(2.5, rel=0.05)
    loss = [torch.nn.functional.cross_entropy(scores / t, y).item() for t in (0.97 * found, found, 1.03 * found)]
    assert loss[1] < min(loss[0], loss[2])
    assert training.temperature(scores / found, y) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("build", [SceneNet, SignNet, LeNet])
def test_scaled_scores_are_scaled_and_nothing_else(build) -> None:
    torch.manual_seed(0)
    model = build().eval()
    x = torch.rand(2, model[0].in_channels, *((28, 28) if build is LeNet else (48, 48) if build is SignNet else (96, 96)))
    before = model(x)
    training.scale_scores(model, 3.0)
    assert torch.allclose(model(x), 3 * before, rtol=1e-5, atol=1e-6)


def test_weights_keep_their_layout() -> None:
    """LeNet's lie channels last, which a CPU computes faster; training and copies leave each network's layout as it is."""
    x, y = torch.rand(4, 1, 28, 28, generator=generator(0)), torch.arange(4)
    net, plain = LeNet(), LeNet().to(memory_format=torch.contiguous_format)
    plain.load_state_dict(net.state_dict())
    assert torch.allclose(net(x), plain(x), atol=1e-5)
    for model, layout in ((net, torch.channels_last), (copy.deepcopy(net), torch.channels_last), (plain, torch.contiguous_format)):
        assert training.layout_of(model) == layout
        training.train(model, x, y, epochs=1)
        assert training.layout_of(model) == layout
    assert training.layout_of(DenseNet10()) == training.layout_of(tiny()) == torch.contiguous_format
