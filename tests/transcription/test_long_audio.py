from collections.abc import Iterator
from itertools import pairwise
from math import inf

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from asr.audio.resampling import Waveform
from asr.transcription.long_audio import Chunk, Cutting, cut

RATE = 1000
LIMITS = Cutting(max_chunk=4.0, min_chunk=1.0, min_pause=0.2, overlap=0.4, min_silence=inf)


def noise(seconds: float, level: float = 0.3, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return level * torch.randn(round(seconds * RATE), generator=generator)


def in_blocks(waveform: Tensor, size: int) -> Iterator[Waveform]:
    yield from (part.numpy() for part in waveform.split(size))


def end(chunk: Chunk) -> float:
    return chunk.start + len(chunk.waveform) / RATE


def cuts(waveform: Tensor, block: int = 700, cutting: Cutting = LIMITS) -> list[Chunk]:
    return list(cut(in_blocks(waveform, block), RATE, cutting))


def check_cover(chunks: list[Chunk], waveform: Tensor, cutting: Cutting = LIMITS) -> None:
    """Each chunk is that part of the recording, and together they are all of it."""
    for chunk in chunks:
        first = round(chunk.start * RATE)
        assert torch.equal(torch.from_numpy(chunk.waveform), waveform[first : first + len(chunk.waveform)])
        assert 0 < len(chunk.waveform) <= cutting.max_chunk * RATE
    assert chunks[0].start == 0
    assert end(chunks[-1]) == pytest.approx(len(waveform) / RATE)
    assert chunks[0].join is None
    for left, right in pairwise(chunks):
        if right.join is None:
            assert right.start == pytest.approx(end(left))
        else:
            middle = sum(right.join) / 2
            assert end(left) - middle == pytest.approx(cutting.overlap)
            assert middle - right.start == pytest.approx(cutting.overlap)
            assert right.join[1] - right.join[0] == pytest.approx(cutting.overlap)


@given(
    parts=st.lists(st.tuples(st.floats(0.05, 3.0), st.sampled_from([0.0, 1e-4, 0.01, 0.3, 0.5])), max_size=15),
    block=st.integers(50, 3000),
)
@settings(max_examples=60)
def test_chunks_cover_the_recording_whatever_is_in_it(parts: list[tuple[float, float]], block: int) -> None:
    pieces = [noise(seconds, level, seed) for seed, (seconds, level) in enumerate(parts)]
    waveform = torch.cat([torch.zeros(1), *pieces])
    check_cover(cuts(waveform, block), waveform)


def test_short_recordings_stay_whole() -> None:
    for seconds in (0.001, 1.0, 4.0):
        (chunk,) = cuts(noise(seconds))
        assert (chunk.start, len(chunk.waveform), chunk.join) == (0.0, round(seconds * RATE), None)
    assert cuts(torch.empty(0)) == []
    assert list(cut(iter([]), RATE)) == []


def test_cuts_lie_in_the_middle_of_the_longest_pause() -> None:
    waveform = torch.cat([noise(1.4), noise(0.25, 0.001), noise(1.0), noise(0.5, 0.001), noise(2.0)])
    first, second = cuts(waveform)
    assert second.start == pytest.approx(2.9, abs=0.02)
    assert second.join is None
    check_cover([first, second], waveform)


def voice(seconds: float, colour: float, seed: int) -> Tensor:
    """Swelling noise at 8 kHz through a short filter: speakers differ in their spectra."""
    white = torch.randn(round(seconds * 8000) + 3, generator=torch.Generator().manual_seed(seed))
    coloured = sum(colour**lag * white[lag : len(white) - 3 + lag] for lag in range(4))
    return 0.05 * (1 + 0.9 * torch.sin(torch.arange(len(white) - 3) / 400)) * coloured


@pytest.mark.parametrize("pause", [0.14, 0.25, 0.6])
def test_a_chunk_ends_where_another_voice_goes_on(pause: float) -> None:
    gap, long_gap = 1e-4 * torch.randn(round(pause * 8000)), 1e-4 * torch.randn(round(0.5 * 8000))

    def cut_after(second: float) -> float:
        parts = [voice(3.0, 0.5, 1), gap, voice(3.5, second, 2), long_gap, voice(6.0, second, 3)]
        limits = Cutting(max_chunk=12.0, min_chunk=2.5, min_turn=2.0)
        _, chunk = cut(iter([torch.cat(parts).numpy()]), 8000, limits)
        assert chunk.join is None
        return chunk.start

    assert cut_after(-0.5) == pytest.approx(3.0 + pause / 2, abs=0.03)
    longest = 3.0 + pause / 2 if pause > 0.5 else 6.5 + pause + 0.25
    assert cut_after(0.5) == pytest.approx(longest, abs=0.03)


def test_pauses_are_found_above_steady_noise_and_beside_an_offset() -> None:
    speech = torch.cat([noise(1.5), torch.zeros(400), noise(3.0, seed=1)])
    for waveform in (speech + noise(4.9, 0.02, seed=2), speech + 0.8):
        _, second = cuts(waveform)
        assert (second.start, second.join) == (pytest.approx(1.7, abs=0.02), None)


def test_without_a_pause_chunks_overlap_around_the_least_energy() -> None:
    waveform = noise(6.0)
    waveform[3000:3080] *= 0.01  # shorter than a pause
    first, second = cuts(waveform)
    assert second.join is not None
    assert sum(second.join) / 2 == pytest.approx(3.04, abs=0.03)
    assert end(first) - second.start == pytest.approx(2 * LIMITS.overlap)
    check_cover([first, second], waveform)


def test_silence_and_steady_tones_are_cut_too() -> None:
    silent = torch.zeros(20 * RATE)
    chunks = cuts(silent)
    assert all(chunk.join is None for chunk in chunks)
    check_cover(chunks, silent)
    steady = torch.sin(torch.arange(20 * RATE) * 0.5)
    chunks = cuts(steady)
    assert all(chunk.join is not None for chunk in chunks[1:])
    check_cover(chunks, steady)


def test_the_rest_is_never_shorter_than_the_shortest_chunk() -> None:
    for length in range(4001, 5200, 100):
        waveform = torch.cat([noise(length / RATE - 0.3), torch.zeros(300)])
        chunks = cuts(waveform)
        assert end(chunks[-1]) - chunks[-1].start >= LIMITS.min_chunk
        check_cover(chunks, waveform)


def test_memory_does_not_grow_with_the_recording() -> None:
    read = 0

    def blocks() -> Iterator[Waveform]:
        nonlocal read
        for number in range(300):
            read += 500
            yield noise(0.5, 0.3 if number % 5 else 0.001, number).numpy()

    held = [read / RATE - end(chunk) for chunk in cut(blocks(), RATE, LIMITS)]
    assert max(held) <= LIMITS.max_chunk + LIMITS.min_chunk + 2 * 0.5
    assert all(
        chunk.waveform.base is None and chunk.waveform.nbytes <= 4 * 4 * RATE for chunk in cut(blocks(), RATE, LIMITS)
    )


def test_the_size_of_blocks_hardly_moves_the_cuts() -> None:
    waveform = torch.cat([noise(0.8, 0.3 if part % 2 else 0.001, part) for part in range(40)])
    starts = [[round(chunk.start, 2) for chunk in cuts(waveform, block)] for block in (100, 400)]
    assert starts[0] == starts[1]


def test_impossible_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="0 < overlap < min_chunk < max_chunk / 3 must hold"):
        Cutting(max_chunk=6.0)
    with pytest.raises(ValueError, match=r"0 < 2 \* silence_margin < min_silence must hold"):
        Cutting(min_silence=0.5)


def test_a_long_silence_ends_a_chunk_and_the_next_begins_at_its_own_time() -> None:
    waveform = torch.cat([noise(0.7), torch.zeros(9 * RATE), noise(6.0, seed=1), torch.zeros(2 * RATE)])
    limits = Cutting(max_chunk=4.0, min_chunk=1.0, min_pause=0.2, overlap=0.4, min_silence=1.5, silence_margin=0.3)
    first, *others = cuts(waveform, cutting=limits)
    assert (first.start, end(first), first.join) == (0.0, pytest.approx(1.0, abs=0.03), None)
    assert (others[0].start, others[0].join) == (pytest.approx(9.4, abs=0.03), None)
    assert end(others[-1]) == pytest.approx(16.0, abs=0.03)
    assert all(chunk.join is not None for chunk in others[1:])
    for chunk in (first, *others):
        place = round(chunk.start * RATE)
        assert torch.equal(torch.from_numpy(chunk.waveform), waveform[place : place + len(chunk.waveform)])
