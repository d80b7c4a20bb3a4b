"""Names, captured activations, receptive fields against brute force, and local recomputation against whole forwards."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import efficientnet_b0, mobilenet_v3_small, resnet18, squeezenet1_0

from benchmarks.occlusion import Standardized
from course_utils.layers import Local, capture, layer_name, local_forward, names, paste, receptive_field, resolve
from course_utils.models import AllConv, LeNet, Normalized, SceneNet


class Block(nn.Module):
    """A residual block with a wide path, a dilated path and a shortcut, joined by a sum."""

    def __init__(self, channels: int, inplace: bool = True) -> None:
        super().__init__()
        self.wide = nn.Conv2d(channels, channels, (3, 5), padding=(1, 2))
        self.norm = nn.BatchNorm2d(channels)
        self.act = nn.ReLU(inplace=inplace)
        self.dilated = nn.Conv2d(channels, channels, 3, padding=2, dilation=2)

    def forward(self, x: Tensor) -> Tensor:
        out = self.act(self.norm(self.wide(x)))
        out = self.dilated(out)
        out += x
        return self.act(out)


class Residual(nn.Module):
    """A small network with everything that makes the arithmetic hard; functions beside modules; one layer used twice."""

    def __init__(self, inplace: bool = True) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 5, stride=2, padding=1)
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.block = Block(6, inplace)
        self.down = nn.Conv2d(6, 8, 1, stride=2)
        self.twice = nn.Conv2d(8, 8, 3, padding="same")
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block(self.pool(F.relu(self.stem(x), inplace=True)))
        x = self.twice(F.max_pool2d(self.twice(self.down(x)), 3, stride=1, padding=1))
        return self.head(x.mean((2, 3)))


def squeezenet() -> nn.Module:
    torch.manual_seed(0)
    return squeezenet1_0(num_classes=10)


def even_same() -> nn.Module:
    """Even kernels with padding "same" get one cell more behind the map than before it; one layer is parametrized."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 4, padding="same"), nn.ReLU(), nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 3)),
        nn.Conv2d(4, 4, (2, 3), padding="same", dilation=3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5),
    )  # fmt: skip


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, int, int]]] = {
    "LeNet": (LeNet, (1, 28, 28)),
    "AllConv": (lambda: AllConv(width=6), (3, 32, 32)),
    "SceneNet": (lambda: SceneNet(width=4), (3, 96, 98)),
    "SqueezeNet": (squeezenet, (3, 95, 64)),
    "ResNet18": (lambda: resnet18(num_classes=10), (3, 64, 75)),
    "Residual": (Residual, (3, 64, 57)),
    "EvenSame": (even_same, (3, 23, 26)),
}


def build(name: str) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    make, shape = NETWORKS[name]
    return make().eval(), torch.rand(1, *shape)


# ---------------------------------------------------------------- names, resolve


def test_names_are_the_layers_without_children() -> None:
    assert names(squeezenet())[:5] == [
        "features.0", "features.1", "features.2", "features.3.squeeze", "features.3.squeeze_activation",
    ]  # fmt: skip
    assert names(LeNet()) == [str(i) for i in range(8)]


def test_resolve_takes_names_of_layers_and_blocks_and_modules() -> None:
    model = squeezenet()
    assert resolve(model, "features.3.squeeze") is model.features[3].squeeze
    assert resolve(model, "features.3") is model.features[3]
    assert resolve(model, model.features[3]) is model.features[3]


def test_an_unknown_layer_lists_the_nearest_names() -> None:
    with pytest.raises(ValueError, match=r"unknown layer 'features_3.squeeze'. Nearest:.*features.3.squeeze"):
        resolve(squeezenet(), "features_3.squeeze")


def test_a_module_of_another_model_is_refused() -> None:
    with pytest.raises(ValueError, match="not a layer of this LeNet"):
        resolve(LeNet(), nn.ReLU())


# ---------------------------------------------------------------- capture


def hooks(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._backward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


@pytest.mark.parametrize("inplace", [True, False])
def test_capture_gives_the_true_value_before_an_in_place_relu(inplace: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace), nn.Conv2d(4, 2, 3), nn.Flatten())
    x = torch.rand(2, 3, 8, 8)
    with capture(model, "0", "1") as seen:
        scores = model(x)
    assert torch.equal(seen["0"], F.conv2d(x, model[0].weight, model[0].bias)) and seen["0"].min() < 0
    assert torch.equal(seen["1"], seen["0"].relu())
    assert torch.equal(scores, model(x)), "capturing changes nothing"
    assert hooks(model) == 0


