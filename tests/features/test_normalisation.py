"""Statistics of speech: pauses do not move them, whatever they are made of and however long they are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from asr.features.frontend import FrontEnd
from asr.features.normalisation import clear_padding, find_speech, normalise_by_utterance, weighted_statistics
from asr.features.stretches import Stretches

RATE = 16000
STEP = 1 / 32768
KINDS = (
    {"num_mels": 80},
    {"num_mels": 40, "use_energy": True, "delta_order": 2},
    {"kind": "mfcc", "num_mels": 23, "delta_order": 1},
    {"kind": "mfcc", "num_mels": 23, "use_energy": True},
)


def noise(seconds: float, level: float, seed: int = 0) -> Tensor:
    return level * torch.randn(round(seconds * RATE), generator=torch.Generator().manual_seed(seed))


def speech(seconds: float, snr_db: float, seed: int = 0) -> Tensor:
    """Returns buzz of changing colour in syllables of 0.2 s with gaps between some, in noise, rounded to 16 bits."""
    generator = np.random.default_rng(seed)
    times = np.arange(round(seconds * RATE)) / RATE
    voiced = np.zeros_like(times)
    for place in np.arange(0.2, seconds - 0.4, 0.25):
        if generator.uniform() < 0.2:
            continue
        pitch, colour, loudness = generator.uniform(90, 220), generator.uniform(400, 3000), generator.uniform(-9, 0)
        envelope = np.exp(-0.5 * ((times - place - 0.1) / 0.05) ** 2) * 10 ** (loudness / 20)
        for harmonic in range(1, 30):
            strength = 1 / (1 + ((pitch * harmonic - colour) / 500) ** 2) + 1 / harmonic
            voiced += 0.03 * envelope * strength * np.sin(2 * np.pi * pitch * harmonic * times)
    level = float(np.sqrt((voiced**2).mean()) * 10 ** (-snr_db / 20))
    return (torch.from_numpy(voiced).float() + noise(seconds, level, seed)).div(STEP).round() * STEP


def pause(kind: str, seconds: float, waveform: Tensor) -> Tensor:
    num_samples = round(seconds * RATE)
    if kind == "zeros":
        return torch.zeros(num_samples)
    if kind == "dither":
        return torch.randint(-1, 2, (num_samples,), generator=torch.Generator().manual_seed(0)) * STEP
    start = waveform[:1600]  # the first 0.1 s over and over
    return start.repeat(num_samples // len(start) + 1)[:num_samples]


def features_of(frontend: FrontEnd, *waveforms: Tensor) -> Tensor:
    joined = torch.cat(waveforms)
    return frontend(joined[None], torch.tensor([len(joined)]))[0][0]


def shift(frontend: FrontEnd, quiet: Tensor, place: str, waveform: Tensor) -> float:
    """Returns how far a pause moves the features of the rest, root mean square in deviations."""
    parts = [quiet, waveform] if place == "before" else [waveform, quiet]
    alone, found = features_of(frontend, waveform), features_of(frontend, *parts)
    edge = 8  # frames that see the pause
    if place == "before":
        alone, found = alone[edge:], found[edge - len(alone) :]
    else:
        alone, found = alone[:-edge], found[: len(alone) - edge]
    return float((alone - found).square().mean().sqrt())


@pytest.mark.parametrize("kind", ["zeros", "dither", "start"])
@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_pauses_do_not_move_features(settings: dict[str, object], kind: str) -> None:
    new, old = (FrontEnd(**settings, cmvn=cmvn).eval() for cmvn in ("speech", "utterance"))  # type: ignore[arg-type]
    for snr_db in (30.0, 15.0):
        waveform = speech(3.0, snr_db)
        for seconds in (0.5, 2.0, 8.0):
            for place in ("before", "after"):
                assert shift(new, pause(kind, seconds, waveform), place, waveform) < 0.15
        assert shift(old, pause(kind, 8.0, waveform), "after", waveform) > 0.45


@given(seconds=st.floats(0.05, 20.0), seed=st.integers(0, 20), place=st.sampled_from(["before", "after"]))
@settings(max_examples=25)
def test_zeros_of_any_length_move_nothing(seconds: float, seed: int, place: str) -> None:
    frontend = FrontEnd(num_mels=40, cmvn="speech").eval()
    waveform = speech(2.0, 25.0, seed)
    assert shift(frontend, pause("zeros", round(seconds, 2), waveform), place, waveform) < 0.1


@pytest.mark.parametrize("level", [1e-4, 1e-3, 1e-2])
def test_noise_of_other_levels_moves_little(level: float) -> None:
    frontend, old = (FrontEnd(num_mels=40, cmvn=cmvn).eval() for cmvn in ("speech", "utterance"))
    waveform = speech(3.0, 20.0)  # its noise has a level of 2e-3
    for place in ("before", "after"):
        assert shift(frontend, noise(8.0, level, seed=4), place, waveform) < 0.3
        assert shift(old, noise(8.0, level, seed=4), place, waveform) > 0.8


def test_a_long_pause_inside_leaves_both_parts_as_they_are_alone() -> None:
    frontend = FrontEnd(num_mels=40, cmvn="speech").eval()
    first, second = speech(2.5, 30.0), speech(3.0, 6.0, seed=1)  # as two microphones may hear
    for kind in ("zeros", "dither", "start"):
        for seconds in (2.0, 8.0):
            whole = features_of(frontend, first, pause(kind, seconds, first), second)
            for part, found in ((first, whole[:240]), (second, whole[-290:])):
                alone = features_of(frontend, part)
                alone = alone[:240] if part is first else alone[-290:]
                assert (alone - found).square().mean().sqrt() < 0.3
    joined = features_of(frontend, first, second)
    assert (joined[-290:] - features_of(frontend, second)[-290:]).square().mean().sqrt() > 0.4


@pytest.mark.parametrize("settings", KINDS[:3], ids=str)
def test_zeros_dither_and_room_tone_look_alike(settings: dict[str, object]) -> None:
    frontend = FrontEnd(**settings, cmvn="speech").eval()  # type: ignore[arg-type]
    for snr_db in (30.0, 10.0):
        waveform = speech(3.0, snr_db)
        whole = {
            kind: features_of(frontend, waveform, pause(kind, 2.0, waveform)) for kind in ("zeros", "dither", "start")
        }
        seen = {kind: features[-180:-20].mean(0) for kind, features in whole.items()}
        assert (seen["zeros"] - seen["dither"]).abs().max() < 0.05
        assert (seen["zeros"] - seen["start"]).abs().mean() < 0.6
        paused = torch.cat((waveform, torch.zeros(2 * RATE)))
        levels = frontend.levels(frontend.static(paused[None], torch.tensor([len(paused)]))[0])[0].mean(1)
        assert levels[-20:].mean() < levels[:10].mean() - 1.0  # where nothing is done, zeros lie far below the noise


def test_recordings_without_speech_are_pauses_all_over() -> None:
    for kind in KINDS[:3]:
        frontend = FrontEnd(**kind, cmvn="speech").eval()  # type: ignore[arg-type]
        for waveform in (torch.zeros(RATE), pause("dither", 3.0, torch.zeros(0)), noise(3.0, 0.001), noise(0.3, 0.1)):
            features = features_of(frontend, waveform)
            assert features[:, : 1 if frontend.kind == "mfcc" else frontend.static_dim].mean() < -1.5
            assert features.abs().max() < 8


def test_a_knock_louder_than_speech_moves_little() -> None:
    frontend = FrontEnd(num_mels=80, cmvn="speech").eval()
    waveform = speech(3.0, 30.0)
    alone = features_of(frontend, waveform)
    knocked = waveform.clone()
    knocked[RATE : RATE + 1200] += noise(0.075, 0.5, seed=9)
    found = features_of(frontend, knocked)
    is_beside = torch.ones(len(alone), dtype=torch.bool)
    is_beside[95:115] = False
    assert (alone - found)[is_beside].square().mean().sqrt() < 0.2


def test_a_little_louder_or_softer_is_the_same() -> None:
    frontend = FrontEnd(num_mels=80, cmvn="speech").eval()
    waveform = speech(3.0, 20.0)
    assert torch.allclose(features_of(frontend, waveform), features_of(frontend, 2 * waveform), atol=0.1)


def test_weights_are_no_steps() -> None:
    frontend = FrontEnd(num_mels=40, cmvn="speech").eval()
    static, lengths = frontend.static(speech(3.0, 20.0)[None], torch.tensor([3 * RATE]))
    weights, noise_levels, _ = find_speech(static, lengths, -14.0)
    for seed in range(5):
        moved = static + 1e-3 * torch.randn(static.shape, generator=torch.Generator().manual_seed(seed))
        others, other_levels, _ = find_speech(moved, lengths, -14.0)
        assert (weights - others).abs().max() < 0.02
        assert (noise_levels - other_levels).abs().max() < 0.01
    assert ((weights > 0) & (weights < 1)).any()
    assert 0.2 < weights.mean() < 0.8


def test_noise_is_the_mean_of_the_quiet_frames() -> None:
    frontend = FrontEnd(num_mels=40, cmvn="speech").eval()
    tone = noise(4.0, 0.002, seed=3)
    waveform = torch.cat((tone, speech(3.0, 60.0) + noise(3.0, 0.002, seed=4), torch.zeros(3 * RATE)))
    static, lengths = frontend.static(waveform[None], torch.tensor([len(waveform)]))
    _, found, _ = find_speech(static, lengths, -14.0)
    expected = static[0, 10:390].mean(0)
    assert (found[0, 0] - expected).abs().max() < 0.5
    assert (found[0, 0] - expected).abs().mean() < 0.1


def test_weighted_statistics_by_their_definition() -> None:
    generator = torch.Generator().manual_seed(0)
    features, prior_std = torch.randn(2, 7, 3, generator=generator), torch.tensor([1.5, 3.0, 0.1])
    weights, prior_mean = torch.rand(2, 7, generator=generator), torch.randn(2, 2, 3, generator=generator)
    numbers = torch.tensor([[0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0]])
    mean, std = weighted_statistics(features, weights, Stretches(numbers, 2), prior_mean, prior_std)
    for row, number in itertools.product(range(2), range(2)):
        pairs = [(weights[row, t], features[row, t]) for t in range(7) if numbers[row, t] == number]
        total = float(sum(weight for weight, _ in pairs)) + 1
        expected = (sum((w * x for w, x in pairs), torch.zeros(3)) + prior_mean[row, number]) / total
        squares = sum((w * (x - expected) ** 2 for w, x in pairs), (prior_mean[row, number] - expected) ** 2)
        assert torch.allclose(mean[row, number], expected, atol=1e-6)
        assert torch.allclose(std[row, number], ((squares + prior_std**2) / total).sqrt(), atol=1e-6)


def test_nothing_is_learnt_through_statistics() -> None:
    static = torch.randn(1, 50, 40, requires_grad=True)
    weights, noise_levels, _ = find_speech(static, torch.tensor([50]), -14.0)
    assert not weights.requires_grad
    assert not noise_levels.requires_grad
    features = FrontEnd(num_mels=40, cmvn="speech").complete(static, torch.tensor([50]))
    features[0, 3, 7].backward()
    assert static.grad is not None
    assert (static.grad != 0).sum() <= 1


def test_the_old_normalisation_is_what_it_was() -> None:
    features = torch.randn(2, 9, 4)
    lengths = torch.tensor([9, 5])
    found = normalise_by_utterance(clear_padding(features, lengths), lengths)
    for row, length in enumerate(lengths.tolist()):
        own = features[row, :length]
        expected = (own - own.mean(0)) / own.std(0, correction=0)
        assert torch.allclose(found[row, :length], expected, atol=1e-5)
        assert (found[row, length:] == 0).all()


def test_what_is_digital_silence_does_not_depend_on_dither_of_the_front_end() -> None:
    waveform = speech(2.0, 20.0)[None], torch.tensor([2 * RATE])
    plain, dithered = (FrontEnd(num_mels=40, cmvn="speech", dither=dither).eval() for dither in (0.0, 1.0))
    assert torch.equal(plain(*waveform)[0], dithered(*waveform)[0])
