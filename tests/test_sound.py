"""Sounds: spoken digits against the phonetics they are made from, the log-mel front end against NumPy, noise in a word's shape, players."""

from __future__ import annotations

import base64
import io
import math
import re
import time
import wave as wav

import numpy as np
import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook, new_output
from torch import Tensor

from course_utils import attacks, data, measure, models, runtime, show, transforms
from course_utils import notebooks as nb
from course_utils.attacks import Coarse
from course_utils.data import speech

HUNDRED = data.spoken("test", 100)
WORD = HUNDRED._replace(x=HUNDRED.x[:40], y=HUNDRED.y[:40])
FINE, ROUGH = Coarse(256, 128, 20), Coarse(640, 320, 4)


# ---------------------------------------------------------------- spoken digits


def test_words_come_as_pictures_of_one_row() -> None:
    assert WORD.x.shape == (40, 1, 1, speech.LENGTH) and WORD.x.dtype == torch.float32 and WORD.names[7] == "seven"
    sound = transforms.waveform(WORD.x)
    assert WORD.x.isfinite().all() and 0.2 < sound.abs().amax(1).min() and sound.abs().max() <= 0.95
    assert HUNDRED.y.reshape(10, 10).sort(1).values.tolist() == [list(range(10))] * 10


def test_words_are_one_sequence_for_each_split_and_seed() -> None:
    more = data.spoken("test", 130)
    assert torch.equal(more.x[:100], HUNDRED.x) and torch.equal(more.y[:100], HUNDRED.y)
    for other in (data.spoken("train", 40), data.spoken("test", 40, seed=1)):
        assert not torch.equal(other.x, WORD.x)


@pytest.mark.parametrize("bad", [{"split": "tests"}, {"split": "test", "n": 0}])
def test_words_that_do_not_exist_are_refused(bad: dict) -> None:
    with pytest.raises(ValueError, match="split|n is 0"):
        data.spoken(**bad)


def test_drawing_words_is_fast_and_asks_its_generator_alone() -> None:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    torch.set_num_threads(1)
    start = time.process_time()
    speech.draw(torch.arange(100) % 10, generator=runtime.generator(3))
    torch.set_num_threads(threads)
    assert time.process_time() - start < 1 and torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("vowel", ["i", "I", "E", "V", "O", "u"])
def test_a_mouth_resonates_at_the_vowels_formants(vowel: str) -> None:
    """The peaks of the filter, with the voice's fall taken out, lie within 6 % of Peterson and Barney's means."""
    sound = speech.SOUNDS[vowel]
    hz = torch.linspace(0, 4000, 4001)
    response = speech.resonances(torch.tensor([[[*sound[:3], 3500.0]]]), torch.tensor([[50.0, 60, 80, 100]]), hz)[0, 0].abs() * (1 + hz / 300)
    peaks = hz[1:-1][(response[1:-1] > response[:-2]) & (response[1:-1] > response[2:])]
    for formant in sound[:3]:
        assert (peaks - formant).abs().min() <= 0.06 * formant, f"{peaks.tolist()} for {sound[:3]}"


def test_a_voice_has_its_pitch_and_equal_harmonics() -> None:
    voice = speech.pulses(torch.full((1, 121), 160.0), torch.zeros(1, 1))[0, :4000]
    spectrum = torch.fft.rfft(voice).abs()  # 2 Hz a bin: harmonic k lies in bin 80 k
    harmonics = spectrum[80 : 80 * 22 + 1 : 80].clone()
    assert torch.allclose(harmonics, harmonics[:1].expand(22), rtol=0.02)
    spectrum[::80] = 0
    assert spectrum.max() < 0.05 * harmonics.min()


def test_a_six_hisses_and_a_one_does_not() -> None:
    """Among the frames in which something is said, some of a six have most of their energy above 3 kHz, and none of a one."""

    def most_high(digit: int) -> Tensor:
        energy = transforms.mel_energies(transforms.waveform(HUNDRED.x[HUNDRED.y == digit]))
        total = energy.sum(1)
        said = total > 0.05 * total.amax(1, keepdim=True)
        return (energy[:, -4:].sum(1) / total).where(said, 0).amax(1)

    assert most_high(6).median() > 0.7 and most_high(1).median() < 0.2


# ---------------------------------------------------------------- the front end


