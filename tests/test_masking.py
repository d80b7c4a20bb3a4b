"""Is a gradient hidden? Each line of the report on small networks made to trip it, and the verdicts on networks that do not hide."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from course_utils import data, defenses, models, runtime
from course_utils.defenses.masking import asking, contests, looks
from course_utils.runtime import generator

report = defenses.gradient_masking_report


class Before(nn.Module):
    """A function of pictures, then a network."""

    def __init__(self, change, model: nn.Module) -> None:
        super().__init__()
        self.change, self.model = change, model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(self.change(x))


class After(Before):
    def forward(self, x: Tensor) -> Tensor:
        return self.change(self.model(x))


class Sealed(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self.model(x)


class Array(Sealed):
    def forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(self.model(x).numpy())


class Lies(torch.autograd.Function):
    """The identity, whose gradient is something else."""

    @staticmethod
    def forward(ctx, x: Tensor, rule) -> Tensor:
        ctx.rule = rule
        return x.clone()

    @staticmethod
    def backward(ctx, g: Tensor) -> tuple[Tensor, None]:
        return ctx.rule(g), None


def in_its_place(x: Tensor) -> Tensor:
    """Noise that is the same in every call, but not for every place in the batch."""
    return x + 0.3 * torch.randn(x.shape, generator=generator(1))


def of_the_picture(x: Tensor) -> Tensor:
    """Noise that is the same for the same picture, and another for the smallest change of it."""
    seeds = (x.detach().double().flatten(1) @ torch.linspace(1e3, 2e5, x[0].numel(), dtype=torch.float64)).long().tolist()
    return x + 0.3 * torch.stack([torch.randn(x.shape[1:], generator=generator(s % 2**31)) for s in seeds])


@pytest.fixture(scope="module")
def digits() -> tuple[nn.Module, Tensor, Tensor]:
    x, y, *_ = data.load("digits", "test", 24, source="drawn")
    return models.load("stridenet-digits"), x, y


QUICK = {"attack": False}
HIDING = {  # what is done to the network -> words that a finding must hold
    "levels": (lambda m: Before(lambda x: (7 * x).round() / 7, m), "exactly 0 in every pixel"),
    "steps": (lambda m: Before(lambda x: torch.bucketize(x.detach(), torch.linspace(0, 1, 9)) / 9, m), "There is no gradient"),
    "no_grad": (Sealed, "There is no gradient"),
    "an array": (Array, "refuses to be differentiated"),
    "one answer": (lambda m: After(lambda z: nn.functional.one_hot(z.argmax(1), 10).float(), m), "There is no gradient"),
    "scaled": (lambda m: After(lambda z: 1000 * z, m), "cross-entropy is exactly 0"),
    "cut off": (lambda m: After(lambda z: z.clamp(-1, 1), m), "margin between the logits is exactly 0"),
    "chances": (lambda m: After(lambda z: (2 * z).softmax(1), m), "vanished"),
    "noise": (lambda m: Before(lambda x: x + 0.1 * torch.randn_like(x), m), "Two calls"),
    "noise by place": (lambda m: Before(in_its_place, m), "place in the batch"),
    "noise by picture": (lambda m: Before(of_the_picture, m), "jump"),
    "another gradient": (lambda m: Before(lambda x: Lies.apply(x, lambda g: g.flip(3)), m), "not that of the scores"),
    "the other way": (lambda m: Before(lambda x: Lies.apply(x, torch.neg), m), "not that of the scores"),
    "chance in the gradient": (lambda m: Before(lambda x: Lies.apply(x, torch.randn_like), m), "different directions"),
    "not a number": (lambda m: Before(lambda x: Lies.apply(x, lambda g: g / 0), m), "not a number"),
    "root": (lambda m: Before(lambda x: x.sqrt().square(), m), "not a number"),
    "fails": (lambda m: Before(lambda x: Lies.apply(x, lambda g: g.reshape(-1)[:3]), m), "backward pass fails"),
    "smooth stairs": (lambda m: Before(lambda x: torch.stack([(300 * (x - (k + 0.5) / 8)).sigmoid() for k in range(8)]).sum(0) / 8, m), "but not its sizes"),
}  # fmt: skip


@pytest.mark.parametrize("name", HIDING)
def test_what_hides_the_gradient_is_found_by_direct_looks(name: str, digits: tuple) -> None:
    net, x, y = digits
    made, words = HIDING[name]
    torch.manual_seed(0)
    found = report(made(net), x, y, **QUICK)
    assert found.masked and any(words in sentence for sentence in found.findings), found.findings
    assert found.shares == {} and all(sentence.endswith(".") for sentence in found.findings)


HONEST = {
    "as it is": lambda m: m, "log-probabilities": lambda m: After(lambda z: z.log_softmax(1), m), "small logits": lambda m: After(lambda z: z / 100, m),
    "twice the logits": lambda m: After(lambda z: 2 * z, m), "shifted logits": lambda m: After(lambda z: z + 50, m),
    "blurred": lambda m: Before(lambda x: nn.functional.avg_pool2d(x, 3, 1, 1), m), "curve": lambda m: Before(lambda x: (5 * (x - 0.5)).sigmoid(), m),
}  # fmt: skip


@pytest.mark.parametrize("name", HONEST)
def test_networks_that_hide_nothing_pass(name: str, digits: tuple) -> None:
    net, x, y = digits
    found = report(HONEST[name](net), x, y, queries=20, steps=5)
    assert not found.masked, found.findings
    assert found.findings == ["No sign of a hidden gradient was found."] and len(found.shares) == 5


@pytest.mark.parametrize("name", ["madry-digits-pgd-twin", "madry-digits-fgsm", "lenet-digits-fgsm", "fc100-digits"])
def test_trained_ones_pass(name: str, digits: tuple) -> None:
    found = report(models.load(name), *digits[1:], queries=20, steps=8)
    assert not found.masked, found.findings


def test_distilled_ones_do_not(digits: tuple) -> None:
    found = report(models.load("stridenet-digits-distilled"), *digits[1:], queries=20, steps=5)
    assert found.masked and any("cross-entropy is exactly 0" in s for s in found.findings) and any("margin" in s for s in found.findings)


# ---------------------------------------------------------------- the contests


def test_contests_find_what_the_gradient_does_not(digits: tuple) -> None:
    net, x, y = digits
    found = report(Before(lambda x: (3 * x).round() / 3, net), x, y, queries=60, steps=5)
    assert any("random search" in s for s in found.findings) and any("no bound" in s for s in found.findings)
    assert set(found.shares) == {"elsewhere", "many steps", "one step", "random search", "margin"}


def test_a_gradient_attack_keeps_to_its_budget_and_finds(digits: tuple) -> None:
    net, x, y = digits
    seen: list[Tensor] = []
    spy = Before(lambda z: (seen.append(z.detach()), z)[1], net)
    with runtime.frozen(spy):
        asked = asking.Asked(spy)
        ok = ~asked.judged(x, y)
        x, y = x[ok][:6], y[ok][:6]
        seen.clear()
        for attack in (contests.descend, contests.squares):
            fooled = attack(asked, x, y, 0.1, generator(0))
            assert fooled.shape == y.shape and fooled.dtype == torch.bool
            full = [z for z in seen if len(z) == len(x)]
            assert full and all((z - x).abs().max() <= 0.1 + 1e-6 and z.min() >= 0 and z.max() <= 1 for z in full)
            seen.clear()
        assert contests.descend(asked, x, y, 1.0, generator(0)).all() and not contests.descend(asked, x, y, 0.0, generator(0)).any()
        assert contests.squares(asked, x, y, 1.0, generator(0), queries=200).all() and not contests.squares(asked, x, y, 0.0, generator(0)).any()


def test_a_network_that_always_says_the_same_hides_nothing() -> None:
    with runtime.seeded_weights(0):
        net = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    with torch.no_grad():
        net[1].bias[1] += 5
    x = torch.rand(5, 1, 4, 4, generator=generator(0))
    found = report(net, x, torch.ones(5).long(), queries=5, steps=3)
    assert not found.masked and found.shares["elsewhere"] == {255: 0}


def test_windows_are_squares_at_places_of_their_own() -> None:
    there = contests.windows(50, 9, 7, 3, generator(0))
    assert there.shape == (50, 1, 9, 7) and (there.flatten(1).sum(1) == 9).all() and len({tuple(w.flatten().tolist()) for w in there}) > 10
    assert contests.windows(2, 4, 5, 9, generator(0)).all()


def test_a_refused_picture_has_not_fooled() -> None:
    asked = asking.Asked(nn.Identity())
    asked.refuses = 3
    scores = torch.eye(4)[[0, 1, 3, 3]]
    assert asked.fooled(scores, torch.tensor([0, 0, 0, 1])).tolist() == [False, True, False, False]
    assert asked.classes(scores).shape == (4, 3)


# ---------------------------------------------------------------- the numbers, by hand


def test_numbers_of_a_linear_network() -> None:
    """Scores (w . x, 0): the gradient of the margin is -w everywhere, a step does what it says, and |w.x| / sum |w| is what is needed."""
    w = torch.tensor([3.0, -1, 0.5, 2])
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    with torch.no_grad():
        net[1].weight.copy_(torch.stack([w, torch.zeros(4)])), net[1].bias.zero_()
    x = torch.tensor([[0.5, 0.4, 0.6, 0.5]]).view(1, 1, 2, 2)
    asked, y = asking.Asked(net), torch.tensor([0])
    numbers = looks.foretold(asked, x, y, generator(0))
    assert numbers["foretold"] < 1e-3 and abs(numbers["needed"] - 2.4 / 6.5) < 0.02
    assert abs(looks.jumps(asked, x, generator(0))["jumps"] - 0.1) < 1e-3
    assert looks.sizes(asked, x, y, generator(0)) == pytest.approx({"cosine": 1.0, "signs": 1.0})
    assert looks.same_twice(asked, x) == {"calls": 0, "answers": 0, "place": 0, "company": 0}
    assert looks.present(asked, x, y, generator(0)) == pytest.approx({"zero": 0, "zero_margin": 0, "broken": 0, "blind": 0, "unseen": 0, "two_gradients": 1})


def test_cosine_of_very_small_gradients() -> None:
    a = torch.tensor([[1.0, 2, 0], [0, 0, 0]], dtype=torch.float64)
    assert looks.alike(1e-40 * a, a).tolist() == pytest.approx([1, 0]) and looks.alike(a, -a).tolist() == pytest.approx([-1, 0])


# ---------------------------------------------------------------- a detector in front


def test_guarded_network_refuses_where_the_detector_alarms(digits: tuple) -> None:
    net, x, y = digits

    class Light(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.mean((1, 2, 3)) - 0.1

    guarded = defenses.Guarded(net, Light(), classes=10)
    alarm, says = Light()(x) > 0, runtime.predict(guarded, x)
    assert 0 < alarm.sum() < len(x) and guarded.refuses == 10 and ((says == 10) == alarm).all()
    assert torch.equal(says[~alarm], runtime.predict(net, x)[~alarm]) and runtime.logits(guarded, x)[:, :10].equal(runtime.logits(net, x))
    found = report(guarded, x, y, **QUICK)
    assert found.masked and any("refuse" in s for s in found.findings) and found.right <= int((~alarm).sum())
    with pytest.raises(ValueError, match="classes"):
        defenses.Guarded(net, Light(), classes=1)


def test_a_refusal_with_a_gradient_is_not_flagged(digits: tuple) -> None:
    class Open(nn.Module):
        def __init__(self, model: nn.Module) -> None:
            super().__init__()
            self.model, self.refuses = model, 10

        def forward(self, x: Tensor) -> Tensor:
            z = self.model(x)
            return torch.cat([z, z.mean(1, keepdim=True) + x.mean((1, 2, 3))[:, None] - 1], 1)

    found = report(Open(digits[0]), *digits[1:], **QUICK)
    assert not found.masked, found.findings
