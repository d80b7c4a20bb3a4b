"""Evolved pictures: mutation, the networks that paint, MAP-Elites; against independent computations, and what they refuse."""

from __future__ import annotations

import math
import random
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from course_utils import attacks, models, runtime
from course_utils.attacks import Patterns, Pixels, map_elites
from course_utils.attacks.cppn import INPUTS, MUTATIONS, RATES, add_connection, add_node, choose, delete_connection, delete_node, rewire
from course_utils.attacks.evolved import log_probs, take_over
from course_utils.attacks.mutation import halved, mutated, places, polynomial
from course_utils.runtime import generator
from tests.test_attacks import CLASSES, Reads, in_any_state, needs_cuda, small, trace

SHAPE = (3, 8, 10)
stable = settings(deadline=None, max_examples=8, derandomize=True)
every_encoding = pytest.mark.parametrize("encoding", ["direct", "cppn"])
quick = partial(map_elites, shape=SHAPE, generations=4, children=9)


# ---------------------------------------------------------------- mutation


def test_polynomial_mutation_is_the_formula() -> None:
    for u in (0.0, 0.01, 0.25, 0.4999, 0.5, 0.75, 0.999):
        for eta in (0.5, 15.0, 40.0):
            want = (2 * u) ** (1 / (eta + 1)) - 1 if u < 0.5 else 1 - (2 * (1 - u)) ** (1 / (eta + 1))
            assert abs(polynomial(torch.tensor(u, dtype=torch.float64), eta).item() - want) < 1e-12
    u = torch.rand(20_000, generator=generator(0), dtype=torch.float64)
    change = polynomial(u)
    assert torch.allclose(polynomial(1 - u), -change, atol=1e-12) and change.abs().max() < 1
    # |change| has the distribution 1 - (1 - d)^(eta + 1): its mean is 1 / (eta + 2)
    assert abs(change.abs().mean().item() - 1 / 17) < 0.002


@stable
@given(total=st.integers(1, 5000), rate=st.sampled_from([0.5, 0.1, 0.0125, 1e-4, 0.97]), seed=st.integers(0, 10_000))
def test_the_places_that_mutate_are_in_range_and_each_comes_once(total: int, rate: float, seed: int) -> None:
    at = places(total, rate, generator(seed))
    assert (at[1:] > at[:-1]).all() and (len(at) == 0 or (at[0] >= 0 and at[-1] < total))


@pytest.mark.parametrize("rate", [0.5, 0.1, 0.01])
def test_every_place_mutates_as_often_as_every_other(rate: float) -> None:
    chance, seen, both = generator(0), torch.zeros(40), 0.0
    for _ in range(1500):
        hit = torch.zeros(40)
        hit[places(40, rate, chance)] = 1
        seen += hit
        both += float((hit[1:] * hit[:-1]).sum()) / 39
    error = 4.5 * (1500 * rate * (1 - rate)) ** 0.5
    assert (seen - 1500 * rate).abs().max() < error, "also the first and the last"
    assert abs(both - 1500 * rate**2) < error, "neighbours mutate independently of each other"


def test_a_mutated_tensor_stays_in_its_range_and_changes_in_as_many_places_as_the_rate_says() -> None:
    values = 6 * torch.rand(200, 50, generator=generator(0)) - 3
    before = values.clone()
    moved = mutated(values, 0.2, generator(1), low=-3, high=3, eta=15)
    change = (moved - values)[moved != values]
    assert torch.equal(values, before) and moved.shape == values.shape and moved.abs().max() <= 3
    assert abs(len(change) / 10_000 - 0.2) < 0.02 and abs(change.abs().mean().item() - 6 / 17) < 0.03, "clipped, a little less"
    assert torch.equal(moved, mutated(values, 0.2, generator(1), low=-3, high=3)) and not torch.equal(moved, mutated(values, 0.2, generator(2), low=-3, high=3))


