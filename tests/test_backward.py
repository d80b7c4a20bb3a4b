"""A one mapped back by three rules, against a backward pass that is written down layer by layer."""

from __future__ import annotations

import copy
import itertools
import warnings
from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.layers import names
from course_utils.models import AllConv, LeNet, Normalized
from course_utils.runtime import generator
from course_utils.visualize import RULES, activation, project_back, relu_rule, saliency, strongest

RULE = pytest.mark.parametrize("rule", list(RULES))
pytestmark = pytest.mark.filterwarnings("ignore:unit ", "ignore:.*torch.jit.trace", "ignore::torch.jit.TracerWarning")

# ---------------------------------------------------------------- the reference: no autograd, every layer's backward by hand


def relu_down(before: Tensor, g: Tensor, rule: str) -> Tensor:
    gate = {"backprop": before > 0, "deconvnet": g > 0, "guided": (before > 0) & (g > 0)}[rule]
    return torch.where(gate, g, torch.zeros(()).to(g))


def down(layer: nn.Module, x: Tensor, out: Tensor, g: Tensor, rule: str) -> Tensor:
    """What a layer with input x and output out hands down of g."""
    if isinstance(layer, nn.Sequential):
        return by_hand(list(layer), x, g, rule)
    if hasattr(layer, "expand3x3"):  # SqueezeNet's block: a squeeze, and two branches side by side
        return fire_down(layer, x, g, rule)
    if isinstance(layer, nn.ReLU):
        return relu_down(x, g, rule)
    if isinstance(layer, nn.Conv2d):
        extra = [n - (((m - 1) * layer.stride[0]) - 2 * layer.padding[0] + k) for n, m, k in zip(x.shape[2:], g.shape[2:], layer.kernel_size)]
        return F.conv_transpose2d(g, layer.weight, stride=layer.stride, padding=layer.padding, output_padding=extra)
    if isinstance(layer, nn.MaxPool2d):
        switches = layer_switches(layer, x)
        flat = torch.zeros_like(x).flatten(2)
        return flat.scatter_add(2, switches.flatten(2), g.flatten(2)).view_as(x)
    if isinstance(layer, nn.AdaptiveAvgPool2d):
        return (g / (x.shape[2] * x.shape[3])).expand_as(x)
    if isinstance(layer, nn.Linear):
        return g @ layer.weight
    assert isinstance(layer, (nn.Flatten, nn.Dropout)), layer
    return g.reshape(x.shape)


def layer_switches(layer: nn.MaxPool2d, x: Tensor) -> Tensor:
    return F.max_pool2d(x, layer.kernel_size, layer.stride, layer.padding, ceil_mode=layer.ceil_mode, return_indices=True)[1]


def ran(layer: nn.Module, x: Tensor) -> Tensor:
    return copy.deepcopy(layer)(x.clone())


def by_hand(chain: list[nn.Module], x: Tensor, g: Tensor, rule: str) -> Tensor:
    inputs = [x]
    for layer in chain:
        inputs.append(ran(layer, inputs[-1]))
    for layer, before, after in zip(reversed(chain), inputs[-2::-1], inputs[:0:-1]):
        g = down(layer, before, after, g, rule)
    return g


def fire_down(fire: nn.Module, x: Tensor, g: Tensor, rule: str) -> Tensor:
    squeezed = ran(fire.squeeze, x)
    middle = squeezed.clamp(min=0)
    ones, threes = g.split([fire.expand1x1.out_channels, fire.expand3x3.out_channels], 1)
    total = torch.zeros_like(middle)
    for conv, part in ((fire.expand1x1, ones), (fire.expand3x3, threes)):
        total = total + down(conv, middle, part, relu_down(ran(conv, middle), part, rule), rule)
    return down(fire.squeeze, x, squeezed, relu_down(squeezed, total, rule), rule)


