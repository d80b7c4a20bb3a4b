"""JSMA: against the paper's algorithm written down plainly, what always holds, and what is refused."""

from __future__ import annotations

import itertools
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from course_utils import defenses, models, runtime
from course_utils.attacks import jsma
from tests import test_pitfalls as pitfalls
from tests.test_attacks import in_any_state, labels, small, some, stable, trace

EVERY = {of: partial(jsma, of=of, share=0.4) for of in ("probabilities", "logits")}
every_form = pytest.mark.parametrize("attack", EVERY.values(), ids=EVERY)


def plainly(model: nn.Module, x: Tensor, y: int, targeted: bool, of: str, share: float) -> Tensor:
    """The paper's loop for one picture `[1, C, H, W]`: all pairs, one by one."""
    sign, start, open_ = (1 if targeted else -1), x, [k for k in range(x.numel()) if x.flatten()[k] < 1]
    for taken in range(int(share * x.numel() / 2) + 1):
        scores = lambda z: model(z)[0].softmax(0) if of == "probabilities" else model(z)[0]  # noqa: E731
        if (int(model(x).argmax()) == y) == targeted:
            return x
        jacobian = torch.autograd.functional.jacobian(scores, x).flatten(1)
        a, b = sign * jacobian[y], sign * (jacobian.sum(0) - jacobian[y])
        gain = {(p, q): -float((a[p] + a[q]) * (b[p] + b[q])) for p, q in itertools.combinations(open_, 2) if a[p] + a[q] > 0 > b[p] + b[q]}
        if not gain or taken == int(share * x.numel() / 2):
            return start
        pair = max(gain, key=gain.get)
        x = x.clone()
        x.view(-1)[list(pair)] = 1
        open_ = [k for k in open_ if k not in pair]
    return start


@every_form
@pytest.mark.parametrize("targeted", [False, True])
def test_each_picture_gets_what_the_paper_s_loop_gives(attack: partial, targeted: bool) -> None:
    model, x, y = small().double(), some(3, dtype=torch.float64)[:, :, :5, :5], labels(3)
    model.model[7] = nn.Linear(6 * 2 * 2, 4).double()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model.model[7].reset_parameters()
    found = attack(model, x, y, targeted=targeted, share=0.2)
    want = torch.cat([plainly(model, x[i : i + 1], int(y[i]), targeted, attack.keywords["of"], 0.2) for i in range(3)])
    assert torch.equal(found, want)
    assert (found != x).any(), "some picture is to be attacked"


@stable
@given(st.data(), st.sampled_from(sorted(EVERY)), st.booleans(), st.sampled_from([0.0, 0.05, 0.3]))
def test_pixels_become_white_within_the_share_and_the_model_comes_back(choice: st.DataObject, of: str, targeted: bool, share: float) -> None:
    model, x, y = in_any_state(choice), some(), labels()
    before, seen = x.clone(), trace(model)
    found = jsma(model, x, y, of=of, targeted=targeted, share=share)
    other = found != x
    assert (found[other] == 1).all() and (other.flatten(1).sum(1) <= share * x[0].numel()).all()
    assert torch.equal(x, before) and trace(model) == seen
    reached = (runtime.predict(model.eval(), found) == y) == targeted
    assert torch.equal(found[~reached], x[~reached]), "what is not reached comes back as it was"


@every_form
def test_a_batch_is_its_pictures_one_by_one(attack: partial) -> None:
    model, x, y = small().double(), some(5, dtype=torch.float64), labels(5)
    assert torch.equal(attack(model, x, y), torch.cat([attack(model, a, b) for a, b in zip(x.split(1), y.split(1))]))
    own = runtime.predict(model, x)
    assert torch.equal(attack(model, x), attack(model, x, own)), "without y the model's own answer is left"


@every_form
def test_it_is_as_well_behaved_as_the_other_attacks(attack: partial) -> None:
    pitfalls.test_6_modes_and_statistics_come_back(attack)
    pitfalls.test_8_the_seeds_of_others_are_left_alone(attack)
    pitfalls.test_9_what_comes_back_has_no_graph(attack)
    pitfalls.test_7_other_ranges_are_refused_in_words(attack, lambda x: 255 * x)
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        pitfalls.test_11_every_precision_also_without_gradients(attack, dtype)
    x = some()
    assert torch.equal(attack(pitfalls.flat(), x, torch.zeros(3, dtype=torch.long)), x), "nothing fools a network that ignores the picture"


def test_it_works_on_digits_and_fails_where_probabilities_have_no_gradient() -> None:
    net, x, y = pitfalls.digits(12)
    surest = defenses.Scaled(net, 300)
    for of, model, least, most in (("probabilities", net, 0.8, 1), ("logits", net, 0.8, 1), ("probabilities", surest, 0, 0.1), ("logits", surest, 0.8, 1)):
        assert least <= (runtime.predict(net, jsma(model, x, y, of=of)) != y).float().mean() <= most, of


def test_in_single_precision_the_product_vanishes_before_the_gradients() -> None:
    _, x, y = pitfalls.digits(30)
    sure = defenses.Scaled(models.load("stridenet-digits"), 5)
    left = {}
    for kind in (torch.float32, torch.float64):
        sure, x = sure.to(kind), x.to(kind)
        left[kind] = (runtime.predict(sure, jsma(sure, x, (y + 1) % 10, targeted=True)) != (y + 1) % 10).sum()
    assert left[torch.float64] < 0.6 * left[torch.float32]


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="unknown answer 'chances'"):
        jsma(small(), some(), labels(), of="chances")
    with pytest.raises(ValueError, match="share is -1"):
        jsma(small(), some(), labels(), share=-1)
    with pytest.raises(ValueError, match="targeted=True needs y"):
        jsma(small(), some(), targeted=True)