def test_gradients_flow_to_and_from_what_was_captured() -> None:
    model, x = build("SqueezeNet")
    x.requires_grad_()
    with capture(model, "features.3.expand3x3") as seen:
        scores = model(x)
    kept = seen["features.3.expand3x3"]
    onward = torch.autograd.grad(scores.sum(), kept, retain_graph=True)[0]
    assert onward.abs().sum() > 0 and bool((onward[kept < 0] == 0).all()), "the ReLU behind it stops inactive units"
    assert torch.autograd.grad(kept[0, 0, 3, 3], x)[0].abs().sum() > 0


def test_capture_by_module_and_the_last_call_counts() -> None:
    model, x = build("Residual")
    with capture(model, model.twice) as seen:
        model(x)
    with capture(model, "twice", "head") as again:
        scores = model(x)
    assert torch.equal(seen["twice"], again["twice"]) and seen[model.twice] is seen["twice"]
    assert torch.equal(model.head(again["twice"].mean((2, 3))), scores)


def test_a_module_with_two_names_is_known_under_both() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Sequential(nn.Conv2d(3, 3, 3), nn.ReLU(inplace=True))
            self.second, self.head = self.first, nn.Conv2d(3, 2, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.second(self.first(x))).mean((2, 3))

    model, x = Tied(), torch.rand(2, 3, 9, 9)
    assert resolve(model, "second") is resolve(model, "first") is model.first
    assert layer_name(model, "second.0") == "second.0" and layer_name(model, model.second) == "first"
    with capture(model, "second.0") as seen:
        scores = model(x)
    with capture(model, "first.0", "second.0", "second") as all_names:
        assert torch.equal(model(x), scores)
    assert list(seen) == ["second.0"] and seen[model.first[0]] is seen["second.0"] and hooks(model) == 0
    assert torch.equal(all_names["first.0"], seen["second.0"]) and torch.equal(all_names["second.0"], seen["second.0"])
    assert torch.equal(model.head(all_names["second"]).mean((2, 3)), scores) and seen["second.0"].min() < 0
    assert receptive_field(model, "second", 9).size == receptive_field(model, "first", 9).size == 5


def test_capture_leaves_no_hooks_after_an_error() -> None:
    model, x = build("LeNet")
    with pytest.raises(RuntimeError), capture(model, "0", "2"):
        model(x[:, :, :9])
    assert hooks(model) == 0
    with pytest.raises(ValueError, match="unknown layer"), capture(model, "0", "nonsense"):
        pass
    assert hooks(model) == 0


def test_capture_says_what_is_missing() -> None:
    model, x = build("LeNet")
    with pytest.raises(ValueError, match="no layer"), capture(model):
        pass
    with capture(model, "0") as seen:
        with pytest.raises(ValueError, match="has not run yet"):
            seen["0"]
        model(x)
    with pytest.raises(ValueError, match="unknown captured layer '2'"):
        seen["2"]


# ---------------------------------------------------------------- receptive fields


def positive(model: nn.Module) -> nn.Module:
    """The same paths with nothing that could cancel or be switched off: equal positive weights, averages for maxima."""
    model = copy.deepcopy(model)
    for module in list(model.modules()):
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        for name, child in module.named_children():
            if isinstance(child, nn.MaxPool2d):
                setattr(module, name, nn.AvgPool2d(child.kernel_size, child.stride, child.padding, child.ceil_mode))
    return model


def brute_force(kept: Tensor, x: Tensor, row: int, column: int) -> tuple[int, int, int, int]:
    """The smallest box (y0, x0, y1, x1) around the pixels with a gradient, which must fill it."""
    gradient = torch.autograd.grad(kept[0, :, row, column].sum(), x, retain_graph=True)[0][0].abs().sum(0)
    rows, columns = gradient.amax(1).nonzero()[:, 0], gradient.amax(0).nonzero()[:, 0]
    y0, x0, y1, x1 = int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
    assert bool((gradient[y0:y1, x0:x1] > 0).all()), "the field has no holes"
    return y0, x0, y1, x1