def test_the_rate_is_halved() -> None:
    assert [halved(0.1, g) for g in (0, 1, 999, 1000, 1999, 2000)] == [0.1, 0.1, 0.1, 0.05, 0.05, 0.025]
    way, start = Pixels((1, 100, 100), rate=0.4, halve=10), (torch.full((1, 1, 100, 100), 0.5),)
    share = [(way.children(start, g, generator(g))[0] != 0.5).float().mean().item() for g in (0, 9, 10, 20)]
    assert all(abs(s - want) < 0.03 for s, want in zip(share, (0.4, 0.4, 0.2, 0.1)))


def test_direct_genomes_begin_as_uniform_noise() -> None:
    (pixels,) = Pixels(SHAPE).random(50, generator(0))
    assert pixels.shape == (50, *SHAPE) and pixels.min() >= 0 and pixels.max() <= 1
    assert abs(pixels.mean().item() - 0.5) < 0.02 and abs(pixels.std().item() - 12**-0.5) < 0.01


# ---------------------------------------------------------------- painting networks


def evolved_genomes(way: Patterns, count: int = 12, generations: int = 25, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Genomes with a history of mutations, no selection."""
    chance = generator(seed)
    genomes = way.random(count, chance)
    for g in range(generations):
        genomes = way.children(genomes, g, chance)
    return genomes


def slowly(weight: np.ndarray, kind: np.ndarray, height: int, width: int, outputs: int) -> np.ndarray:
    """One genome, one pixel, one node at a time, from the outputs back."""
    functions = {0: math.sin, 1: lambda z: 1 / (1 + math.exp(-z)), 2: lambda z: math.exp(-z * z), 3: lambda z: z}
    picture = np.zeros((outputs, height, width))
    for row in range(height):
        for column in range(width):
            x, y = -1 + 2 * column / (width - 1), -1 + 2 * row / (height - 1)
            known = {0: x, 1: y, 2: math.hypot(x, y), 3: 1.0}

            def value(node: int, known: dict = known) -> float:
                if node not in known:
                    known[node] = functions[kind[node]](sum(weight[node, j] * value(j) for j in np.flatnonzero(weight[node])))
                return known[node]

            for k in range(outputs):
                picture[k, row, column] = min(1.0, abs(value(len(kind) - outputs + k)))
    return picture


@pytest.mark.parametrize("shape", [(1, 7, 7), (3, 6, 9)])
def test_the_batch_paints_what_one_genome_after_the_other_paints(shape: tuple) -> None:
    way = Patterns(shape, hidden=12)
    weight, kind = evolved_genomes(way, 10, 30)
    weight = weight.double()
    hidden = (kind[:, INPUTS : INPUTS + 12] >= 0).sum(1)
    assert hidden.max() >= 5 and (weight != 0).flatten(1).sum(1).max() > 10, "the genomes are no trifles"
    pictures = way.pictures((weight, kind))
    assert pictures.dtype == torch.float64 and pictures.shape == (10, *shape)
    for picture, w, k in zip(pictures, weight.numpy(), kind.numpy()):
        assert np.abs(picture.numpy() - slowly(w, k, *shape[1:], shape[0])).max() < 1e-5, "the coordinates are in single precision"


def test_genomes_begin_without_hidden_nodes_and_paint_different_pictures() -> None:
    way = Patterns(SHAPE)
    weight, kind = way.random(40, generator(0))
    assert (kind[:, INPUTS:-3] == -1).all() and (kind[:, -3:] >= 0).all() and set(kind[:, -3:].flatten().tolist()) == {0, 1, 2, 3}
    assert ((weight != 0).flatten(1).sum(1) == 3 * INPUTS).all() and (weight[:, -3:, :INPUTS] != 0).all() and weight.abs().max() <= 3
    pictures = way.pictures((weight, kind))
    assert pictures.min() >= 0 and pictures.max() <= 1 and len({tuple(p.flatten().tolist()) for p in pictures}) == 40


@stable
@given(seed=st.integers(0, 10_000), channels=st.sampled_from([1, 3]), hidden=st.sampled_from([0, 1, 5, 20]))
def test_after_any_mutations_a_genome_is_a_network_without_circles(seed: int, channels: int, hidden: int) -> None:
    way = Patterns((channels, 5, 6), hidden=hidden)
    weight, kind = evolved_genomes(way, 8, 15, seed)
    used, there = weight != 0, kind >= 0
    assert not (used & ~way.legal).any(), "from earlier to later, not into inputs, not out of outputs"
    assert not (used & ~(there[:, :, None] & there[:, None])).any(), "between nodes that are there"
    assert there[:, :INPUTS].all() and there[:, INPUTS + hidden :].all() and weight.abs().max() <= way.weights
    pictures = way.pictures((weight, kind))
    assert pictures.isfinite().all() and pictures.min() >= 0 and pictures.max() <= 1


def parts(weight: Tensor, kind: Tensor) -> tuple[Tensor, Tensor]:
    """How many connections and hidden nodes each genome has."""
    return (weight != 0).flatten(1).sum(1), (kind[:, INPUTS:-3] >= 0).sum(1)


@pytest.mark.parametrize(
    "mutation, connections, nodes", [(add_connection, 1, 0), (delete_connection, -1, 0), (rewire, 0, 0), (add_node, 1, 1)], ids=lambda m: getattr(m, "__name__", m)
)
def test_a_structural_mutation_does_what_it_is_called(mutation, connections: int, nodes: int) -> None:
    way, chance = Patterns(SHAPE), generator(3)
    weight, kind = evolved_genomes(way, 60, 6)
    do, u = torch.arange(60) % 2 == 0, torch.rand(60, 4, generator=chance)
    before = weight.clone(), kind.clone()
    after = mutation(way, weight, kind, do, u)
    assert torch.equal(weight, before[0]) and torch.equal(kind, before[1]), "the parents stay as they are"
    same = (after[0] == weight).flatten(1).all(1) & (after[1] == kind).all(1)
    assert same[~do].all() and not same[do].all()
    changed = do & ~same
    assert changed.sum() >= 20
    more = [after_part - part for after_part, part in zip(parts(*after), parts(weight, kind))]
    assert (more[0][changed] == connections).all() and (more[1][changed] == nodes).all()
    if mutation is rewire:
        targets = [(w != 0).sum(2)[changed] for w in (after[0], weight)]
        assert torch.equal(*targets), "each node has as many inputs as before"
        assert torch.equal(*(w[changed].flatten(1).sort().values for w in (after[0], weight))), "the weight goes along"
    if mutation is add_node:
        new = ((after[1] >= 0) & (kind < 0))[changed].int().argmax(1)
        rows = torch.arange(len(new))
        assert (after[0][changed][rows, new].sum(1) == 1).all() and torch.equal(after[1][changed][rows, new], new % 4)


def test_a_deleted_node_takes_its_connections_along() -> None:
    way = Patterns(SHAPE)
    weight, kind = evolved_genomes(way, 60, 12)
    after = delete_node(way, weight, kind, torch.ones(60, dtype=torch.bool), torch.rand(60, 4, generator=generator(1)))
    gone = (kind >= 0) & (after[1] < 0)
    had = parts(weight, kind)[1] > 0
    assert had.sum() > 30 and torch.equal(gone.sum(1), had.long()) and not gone[:, :INPUTS].any() and not gone[:, -3:].any()
    touched = gone[:, :, None] | gone[:, None]
    assert not (after[0] != 0)[touched].any() and torch.equal(after[0][~touched], weight[~touched])


def test_the_structural_mutations_come_as_often_as_the_paper_says() -> None:
    """Counted by calls, since a mutation may find nothing to change."""
    way, seen = Patterns((1, 3, 3)), {name: 0.0 for name in RATES}
    counted = [
        lambda way, weight, kind, do, u, name=name: (seen.__setitem__(name, seen[name] + do.float().mean().item() / 20), (weight, kind))[1] for name in RATES
    ]
    parents, chance = way.random(300, generator(0)), generator(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("course_utils.attacks.cppn.MUTATIONS", counted)
        for g in range(20):
            way.children(parents, g, chance)
    assert len(MUTATIONS) == len(RATES) and all(abs(seen[name] - rate) < 0.04 for name, rate in RATES.items())


def test_only_weights_that_are_there_mutate() -> None:
    way = Patterns((1, 3, 3), rate=0.3)
    weight, kind = way.random(500, generator(0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("course_utils.attacks.cppn.MUTATIONS", ())
        moved, same = way.children((weight, kind), 0, generator(1))
    assert torch.equal(kind, same) and torch.equal(moved != 0, weight != 0)
    assert abs((moved != weight)[weight != 0].float().mean().item() - 0.3) < 0.05


def test_a_choice_is_even_and_only_of_what_is_allowed() -> None:
    allowed = torch.tensor([[False, True, False, True, True], [False] * 5, [True] * 5])
    u = (torch.arange(3000) + 0.5) / 3000
    for row, many in ((0, 3), (2, 5)):
        place, found = choose(allowed[row].expand(3000, -1), u)
        counts = torch.bincount(place, minlength=5)
        assert found.all() and torch.equal(counts > 0, allowed[row]) and counts.max() == 3000 // many == counts[counts > 0].min()
    assert not choose(allowed[1:2], u[:1])[1].any()
    nearly = torch.tensor([1 - 2**-24])
    assert choose(allowed[:1], nearly)[0].item() == 4, "3 * (1 - 2^-24) rounds to 3"


# ---------------------------------------------------------------- MAP-Elites


@every_encoding
@stable
@given(seed=st.integers(0, 10_000), dtype=st.sampled_from([torch.float32, torch.float64, torch.bfloat16]), sharing=st.booleans())
def test_elites_are_pictures_and_never_get_worse(encoding: str, seed: int, dtype: torch.dtype, sharing: bool) -> None:
    model = small(seed).to(dtype)
    found = quick(model, encoding=encoding, sharing=sharing, generator=generator(seed))
    images = found.images
    assert images.shape == (CLASSES, *SHAPE) and images.dtype == dtype and images.min() >= 0 and images.max() <= 1
    assert not images.requires_grad and found.history.shape == (5, CLASSES) and found.generation == 4
    assert (found.history[1:] >= found.history[:-1]).all() and torch.equal(found.history[-1], found.log_probs)
    log_p = runtime.logits(model, images).float().log_softmax(1).diagonal()
    assert torch.allclose(log_p, found.log_probs.float(), atol=1e-4 if dtype != torch.bfloat16 else 0.2)


def host_loop(model: nn.Module, way: Pixels, generations: int, children: int, sharing: bool, chance: torch.Generator) -> tuple[list[float], list[Tensor]]:
    """MAP-Elites with a loop over children and one over classes."""
    (pool,) = way.random(children, chance)
    best, elites = [-math.inf] * CLASSES, [pool[0]] * CLASSES

    def compete(picture: Tensor, cells: range | list[int]) -> None:
        log_p = model(picture[None].double()).log_softmax(1)[0].tolist()
        for k in cells:
            if log_p[k] > best[k]:
                best[k], elites[k] = log_p[k], picture

    for picture in pool:
        compete(picture, range(CLASSES))
    for g in range(generations):
        cells = torch.randint(CLASSES, (children,), generator=chance) if sharing else torch.arange(children) % CLASSES
        (born,) = way.children((torch.stack(elites)[cells],), g, chance)
        for picture, parent in zip(born, cells.tolist()):
            compete(picture, range(CLASSES) if sharing else [parent])
    return best, elites


@pytest.mark.parametrize("sharing", [True, False])
def test_against_a_loop_over_children_and_classes(sharing: bool) -> None:
    model = small(5).double()
    best, elites = host_loop(model, Pixels(SHAPE), 6, 14, sharing, generator(2))
    found = map_elites(model, SHAPE, generations=6, children=14, sharing=sharing, generator=generator(2))
    assert torch.allclose(found.log_probs, torch.tensor(best, dtype=torch.float64), atol=1e-9)
    assert torch.allclose(found.images, torch.stack(elites).double())


def test_an_elite_gives_way_only_to_something_better() -> None:
    best, old = torch.tensor([-1.0, -2.0, -3.0]), (torch.zeros(3, 2), torch.zeros(3, dtype=torch.long))
    scores = torch.tensor([[-1.0, -5.0, -2.5], [-4.0, -1.5, -2.0], [-1.5, -1.8, -9.0]])
    new = torch.arange(1.0, 4)[:, None].expand(3, 2), torch.tensor([10, 20, 30])
    height, kept = take_over(best, old, scores, new)
    assert height.tolist() == [-1.0, -1.5, -2.0] and kept[0].tolist() == [[0, 0], [2, 2], [2, 2]] and kept[1].tolist() == [0, 20, 20]


def test_near_certainty_the_surer_of_two_is_still_told() -> None:
    """At a lead of 18 and of 25 the probability, and log_softmax in single precision, are 1 and 0."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(1, 3, bias=False))
    model[1].weight.data = torch.tensor([[100.0], [0.0], [0.0]])
    pictures = (torch.tensor([0.18, 0.25, 0.01]).view(3, 1, 1, 1),)
    log_p = log_probs(model, Pixels((1, 1, 1)), pictures)
    exact = model(pictures[0]).double().log_softmax(1)
    assert torch.allclose(log_p.double(), exact, rtol=1e-4, atol=0) and log_p[0, 0] < log_p[1, 0] < 0


@every_encoding
def test_chance_is_the_generators_and_nothing_elses(encoding: str) -> None:
    model = small()
    states = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    runs = [quick(model, encoding=encoding, generator=generator(seed)).images for seed in (3, 3, 4)]
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1] == np.random.get_state()[1].tolist() and states[2] == random.getstate()
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2])
    assert torch.equal(quick(model, encoding=encoding).images, quick(model, encoding=encoding, generator=generator()).images)