def reference(chain: list[nn.Module], x: Tensor, unit: int, rule: str) -> Tensor:
    with torch.no_grad():
        out = x
        for layer in chain:
            out = ran(layer, out)
        one = torch.zeros_like(out)
        for i, maps in enumerate(out):
            place = int(maps[unit].argmax()) if maps.dim() == 3 else 0
            one[i, unit].view(-1)[place] = 1 if maps.dim() == 1 or maps[unit].max() != 0 else 0
        return by_hand(chain, x, one, rule)


class Fire(nn.Module):
    """SqueezeNet's block as torchvision writes it: ReLUs in place, one for each branch. (Loading torchvision itself takes three seconds.)"""

    def __init__(self, inputs: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze, self.squeeze_activation = nn.Conv2d(inputs, squeeze, 1), nn.ReLU(inplace=True)
        self.expand1x1, self.expand1x1_activation = nn.Conv2d(squeeze, expand, 1), nn.ReLU(inplace=True)
        self.expand3x3, self.expand3x3_activation = nn.Conv2d(squeeze, expand, 3, padding=1), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze_activation(self.squeeze(x))
        return torch.cat([self.expand1x1_activation(self.expand1x1(x)), self.expand3x3_activation(self.expand3x3(x))], 1)


class Squeeze(nn.Module):
    """SqueezeNet's layers in small: every kind, with pools that round up."""

    def __init__(self) -> None:
        super().__init__()
        pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.features = nn.Sequential(nn.Conv2d(3, 24, 7, 2), nn.ReLU(inplace=True), pool, Fire(24, 8, 16), Fire(32, 8, 16), pool, Fire(32, 12, 24))

    def forward(self, x: Tensor) -> Tensor:
        return self.features(x).mean((2, 3))


def squeezenet() -> nn.Module:
    return Normalized(Squeeze(), 0.45, 0.22)


def real_squeezenet() -> nn.Module:
    from torchvision.models import squeezenet1_0  # here: it takes seconds to load

    return Normalized(squeezenet1_0(), 0.45, 0.22)


def seeded(make: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(3)
    return make().double().eval()


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, int], tuple[str, ...]]] = {
    "LeNet": (LeNet, (1, 28), ("2", "6", "7")),
    "AllConv": (lambda: AllConv(width=16), (3, 32), ("5", "11", "18", "19")),
    "SqueezeNet, small": (squeezenet, (3, 64), ("model.features.1", "model.features.4", "model.features.6")),
    "SqueezeNet": (real_squeezenet, (3, 48), ("model.features.12",)),
}


def part(model: nn.Module, layer: str, x: Tensor) -> tuple[list[nn.Module], Tensor, float]:
    """The layers up to one, their input, and what the normalizer multiplies a gradient by."""
    if isinstance(model, Normalized):
        return list(model.model.features)[: int(layer.split(".")[-1]) + 1], (x - model.mean) / model.std, 1 / float(model.std)
    return list(model)[: int(layer) + 1], x, 1.0


@RULE
@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_the_backward_pass_written_by_hand(name: str, rule: str) -> None:
    make, (channels, side), layers = NETWORKS[name]
    model, x = seeded(make), torch.rand(2, channels, side, side, generator=generator(1), dtype=torch.double)
    for layer in layers:
        chain, first, factor = part(model, layer, x)
        with torch.no_grad():
            peaks = activation(model, x, layer).flatten(2).amax(2) if activation(model, x, layer).dim() == 4 else activation(model, x, layer)
        unit = int(peaks.amin(0).argmax())  # active in both pictures
        want = factor * reference(chain, first, unit, rule)
        found = project_back(model, x, layer, unit, rule=rule)
        assert want.abs().max() > 0
        assert (found - want).abs().max() <= 1e-6 * want.abs().max(), layer


