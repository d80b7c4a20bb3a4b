"""The networks as their papers print them, and the shipped checkpoints."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import list_models

from course_utils import attacks, data, measure, models, runtime
from course_utils.data.downloads import FetchError
from course_utils.measure import accuracy
from course_utils.models import AENet10, AllConv, Autoencoder, DenseNet10, FaceNet, LeNet, MadryNet, Nearest, NiN, Normalized, SceneNet, SignNet, SmallVGG
from course_utils.models import checkpoints, packing

NAMES = sorted(checkpoints.NETWORKS)
SHIPPED = checkpoints.folder()  # the course's own, also where a test looks elsewhere


@pytest.fixture(autouse=True)
def same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU, and whatever a test chooses is chosen for that test only."""
    monkeypatch.setattr(runtime.devices, "_chosen", {"device": torch.device("cpu")})
    monkeypatch.setattr(runtime.settings, "_defaults", {"seed": 0, "data": "drawn"})


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def kinds(model: nn.Module) -> list[str]:
    return [type(layer).__name__ for layer in model]


def shapes(model: nn.Module, x: Tensor) -> list[tuple[int, ...]]:
    """The shape behind each layer, without the batch."""
    found = []
    with torch.no_grad():
        for layer in model.eval():
            x = layer(x)
            found.append(tuple(x.shape[1:]))
    return found


# ---------------------------------------------------------------- the networks


def test_lenet_is_the_one_of_the_lots_paper() -> None:
    net = LeNet()
    assert kinds(net) == ["Conv2d", "MaxPool2d", "Conv2d", "MaxPool2d", "Flatten", "Linear", "ReLU", "Linear"]
    assert (net[0].kernel_size, net[0].padding, net[2].kernel_size, net[2].padding) == ((5, 5), (0, 0), (5, 5), (0, 0))
    assert shapes(net, torch.zeros(1, 1, 28, 28)) == [
        (20, 24, 24), (20, 12, 12), (50, 8, 8), (50, 4, 4), (800,), (500,), (500,), (10,),
    ]  # fmt: skip
    assert count(net) == 431_080 and net.classes == 10