@every_encoding
@settings(stable, max_examples=4)
@given(choice=st.data())
def test_the_model_comes_back_as_it_was(encoding: str, choice: st.DataObject) -> None:
    model = in_any_state(choice)
    before = trace(model)
    found = quick(model, encoding=encoding)
    assert trace(model) == before
    assert torch.equal(found.images, quick(small(), encoding=encoding).images), "modes and frozen parameters change nothing"


def test_inside_no_grad_inference_mode_and_threads() -> None:
    model, expected = small().train(), quick(small()).images
    with torch.no_grad():
        assert torch.equal(quick(model).images, expected) and not torch.is_grad_enabled()
    with torch.inference_mode():
        assert torch.equal(quick(model).images, expected) and torch.is_inference_mode_enabled()
    with ThreadPoolExecutor(4) as threads:
        assert all(torch.equal(images, expected) for images in threads.map(lambda _: quick(model).images, range(4)))
    assert torch.is_grad_enabled() and model.training


def test_models_that_work_in_place_or_have_no_weights() -> None:
    expected = quick(nn.Sequential(nn.Hardtanh(0.2, 0.8), small())).images
    assert torch.equal(quick(nn.Sequential(nn.Hardtanh(0.2, 0.8, inplace=True), small())).images, expected)
    bare = nn.Sequential(nn.AvgPool2d((8, 10)), nn.Flatten())  # the mean of each colour is its class's score
    found = map_elites(bare, SHAPE, generations=30, children=20)
    assert (found.images.mean((2, 3)).argmax(1) == torch.arange(3)).all() and (found.history[-1] > found.history[0]).all()