def test_the_rules_differ() -> None:
    """Else the comparisons above would say nothing about them; below LeNet's first ReLU there is nothing to differ in."""
    model, x = seeded(lambda: AllConv(width=16)), torch.rand(1, 3, 32, 32, generator=generator(1), dtype=torch.double)
    found = [project_back(model, x, "18", 2, rule=rule) for rule in RULES]
    assert all((a - b).abs().max() > 1e-3 * a.abs().max() for a, b in itertools.combinations(found, 2))
    lenet, digit = seeded(LeNet), torch.rand(1, 1, 28, 28, dtype=torch.double)
    assert len({project_back(lenet, digit, "2", 3, rule=rule).sum().item() for rule in RULES}) == 1


def test_the_lecture_s_example() -> None:
    f, g = torch.tensor([[1.0, -1, 5], [2, -5, -7], [-3, 2, 4]]), torch.tensor([[-2.0, 3, -1], [6, -3, 1], [2, -1, 3]])
    want = {
        "backprop": [[-2, 0, -1], [6, 0, 0], [0, -1, 3]], "deconvnet": [[0, 3, 0], [6, 0, 1], [2, 0, 3]],
        "guided": [[0, 0, 0], [6, 0, 0], [0, 0, 3]],
    }  # fmt: skip
    for rule, rows in want.items():
        assert RULES[rule](f.relu(), g).tolist() == rows
        leaf = f.clone().requires_grad_()
        with relu_rule(nn.ReLU(), rule):
            assert torch.autograd.grad(leaf.relu(), leaf, g)[0].tolist() == rows


# ---------------------------------------------------------------- in whatever way a ReLU is written


class Bent(nn.Module):
    """Nested, with a ReLU that runs three times, written in one of many ways; a view lies between."""

    WAYS: dict[str, Callable[[Tensor], Tensor]] = {
        "F.relu": F.relu, "F.relu in place": lambda x: F.relu(x, inplace=True), "F.relu, positional": lambda x: F.relu(x, True),
        "torch.relu": torch.relu, "torch.relu_": torch.relu_, "x.relu()": lambda x: x.relu(), "x.relu_()": lambda x: x.relu_(),
        "by keyword": lambda x: torch.relu(input=x), "result not used": lambda x: (x.relu_(), x)[1],
    }  # fmt: skip

    def __init__(self, way: str) -> None:
        super().__init__()
        self.bend = nn.ReLU(way == "module in place") if way.startswith("module") else None
        self.way = self.WAYS.get(way)
        self.first, self.second, self.third = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1), nn.Conv2d(12, 4, 3)

    def act(self, x: Tensor) -> Tensor:
        return self.bend(x) if self.bend is not None else self.way(x)

    def forward(self, x: Tensor) -> Tensor:
        y = F.max_pool2d(self.act(self.first(x)), 2)
        both = torch.cat([y, self.act(self.second(y))], 1).flatten(1).view(len(x), 12, y.shape[2], -1)
        return self.act(self.third(both))


def bent(way: str) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(Bent(way), nn.Flatten())


@pytest.fixture
def x() -> Tensor:
    return torch.rand(3, 3, 10, 12, generator=generator(2))


@RULE
@pytest.mark.parametrize("way", ["module in place", *Bent.WAYS])
def test_however_a_relu_is_written(way: str, rule: str, x: Tensor) -> None:
    want = project_back(bent("module"), x, "0", 1, rule=rule)
    assert want.abs().max() > 0 and torch.equal(project_back(bent(way), x, "0", 1, rule=rule), want)


class Other(nn.Module):
    def __init__(self, act: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.act = nn.Conv2d(3, 4, 3), act

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x) if self.act is None else self.act(self.first(x))


BENDS = {
    "LeakyRelu": F.leaky_relu, "Sigmoid": torch.sigmoid, "Tanh": torch.tanh, "Gelu": F.gelu, "Elu": F.elu, "Silu": F.silu,
    "Softplus": F.softplus, "Hardtanh": F.relu6, "Clamp": lambda x: x.clamp(min=0), "ClampMin": lambda x: torch.clamp_min(x, 0),
    "Threshold": lambda x: F.threshold(x, 0, 0), "Maximum": lambda x: torch.maximum(x, torch.zeros_like(x)),
    "Where": lambda x: torch.where(x > 0, x, 0.0), "Prelu": nn.PReLU(),
}  # fmt: skip