@pytest.mark.parametrize(
    ("hidden", "weights"), [((), 7_850), ((100, 100), 89_610), ((200, 200), 199_210)], ids=["FC10", "FC100", "FC200"]
)
def test_dense_nets_are_the_ones_of_szegedy(hidden: tuple[int, ...], weights: int) -> None:
    net = DenseNet10(hidden)
    assert kinds(net) == ["Flatten", *["Linear", "Sigmoid"] * len(hidden), "Linear"]
    assert [layer.out_features for layer in net if isinstance(layer, nn.Linear)] == [*hidden, 10]
    assert count(net) == weights and net(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_the_autoencoder_has_400_sigmoid_units_and_ae400_classifies_them() -> None:
    whole, net, x = Autoencoder(), AENet10(), torch.rand(2, 1, 28, 28)
    assert kinds(whole.encoder) == ["Flatten", "Linear", "Sigmoid"] and kinds(whole.decoder) == ["Linear", "Sigmoid"]
    assert whole.encoder(x).shape == (2, 400) and whole(x).shape == x.shape
    assert count(whole) == 784 * 400 + 400 + 400 * 784 + 784
    assert count(net) == 784 * 400 + 400 + 400 * 10 + 10
    net.encoder.load_state_dict(whole.encoder.state_dict())
    assert torch.equal(net(x), net.head(whole.encoder(x)))


def test_allconv_has_the_printed_widths_and_leaves_a_4x4_map() -> None:
    net = AllConv()
    convolutions = [layer for layer in net if isinstance(layer, nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == [96, 96, 96, 192, 192, 192, 192, 192, 10]
    assert [c.stride[0] for c in convolutions] == [1, 1, 2, 1, 1, 2, 2, 1, 1]
    assert [c.kernel_size[0] for c in convolutions] == [3, 3, 3, 3, 3, 3, 3, 1, 1]
    sizes = shapes(net, torch.zeros(1, 3, 32, 32))
    assert sizes[-3:] == [(10, 4, 4), (10, 1, 1), (10,)]
    assert not any("Pool2d" in kind for kind in kinds(net)[:-2]), "strides, no pooling, before the last average"


def test_nin_has_the_printed_layers() -> None:
    net = NiN()
    convolutions = [layer for layer in net if isinstance(layer, nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == [192, 160, 96, 192, 192, 192, 192, 192, 10]
    assert [c.kernel_size[0] for c in convolutions] == [5, 1, 1, 5, 1, 1, 3, 1, 1]
    assert [kind for kind in kinds(net) if "Pool" in kind] == ["MaxPool2d", "AvgPool2d", "AdaptiveAvgPool2d"]
    assert [layer.p for layer in net if isinstance(layer, nn.Dropout)] == [0.5, 0.5]
    assert shapes(net, torch.zeros(1, 3, 32, 32))[-3:] == [(10, 8, 8), (10, 1, 1), (10,)]


def test_small_vgg_is_pairs_of_3x3_between_poolings() -> None:
    net = SmallVGG(classes=7)
    pair = ["Conv2d", "ReLU", "Conv2d", "ReLU", "MaxPool2d"]
    assert kinds(net) == [*pair * 3, "Flatten", "Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    assert all(layer.kernel_size == (3, 3) for layer in net if isinstance(layer, nn.Conv2d))
    assert shapes(net, torch.zeros(1, 3, 32, 32))[14] == (128, 4, 4) and net.classes == 7


@pytest.mark.parametrize("width", [1, 16])
def test_the_madry_network_is_the_papers_at_width_16(width: int) -> None:
    net = MadryNet(width=width)
    assert kinds(net) == [*["Conv2d", "ReLU", "MaxPool2d"] * 2, "Flatten", "Linear", "ReLU", "Linear"]
    assert all((layer.kernel_size, layer.padding) == ((5, 5), (2, 2)) for layer in net if isinstance(layer, nn.Conv2d))
    assert [layer[0] for layer in shapes(net, torch.zeros(1, 1, 28, 28))[::3]] == [2 * width, 4 * width, 4 * width * 49, 10]
    assert net[7].out_features == 64 * width and net.classes == 10
    assert width != 16 or count(net) == 3_274_634


def test_signnet_has_large_filters_at_full_resolution() -> None:
    net = SignNet()
    assert min(net[0].kernel_size) >= 7 and net[0].stride == (1, 1)
    sizes = shapes(net, torch.zeros(1, 3, 48, 48))
    assert sizes[0][1:] == (48, 48) and sizes[-1] == (43,) and net.classes == 43


@pytest.mark.parametrize("size", [96, 128, 224])
def test_scenenet_takes_any_size_of_96_and_more(size: int) -> None:
    net = SceneNet(classes=5)
    sizes = shapes(net, torch.zeros(1, 3, size, size))
    assert sizes[-1] == (5,) and net.classes == 5
    assert sizes[-3] == (5, size // 16, size // 16), "the average is taken over the whole last map"


def test_facenet_has_eight_named_layers_and_an_embedding_beside_its_head() -> None:
    net, x = FaceNet(classes=7, width=4, embedding=12).eval(), torch.rand(2, 3, 64, 64)
    weighty = [name for name, layer in net.named_children() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert weighty == ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "embedding", "head"] and net.classes == 7
    assert net.extractor()(x).shape == (2, 12) and torch.equal(net.head(net.extractor()(x)), net(x))
    assert net.extractor().conv1 is net.conv1, "the same weights"


def test_nearest_gives_each_person_the_cosine_of_their_nearest_stored_picture() -> None:
    stored, y = torch.tensor([[1.0, 0], [0, 2], [3, 3]]), torch.tensor([0, 2, 0])
    found = Nearest(nn.Flatten(), stored, y)(torch.tensor([[5.0, 5], [0, 1]]).view(2, 1, 1, 2))
    assert torch.allclose(found, torch.tensor([[1, -1, 0.5**0.5], [0.5**0.5, -1, 1]])) and found.shape == (2, 3)


@pytest.mark.parametrize(
    ("stored", "y", "words"),
    [
        (torch.zeros(0, 4), torch.zeros(0, dtype=torch.long), "stored has shape .0, 4.; finite features"),
        (torch.full((2, 4), torch.nan), torch.zeros(2, dtype=torch.long), "finite features"),
        (torch.ones(2, 4), torch.zeros(3, dtype=torch.long), "y has shape"),
    ],
)
def test_nearest_refuses_what_is_no_gallery(stored: Tensor, y: Tensor, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Nearest(nn.Flatten(), stored, y)


def test_strangers_are_recognised_by_their_nearest_neighbour() -> None:
    """People whom the face network never saw, by one stored picture each; the untrained network knows far fewer."""
    people = data.strangers(120)
    shares = []
    for net in (models.load("facenet-faces"), FaceNet().eval()):
        features = net.extractor()
        with torch.no_grad():
            known = Nearest(features, features(people.x[:40]), people.y[:40])
        shares.append(accuracy(known, people.x[40:], people.y[40:]))
    assert shares[0] > 0.8 and shares[0] > shares[1] + 0.2


@pytest.mark.parametrize("build", [AllConv, NiN, SmallVGG, SignNet, SceneNet], ids=lambda build: build.__name__)
def test_width_scales_a_network(build: Callable[..., nn.Module]) -> None:
    assert count(build(width=12)) < count(build(width=24))


# ---------------------------------------------------------------- the normalizer inside


def test_normalized_is_the_network_on_normalized_pixels() -> None:
    net, x = SmallVGG(width=4).eval(), torch.rand(2, 3, 32, 32)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    wrapped = Normalized(net, mean, std)
    by_hand = torch.stack([(x[:, c] - mean[c]) / std[c] for c in range(3)], 1)
    assert torch.allclose(wrapped(x), net(by_hand), atol=1e-6)
    grey = LeNet()
    assert torch.allclose(Normalized(grey, 0.5, 0.25)(x[:, :1, :28, :28]), grey((x[:, :1, :28, :28] - 0.5) / 0.25), atol=1e-6)


def test_the_normalizer_travels_with_the_model_and_is_not_trained() -> None:
    wrapped = Normalized(LeNet(), 0.5, 0.25)
    assert {"mean", "std"} <= set(wrapped.state_dict()) and not {"mean", "std"} & {n for n, _ in wrapped.named_parameters()}
    assert wrapped.double().mean.dtype == torch.float64 and wrapped.to("meta").std.device.type == "meta"


@pytest.mark.parametrize("std", [0.0, -0.1, float("nan"), (0.2, 0.0, 0.2)])
def test_a_deviation_of_zero_is_refused(std: float | tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=rf"std is {re.escape(str(std))}; deviations above 0 are expected"):
        Normalized(LeNet(), 0.5, std)


# ---------------------------------------------------------------- the shipped checkpoints


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_checkpoint_is_a_plain_half_precision_state(name: str) -> None:
    """Matrices with more than a million weights, in newer ones than 400,000, are whole numbers, with a step beside them for each row; the pixels of memories have four bits."""
    state = torch.load(SHIPPED / f"{name}.pt", map_location="cpu", weights_only=True)
    assert isinstance(state, dict) and all(isinstance(key, str) for key in state)
    large = {key for key, value in state.items() if value.numel() > 1_000_000 or (value.numel() > packing.LARGE and value.dtype == torch.int8)}
    kinds = {"row_step": torch.float32, "four_bits": torch.uint8}
    kept = lambda key: torch.int8 if key in large else kinds.get(key.rpartition(".")[2], torch.float16)  # noqa: E731
    assert all(value.dtype == kept(key) for key, value in state.items())
    assert {key for key in state if key.endswith(".row_step")} == {f"{key}.row_step" for key in large}
    assert all(value.isfinite().all() for value in state.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_checkpoint_loads_in_eval_mode(name: str) -> None:
    net = models.load(name)
    assert not any(module.training for module in net.modules())
    state = torch.load(SHIPPED / f"{name}.pt", map_location="cpu", weights_only=True)
    state |= {key[: -len(".four_bits")]: packing.from_four_bits(value) for key, value in state.items() if key.endswith(".four_bits")}
    for key, value in net.state_dict().items():
        assert value.dtype == torch.float32 and torch.equal(value, state[key].float() * state.get(f"{key}.row_step", torch.tensor(1.0)))


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_checkpoint_has_its_row(name: str) -> None:
    rows = [line.split("|") for line in (SHIPPED / "README.md").read_text().splitlines() if f"| `{name}` |" in line]
    assert len(rows) == 1, f"data/checkpoints/README.md has {len(rows)} rows for {name}"
    _, _, network, parameters, source, score, seed, where, command, *_ = (cell.strip() for cell in rows[0])
    net = checkpoints.NETWORKS[name]()
    assert (network, parameters) == (type(net).__name__, f"{count(net):,}")
    trained = f"make train NAME={name}" in command or "python -m experiments." in command  # a table's script may train its own networks
    assert trained and re.search(r"\d{4}-\d\d-\d\d", where) and seed.isdigit()
    assert source and re.match(r"\d{2,3}\.\d\d % of [\d,]+", score)


def test_nothing_ships_that_cannot_be_loaded() -> None:
    assert sorted(path.stem for path in SHIPPED.glob("*.pt")) == NAMES


def test_the_recorded_scores_on_real_pictures() -> None:
    """What the issue asks of them: LeNet 99 %, the sign network 96 %, AllConv 80 %; and of narrow networks after a few epochs 65 %."""
    rows = dict(re.findall(r"\| `([\w-]+)` \|.*?\| (\d\d\.\d\d) % of", (SHIPPED / "README.md").read_text()))
    assert float(rows["lenet-mnist"]) >= 99 and float(rows["signnet-gtsrb"]) >= 96 and float(rows["allconv-cifar10"]) >= 80
    assert min(float(rows["nin-cifar10"]), float(rows["smallvgg-cifar10"])) >= 65


def test_the_scenes_are_hard_and_their_network_is_fooled_as_one_for_photos_is() -> None:
    """As recorded on 1,000 scenes: 75 to 98 % right, of these at least half fooled by FGSM at 0.007, at most 3 % by noise."""
    numbers = json.loads((SHIPPED.parent / "results" / "scenes.json").read_text())["numbers"]
    assert 75 <= numbers["accuracy"] <= 98 and numbers["right"] >= 750
    assert numbers["fgsm_0.007"] >= 50 and numbers["random_sign_0.007"] <= 3


def test_some_scenes_are_as_the_recorded_ones() -> None:
    """The same facts on pictures that are drawn now, with room for chance: 50 of them."""
    pictures, net = data.load("photos", "test", 50, source="drawn"), models.load("scenenet-scenes")
    right = runtime.predict(net, pictures.x) == pictures.y
    x, y = pictures.x[right], pictures.y[right]
    assert right.float().mean() >= 0.72
    assert measure.success_rate(net, attacks.fgsm(net, x, y, eps=0.007), y) >= 0.4
    assert measure.success_rate(net, attacks.random_sign(x, eps=0.007), y) <= 0.05


FLOORS = {
    "lenet-digits": ("digits", 0.97), "fc10-digits": ("digits", 0.88), "fc100-digits": ("digits", 0.94),
    "stridenet-digits-distilled": ("digits", 0.97), "twopairs-digits-distilled": ("digits", 0.97),
    "stridenet-digits": ("digits", 0.97), "twopairs-digits": ("digits", 0.97),
    "fc10-digits-decay0.01": ("digits", 0.85), "fc10-digits-decay1": ("digits", 0.7),
    "fc100-digits-p1": ("digits", 0.92), "fc123-digits-p1": ("digits", 0.92), "fc100-digits-p2": ("digits", 0.92),
    "fc200-digits": ("digits", 0.94), "ae400-digits": ("digits", 0.88), "signnet-signs": ("signs", 0.95),
    "lenet-digits-fgsm": ("digits", 0.95), "lenet-digits-twin": ("digits", 0.97), "signnet-signs-twin": ("signs", 0.9),
    "resnet-signs": ("signs", 0.95), "chain-signs": ("signs", 0.95),
    "allconv-signs": ("objects", 0.9), "nin-signs": ("objects", 0.9), "nin-signs-thermometer": ("objects", 0.9), "smallvgg-signs": ("objects", 0.9), "scenenet-scenes": ("photos", 0.75),
    "facenet-faces": ("faces", 0.93),
    "madry-digits": ("digits", 0.97), "madry-digits-pgd": ("digits", 0.95), "madry-digits-pgd-twin": ("digits", 0.94), "madry-digits-fgsm": ("digits", 0.8),
    "signnet-signs-pgd": ("signs", 0.9),
    "madry-digits-scenes": ("digits", 0.97), "madry-digits-random": ("digits", 0.97), "madry-digits-pixels": ("digits", 0.94),
    "memory-digits-n2": ("digits", 0.94), "memory-digits-n3": ("digits", 0.94), "memory-digits-n20": ("digits", 0.93), "memory-digits-n30": ("digits", 0.91),
    "signnet-signs-relu": ("signs", 0.97), "signnet-signs-bounded": ("signs", 0.97),
    "speechnet-spoken": ("spoken", 0.94), "speechnet-spoken-twin": ("spoken", 0.94),
}  # fmt: skip


def test_every_network_for_drawn_pictures_is_measured() -> None:
    assert set(FLOORS) == {name for name in NAMES if not re.search("-(mnist|gtsrb|cifar10|orl|decoder)|^(detector|pixelcnn|generator)-", name)}  # test_detector, test_generative


@pytest.mark.parametrize("name", FLOORS)
def test_a_network_is_right_on_drawn_pictures(name: str) -> None:
    world, floor = FLOORS[name]
    pictures = data.spoken("test", 200) if world == "spoken" else data.load(world, "test", 50 if world == "photos" else 200, source="drawn")
    net = models.load(name)
    assert net(pictures.x[:1]).shape == (1, len(pictures.names))
    assert accuracy(net, pictures.x, pictures.y) >= floor


@pytest.mark.parametrize(("name", "floor"), [("lenet-mnist", 0.5), ("fc200-mnist", 0.4)])
def test_a_network_from_real_digits_reads_drawn_ones_better_than_chance(name: str, floor: float) -> None:
    x, y, *_ = data.load("digits", "test", 200, source="drawn")
    assert accuracy(models.load(name), x, y) >= floor


# ---------------------------------------------------------------- loading and saving


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of checkpoints with fc10-digits in it."""
    monkeypatch.setattr(checkpoints, "folder", lambda: tmp_path)
    torch.manual_seed(0)
    models.save(DenseNet10(), "fc10-digits")
    return tmp_path


REMEDY = r"git checkout -- data/checkpoints/fc10-digits.pt`, or train it again: `make train NAME=fc10-digits`"


def test_saved_and_loaded_is_the_same_to_half_precision(shelf: Path) -> None:
    net = DenseNet10()
    assert models.save(net, "fc10-digits") == shelf / "fc10-digits.pt"
    found = models.load("fc10-digits")
    assert torch.equal(found[1].weight, net[1].weight.half().float())
    assert net[1].weight.dtype == torch.float32, "the model that was saved stays as it was"


def test_a_large_matrix_is_kept_in_eight_bits(shelf: Path) -> None:
    """Half the file, and no weight moves by more than half a step of its row; rows of zeros stay zeros, tiny and huge rows keep their size."""
    net = MadryNet()
    with torch.no_grad():
        net[7].weight[0], net[7].weight[1:3] = 0.0, net[7].weight[1:3] * torch.tensor([[1e-3], [1e5]])
    path = models.save(net, "madry-mnist-pgd")
    assert path.stat().st_size < 3.5e6
    before, after = net[7].weight.detach(), models.load("madry-mnist-pgd")[7].weight.detach()
    steps = before.abs().amax(1, keepdim=True) / 127
    assert ((after - before).abs() <= 0.52 * steps).all() and not after[0].any() and after[1].any()
    assert torch.equal(models.load("madry-mnist-pgd")[3].weight, net[3].weight.half().float()), "the others in half precision"


@pytest.mark.parametrize("call", [models.load, lambda name: models.save(LeNet(), name)], ids=["load", "save"])
def test_an_unknown_name_lists_the_nearest(call: Callable, shelf: Path) -> None:
    with pytest.raises(ValueError, match="unknown checkpoint 'lenet-digit'. Nearest: lenet-digits"):
        call("lenet-digit")


def test_a_missing_file_is_named(shelf: Path) -> None:
    (shelf / "fc10-digits.pt").unlink()
    with pytest.raises(FileNotFoundError, match=rf"{shelf}/fc10-digits.pt is missing. Get it back with `{REMEDY}"):
        models.load("fc10-digits")


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda content: content[: len(content) // 2], id="truncated"),
        pytest.param(lambda content: content[:-1], id="last byte gone"),
        pytest.param(lambda content: b"", id="empty"),
        pytest.param(lambda content: b"<html>not found</html>", id="a web page"),
        pytest.param(lambda content: content[:9000] + bytes([content[9000] ^ 1]) + content[9001:], id="one bit changed"),
    ],
)
def test_a_damaged_file_is_named(spoil: Callable[[bytes], bytes], shelf: Path) -> None:
    path = shelf / "fc10-digits.pt"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ValueError, match=rf"{path} is damaged and cannot be read .*{REMEDY}"):
        models.load("fc10-digits")


def test_a_file_with_code_in_it_is_not_run(shelf: Path) -> None:
    torch.save(DenseNet10(), shelf / "fc10-digits.pt")  # a whole pickled object, not a state
    with pytest.raises(ValueError, match="fc10-digits.pt is damaged and cannot be read"):
        models.load("fc10-digits")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(LeNet().state_dict(), id="another network"),
        pytest.param(DenseNet10(classes=9).state_dict(), id="another number of classes"),
        pytest.param({}, id="nothing in it"),
        pytest.param(torch.zeros(3), id="a tensor"),
        pytest.param([1, 2], id="a list"),
    ],
)
def test_a_file_that_does_not_fit_is_named(content: object, shelf: Path) -> None:
    torch.save(content, shelf / "fc10-digits.pt")
    with pytest.raises(ValueError, match=rf"fc10-digits.pt does not fit the network DenseNet10. Get it back with `{REMEDY}"):
        models.load("fc10-digits")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers_are_refused(value: float, shelf: Path) -> None:
    path = shelf / "fc10-digits.pt"
    state = torch.load(path, weights_only=True)
    state["1.bias"][3] = value
    torch.save(state, path)
    with pytest.raises(ValueError, match=rf"{path} holds NaN or infinite weights, in 1\.bias\. Get it back with `{REMEDY}"):
        models.load("fc10-digits")


@pytest.mark.parametrize("value", [float("nan"), 70_000.0])  # half precision ends at 65504
def test_a_model_whose_weights_do_not_fit_is_not_saved(value: float, shelf: Path) -> None:
    path = shelf / "fc10-digits.pt"
    old = path.read_bytes()
    net = DenseNet10()
    with torch.no_grad():
        net[1].weight[0, 0] = value
    with pytest.raises(ValueError, match=r"1\.weight of the model for 'fc10-digits' holds NaN, or numbers beyond half precision"):
        models.save(net, "fc10-digits")
    assert path.read_bytes() == old


def test_a_stop_while_saving_leaves_the_old_file(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written beside, then renamed: a half-written file never looks complete."""
    path = shelf / "fc10-digits.pt"
    old = path.read_bytes()

    def stop(state: dict, where: Path) -> None:
        Path(where).write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(torch, "save", stop)
        models.save(DenseNet10(), "fc10-digits")
    assert path.read_bytes() == old
    models.load("fc10-digits")
    models.save(DenseNet10(), "fc10-digits")
    assert path.read_bytes() != old and [p.name for p in shelf.iterdir()] == ["fc10-digits.pt"]


def test_available_lists_what_load_takes() -> None:
    assert models.available() == NAMES and "lenet-digits" in NAMES


# ---------------------------------------------------------------- the network of a world


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (("digits",), "lenet-digits"), (("signs",), "signnet-signs"), (("objects",), "allconv-signs"),
        (("photos",), "scenenet-scenes"), (("faces",), "facenet-faces"), (("digits", "fc100"), "fc100-digits"),
    ],
)  # fmt: skip
def test_classifier_names_the_network_of_a_world(asked: tuple, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "load", lambda name: name)
    assert models.classifier(*asked) == expected


@pytest.mark.parametrize(
    ("world", "expected"),
    [("digits", "lenet-mnist"), ("signs", "signnet-gtsrb"), ("objects", "allconv-cifar10"), ("photos", "imagenet squeezenet1_0"), ("faces", "facenet-orl")],
)
def test_classifier_follows_the_profile(world: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "load", lambda name: name)
    monkeypatch.setattr(checkpoints, "imagenet_network", lambda name: f"imagenet {name}")
    assert models.classifier(world, source="real") == expected
    monkeypatch.setitem(runtime.settings._defaults, "data", "real")
    assert models.classifier(world) == expected


def test_every_world_has_its_network_in_both_profiles() -> None:
    for row in data.WORLDS.values():
        assert f"{row.network}-{row.drawn_suffix}" in NAMES
        assert f"{row.network}-{row.real_suffix}" in NAMES if row.real_suffix else row.pretrained in list_models()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"world": "digit"}, "unknown world 'digit'. Nearest: digits"),
        ({"world": "digits", "network": "lenett"}, "unknown checkpoint 'lenett-digits'. Nearest: lenet-digits"),
        ({"world": "digits", "source": "reel"}, "unknown source 'reel'. Nearest: real"),
    ],
)
def test_classifier_names_what_it_does_not_know(asked: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        models.classifier(**asked)


def test_imagenet_weights_without_a_network_say_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import models as vision

    def offline(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(vision, "get_model", offline)
    with pytest.raises(FetchError) as error:
        models.classifier("photos", source="real")
    assert str(error.value).split("\n") == [
        "the ImageNet weights of squeezenet1_0 could not be fetched or read: no network",
        'To go on with drawn pictures: setup(data="drawn"), with COURSE_DATA unset; '
        "or by hand: put the file into $TORCH_HOME/hub/checkpoints.",
    ]


@pytest.mark.parametrize("problem", [RuntimeError("invalid hash value"), EOFError("Ran out of input")])
def test_imagenet_weights_that_are_damaged_say_how_to_go_on(problem: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(*_: object, **__: object) -> None:
        raise problem

    monkeypatch.setattr("torchvision.models.get_model", damaged)
    with pytest.raises(FetchError, match=f"squeezenet1_0 could not be fetched or read: {problem}\n.*TORCH_HOME/hub/checkpoints"):
        models.classifier("photos", source="real")


def test_an_unknown_network_of_torchvision_lists_the_nearest() -> None:
    with pytest.raises(ValueError, match="unknown network of torchvision 'resnet19'. Nearest: .*resnet18"):
        models.classifier("photos", "resnet19", source="real")


def test_imagenet_network_is_normalized_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import models as vision

    bare = vision.squeezenet1_1()
    monkeypatch.setattr(vision, "get_model", lambda name, weights: bare)
    net = models.classifier("photos", source="real")
    assert isinstance(net, Normalized) and net.model is bare and not net.training
    assert torch.allclose(net.mean.flatten(), torch.tensor([0.485, 0.456, 0.406]))
    assert torch.allclose(net.std.flatten(), torch.tensor([0.229, 0.224, 0.225]))