@pytest.mark.parametrize("name", ["LeNet", "AllConv", "SceneNet", "SqueezeNet", "ResNet18"])
def test_the_receptive_field_is_where_the_gradient_can_be_non_zero(name: str) -> None:
    model, x = build(name)
    twin = positive(model)
    x.requires_grad_()
    blocks = [n for n, m in model.named_modules() if type(m).__name__ in ("Fire", "BasicBlock")]
    checked = []
    with capture(twin, *names(twin), *blocks) as seen:
        twin(x)
    for layer, kept in seen.items():
        if kept.dim() != 4 or isinstance(resolve(model, layer), nn.AdaptiveAvgPool2d):
            continue
        field = receptive_field(model, layer, tuple(x.shape[2:]))
        assert field.units == tuple(kept.shape[2:])
        last, middle = [n - 1 for n in field.units], [n // 2 for n in field.units]
        units = {(0, last[1]), (last[0], middle[1]), (middle[0], 0)}
        for row, column in units:
            assert field.box(row, column) == brute_force(kept, x, row, column), (layer, row, column)
        checked.append(layer)
    layers = [n for n, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.MaxPool2d, nn.ReLU, nn.BatchNorm2d))]
    behind = {"6"} if name == "LeNet" else set()  # the ReLU behind LeNet's first linear layer
    assert set(layers) - behind <= set(checked) and hooks(twin) == 0


def test_every_unit_of_a_hard_network_is_exact() -> None:
    """Uneven kernels, dilation, ceil mode, padding "same", a layer used twice, functions instead of modules."""
    model, x = build("Residual")
    twin = positive(model)
    twin.forward = lambda x: twin.twice(  # type: ignore[method-assign]
        F.avg_pool2d(twin.twice(twin.down(twin.block(twin.pool(F.relu(twin.stem(x)))))), 3, stride=1, padding=1)
    )
    x.requires_grad_()
    layers = ["stem", "pool", "block.wide", "block", "down", "twice"]
    with capture(twin, *layers) as seen:
        twin(x)
    for layer in layers:
        field = receptive_field(model, layer, tuple(x.shape[2:]))
        rows, columns = field.units
        assert field.units == tuple(seen[layer].shape[2:])
        for row in range(rows):
            assert field.box(row, columns // 2) == brute_force_box(seen[layer], x, row, columns // 2), (layer, row)
        for column in range(columns):
            assert field.box(rows // 2, column) == brute_force_box(seen[layer], x, rows // 2, column), (layer, column)


def test_every_unit_behind_even_kernels_with_padding_same_is_exact() -> None:
    model, x = build("EvenSame")
    twin = nn.Sequential(*model[:4])
    nn.utils.parametrize.remove_parametrizations(twin[2], "weight")
    twin = positive(twin)
    x.requires_grad_()
    with capture(twin, "0", "2", "3") as seen:
        twin(x)
    model = build("EvenSame")[0]
    for layer, kept in seen.items():
        field = receptive_field(model, layer, (23, 26))
        assert field.units == tuple(kept.shape[2:])
        for row in range(field.units[0]):
            for column in (0, 7, field.units[1] - 1):
                assert field.box(row, column) == brute_force_box(kept, x, row, column), (layer, row, column)


def brute_force_box(kept: Tensor, x: Tensor, row: int, column: int) -> tuple[int, int, int, int]:
    """As `brute_force`, for layers whose dilation or stride may leave holes in the field."""
    gradient = torch.autograd.grad(kept[0, :, row, column].sum(), x, retain_graph=True)[0][0].abs().sum(0)
    rows, columns = gradient.amax(1).nonzero()[:, 0], gradient.amax(0).nonzero()[:, 0]
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def test_known_numbers() -> None:
    size, stride, start = receptive_field(LeNet(), "3", 28)
    assert (size, stride, start) == (16, 4, 0)  # 5, 6 (stride 2), 14, 16 (stride 4)
    fire = receptive_field(squeezenet(), "features.3", 224)  # 7, 11 (stride 4), then 3x3 beside 1x1
    assert (fire.size, fire.stride, fire.start) == (19, 4, -4)
    assert receptive_field(resnet18(), "layer4", 224).size == 435
    uneven = receptive_field(nn.Sequential(nn.Conv2d(1, 1, (3, 5), (1, 2), (1, 0))), "0", 20)
    assert (uneven.size, uneven.stride, uneven.start) == ((3, 5), (1, 2), (-1, 0))


def test_the_field_of_an_inner_unit_follows_start_and_stride() -> None:
    field = receptive_field(squeezenet(), "features.5", 224)
    row, column = 20, 31
    y0, x0 = field.start + row * field.stride, field.start + column * field.stride
    assert field.box(row, column) == (y0, x0, y0 + field.size, x0 + field.size)


@pytest.mark.parametrize(
    ("model", "layer"), [(LeNet(), "5"), (LeNet(), "4"), (squeezenet(), "classifier.3"), (resnet18(), "fc")]
)
def test_behind_global_pooling_or_flattening_there_is_none(model: nn.Module, layer: str) -> None:
    size = 28 if isinstance(model, LeNet) else 224
    with pytest.raises(ValueError, match="every pixel is seen by every unit. Choose a layer before it, such as"):
        receptive_field(model, layer, size)


def test_steps_of_unknown_reach_are_refused() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Upsample(scale_factor=2), nn.Conv2d(2, 2, 3))
    with pytest.raises(ValueError, match=r"from 1 \(Upsample\) on, it is not known which pixels"):
        receptive_field(model, "2", 16)


def test_a_forward_that_depends_on_the_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="forward of Branching cannot be written down as fixed steps"):
        receptive_field(Branching(LeNet()), "model.0", 28)