@pytest.mark.parametrize("kind", BENDS)
def test_other_bends_are_refused_or_differentiated(kind: str, x: Tensor) -> None:
    model = nn.Sequential(Other(BENDS[kind]), nn.Conv2d(4, 2, 3))
    for rule in ("deconvnet", "guided"):
        with pytest.raises(ValueError, match=rf"computes {kind}\w* between .* Use rule='backprop'"):
            project_back(model, x, "1", 0, rule=rule)
    assert project_back(model, x, "1", 0).abs().max() > 0


def test_a_scripted_relu_is_not_silently_wrong(x: Tensor) -> None:
    scripted = torch.jit.trace(Bent("F.relu"), x)
    model = nn.Sequential(scripted, nn.Conv2d(4, 2, 1))
    with pytest.raises(ValueError, match="computes"):
        project_back(model, x, "1", 0, rule="guided")


def test_bends_above_the_layer_do_not_matter(x: Tensor) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3), nn.LeakyReLU(), nn.Linear(99, 99))  # which cannot even run
    assert project_back(model, x, "2", 0, rule="guided").abs().max() > 0


# ---------------------------------------------------------------- no trace, the same again, one at a time


@RULE
def test_it_leaves_no_trace_and_the_same_call_gives_the_same(rule: str, x: Tensor) -> None:
    model = bent("module in place").train()
    for weights in model.parameters():
        weights.grad = torch.ones_like(weights)
    before, given = copy.deepcopy(model.state_dict()), x.clone()
    first = project_back(model, x, "0", 1, rule=rule)
    assert torch.equal(project_back(model, x, "0", 1, rule=rule), first) and not first.requires_grad
    assert sum(len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in model.modules()) == 0
    assert all((w.grad == 1).all() and w.requires_grad for w in model.parameters()) and model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert torch.equal(x, given) and x.grad is None and not x.requires_grad
    with pytest.raises(ValueError):
        project_back(model, x, "0", 99, rule=rule)
    assert sum(len(m._forward_hooks) for m in model.modules()) == 0
    assert "Ruled" not in type(F.relu(x.clone().requires_grad_()).grad_fn).__name__  # the rule is gone, too


@RULE
def test_a_batch_is_its_pictures_one_at_a_time(rule: str, x: Tensor) -> None:
    model = bent("module").double()
    many = project_back(model, x.double(), "0", 1, rule=rule)
    each = torch.cat([project_back(model, one[None].double(), "0", 1, rule=rule) for one in x])
    assert torch.allclose(many, each, rtol=1e-12, atol=1e-12)


def test_the_rule_holds_in_its_block_alone_also_after_an_error(x: Tensor) -> None:
    model = bent("module")
    with pytest.raises(KeyError), relu_rule(model, "guided"):
        raise KeyError
    assert type(F.relu(x.clone().requires_grad_()).grad_fn).__name__ == "ReluBackward0"
    with pytest.raises(ValueError, match="unknown rule 'guide'. Nearest: guided"):
        project_back(model, x, "0", 1, rule="guide")


# ---------------------------------------------------------------- units and layers


def test_a_channel_means_its_strongest_position(x: Tensor) -> None:
    model = bent("module")
    with torch.no_grad():
        maps = activation(model, x, "0")
    places = strongest(maps, 1)
    one = torch.cat([project_back(model, p[None], "0", (1, *place)) for p, place in zip(x, places.tolist())])
    assert torch.allclose(project_back(model, x, "0", 1), one, atol=1e-7)
    rows = torch.cat([torch.ones(3, 1, dtype=torch.long), places], 1)
    assert torch.allclose(project_back(model, x, "0", rows), one, atol=1e-7)
    assert torch.equal(project_back(model, x, "0", torch.tensor([1, 1, 1])), project_back(model, x, "0", 1))
    assert [maps[i, 1, r, c].item() for i, (r, c) in enumerate(places.tolist())] == maps[:, 1].flatten(1).amax(1).tolist()


