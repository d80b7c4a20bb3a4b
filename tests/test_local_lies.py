"""Steps whose name or type says one thing and that do another: local recomputation must be right or go the plain way.

Every network here is compared with brute force: whole pictures with the patches pasted in. The scores are scaled so that
a wrong cell shows.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from course_utils.layers import Local, local_forward, paste, receptive_field
from course_utils.runtime import generator

SIZE = (30, 26)
BOXES = torch.tensor([[0, 0], [3, 5], [12, 11], [28, 24], [-1, 13], [17, -2], [25, 3]])


def differs(model: nn.Module, x: Tensor | None = None, **options) -> tuple[float, str | None]:
    """How far the local scores are from brute force, as a share of the largest change; and why it was not local."""
    model, x = model.eval(), torch.rand(2, 3, *SIZE, generator=generator(1)) if x is None else x
    index = torch.arange(len(BOXES)) % 2
    patches = torch.rand(len(BOXES), 3, 3, 4, generator=generator(2)).to(x.dtype)
    with torch.no_grad():
        whole = model(paste(x.as_subclass(Tensor), BOXES, patches, index=index).as_subclass(type(x)))
        base = model(x.clone())[index]
    local = Local(model, x, worth=-torch.inf, **options)
    found = local(BOXES, patches, index=index, batch_size=len(BOXES))  # some of these networks look at the whole batch
    return float((found - whole).abs().max() / (whole - base).abs().max()), local.why_not


class Net(nn.Module):
    """Two convolutions with a step between them, pooled to scores."""

    def __init__(self, between: Callable[[Tensor], Tensor] | nn.Module | None = None, channels: int = 4) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(channels, 5, 3, stride=2)
        self.between = between or nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.between(self.first(x))).mean((2, 3))


# ---------------------------------------------------------------- layers that are not what their class says


class Reflecting(nn.Conv2d):
    """Reflects at the border, whatever `padding_mode` says."""

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), self.weight, self.bias)


class ReflectingInside(nn.Conv2d):
    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), weight, bias)


class Flipping(nn.ReLU):
    def forward(self, x: Tensor) -> Tensor:
        return x.flip(2).relu()


class Pretending(nn.Conv2d):
    """Has a module called `parametrizations`, as a parametrized layer has."""

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self.parametrizations = nn.ModuleDict({"weight": nn.Identity()})

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flip(3))


Posing = type("Conv2d", (Reflecting,), {"__module__": "torch.nn.modules.conv", "__qualname__": "Conv2d"})
SUBCLASSES = [Reflecting, ReflectingInside, Pretending, Posing]


def altered_forward() -> nn.Module:
    layer = nn.Conv2d(4, 4, 3, padding=1)
    layer.forward = lambda x: F.conv2d(x.flip(2), layer.weight, layer.bias, padding=1)  # type: ignore[method-assign]
    return layer


def altered_inside() -> nn.Module:
    layer = nn.Conv2d(4, 4, 3, padding=1)
    layer._conv_forward = lambda x, weight, bias: F.conv2d(x.flip(3), weight, bias, padding=1)  # type: ignore[method-assign]
    return layer


def batch_statistics() -> nn.Module:
    return nn.BatchNorm2d(4, track_running_stats=False)


LAYERS: dict[str, Callable[[], nn.Module]] = {
    **{cls.__name__ + str(i): lambda cls=cls: cls(4, 4, 3, padding=1) for i, cls in enumerate(SUBCLASSES)},
    **{
        f"parametrized {cls.__name__}{i}": lambda cls=cls: nn.utils.parametrizations.weight_norm(cls(4, 4, 3, padding=1))
        for i, cls in enumerate(SUBCLASSES)
        if cls is not Pretending
    },
    "reflecting by option": lambda: nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
    "parametrized by option": lambda: nn.utils.parametrizations.weight_norm(
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular")
    ),
    "a ReLU that flips": Flipping,
    "an altered forward": altered_forward,
    "an altered _conv_forward": altered_inside,
    "statistics of the batch": batch_statistics,
    "group norm": lambda: nn.GroupNorm(2, 4),
    "instance norm": lambda: nn.InstanceNorm2d(4),
    "upsampling": lambda: nn.Upsample(scale_factor=2),
    "shuffled pixels": lambda: nn.Sequential(nn.PixelShuffle(2), nn.PixelUnshuffle(2)),
    "softmax over rows": lambda: nn.Softmax(2),
    "transposed convolution": lambda: nn.ConvTranspose2d(4, 4, 3, padding=1),
    "padding by a layer": lambda: nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(4, 4, 3)),
    "uneven adaptive pooling": lambda: nn.AdaptiveAvgPool2d((7, 9)),
    "adaptive maximum": lambda: nn.AdaptiveMaxPool2d(5),
    "powers of averages": lambda: nn.LPPool2d(2, 3, 2),
    "averages at the border": lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False),
    "averages with ceil": lambda: nn.AvgPool2d(3, 2, ceil_mode=True),
    "averages with a divisor": lambda: nn.AvgPool2d(3, 2, 1, divisor_override=2),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_what_its_forward_does(name: str) -> None:
    # In double precision: a softmax of small changes would be lost in the rounding of single precision.
    difference, _ = differs(Net(LAYERS[name]()).double(), torch.rand(2, 3, *SIZE, generator=generator(1)).double())
    assert difference < 1e-4


def test_a_parametrized_layer_of_torch_stays_local() -> None:
    difference, why_not = differs(Net(nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 3, padding=1))))
    assert difference < 1e-4 and why_not is None


@pytest.mark.parametrize("cls", [Reflecting, ReflectingInside])
def test_the_receptive_field_behind_a_parametrized_subclass_is_refused(cls: type[nn.Conv2d]) -> None:
    """It reflects at the border: `padding` says 0 cells and the map keeps its size."""
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.utils.parametrizations.weight_norm(cls(4, 4, 3)), nn.Conv2d(4, 2, 1))
    assert model(torch.rand(1, 3, 32, 32)).shape[2:] == (32, 32)
    for layer in ("1", "2"):
        with pytest.raises(ValueError, match="it is not known which pixels a unit sees|gives no output of its own"):
            receptive_field(model, layer, 32)
    assert receptive_field(model, "0", 32).units == (32, 32)


# ---------------------------------------------------------------- hooks


def hook_on(model: nn.Module, kind: str) -> object:
    clamp = lambda module, *rest: rest[-1].clamp(max=0.05)  # noqa: E731
    before = lambda module, inputs: (inputs[0].flip(2),)  # noqa: E731
    return {
        "forward": lambda: model.first.register_forward_hook(clamp),
        "inner module": lambda: model.between.register_forward_hook(clamp),
        "pre": lambda: model.second.register_forward_pre_hook(before),
        "model": lambda: model.register_forward_pre_hook(before),
        "backward": lambda: model.first.register_full_backward_hook(lambda *all: None),
        "all modules": lambda: register_module_forward_hook(
            lambda module, inputs, output: output.clamp(max=0.05) if isinstance(module, nn.Conv2d) else None
        ),
        "before all modules": lambda: register_module_forward_pre_hook(
            lambda module, inputs: (inputs[0].flip(3),) if isinstance(module, nn.Conv2d) else None
        ),
    }[kind]()


@pytest.mark.parametrize("kind", ["forward", "inner module", "pre", "model", "backward", "all modules", "before all modules"])
def test_any_hook_means_the_plain_way(kind: str) -> None:
    model = Net()
    handle = hook_on(model, kind)
    try:
        difference, why_not = differs(model)
    finally:
        handle.remove()
    assert difference < 1e-4 and "hooks" in str(why_not)
    assert differs(model)[1] is None, "without the hook it is local again"


def test_an_old_weight_norm_works_by_a_hook() -> None:
    model = Net()
    with pytest.warns(FutureWarning):
        nn.utils.weight_norm(model.second)
    difference, why_not = differs(model)
    assert difference < 1e-4 and "second has hooks" in str(why_not)


def test_receptive_fields_do_not_look_into_modules_with_hooks() -> None:
    seen: list[object] = []
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.Conv2d(4, 4, 3)), nn.Conv2d(4, 4, 3))
    model[1].register_forward_hook(lambda module, inputs, output: seen.append(output))
    assert receptive_field(model, "0", 20).size == 3
    with pytest.raises(ValueError, match="it is not known which pixels"):
        receptive_field(model, "2", 20)
    with pytest.raises(ValueError, match="lies in a part with hooks"):
        receptive_field(model, "1.0", 20)
    assert seen == [], "the hook does not run"
    handle = register_module_forward_hook(lambda *all: None)
    try:
        with pytest.raises(ValueError, match="hooks on all modules are registered"):
            receptive_field(model, "0", 20)
    finally:
        handle.remove()


# ---------------------------------------------------------------- functions


@fx.wrap
def square(x: Tensor) -> Tensor:
    """Named like a function of torch, but it mixes positions."""
    return x * x.flip(2)


@fx.wrap
def relu(x: Tensor) -> Tensor:
    return x.roll(3, 3).relu()


@fx.wrap
def max_pool2d(x: Tensor, kernel: int) -> Tensor:
    return F.max_pool2d(x.flip(2), kernel)


class Grid(nn.Module):
    """A map of positions, as a constant."""

    def __init__(self, step: Callable[[Tensor, Tensor], Tensor], shape: tuple[int, ...] = SIZE) -> None:
        super().__init__()
        self.step = step
        self.register_buffer("grid", torch.rand(shape, generator=generator(5)))

    def forward(self, x: Tensor) -> Tensor:
        return self.step(x, self.grid)


def mixed_halves(x: Tensor) -> Tensor:
    left, right = x.chunk(2, 3)
    return torch.cat([right, left], 3)


def shuffled_channels(x: Tensor) -> Tensor:
    n, c, h, w = x.size()
    return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


def weighted(x: Tensor) -> Tensor:
    return x * torch.softmax(x, 2)


def where_large(x: Tensor) -> Tensor:
    return torch.where(x > x.amax((2, 3), keepdim=True) / 2, x, 0.0)


FUNCTIONS: dict[str, Callable[[Tensor], Tensor] | nn.Module] = {
    "a function called square": lambda x: square(x),  # by its global name, which is what fx.wrap looks at
    "a function called relu": lambda x: relu(x),
    "a function called max_pool2d": lambda x: max_pool2d(x, 3),
    "halves": mixed_halves,
    "shuffled channels": shuffled_channels,
    "softmax over rows": weighted,
    "a mask by the largest": where_large,
    "cat of rows": lambda x: torch.cat([x, x], dim=2),
    "cat of columns": lambda x: torch.cat(tensors=[x, x * 2], dim=-1),
    "cat of pictures": lambda x: torch.cat([x, x])[: x.shape[0]],
    "cumulated": lambda x: x.cumsum(2),
    "turned": lambda x: x.transpose(2, 3),
    "sliced": lambda x: x[:, :, 1:, :-2],
    "every other": lambda x: x[..., ::2, ::2],
    "padded": lambda x: F.pad(x, (2, 1, 0, 3)),
    "padded by reflection": lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"),
    "interpolated": lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
    "normalized rows": lambda x: F.normalize(x, dim=3),
    "layer norm": lambda x: F.layer_norm(x, x.shape[1:]),
    "minus its mean": lambda x: x - x.mean((2, 3), keepdim=True),
    "unfolded": lambda x: F.fold(F.unfold(x, 3, padding=1), SIZE, 3, padding=1),
    "averages with ceil": lambda x: F.avg_pool2d(x, 3, 2, ceil_mode=True),
    "averages at the border": lambda x: F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False),
    "maxima with indices": lambda x: F.max_pool2d(x, 3, 2, return_indices=True)[0],
    "correlated with itself": lambda x: F.conv2d(x[:1], x[:, :, :3, :3].mean(0, keepdim=True)).expand(len(x), 4, -1, -1),
    "grid times": Grid(lambda x, grid: x * grid),
    "grid where": Grid(lambda x, grid: torch.where(grid > 0.5, x, -x)),
    "grid clamped": Grid(lambda x, grid: torch.clamp(x, max=grid)),
    "grid of one row": Grid(lambda x, grid: x + grid, (SIZE[1],)),
    "grid by pictures": Grid(lambda x, grid: x + grid[: x.shape[0]], (8, 1, 1, 1)),
    "grid by method": Grid(lambda x, grid: x.mul(grid)),
    "grid to the right": Grid(lambda x, grid: grid - x),
    "grid in the channels": Grid(lambda x, grid: torch.cat([x[:, :3], grid.expand(x.shape[0], 1, -1, -1)], 1)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_what_it_does(name: str) -> None:
    difference, _ = differs(Net(FUNCTIONS[name]))
    assert difference < 1e-4


LOCAL: dict[str, Callable[[Tensor], Tensor] | nn.Module] = {
    "a sum": lambda x: x + F.relu(x),
    "a rest": lambda x: 1 - x,
    "a shifted map": Grid(lambda x, grid: x * grid, (4, 1, 1)),
    "a choice": lambda x: torch.where(x > 0, x, 0.1 * x),
    "a maximum": lambda x: torch.maximum(x, -x),
    "channels by keyword": lambda x: torch.cat(tensors=(x, -x), dim=-3),
    "a pooling": lambda x: F.max_pool2d(x, 3, stride=1, padding=1) - F.avg_pool2d(x, 3, 1, 1),
    "no dropout": lambda x: F.dropout(x, 0.5, False),
    "in place": lambda x: F.relu(x, inplace=True).mul_(2).clamp_(max=1),
}


@pytest.mark.parametrize("name", LOCAL)
def test_what_is_known_stays_local(name: str) -> None:
    difference, why_not = differs(Net(LOCAL[name], channels=8 if "keyword" in name else 4))
    assert difference < 1e-4 and why_not is None


def test_a_function_of_weights_is_a_convolution() -> None:
    """Weights standardized in the forward, as in a subclass that traces to `conv2d` itself."""

    class Standardized(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            return F.conv2d(x, self.weight - self.weight.mean((1, 2, 3), keepdim=True), self.bias, padding=1)

    difference, why_not = differs(Net(Standardized(4, 4, 3)))
    assert difference < 1e-4 and why_not is None


def test_dropout_that_is_always_on_goes_the_plain_way() -> None:
    model = Net(lambda x: F.dropout(x, 0.5))
    assert Local(model.eval(), torch.rand(1, 3, *SIZE), worth=-torch.inf).why_not is not None


# ---------------------------------------------------------------- changes in place, and what a forward remembers


class Aliased(Net):
    """`kept` and the map are the same memory: what is added in place is added to both."""

    def __init__(self, way: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.way = way

    def forward(self, x: Tensor) -> Tensor:
        kept = x = self.first(x)
        self.way(x)
        return self.second(F.relu(kept)).mean((2, 3))


@pytest.mark.parametrize(
    "way",
    [
        lambda x: x.add_(0.3), lambda x: F.relu(x, True), lambda x: operator.iadd(x, 0.3), lambda x: torch.relu_(x),
        lambda x: F.hardtanh(x, -0.1, 0.1, True), lambda x: x.detach().clamp_(-0.1, 0.1),
        lambda x: nn.Identity()(x).mul_(-1), lambda x: torch.add(x, 0.3, out=x),
    ],
)  # fmt: skip
def test_a_change_in_place_of_what_is_used_again(way: Callable[[Tensor], Tensor]) -> None:
    assert differs(Aliased(way))[0] < 1e-4


def test_a_change_in_place_through_a_layer_that_passes_its_input_on() -> None:
    class Passing(Net):
        def __init__(self) -> None:
            super().__init__()
            self.drop, self.act = nn.Dropout(), nn.Hardtanh(-0.1, 0.1, inplace=True)

        def forward(self, x: Tensor) -> Tensor:
            x = self.first(x)
            self.act(self.drop(x))
            return self.second(x).mean((2, 3))

    difference, why_not = differs(Passing())
    assert difference < 1e-4 and "in place" in str(why_not)


def test_the_models_own_tensors_stay_as_they_are() -> None:
    class Remembering(Net):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("scale", torch.ones(4, 1, 1))

        def forward(self, x: Tensor) -> Tensor:
            return self.second(self.first(x) * self.scale).mean((2, 3))

    class Filling(Remembering):
        def forward(self, x: Tensor) -> Tensor:
            return self.second(self.scale.expand(1, 4, *SIZE).clone().add_(self.first(x)[:1])).mean((2, 3)) + x.mean((2, 3)).sum(
                1, keepdim=True
            )

    for model in (Remembering(), Filling()):
        assert differs(model)[0] < 1e-4 and torch.equal(model.scale, torch.ones(4, 1, 1))


# ---------------------------------------------------------------- forwards


class Masked(Net):
    def forward(self, x: Tensor, mask: Tensor | None = None, *, scale: float = 2.0) -> Tensor:
        x = self.first(x)
        if mask is not None:
            x = x * mask
        return scale * self.second(x).mean((2, 3))


def test_options_of_forward_keep_their_defaults() -> None:
    difference, why_not = differs(Masked())
    assert difference < 1e-4 and why_not is None
    assert receptive_field(Masked(), "second", SIZE).size == 5


def test_an_option_that_cannot_be_left_out_is_no_type_error() -> None:
    class Blind(Net):
        def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
            return self.second(self.first(x) * (mask if mask is not None else 1)).mean((2, 3))

    assert differs(Blind())[0] < 1e-4


def test_a_forward_that_asks_for_the_type_or_the_batch() -> None:
    class Asking(Net):
        def forward(self, x: object) -> Tensor:
            x = self.first(x)
            x = x.flip(2) if isinstance(x, Tensor) else x
            return self.second(x).mean((2, 3))

    class Counting(Net):
        def forward(self, x: Tensor) -> Tensor:
            return self.second(self.first(x) + 0 * len(x)).mean((2, 3)) if x.shape[0] > 0 else x

    class Middle(Net):
        def forward(self, x: Tensor) -> Tensor:
            x = self.first(x)
            return self.second(x - x.mean((1, 2, 3), keepdim=True)).mean((2, 3))

    for model in (Asking(), Counting(), Middle()):
        assert differs(model)[0] < 1e-4


def test_one_layer_on_maps_of_different_sizes() -> None:
    class Pyramid(Net):
        def forward(self, x: Tensor) -> Tensor:
            x = self.between(self.first(x))
            return (self.second(x).mean((2, 3)) + self.second(F.max_pool2d(x, 2)).mean((2, 3))) / 2

    difference, why_not = differs(Pyramid())
    assert difference < 1e-4 and why_not is None


def test_a_side_branch_that_mixes_does_not_stop_the_rest() -> None:
    class Gated(Net):
        def forward(self, x: Tensor) -> Tensor:
            x = self.first(x)
            gate = x.mean((2, 3)).sum(1, keepdim=True)
            return self.second(self.between(x)).mean((2, 3)) * gate

    difference, why_not = differs(Gated())
    assert difference < 1e-4 and why_not is None


def test_pictures_or_weights_of_another_kind_go_the_plain_way() -> None:
    class Odd(Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            result = super().__torch_function__(func, types, args, kwargs or {})
            return result.flip(2) if func is torch.conv2d else result

    difference, why_not = differs(Net(), torch.rand(2, 3, *SIZE, generator=generator(1)).as_subclass(Odd))
    assert difference < 1e-4 and "a Odd may work in other ways" in str(why_not)


def test_a_network_whose_output_is_a_map() -> None:
    model, x = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 1)), torch.rand(1, 3, *SIZE)
    patch = torch.rand(1, 3, 4, 4)
    with torch.no_grad():
        assert torch.allclose(local_forward(model, x, BOXES, patch), model(paste(x, BOXES, patch)), atol=1e-6)


def test_a_network_that_gives_no_tensor_is_named() -> None:
    class Answering(Net):
        def forward(self, x: Tensor) -> dict:
            return {"scores": super().forward(x)}

    with pytest.raises(ValueError, match="the model gives a dict; class scores"):
        local_forward(Answering().eval(), torch.rand(1, 3, *SIZE), BOXES, torch.rand(1, 3, 4, 4))


def test_a_fault_in_the_local_way_is_found_before_it_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is wrong in a table, two patches go both ways before anything is trusted."""
    from course_utils.layers import positions

    monkeypatch.setattr(positions, "FUNCTIONS", positions.FUNCTIONS | {torch.flip})
    model = Net(lambda x: torch.flip(x, (2,)))
    difference, why_not = differs(model)
    assert difference < 1e-4 and why_not == "recomputed locally, a patch gives other results"


