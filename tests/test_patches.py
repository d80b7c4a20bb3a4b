"""Top patches: against a whole forward over all pictures, as a stream, behind branches; and the forward that stops at a layer."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import resnet18, squeezenet1_0

from benchmarks.memory import peak_megabytes
from course_utils import data, models
from course_utils.layers import capture, receptive_field, stopped_at
from course_utils.models import AllConv, LeNet, Normalized, SceneNet, SignNet
from course_utils.runtime import generator
from course_utils.visualize import only_boxes, random_directions, responses, top_patches


def built(make: type, *arguments: object) -> nn.Module:
    torch.manual_seed(0)
    return make(*arguments).eval()


def branches() -> nn.Module:
    torch.manual_seed(0)
    return Normalized(squeezenet1_0(num_classes=10), (0.5, 0.4, 0.3), (0.2, 0.2, 0.2)).eval()


def shortcuts() -> nn.Module:
    torch.manual_seed(0)
    return resnet18(num_classes=10).eval()


def noise(count: int, channels: int, side: int, seed: int = 1) -> Tensor:
    """Pictures with large and small structure."""
    random = generator(seed)
    coarse = torch.rand(count, channels, side // 4, side // 4, generator=random)
    fine = torch.rand(count, channels, side, side, generator=random)
    return 0.6 * F.interpolate(coarse, (side, side)) + 0.4 * fine


def maps_of(model: nn.Module, x: Tensor, layer: str) -> Tensor:
    with capture(model, layer) as seen, torch.no_grad():
        model(x)
    return seen[layer] if seen[layer].dim() == 4 else seen[layer][:, :, None, None]


# ---------------------------------------------------------------- the exact places and the exact pixels

BEFORE_POOLING = [  # network, channels, side, layer
    (lambda: built(LeNet), 1, 28, "0"), (lambda: built(LeNet), 1, 28, "2"), (lambda: built(LeNet), 1, 28, "3"),
    (lambda: built(SignNet), 3, 48, "4"), (lambda: built(SignNet), 3, 48, "9"), (lambda: built(AllConv, 10, 8), 3, 32, "9"),
    (branches, 3, 64, "model.features.3"), (branches, 3, 64, "model.features.5"), (shortcuts, 3, 64, "layer1"), (shortcuts, 3, 96, "layer2.0"),
    (lambda: built(SceneNet), 3, 96, "9"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "channels", "side", "layer"), BEFORE_POOLING)
def test_the_crop_alone_on_grey_gives_the_unit_its_activation(make: object, channels: int, side: int, layer: str) -> None:
    """Pasted where it was, exactly; in the middle of a grey picture, where no border is near, too if it crossed none."""
    model, x = make(), noise(12, channels, side)
    units = torch.arange(3)
    top = top_patches(model, x, layer, units, k=4)
    assert top.patches.shape[-1] == receptive_field(model, layer, side).size < side  # and not the whole picture
    alone = only_boxes(x[top.pictures.flatten()], top.boxes.flatten(0, 1))
    rows, columns = top.positions.flatten(0, 1).T
    own = maps_of(model, alone, layer)[torch.arange(len(alone)), units.repeat_interleave(4), rows, columns]
    assert (own >= 0.9 * top.values.flatten() - 1e-6).all()
    assert torch.allclose(own, top.values.flatten(), rtol=1e-4, atol=1e-5)


def test_a_crop_that_is_one_pixel_too_small_does_not() -> None:
    model, x = built(SignNet), noise(12, 3, 48)
    top = top_patches(model, x, "4", [0, 1, 2], k=4)
    boxes = top.boxes.flatten(0, 1) + torch.tensor([1, 1, -1, -1])
    rows, columns = top.positions.flatten(0, 1).T
    own = maps_of(model, only_boxes(x[top.pictures.flatten()], boxes), "4")
    own = own[torch.arange(len(boxes)), torch.arange(3).repeat_interleave(4), rows, columns]
    assert not torch.allclose(own, top.values.flatten(), rtol=1e-4)


def test_the_patch_itself_gives_the_activation_anywhere_on_grey() -> None:
    """A patch that crosses no border, pasted a stride further into a grey picture, moves the activation along."""
    model, x = built(LeNet), noise(40, 1, 28)
    top = top_patches(model, x, "3", k=3)
    assert top.patches.shape == (50, 3, 1, 16, 16)
    grey = torch.full((150, 1, 28, 28), 0.5)
    grey[:, :, 4:20, 8:24] = top.patches.flatten(0, 1)  # the field of the unit in row 1, column 2
    own = maps_of(model, grey, "3")[torch.arange(150), torch.arange(50).repeat_interleave(3), 1, 2]
    assert torch.allclose(own, top.values.flatten(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("as_directions", [False, True])
def test_values_are_those_of_a_whole_forward_at_most_one_a_picture(as_directions: bool) -> None:
    model, x = built(SignNet), noise(30, 3, 48)
    mix = F.normalize(torch.randn(5, 96, generator=generator(3)), dim=1) if as_directions else torch.eye(96)[[7, 3, 3, 95, 0]]
    chosen = {"directions": mix} if as_directions else {"units": [7, 3, 3, 95, 0]}
    top = top_patches(model, x, "9", k=6, batch_size=7, **chosen)
    whole = torch.einsum("uc,nchw->unhw", mix, maps_of(model, x, "9"))
    values, pictures = whole.flatten(2).amax(2).sort(dim=1, descending=True, stable=True)
    assert torch.allclose(top.values, values[:, :6], atol=1e-5) and torch.equal(top.pictures, pictures[:, :6])
    assert all(len(set(row.tolist())) == 6 for row in top.pictures)
    rows, columns = top.positions.unbind(-1)
    assert torch.allclose(whole[torch.arange(5)[:, None], top.pictures, rows, columns], top.values, atol=1e-5)


def test_patches_are_the_pixels_of_their_boxes_with_grey_outside_the_picture() -> None:
    model, x = built(SignNet), noise(20, 3, 48)
    top = top_patches(model, x, "4", k=5, fill=torch.tensor([0.1, 0.2, 0.3]))
    crossing = 0
    for patch, picture, (y0, x0, y1, x1), (row, column) in zip(*(part.flatten(0, 1) for part in (top.patches, top.pictures, top.boxes, top.positions))):
        at = [int(p) * 2 - 7 for p in (row, column)]  # size 16, stride 2, start -7
        want = torch.tensor([0.1, 0.2, 0.3])[:, None, None].repeat(1, 16, 16)
        want[:, y0 - at[0] : y1 - at[0], x0 - at[1] : x1 - at[1]] = x[picture, :, y0:y1, x0:x1]
        assert torch.equal(patch, want)
        crossing += int((y1 - y0, x1 - x0) != (16, 16))
    assert crossing > 10


def test_without_patches_all_else_is_the_same() -> None:
    model, x = built(SignNet), noise(9, 3, 48)
    want, got = top_patches(model, x, "9", [1, 2], k=3), top_patches(model, x, "9", [1, 2], k=3, patches=False)
    assert all(torch.equal(a, b) for a, b in zip(got[:5], want[:5])) and got.patches.shape == (2, 3, 3, 0, 0)


def test_equal_values_take_the_earlier_picture_and_one_channel_needs_no_order() -> None:
    x = noise(3, 1, 28).repeat(4, 1, 1, 1)
    top = top_patches(built(LeNet), x, "3", [4], k=4, batch_size=5)
    best = int(top.pictures[0, 0])
    assert top.pictures[0].tolist() == [best, best + 3, best + 6, best + 9] and best < 3


# ---------------------------------------------------------------- streams


def test_a_stream_gives_what_the_whole_gives_with_its_labels() -> None:
    model, pictures = built(LeNet), data.load("digits", "test", 120)
    whole = top_patches(model, pictures, "3", k=5)
    parts = ((pictures.x[i : i + 17], pictures.y[i : i + 17]) for i in range(0, 120, 17))
    for got, want in zip(top_patches(model, parts, "3", k=5, batch_size=10), whole):
        assert torch.allclose(got.double(), want.double(), atol=1e-5)
    assert torch.equal(whole.labels, pictures.y[whole.pictures])
    assert (top_patches(model, pictures.x, "3", k=5).labels == -1).all()


def test_a_stream_is_read_batch_by_batch_and_not_kept() -> None:
    """benchmarks/patches.py measures the memory with 20,000 pictures; here it is asked which batches are still alive."""
    given: list[weakref.ref] = []
    alive: list[int] = []

    def stream(count: int) -> Iterator[Tensor]:
        for seed in range(count):
            alive.append(sum(one() is not None for one in given))
            batch = [noise(31, 1, 28, seed)]
            given.append(weakref.ref(batch[0]))
            yield batch.pop()

    top = top_patches(built(LeNet), stream(12), "3", k=9, batch_size=31)
    assert max(alive) <= 1 and int(top.pictures.max()) > 6 * 31
    few, many = (peak_megabytes(lambda: top_patches(built(LeNet), (noise(200, 1, 28, s) for s in range(n)), "3")) for n in (2, 12))
    assert few is None or many < few + 30  # the ten further batches take 6 MB, their maps 40


# ---------------------------------------------------------------- layers that see everything, and what is refused


@pytest.mark.parametrize(("make", "side", "layer"), [(branches, 64, "model.classifier.3"), (lambda: built(SceneNet), 96, "20"),
                                                     (lambda: built(SignNet), 48, "14")])  # fmt: skip
def test_where_units_see_everything_the_picture_is_the_patch(make: object, side: int, layer: str) -> None:
    model, x = make(), noise(6, 3, side)
    top = top_patches(model, x, layer, [0, 1], k=3)
    assert torch.equal(top.patches, x[top.pictures])
    assert (top.boxes[..., 2:] <= side).all() and (top.positions >= 0).all()


def test_behind_global_pooling() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 5, 1), nn.Flatten(), nn.Linear(5, 2)).eval()
    x = noise(6, 3, 16)
    for layer in ("1", "2", "3", "4"):
        top = top_patches(model, x, layer, k=3)
        assert torch.equal(top.patches, x[top.pictures]) and torch.equal(top.boxes, torch.tensor([0, 0, 16, 16]).expand_as(top.boxes))


def test_a_grey_picture_for_a_network_of_colours() -> None:
    with pytest.raises(ValueError, match=r"cannot be run on pictures \[1, 48, 48\].*expand\(-1, 3, -1, -1\)"):
        top_patches(built(SignNet), noise(9, 1, 48), "4")
    grey = noise(9, 1, 64)  # the normalizer inside makes three channels of it
    assert top_patches(branches(), grey, "model.features.3", [0]).patches.shape[2] == 1


REFUSED = {
    "unknown layer '90'. Nearest": lambda model, x: top_patches(model, x, "90"),
    r"units holds 96; the layer has 96 channels: 0 to 95": lambda model, x: top_patches(model, x, "9", [3, 96]),
    "units holds -1": lambda model, x: top_patches(model, x, "9", [-1]),
    "units holds empty": lambda model, x: top_patches(model, x, "9", []),
    r"directions is \[2, 95\]; \[U, 96\]": lambda model, x: top_patches(model, x, "9", directions=torch.ones(2, 95)),
    "directions holds NaN": lambda model, x: top_patches(model, x, "9", directions=torch.full((2, 96), torch.nan)),
    "both given": lambda model, x: top_patches(model, x, "9", [1], directions=torch.ones(2, 96)),
    "at least k = 40": lambda model, x: top_patches(model, x, "9", k=40),
    "the data holds 0 pictures": lambda model, x: top_patches(model, [], "9"),
    "k is 0": lambda model, x: top_patches(model, x, "9", k=0),
    "batch_size is 0": lambda model, x: top_patches(model, x, "9", batch_size=0),
    "data is a int": lambda model, x: top_patches(model, 3, "9"),
    "a batch of the data is a str": lambda model, x: top_patches(model, ["x"], "9"),
    "pixels from": lambda model, x: top_patches(model, 255 * x, "9"),
    "must have one size": lambda model, x: top_patches(model, [x, x[:, :, :40]], "9"),
    "fill is 2": lambda model, x: top_patches(model, x, "9", fill=2),
    r"one box \(y0, x0, y1, x1\) a picture": lambda model, x: only_boxes(x, torch.zeros(3, 4).long()),
}  # fmt: skip


@pytest.mark.parametrize("words", REFUSED)
def test_bad_input_is_refused_in_words(words: str) -> None:
    model = built(SignNet)
    with pytest.raises(ValueError, match=words):
        REFUSED[words](model, noise(9, 3, 48))
    assert not any(module._forward_hooks for module in model.modules())


def test_the_model_comes_back_as_it_was() -> None:
    model = built(SignNet).train()
    model[0].weight.grad = torch.ones_like(model[0].weight)
    before, x = copy.deepcopy(model.state_dict()), noise(9, 3, 48)
    kept = x.clone()
    first, second = (top_patches(model, x, "9", k=2) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second)) and torch.equal(x, kept)
    assert model.training and all(module.training for module in model.modules()) and all(p.requires_grad for p in model.parameters())
    assert (model[0].weight.grad == 1).all() and all(torch.equal(v, before[n]) for n, v in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules()) and not first.values.requires_grad


# ---------------------------------------------------------------- the forward that stops


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act, self.last = nn.Conv2d(1, 1, 3, padding=1), nn.ReLU(inplace=True), nn.Linear(1, 2)
        self.runs = 0

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.conv(self.act(self.conv(x))))
        self.runs += 1
        return self.last(x.mean((2, 3)))


def test_the_rest_of_the_network_does_not_run_and_the_last_call_counts() -> None:
    torch.manual_seed(1)
    model, x = Twice().eval(), noise(5, 1, 8)
    with stopped_at(model, model.conv) as run, torch.no_grad():
        got = [run(part) for part in x.split(2)]
    assert model.runs == 1  # for the first picture, to see how often the layer is called
    want = maps_of(model, x, "conv")
    assert torch.allclose(torch.cat(got), want) and (want < 0).any()
    assert not model.conv._forward_hooks


def test_a_layer_that_never_runs_is_refused() -> None:
    model = Twice()
    model.spare = nn.Conv2d(1, 1, 1)
    with stopped_at(model, "spare") as run, pytest.raises(ValueError, match="does not run"):
        run(noise(2, 1, 8))


def test_an_error_in_the_network_passes_through() -> None:
    model = models.load("lenet-digits")
    with stopped_at(model, "3") as run, pytest.raises(RuntimeError, match="channels"):
        run(noise(2, 3, 28))
    assert not model[3]._forward_hooks


# ---------------------------------------------------------------- directions


def test_responses_are_the_vectors_at_all_positions() -> None:
    model, x = built(SignNet), noise(5, 3, 48)
    got = responses(model, x, "9", batch_size=2)
    assert got.shape == (5 * 144, 96) and torch.allclose(got, responses_of(model, x, "9"), atol=1e-6)
    assert responses(model, x, "14").shape == (5, 256)


def responses_of(model: nn.Module, x: Tensor, layer: str) -> Tensor:
    maps = maps_of(model, x, layer)
    return torch.stack([picture[:, r, c] for picture in maps for r in range(maps.shape[2]) for c in range(maps.shape[3])])


KINDS = ("random", "positive", "few", "along", "against", "difference")


@pytest.fixture(scope="module")
def phi() -> Tensor:
    """Responses of three channels, of very different spread, and a fourth that never answers."""
    z = torch.randn(5000, 3, generator=generator(0)) * torch.tensor([10.0, 1.0, 0.1])
    return F.pad(z, (0, 1)) + 5


@pytest.mark.parametrize("kind", KINDS)
def test_directions_have_length_one_and_come_again_with_the_same_seed(kind: str, phi: Tensor) -> None:
    got = random_directions(phi, 50, kind, generator=generator(1))
    assert got.shape == (50, 4) and got.dtype == phi.dtype and torch.allclose(got.norm(dim=1), torch.ones(50), atol=1e-5)
    assert torch.equal(got, random_directions(phi, 50, kind, generator=generator(1)))
    assert not torch.equal(got, random_directions(phi, 50, kind, generator=generator(2)))


def test_each_kind_is_drawn_as_it_says(phi: Tensor) -> None:
    drawn = {kind: random_directions(phi, 2000, kind, generator=generator(1)) for kind in KINDS}
    sizes = {kind: v.square().mean(0) for kind, v in drawn.items()}  # the mean share of each channel
    assert torch.allclose(sizes["random"], torch.full((4,), 0.25), atol=0.02) and drawn["random"].mean(0).abs().max() < 0.05
    assert (drawn["positive"] >= 0).all() and (random_directions(phi[:, :1].repeat(1, 9), 20, "few", generator=generator(1)) != 0).sum(1).eq(4).all()
    assert sizes["along"].argmax() == 0 and sizes["difference"].argmax() == 0 and sizes["along"][0] > 0.8 < sizes["difference"][0]
    assert sizes["against"][0] < 0.02 and sizes["against"][2:].sum() > 0.9
    pairs = random_directions(phi[:2], 500, "difference", generator=generator(1))
    ahead = F.normalize(phi[0] - phi[1], dim=0)
    assert torch.allclose(pairs @ ahead, (pairs @ ahead).sign(), atol=1e-4) and (pairs @ ahead).unique().numel() >= 2  # never i = j


def test_bad_requests_for_directions_are_refused(phi: Tensor) -> None:
    with pytest.raises(ValueError, match="unknown kind of direction 'alond'. Nearest: along"):
        random_directions(phi, 3, "alond", generator=generator(0))
    with pytest.raises(ValueError, match="at least two responses"):
        random_directions(phi[:1], 3, generator=generator(0))
    with pytest.raises(ValueError, match="count is 0"):
        random_directions(phi, 0, generator=generator(0))