def test_the_top_is_saliency_s_gradient() -> None:
    model, x = AllConv(width=8).eval(), torch.rand(4, 3, 32, 32, generator=generator(1))
    y = torch.tensor([3, 0, 9, 3])
    assert torch.allclose(project_back(model, x, names(model)[-1], y).abs().amax(1), saliency(model, x, y), atol=1e-7)
    assert torch.equal(project_back(model, x, model[4], 2), project_back(model, x, "4", 2))


def test_a_grey_picture() -> None:
    lenet, grey = LeNet().eval(), torch.rand(2, 1, 28, 28, generator=generator(1))
    assert project_back(lenet, grey, "2", 5, rule="guided").shape == grey.shape
    with pytest.raises(ValueError, match="one channel and the model takes colours"):
        project_back(AllConv(width=8), torch.rand(1, 1, 32, 32), "1", 0)


@pytest.mark.parametrize(
    ("layer", "unit", "words"),
    [
        ("inner", 0, "unknown layer 'inner'"),
        ("0.frist", 0, "unknown layer '0.frist'. Nearest: 0.first"),
        (nn.ReLU(), 0, "not a layer of this"),
        ("0", 4, r"unknown unit: channel 4; layer '0' has 4, 0 to 3. Nearest: 3"),
        ("0", -1, "unknown unit: channel -1"),
        ("0", (0, 3, 1), "unknown unit: row 3; layer '0' has 3, 0 to 2"),
        ("0", (0, 1), "a channel or \\(channel, row, column\\) is expected"),
        ("0", 1.5, "a channel or"),
        ("0", torch.tensor([1, 2]), "one such row for each picture"),
        ("1", (0, 1, 1), "one number is expected"),
    ],
)
def test_what_does_not_exist_is_named(layer: str | nn.Module, unit: object, words: str, x: Tensor) -> None:
    with pytest.raises(ValueError, match=words):
        project_back(bent("module"), x, layer, unit)


def test_a_layer_that_does_not_run_or_gives_no_maps(x: Tensor) -> None:
    model = bent("module")
    model[0].spare = nn.ReLU()
    with pytest.raises(ValueError, match="'0.spare' does not run"):
        project_back(model, x, "0.spare", 0)
    with pytest.raises(ValueError, match=r"gives shape \[3, 3, 120\]; maps"):
        project_back(nn.Sequential(nn.Flatten(2)), x, "0", 0)


@pytest.fixture
def silent(x: Tensor) -> Iterator[nn.Module]:
    """Channel 0 is nowhere active on the first picture, and is on the others."""
    model = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU())
    with torch.no_grad():
        model[0].weight.fill_(1)
        model[0].bias.fill_(-x[0].sum(0).max().item() - 1e-4)
    x[1:].copy_(x[1:] * 0.5 + 0.5)
    yield model


@RULE
def test_a_unit_that_is_nowhere_active_maps_back_to_nothing_and_is_said(rule: str, x: Tensor, silent: nn.Module) -> None:
    with pytest.warns(UserWarning, match=r"unit 0 of layer '1' is 0, not active: nothing maps back, in pictures \[0\]"):
        found = project_back(silent, x, "1", 0, rule=rule)
    assert (found[0] == 0).all() and all(one.abs().max() > 0 for one in found[1:])
    with pytest.warns(UserWarning, match="in every picture"):
        assert (project_back(silent, x[:1], "1", 0, rule=rule) == 0).all()


def test_a_negative_value_is_said_and_still_has_a_gradient(x: Tensor, silent: nn.Module) -> None:
    with pytest.warns(UserWarning, match="is below 0: the map shows what would raise it"):
        assert project_back(silent, x[:1], "0", 0).abs().max() > 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        project_back(silent, x[1:], "1", 0)
