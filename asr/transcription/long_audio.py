"""Cuts long recordings at their quietest places into chunks that a model can process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from asr.audio.rates import Seconds, samples_to_seconds, seconds_to_samples
from asr.audio.resampling import Waveform
from asr.transcription.silences import (
    LEVEL_FRAME,
    SILENT_DB,
    SMALLEST_RANGE_DB,
    Flags,
    Levels,
    find_runs,
    leave_out_silences,
    levels_db,
    low_and_high,
    powers,
)
from asr.transcription.speaker_changes import change_scores

_SMOOTHING: Seconds = 0.1  # over which a forced cut averages the energy
_SAME_CHANGE: Seconds = 4.0  # between pauses that show the same change of speakers
_MIN_GAP: Seconds = 0.12  # of quiet where another speaker goes on: recordings that are joined leave no more
_QUIET_SHARE = 0.4  # of the range from quiet to loud that counts as quiet


@dataclass(frozen=True)
class Cutting:
    """How long recordings are cut.

    Attributes:
        max_chunk: maximum seconds of audio in a chunk.
        min_chunk: minimum seconds before and after a cut.
        min_turn: minimum seconds before a change of speakers, where a chunk ends.
        min_pause: minimum seconds of quiet in a pause between words; stop consonants are shorter.
        overlap: seconds by which both chunks extend beyond a cut that is not in a pause.
        min_silence: shortest silence to remove, in seconds; infinity removes none.
        silence_margin: seconds of a removed silence that are kept at either end.
    """

    max_chunk: Seconds = 20.0
    min_chunk: Seconds = 5.0
    min_turn: Seconds = 2.0
    min_pause: Seconds = 0.2
    overlap: Seconds = 1.0
    min_silence: Seconds = 1.5
    silence_margin: Seconds = 0.3

    def __post_init__(self) -> None:
        """Checks that there is room for a cut.

        Raises:
            ValueError: ``0 < overlap < min_chunk < max_chunk / 3`` or ``0 < 2 * silence_margin < min_silence`` does
                not hold.
        """
        if not 0 < self.overlap < self.min_chunk < self.max_chunk / 3:
            raise ValueError(f"0 < overlap < min_chunk < max_chunk / 3 must hold. Found {self}")
        if not 0 < 2 * self.silence_margin < self.min_silence:
            raise ValueError(f"0 < 2 * silence_margin < min_silence must hold. Found {self}")


@dataclass(frozen=True, eq=False)
class Chunk:
    """A part of a recording.

    Attributes:
        start: seconds from the start of the recording.
        waveform: samples, shape (S,).
        join: absolute times between which its words are joined with those of the previous chunk, which it overlaps;
            None if the cut is in a pause.
        log_probs: natural-log posteriors of its frames, shape (N, V), where they are known already.
    """

    start: Seconds
    waveform: Waveform
    join: tuple[Seconds, Seconds] | None = None
    log_probs: Levels | None = None


@dataclass(frozen=True)
class _Cut:
    place: int  # samples from the start of what is held
    is_pause: bool


def cut(blocks: Iterable[Waveform], sample_rate: int, cutting: Cutting | None = None) -> Iterator[Chunk]:
    """Cuts a recording that arrives block by block, holding at most two chunks and a block in memory.

    A chunk ends where a long silence begins, which is removed except for its margins. Otherwise it ends at the first
    pause after which another speaker goes on, so that speakers are normalised apart, or else in the middle of the
    longest pause in its last part; without a pause, where the energy is lowest: both chunks then extend beyond the cut,
    so that one of them has the words there in context (see :func:`asr.transcription.transcript.stitch`). What fits in
    one chunk is not cut.

    Args:
        blocks: consecutive waveforms, shape (S,) each.
        sample_rate: sample rate in Hz.
        cutting: lengths; the defaults if None.

    Yields:
        Chunks in order of time, at least one; without overlaps they are the samples of the recording, except for its
        long silences.
    """
    cutting = cutting or Cutting()
    longest, shortest, overlap = (
        seconds_to_samples(seconds, sample_rate) for seconds in (cutting.max_chunk, cutting.min_chunk, cutting.overlap)
    )
    held, first, join = np.empty(0, np.float32), 0, None
    left_out = cutting.min_silence, cutting.silence_margin, cutting.max_chunk
    for sound in leave_out_silences(blocks, sample_rate, *left_out):
        first = first if len(held) else sound.first
        held = np.concatenate((held, sound.waveform))
        while len(held) > (longest if sound.is_end else longest + shortest):
            found = _find_cut(held, sample_rate, cutting)
            reach = 0 if found.is_pause else overlap
            yield Chunk(samples_to_seconds(first, sample_rate), held[: found.place + reach].copy(), join)
            middle = samples_to_seconds(first + found.place, sample_rate)
            join = None if found.is_pause else (middle - cutting.overlap / 2, middle + cutting.overlap / 2)
            first += found.place - reach
            held = held[found.place - reach :]
        if sound.is_end and len(held):
            yield Chunk(samples_to_seconds(first, sample_rate), held.copy(), join)
            held, join = np.empty(0, np.float32), None


def _find_cut(held: Waveform, sample_rate: int, cutting: Cutting) -> _Cut:
    """Returns the best place to cut between ``min_chunk`` and ``max_chunk``, but not in the last ``min_chunk``."""
    frame = max(1, seconds_to_samples(LEVEL_FRAME, sample_rate))
    per_second = sample_rate / frame
    power = powers(held, frame)
    first = round(cutting.min_chunk * per_second)
    last = round(min(cutting.max_chunk * per_second, len(power) - cutting.min_chunk * per_second))
    is_quiet = _is_quiet(levels_db(held, frame))
    least, least_between = (max(1, round(each * per_second)) for each in (cutting.min_pause, _MIN_GAP))
    gaps = _pauses(is_quiet, round(cutting.min_turn * per_second), last, least_between)
    pause = _change(held, sample_rate, is_quiet, gaps)
    if pause is None:
        # A pause that extends beyond the range for cuts counts with its part inside.
        pause = max(_pauses(is_quiet, first, last, least), key=lambda run: run[1] - run[0], default=None)
    if pause is not None:
        return _Cut(sum(pause) // 2 * frame, is_pause=True)
    last = min(last, int((cutting.max_chunk - cutting.overlap) * per_second))
    first = min(max(first, last // 2), last - 1)
    width = 2 * (round(_SMOOTHING * per_second) // 2) + 1
    smooth = np.convolve(power, np.full(width, 1 / width), mode="same")  # (T,) -> (T,)
    return _Cut((first + int(smooth[first:last].argmin())) * frame, is_pause=False)


def _is_quiet(levels: Levels) -> Flags:
    """Marks frames in the lower part of the range of levels, shape (T,)."""
    low, high = low_and_high(levels)
    limit = low + _QUIET_SHARE * (high - low) if high - low >= SMALLEST_RANGE_DB else SILENT_DB
    return np.asarray(levels < max(limit, SILENT_DB))


def _pauses(is_quiet: Flags, first: int, last: int, least: int) -> list[tuple[int, int]]:
    """Returns where at least ``least`` frames in ``[first, last]`` are quiet, and the end of each such run."""
    inside = [(max(start, first), min(end, last)) for start, end in find_runs(is_quiet)]
    return [(start, end) for start, end in inside if end - start >= least]


def _change(
    held: Waveform, sample_rate: int, is_quiet: Flags, pauses: Sequence[tuple[int, int]]
) -> tuple[int, int] | None:
    """Returns the first pause after which another speaker goes on; None if there is none."""
    scores = change_scores(held, sample_rate, is_quiet, pauses)
    near = round(_SAME_CHANGE / LEVEL_FRAME)
    for place, (pause, score) in enumerate(zip(pauses, scores, strict=True)):
        rivals = [
            other for other, (start, _) in zip(scores[place:], pauses[place:], strict=True) if start < pause[1] + near
        ]
        if score > 0 and score == max(rivals):  # what follows hears the change, too, until it is past
            return pause
    return None