def test_tensors_made_in_the_forward_stay_out_of_the_model() -> None:
    class Shifted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = AllConv(width=6)

        def forward(self, x: Tensor) -> Tensor:
            return self.model(x - torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1))

    model, before = Shifted().eval(), set(vars(Shifted()))
    assert receptive_field(model, "model.2", 32).size == 5 and Local(model, torch.rand(1, 3, 32, 32)).why_not is None
    assert set(vars(model)) == before


@pytest.mark.parametrize("size", [0, -3, 28.5, (28,), (28, 28, 1), (28, 0)])
def test_a_size_that_is_none_is_refused(size) -> None:
    with pytest.raises(ValueError, match="the picture's side in pixels, or"):
        receptive_field(LeNet(), "0", size)


def test_too_small_a_picture_and_units_outside_the_map_are_refused() -> None:
    with pytest.raises(ValueError, match="the picture is too small"):
        receptive_field(LeNet(), "2", 10)
    with pytest.raises(ValueError, match="row is 24; this layer's map has 24: 0 to 23"):
        receptive_field(LeNet(), "0", 28).box(24, 0)


# ---------------------------------------------------------------- local recomputation


def paste_one_by_one(x: Tensor, boxes: Tensor, patches: Tensor, index: Tensor) -> Tensor:
    """Whole pictures with the patches pasted in, one after the other."""
    pictures = x[index].clone()
    height, width = patches.shape[2:]
    for picture, (row, column), patch in zip(pictures, boxes.tolist(), patches.expand(len(boxes), -1, -1, -1)):
        part = picture[:, max(row, 0) : max(row + height, 0), max(column, 0) : max(column + width, 0)]
        y, z = max(-row, 0), max(-column, 0)
        part.copy_(patch[:, y : y + part.shape[1], z : z + part.shape[2]])
    return pictures


def test_paste_leaves_out_what_hangs_over_the_edge() -> None:
    x, index = torch.rand(2, 3, 9, 8), torch.tensor([0, 1, 1, 0, 1])
    boxes, patches = torch.tensor([[0, 0], [7, 6], [-2, -1], [4, 3], [8, -3]]), torch.rand(5, 3, 4, 5)
    found = paste(x, boxes, patches, index=index)
    assert torch.equal(found, paste_one_by_one(x, boxes, patches, index))
    assert torch.equal(found[3, :, 4:8, 3:8], patches[3]) and not torch.equal(found, x[index])
    assert torch.equal(paste(x[:1], boxes, patches[:1]), paste_one_by_one(x, boxes, patches[:1], index * 0))


@pytest.mark.parametrize("size", [(1, 1), (7, 4), (20, 15)])
@pytest.mark.parametrize("name", list(NETWORKS))
def test_local_recomputation_is_exact(name: str, size: tuple[int, int]) -> None:
    model = build(name)[0].double()  # so that a wrong cell cannot hide in the rounding
    x = torch.rand(2, *NETWORKS[name][1], dtype=torch.float64)
    height, width = x.shape[2:]
    ends = torch.tensor([height - 1, width - 1])
    corners = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]]) * ends - torch.tensor([2, 0])  # also hanging over the edge
    boxes = torch.cat([corners, (torch.rand(14, 2) * (ends - 1)).long()])
    patches, index = torch.rand(len(boxes), x.shape[1], *size).double(), torch.arange(len(boxes)) % 2
    local = Local(model, x)
    assert local.why_not is None
    with torch.no_grad():
        whole, base = model(paste_one_by_one(x, boxes, patches, index)), model(x)[index]
    found = local(boxes, patches, index=index, batch_size=5)
    changed = (whole - base).abs().max()
    assert changed > 0 and (found - whole).abs().max() <= 1e-6 * changed