@every_encoding
def test_evolution_goes_on_where_it_ended(encoding: str) -> None:
    model = small()
    first = quick(model, encoding=encoding)
    more = quick(model, encoding=encoding, start=first)
    assert more.generation == 8 and torch.allclose(more.history[0], first.log_probs, atol=1e-5) and (more.log_probs >= more.history[0]).all()
    chance = generator(1)
    whole = quick(model, encoding=encoding, generations=6, generator=chance)
    again, parts_seen = generator(1), None
    for _ in range(3):
        parts_seen = quick(model, encoding=encoding, generations=2, start=parts_seen, generator=again)
    assert parts_seen.generation == 6 and torch.allclose(parts_seen.log_probs, whole.log_probs, atol=1e-4)
    other = nn.Sequential(nn.AvgPool2d((8, 10)), nn.Flatten())
    assert quick(other, encoding=encoding, start=first).images.shape == (3, *SHAPE), "another model, with other classes"


def test_everyone_can_watch() -> None:
    seen = []
    found = quick(small(), watch=seen.append)
    assert [elites.generation for elites in seen] == [1, 2, 3, 4] and torch.equal(seen[-1].images, found.images)
    assert torch.equal(seen[1].history, found.history[:3]) and not torch.equal(seen[0].images, found.images), "earlier ones stay as they were"


