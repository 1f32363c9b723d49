"""Long silences are left out, sound never is, and every part knows its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from asr.audio.resampling import Waveform
from asr.transcription import silences
from asr.transcription.silences import Sound, find_runs, leave_out_silences, levels_db, powers

RATE = 8000
MIN_SILENCE, MARGIN, LOOK_AHEAD = 1.5, 0.3, 10.0
STEP = 1 / 32768


def noise(seconds: float, level: float = 0.3, seed: int = 0) -> Tensor:
    return level * torch.randn(round(seconds * RATE), generator=torch.Generator().manual_seed(seed))


def speech(seconds: float, level: float = 0.3, seed: int = 0) -> Tensor:
    """Returns noise that swells and falls by 20 dB four times a second, as syllables do."""
    times = torch.arange(round(seconds * RATE)) / RATE
    return noise(seconds, level, seed) * 10 ** (torch.sin(2 * torch.pi * 4 * times) / 2 - 0.5)


def dither(seconds: float) -> Tensor:
    return torch.randint(-1, 2, (round(seconds * RATE),), generator=torch.Generator().manual_seed(1)) * STEP


def split(waveform: Tensor, block: int = 5600) -> list[Sound]:
    return list(
        leave_out_silences((part.numpy() for part in waveform.split(block)), RATE, MIN_SILENCE, MARGIN, LOOK_AHEAD)
    )


def kept(waveform: Tensor, block: int = 5600) -> Tensor:
    """Tells for each sample of a recording whether it was given on, and that no other was."""
    sounds, is_kept = split(waveform, block), torch.zeros(len(waveform), dtype=torch.bool)
    for sound in sounds:
        last = sound.first + len(sound.waveform)
        assert torch.equal(torch.from_numpy(sound.waveform), waveform[sound.first : last])
        assert not is_kept[sound.first : last].any()
        is_kept[sound.first : last] = True
    assert all(left.first + len(left.waveform) <= right.first for left, right in pairwise(sounds))
    gaps = [right.first - left.first - len(left.waveform) for left, right in pairwise(sounds)]
    assert [gap > 0 for gap in gaps] == [sound.is_end for sound in sounds[:-1]]
    assert sounds[-1].is_end
    return is_kept


@given(
    parts=st.lists(
        st.tuples(st.floats(0.02, 6.0), st.sampled_from(["zeros", "dither", "room", "near", "far"])),
        min_size=1,
        max_size=9,
    ),
    block=st.integers(300, 40000),
)
@settings(max_examples=60)
def test_whatever_comes_speech_stays_in_order(parts: list[tuple[float, str]], block: int) -> None:
    made = {
        "zeros": lambda seconds: noise(seconds, 0.0),
        "dither": dither,
        "room": lambda seconds: noise(seconds, 0.0005),
        "near": speech,
        "far": lambda seconds: speech(seconds, 0.03, seed=3),
    }
    pieces = [made[kind](seconds) for seconds, kind in parts]
    waveform = torch.cat(pieces)

    def are(*kinds: str) -> Tensor:
        named = zip(pieces, parts, strict=True)
        return torch.cat([torch.full((len(piece),), kind in kinds) for piece, (_, kind) in named])

    is_kept = kept(waveform, block)
    assert is_kept[are("near", "far")].all()
    for start, end in find_runs(are("zeros", "dither").numpy()):
        if end - start >= (MIN_SILENCE + 0.1) * RATE:
            sides = (start > 0) + (end < len(waveform))
            assert is_kept[start:end].sum() / RATE <= MARGIN * max(1, sides) + 0.06


def zeros(seconds: float) -> Tensor:
    return noise(seconds, 0.0)


def room_tone(seconds: float) -> Tensor:
    return noise(seconds, 0.0005, seed=5)


@pytest.mark.parametrize("silence", [zeros, dither, room_tone])
def test_zeros_dither_and_room_tone_are_left_out(silence: Callable[[float], Tensor]) -> None:
    quiet, spoken = silence(8.0), [speech(1.0), noise(0.3, 0.0005), speech(1.5, seed=1)]
    for place, parts in enumerate(([quiet, *spoken], [*spoken, quiet], [*spoken, quiet, *spoken])):
        waveform = torch.cat(parts)
        expected = len(waveform) / RATE - 8.0 + MARGIN * (1 if place < 2 else 2)
        assert float(kept(waveform).sum()) / RATE == pytest.approx(expected, abs=0.06)


def test_short_silences_stay_whole() -> None:
    quiet = torch.zeros(round(1.2 * RATE))
    waveform = torch.cat([quiet, speech(1.0), quiet, speech(1.0), quiet])
    sounds = split(waveform)
    assert torch.equal(torch.cat([torch.from_numpy(sound.waveform) for sound in sounds]), waveform)
    assert [sound.is_end for sound in sounds] == [False] * (len(sounds) - 1) + [True]


def test_speech_from_afar_stays() -> None:
    near, far = speech(3.0), speech(3.0, 0.004, seed=1)  # 37 dB below, 10 dB above the noise in its loud parts
    waveform = torch.cat([near, far, near]) + noise(9.0, 0.0004, seed=2)
    assert kept(waveform).all()


def test_noise_without_speech_is_doubtful_until_speech_was_heard() -> None:
    tone = noise(12.0, 0.01)  # -40 dB
    assert kept(tone).all()
    is_kept = kept(torch.cat([speech(2.0), tone[: round(0.3 * RATE)], speech(2.0), tone]))
    assert is_kept[: round(4.3 * RATE)].all()
    assert not is_kept[round(4.7 * RATE) :].any()


def test_faint_noise_is_silence_where_there_is_nothing_else() -> None:
    assert kept(noise(30.0, 0.001)).sum() <= MIN_SILENCE * RATE
    soft = torch.cat([noise(3.0, 0.001), speech(3.0, 0.004), noise(3.0, 0.001, seed=1)])  # below -45 dB on average
    is_kept = kept(soft + noise(9.0, 0.0005, seed=2))
    assert is_kept[3 * RATE : 6 * RATE].all()
    assert not is_kept[: 2 * RATE].any()


def test_minutes_of_silence_do_not_make_speech_forgotten() -> None:
    tone = torch.cat([noise(30.0, 0.001, seed) for seed in range(6)])
    is_kept = kept(torch.cat([speech(2.0), tone[: RATE // 2], speech(1.0), tone, speech(1.0)]))
    assert is_kept[: round(3.5 * RATE)].all()
    assert not is_kept[round(3.9 * RATE) : -round(1.4 * RATE)].any()
    assert is_kept[-RATE:].all()


def test_a_recording_of_silence_alone_is_not_nothing() -> None:
    for seconds in (0.004, 0.2, 1.0, 30.0):
        (sound,) = split(torch.zeros(round(seconds * RATE)))
        assert sound.is_end
        assert 0 < len(sound.waveform) <= max(MIN_SILENCE, MARGIN) * RATE
    assert list(leave_out_silences(iter([]), RATE, MIN_SILENCE, MARGIN, LOOK_AHEAD)) == []


def test_the_size_of_blocks_hardly_matters() -> None:
    waveform = torch.cat(
        [speech(1.0 + part % 3, seed=part) if part % 2 else noise(part % 3, 0.001) for part in range(20)]
    )
    found = [kept(waveform, block) for block in (1100, 20000)]
    assert (found[0] != found[1]).float().mean() < 0.02


def test_memory_does_not_grow_with_silence() -> None:
    read = 0

    def blocks() -> Iterator[Waveform]:
        nonlocal read
        for number in range(200):
            read += RATE // 2
            yield (speech(0.5) if number % 60 == 0 else torch.zeros(RATE // 2)).numpy()

    sounds = leave_out_silences(blocks(), RATE, MIN_SILENCE, MARGIN, LOOK_AHEAD)
    held = [read - sound.first for sound in sounds]
    assert max(held) <= (LOOK_AHEAD + MIN_SILENCE + 2 * 0.5) * RATE


@pytest.mark.parametrize("offset", [0.0, 0.5, -1.0])
def test_powers_do_not_count_an_offset(offset: float) -> None:
    waveform = (noise(1.003, 0.001) + offset).numpy()
    expected = waveform[: RATE // 80 * 80].astype("f8").reshape(-1, 80).var(axis=1)
    assert powers(waveform, 80) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("level", [0.0, 0.0003, 0.001, 0.003, 0.03])
def test_what_is_spared_decides_nothing(monkeypatch: pytest.MonkeyPatch, level: float) -> None:
    waveforms = [noise(8.0, level), noise(8.0, level, 1) + torch.cat([zeros(5.0), speech(3.0, 20 * level, seed=2)])]
    levels = [levels_db(waveform.numpy(), RATE // 100) for waveform in waveforms]
    spared = [silences._is_silent(levels[0][:0], each) for each in levels]
    monkeypatch.setattr(silences, "SMALLEST_RANGE_DB", -1.0)  # quantiles are always asked,
    monkeypatch.setattr(
        silences, "low_and_high", lambda found: _limits(found)
    )  # and decide nothing where they were spared
    assert all(
        (found == silences._is_silent(levels[0][:0], each)).all() for found, each in zip(spared, levels, strict=True)
    )


def _limits(levels: Waveform) -> tuple[float, float]:
    low, high = np.quantile(levels, (0.05, 0.95)).tolist()
    return (low if high - low >= 12 else -200.0), high