def test_only_a_part_is_computed_again() -> None:
    """The convolutions see small crops: that is what makes it cheaper."""
    model, x = build("SqueezeNet")
    local, cells = Local(model, x), []
    for node, window in local.plan.windows.items():
        run = window.run
        local.plan.windows[node] = window._replace(run=lambda crop, run=run: cells.append(run(crop)) or cells[-1])
    local(torch.tensor([[40, 30]]), torch.zeros(1, 3, 8, 8))
    assert cells[0].shape[2:] == (7, 7), "of the first map's 45 x 29 cells"
    assert len(cells) > 10, "and so on, until most of a map is reached"


def test_one_picture_needs_no_index_and_one_patch_serves_all_boxes() -> None:
    model, x = build("AllConv")
    boxes, patch = torch.tensor([[3, 4], [20, 11], [31, 31]]), torch.full((1, 3, 5, 5), 0.5)
    with torch.no_grad():
        whole = model(paste_one_by_one(x, boxes, patch, torch.zeros(3, dtype=torch.int64)))
    assert torch.allclose(local_forward(model, x, boxes, patch), whole, atol=1e-5)


class Branching(nn.Module):
    """Decides by the pixels which way to go, so it cannot be written down as fixed steps."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x) if x.mean() > 0.2 else -self.model(x)


class Changing(nn.Module):
    """Changes a map in place after another step has used it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.first, self.model = nn.Conv2d(3, 3, 3, padding=1), model

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return self.model(F.max_pool2d(x, 3, 1, 1) + x.relu_())


@pytest.mark.parametrize("wrap", [Standardized, Branching, Changing])
def test_where_it_cannot_be_local_whole_pictures_are_run(wrap: type[nn.Module]) -> None:
    model, x = build("AllConv")
    model = wrap(model)
    boxes, patches = torch.tensor([[3, 4], [20, 11], [30, 30]]), torch.rand(3, 3, 5, 5)
    with torch.no_grad():
        whole = model(paste_one_by_one(x, boxes, patches, torch.zeros(3, dtype=torch.int64)))
    assert torch.allclose(local_forward(model, x, boxes, patches, batch_size=3), whole, atol=1e-6)
    if wrap is Branching:
        assert "fixed steps" in str(Local(model, x).why_not)
    elif wrap is Changing:
        assert "in place" in str(Local(model, x).why_not)
    else:
        assert "mean (mean) mixes all positions before" in str(Local(model, x).why_not)


def test_beyond_the_border_is_nothing_for_a_maximum() -> None:
    """All values are below 0: a border of zeros would win."""
    model, x = nn.Sequential(nn.Conv2d(1, 2, 1), nn.MaxPool2d(3, 2, 1), nn.Flatten()), torch.rand(1, 1, 24, 24)
    nn.init.constant_(model[0].bias, -5.0)
    boxes, patch = torch.tensor([[0, 0], [22, 0], [9, 22]]), torch.ones(1, 1, 2, 2)
    with torch.no_grad():
        whole = model(paste(x, boxes, patch))
    local = Local(model, x)
    assert local.why_not is None and torch.allclose(local(boxes, patch), whole)


def test_a_normalizer_inside_the_model_stays_local() -> None:
    """Padding happens behind the normalizer: zeros there are not black pixels."""
    model, x = build("AllConv")
    model = Normalized(model, (0.4, 0.5, 0.3), (0.2, 0.3, 0.25))
    boxes, patches = torch.tensor([[0, 0], [28, 29], [0, 30]]), torch.rand(3, 3, 4, 4)
    with torch.no_grad():
        whole = model(paste_one_by_one(x, boxes, patches, torch.zeros(3, dtype=torch.int64)))
    local = Local(model, x)
    assert local.why_not is None and torch.allclose(local(boxes, patches), whole, atol=1e-5)
    assert len(local._regions(boxes, 4, 4)) > 5


@pytest.mark.parametrize("make", [mobilenet_v3_small, efficientnet_b0])
def test_where_little_is_local_whole_pictures_are_run(make: Callable) -> None:
    x = torch.rand(1, 3, 224, 224)
    assert "the local way would save only" in str(Local(make().eval(), x, count=784).why_not)
    assert Local(make().eval(), x, worth=-1.0).why_not is None, "though it could"