def test_a_waveform_and_back() -> None:
    sound = 2 * torch.rand(3, 50) - 1
    assert torch.allclose(transforms.waveform(transforms.from_waveform(sound)), sound, atol=1e-6)
    assert transforms.from_waveform(3 * sound).aminmax() == torch.return_types.aminmax((torch.tensor(0.0), torch.tensor(1.0)))
    for call, bad in ((transforms.waveform, torch.rand(3, 1, 2, 9)), (transforms.from_waveform, torch.rand(3, 1, 9))):
        with pytest.raises(ValueError, match="is expected"):
            call(bad)


def test_energies_are_those_computed_by_hand() -> None:
    sound = torch.randn(2, 800, generator=runtime.generator(0), dtype=torch.float64)
    got = transforms.mel_energies(sound, window=128, hop=64, bands=6)
    padded = np.pad(sound.numpy(), ((0, 0), (64, 64)), mode="reflect")
    hann = np.hanning(129)[:-1]
    frames = np.stack([padded[:, k : k + 128] * hann for k in range(0, 801, 64)], 2)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2 / (hann**2).sum()
    mel = np.linspace(2595 * np.log10(1 + 100 / 700), 2595 * np.log10(1 + 3800 / 700), 8)
    corner = 700 * (10 ** (mel / 2595) - 1)
    bins = np.arange(65) * 8000 / 128
    triangles = np.stack([np.interp(bins, corner[k : k + 3], [0, 1, 0]) for k in range(6)])
    assert np.allclose(got.numpy(), np.einsum("bf,nft->nbt", triangles, power), rtol=1e-4)


def test_white_noise_has_one_in_every_bin() -> None:
    noise = torch.randn(20, 6000, generator=runtime.generator(0))
    shares = transforms.mel_energies(noise).mean((0, 2)) / transforms.mel_filters(24, 256).sum(1)
    assert torch.allclose(shares, torch.ones(24), atol=0.1)


def test_filters_serve_gradients_whoever_asked_first() -> None:
    with torch.inference_mode():
        transforms.log_mel(torch.zeros(1, 400), window=98, hop=40, bands=7)
    sound = torch.zeros(1, 400, requires_grad=True)
    transforms.log_mel(sound, window=98, hop=40, bands=7).sum().backward()
    assert sound.grad.shape == sound.shape and not transforms.mel_filters(7, 98).requires_grad
    assert transforms.mel_filters(7, 98, torch.zeros(1, dtype=torch.float64)).dtype == torch.float64


def test_neighbouring_triangles_add_up_to_one() -> None:
    corners = transforms.mel_frequencies(20)
    hz = torch.linspace(0, 4000, 401)
    inside = (hz >= corners[1]) & (hz <= corners[-2])
    assert torch.allclose(transforms.mel_filters(20, 800).sum(0)[inside], torch.ones(int(inside.sum())), atol=1e-5)


def test_cosines_are_a_rotation() -> None:
    table = transforms.cosines(20)
    assert torch.allclose(table @ table.T, torch.eye(20), atol=1e-5) and torch.allclose(table[0], torch.full((20,), 20**-0.5))


def test_gradients_pass_through_the_front_end() -> None:
    sound, way = (0.1 * torch.randn(2, 1, 2000, dtype=torch.float64, generator=runtime.generator(1))).unbind()
    total = lambda moved: transforms.log_mel(moved).sin().sum()  # noqa: E731
    (slope,) = torch.autograd.grad(total(sound.requires_grad_()), sound)
    with torch.no_grad():
        steep = (total(sound + 1e-6 * way) - total(sound - 1e-6 * way)) / 2e-6
    assert torch.isclose((slope * way).sum(), steep, rtol=1e-4)


# ---------------------------------------------------------------- the network


def test_the_network_does_not_hear_loudness_and_takes_other_lengths() -> None:
    net = models.SpeechNet().eval()
    sound = transforms.waveform(WORD.x[:4])
    soft = transforms.from_waveform(0.4 * sound)
    assert torch.allclose(net(soft), net(WORD.x[:4]), atol=0.05) and net(WORD.x[:2, ..., :4000]).shape == (2, 10)
    assert torch.allclose(models.SpeechNet().double()(WORD.x[:2].double()).mean(), torch.zeros((), dtype=torch.float64), atol=5)


def test_attacks_take_sounds_as_they_take_pictures() -> None:
    net, x, y = models.load("speechnet-spoken"), WORD.x[:8], WORD.y[:8]
    goal = (y + 1) % 10
    found = attacks.pgd(net, x, goal, eps=0.01, steps=10, targeted=True, generator=runtime.generator(0))
    assert measure.success_rate(net, found, goal, targeted=True) >= 0.7
    assert measure.success_rate(net, attacks.random_sign(x, eps=0.01, generator=runtime.generator(0)), goal, targeted=True) <= 0.2
    ratio = measure.snr(transforms.waveform(x), transforms.waveform(found))
    assert (found - x).abs().max() <= 0.01 + 1e-6 and (ratio > 5).all()