def test_other_threads_may_run_a_model_while_one_is_traced() -> None:
    model, other, x = Net().eval(), Net().eval(), torch.rand(1, 3, *SIZE)
    expected, errors, stop = other(x), [], threading.Event()

    def run() -> None:
        while not stop.is_set():
            for own in (other, model):
                found = own(x)
                if type(found) is not Tensor or (own is other and not torch.equal(found, expected)):
                    errors.append(type(found))

    def prepare() -> None:
        errors.extend(reason for reason in (Local(model, x).why_not for _ in range(20)) if reason is not None)

    runner, preparers = threading.Thread(target=run), [threading.Thread(target=prepare) for _ in range(3)]
    for thread in [runner, *preparers]:
        thread.start()
    for thread in preparers:
        thread.join()
    stop.set()
    runner.join()
    assert errors == [] and nn.Module.__call__ is nn.Module._wrapped_call_impl


def test_maps_stay_in_memory_as_the_layers_leave_them() -> None:
    """In a network whose weights lie channel by channel, `contiguous` copies; elsewhere it does not."""

    class Copying(Net):
        def forward(self, x: Tensor) -> Tensor:
            x = self.first(x)
            copy = x.contiguous().clamp_(min=0.1)
            return self.second(x + copy.flip(2)).mean((2, 3))

    difference, why_not = differs(Copying())
    assert difference < 1e-4 and "in place" in str(why_not)
    difference, why_not = differs(Copying().to(memory_format=torch.channels_last))
    assert difference < 1e-4 and why_not is None