def test_it_is_decided_by_the_work_that_is_saved() -> None:
    model, x = squeezenet(), torch.rand(1, 3, 224, 224)
    assert Local(model, x, count=784).why_not is None and Local(resnet18().eval(), x, count=784).why_not is None
    assert "its preparation counted in" in str(Local(model, x, count=50, worth=0.75).why_not)
    assert "so few small pictures" in str(Local(LeNet(), torch.rand(1, 1, 28, 28), count=100).why_not)
    local = Local(model, x)
    small, large = (local._saved(local._regions(torch.tensor([[40, 40]]), side, side)) for side in (8, 180))
    assert small > 0.7 and large < 0.15
    boxes, patch = torch.tensor([[20, 22]]), torch.rand(1, 3, 180, 180)
    assert torch.equal(local(boxes, patch), model.eval()(paste(x, boxes, patch))), "so a large patch takes the plain way"


def test_values_are_freed_after_their_last_use() -> None:
    model = nn.Sequential(*(nn.Conv2d(3, 3, 3, padding=1) for _ in range(20)), nn.Flatten(), nn.Linear(3 * 8 * 8, 2)).eval()
    local, alive, most = Local(model, torch.rand(1, 3, 8, 8), worth=-1.0), [], [0]
    run = local.plan.run

    def counted(*args, **options) -> Tensor:
        result = run(*args, **options)
        alive.append(weakref.ref(result))
        most[0] = max(most[0], sum(value() is not None for value in alive))
        return result

    local.plan.run = counted  # type: ignore[method-assign]
    local(torch.tensor([[2, 2]]), torch.rand(1, 3, 4, 4))
    assert len(alive) > 15 and most[0] <= 3, "a step's input and output, and at the end the scores twice"


def test_only_maps_that_crops_are_taken_from_are_kept() -> None:
    local = Local(*build("ResNet18"))
    kept = {str(node.target).removeprefix("model.") for node in local.maps}
    assert "x" in kept and "layer1.0.bn1" not in kept and "layer1.0.conv1" not in kept and "maxpool" in kept


def test_local_recomputation_leaves_no_trace() -> None:
    model, x = build("SqueezeNet")
    model.train()
    model.features[0].weight.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    scores = [local_forward(model, x, torch.tensor([[9, 9]]), torch.zeros(1, 3, 8, 8)) for _ in range(2)]
    assert torch.equal(*scores), "dropout is off inside"
    assert all(m.training for m in model.modules()) and hooks(model) == 0
    assert all(p.grad is None for p in model.parameters()) and not scores[0].requires_grad
    assert [p.requires_grad for p in model.parameters()] == [False] + [True] * (len(list(model.parameters())) - 1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(m.inplace for m in model.modules() if isinstance(m, nn.ReLU))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes": torch.zeros(3, 2)}, r"boxes is torch.float32 \[3, 2\]; int64 \[K, 2\]"),
        ({"boxes": torch.zeros(3, 4, dtype=torch.int64)}, r"int64 \[K, 2\] with rows and columns"),
        ({"patches": torch.zeros(2, 1, 4, 4)}, r"patches has shape \[2, 1, 4, 4\]; \[3 or 1, 1, h, w\]"),
        ({"x": torch.rand(2, 1, 28, 28)}, "say with index"),
        ({"index": torch.tensor([0, 0, 1])}, "index must hold 3 numbers from 0 to 0"),
        ({"x": torch.rand(1, 1, 28, 28) * 2}, r"pixels in \[0, 1\] are expected"),
    ],
)
def test_local_forward_refuses_bad_input(change: dict, message: str) -> None:
    boxes = torch.zeros(3, 2, dtype=torch.int64)
    given = {"x": torch.rand(1, 1, 28, 28), "boxes": boxes, "patches": torch.zeros(1, 1, 4, 4)}
    with pytest.raises(ValueError, match=message):
        local_forward(LeNet().eval(), **(given | change))


def test_a_small_network_with_pooling_takes_the_local_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of LeNet's time is its maxima, whose work is counted: with small windows half of the time is saved."""
    net, x, steps = LeNet().eval(), torch.rand(1, 1, 28, 28), []
    prepared = Local(net, x, count=33_800)
    assert prepared.why_not is None
    real = Local._forward
    monkeypatch.setattr(Local, "_forward", lambda self, *rest: steps.append(1) or real(self, *rest))
    boxes = torch.cartesian_prod(torch.arange(0, 25, 2), torch.arange(0, 25, 2))
    prepared(boxes, torch.zeros(1, 1, 4, 4), batch_size=len(boxes))
    assert steps == [1]