# ---------------------------------------------------------------- decibels


def test_decibels_by_hand() -> None:
    sound = torch.tensor([[3.0, 4.0], [1.0, -1.0], [0.0, 0.0], [0.0, 0.0]])
    noisy = sound + torch.tensor([[0.3, -0.4], [0.0, 0.0], [0.0, 0.1], [0.0, 0.0]])
    assert torch.allclose(measure.snr(sound, noisy), torch.tensor([20.0, math.inf, -math.inf, math.inf]), atol=1e-4)
    assert torch.allclose(measure.snr(sound[:1, None], 2 * sound[:1, None]), torch.zeros(1))
    with pytest.raises(ValueError, match="the same shape is expected"):
        measure.snr(sound, noisy[:2])


# ---------------------------------------------------------------- hidden commands


def test_mangled_words_keep_coarse_energies_and_nothing_of_the_wave() -> None:
    sound = attacks.mangle(WORD.x, FINE, generator=runtime.generator(0))
    assert sound.shape == WORD.x.shape and sound.dtype == WORD.x.dtype and 0 <= sound.min() and sound.max() <= 1
    a, b = (transforms.waveform(x) for x in (WORD.x, sound))
    alike = torch.nn.functional.cosine_similarity(a, b).abs()
    assert alike.max() < 0.35 and alike.mean() < 0.12
    smooth = [transforms.log_mel(w, window=256, hop=128, bands=20).flatten() for w in (a, b)]
    other = transforms.log_mel(torch.randn(b.shape, generator=runtime.generator(1)), window=256, hop=128, bands=20).flatten()
    close, chance = (float(torch.corrcoef(torch.stack([smooth[0], one]))[0, 1]) for one in (smooth[1], other))
    assert close > 0.9 and abs(chance) < 0.3


def test_coarser_settings_keep_fewer_numbers_and_lose_more() -> None:
    assert FINE.numbers == 1250 and ROUGH.numbers == 100
    target = transforms.log_mel(transforms.waveform(WORD.x))
    far = [(transforms.log_mel(transforms.waveform(attacks.mangle(WORD.x, c, generator=runtime.generator(0)))) - target).square().mean() for c in (FINE, ROUGH)]
    assert far[1] > 1.2 * far[0]