@every_encoding
def test_nothing_is_read_from_the_device_on_the_way(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = small()
    reads = Reads(monkeypatch)
    quick(model, encoding=encoding)
    assert reads.seen == []


class Noise(Pixels):
    """An encoding of one's own: chance again and again."""

    def children(self, parents, generation, chance):
        return self.random(len(parents[0]), chance)


def test_an_encoding_of_ones_own() -> None:
    found = quick(small(), encoding=Noise(SHAPE))
    assert found.images.shape == (CLASSES, *SHAPE) and (found.history[-1] >= found.history[0]).all()


@pytest.mark.parametrize(
    "options, words",
    [
        ({"encoding": "dirct"}, "unknown encoding 'dirct'. Nearest: direct"), ({"generations": -1}, "generations is -1"),
        ({"children": 0}, "children is 0; a whole number of at least 1"), ({"shape": (28, 28)}, r"shape is \(28, 28\); that of one picture"),
        ({"shape": (1, 0, 5)}, "three numbers above 0"), ({"generations": 2.5}, "generations is 2.5"),
    ],
)  # fmt: skip
def test_bad_options_are_refused(options: dict, words: str) -> None:
    model = small().train()
    before = trace(model)
    with pytest.raises(ValueError, match=words):
        map_elites(model, **{"shape": SHAPE, "generations": 1, "children": 2, **options})
    assert trace(model) == before


def test_bad_rates_and_models_are_refused() -> None:
    for build, words in [
        (lambda: Pixels(SHAPE, rate=0), "rate is 0; a number above 0 and below 1"), (lambda: Pixels(SHAPE, rate=1.0), "rate is 1.0"),
        (lambda: Pixels(SHAPE, halve=0), "halve is 0"), (lambda: Pixels(SHAPE, eta=-1), "eta is -1"),
        (lambda: Patterns(SHAPE, hidden=-1), "hidden is -1"), (lambda: Patterns(SHAPE, weights=0), "weights is 0"),
        (lambda: map_elites(lambda x: x, SHAPE), "model is a function"),
        (lambda: map_elites(small().model[0], SHAPE), r"class scores \[N, classes\] are expected"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=words):
            build()


@needs_cuda
@every_encoding
def test_on_a_gpu_the_result_is_the_same(encoding: str) -> None:
    model = small().double()
    expected = quick(model, encoding=encoding, generations=2)
    found = quick(model.cuda(), encoding=encoding, generations=2)
    assert found.images.device.type == "cuda" and torch.allclose(found.log_probs.cpu(), expected.log_probs, atol=1e-4)


def test_lenet_becomes_surer_by_evolution_and_not_by_noise() -> None:
    net = models.load("lenet-digits")
    evolved = map_elites(net, (1, 28, 28), generations=30, children=40)
    noise = map_elites(net, (1, 28, 28), encoding=Noise((1, 28, 28)), generations=30, children=40)
    painted = map_elites(net, (1, 28, 28), encoding="cppn", generations=5, children=60)
    assert evolved.log_probs.mean() > noise.log_probs.mean() + 0.4 and painted.log_probs.median() > -0.7
    assert attacks.Elites is type(evolved)