def test_mangling_is_up_to_the_generator_and_leaves_its_input() -> None:
    x, kept = WORD.x[:3].clone().requires_grad_(), WORD.x[:3]
    one, same, other = (attacks.mangle(x, ROUGH, generator=runtime.generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.allclose(one, other, atol=1e-3)
    assert torch.equal(x.detach(), kept) and not one.requires_grad
    assert attacks.mangle(WORD.x[:1].double(), ROUGH).dtype == torch.float64


@pytest.mark.parametrize("bad", [Coarse(255, 100, 5), Coarse(256, 129, 5), Coarse(256, 128, 21), Coarse(16, 8, 3), Coarse(256, 0, 3), Coarse(256, 128, 0)])
def test_settings_that_cannot_be_computed_are_refused(bad: Coarse) -> None:
    with pytest.raises(ValueError, match="expected"):
        attacks.mangle(WORD.x[:1], bad)


class Ear:
    """Hears a word from the `least`-th question about it on; counts what it is asked."""

    def __init__(self, y: Tensor, least: list[int]) -> None:
        self.y, self.least, self.asked = y, torch.tensor(least), []

    def __call__(self, x: Tensor) -> Tensor:
        left = torch.arange(len(self.y)) if not self.asked else (self.least >= len(self.asked)).nonzero().flatten()
        assert len(x) == len(left)
        self.asked.append(len(x))
        return torch.where(self.least[left] == len(self.asked) - 1, self.y[left], self.y[left] - 1)


def test_a_command_is_the_first_setting_that_is_heard_and_every_question_counts() -> None:
    ear = Ear(WORD.y[:4], [0, 2, 1, 9])
    found = attacks.hidden_command(ear, WORD.x[:4], WORD.y[:4], settings=[ROUGH, Coarse(320, 160, 10), FINE], generator=runtime.generator(0))
    assert ear.asked == [4, 3, 2] and found.queries == 9
    assert found.setting.tolist() == [0, 2, 1, 2] and found.heard.tolist() == [True, True, True, False]
    again = attacks.mangle(WORD.x[:4], ROUGH, generator=runtime.generator(0))
    assert torch.equal(found.sounds[0], again[0]) and not torch.equal(found.sounds[1], again[1])


def test_the_ladder_goes_from_coarse_to_fine_and_a_black_box_hears_its_commands() -> None:
    assert [round(coarse.numbers) for coarse in attacks.LADDER] == [20, 40, 53, 120, 267, 1250]
    oracle, twin = attacks.Oracle(models.load("speechnet-spoken")), models.load("speechnet-spoken-twin")
    found = attacks.hidden_command(oracle, WORD.x, WORD.y, generator=runtime.generator(0))
    assert found.heard.float().mean() >= 0.9 and oracle.queries == found.queries <= 3 * len(WORD.x)
    alone = [coarse._replace(coefficients=1) for coarse in attacks.LADDER]
    control = attacks.hidden_command(oracle, WORD.x, WORD.y, settings=alone, generator=runtime.generator(0))
    assert control.heard.float().mean() <= 0.45 and measure.accuracy(twin, found.sounds, WORD.y) >= 0.45


def test_commands_without_settings_are_refused_and_a_refusal_comes_through() -> None:
    with pytest.raises(ValueError, match="settings is empty"):
        attacks.hidden_command(lambda x: x, WORD.x[:1], WORD.y[:1], settings=[])

    for ask, y, words in ((lambda x: WORD.y[:1], WORD.y[:2], "y has shape"), (lambda x: torch.zeros(1, 10), WORD.y[:1], "the recogniser gives")):
        with pytest.raises(ValueError, match=words):
            attacks.hidden_command(ask, WORD.x[:1], y, settings=[FINE])

    def refuses(x: Tensor) -> Tensor:
        raise PermissionError("no more questions")

    with pytest.raises(PermissionError):
        attacks.hidden_command(refuses, WORD.x[:1], WORD.y[:1], settings=[FINE])


# ---------------------------------------------------------------- players


def test_players_hold_the_sound_and_authors_copies_do_not() -> None:
    shown = show.Sounds(transforms.waveform(WORD.x[:3]), ["a <b>", "b", "c"])
    bundle = shown._repr_mimebundle_()
    assert bundle["text/plain"] == "3 sounds of 0.75 s: a <b>; b; c" and "a &lt;b&gt;" in bundle["text/html"]
    held = re.findall(r'src="data:audio/wav;base64,([^"]*)"', bundle["text/html"])
    assert len(held) == 3 and len(bundle["text/html"]) < 3 * 17_000
    with wav.open(io.BytesIO(base64.b64decode(held[1]))) as file:
        played = np.frombuffer(file.readframes(9999), dtype="<i2") / 32767
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
    assert np.abs(played - transforms.waveform(WORD.x[1:2])[0].numpy()).max() < 1e-4
    cell = new_code_cell("")
    cell.outputs = [new_output("display_data", data=bundle)]
    stored = nb.without_pictures(new_notebook(cells=[cell])).cells[0].outputs[0].data["text/html"]
    assert "data:audio" not in stored and stored.count('src=""') == 3 and len(stored) < 1500


@pytest.mark.parametrize(("waves", "titles"), [(torch.zeros(2, 9), ["a"]), (torch.zeros(2, 1, 9), ["a", "b"]), (torch.full((1, 9), 1.5), ["a"])])
def test_players_refuse_what_cannot_be_played(waves: Tensor, titles: list[str]) -> None:
    with pytest.raises(ValueError, match="expected"):
        show.Sounds(waves, titles)


def test_nbval_compares_no_samples() -> None:
    """Rounding differs from machine to machine; the words around a player stay."""
    lines = dict(re.findall(r"^(regex|replace): (.*)$", (runtime.course_folder() / "tests" / "nbval.cfg").read_text().split("[sounds]")[1], re.M))
    page = lambda held: f'<td>noise<br><audio controls="controls"><source src="{held}" type="audio/wav"/></audio></td>'  # noqa: E731
    same = [re.sub(lines["regex"], lines["replace"], page(held)) for held in ("data:audio/wav;base64,UklGR0x1+/=", "data:audio/wav;base64,AAAA", "")]
    assert len(set(same)) == 1 and "noise" in same[0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_words_of_any_precision_are_mangled(dtype: torch.dtype) -> None:
    x = data.spoken("test", n=2).x.to(dtype)
    found = attacks.mangle(x, attacks.LADDER[1], generator=runtime.generator(1))
    assert found.dtype == dtype and found.shape == x.shape and 0 <= found.min() and found.max() <= 1 and found.std() > 0.01
