"""Long recordings, cut at their quietest places into chunks that a model can read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from asr.audio import Seconds, samples_to_seconds, seconds_to_samples

_LEVEL_FRAME: Seconds = 0.01
_SMOOTHING: Seconds = 0.1  # over which a forced cut looks for the least energy
_NO_POWER = 1e-10  # -100 dB: 16-bit rounding noise lies just above
_SILENT_DB = -70.0  # always quiet, whatever surrounds it
_SMALLEST_RANGE_DB = 12.0  # between quiet and loud; with less, such as in music, no place counts as a pause
_QUIET_SHARE = 0.3  # of the range from quiet to loud that still counts as quiet


@dataclass(frozen=True)
class Cutting:
    """How long recordings are cut.

    Attributes:
        max_chunk: seconds of audio in a chunk at most.
        min_chunk: seconds before a cut and after it at least.
        min_pause: seconds of quiet that make a pause between words; a stop consonant is shorter.
        overlap: seconds that a chunk reaches beyond a cut, on both sides, where there is no pause.
    """

    max_chunk: Seconds = 20.0
    min_chunk: Seconds = 5.0
    min_pause: Seconds = 0.2
    overlap: Seconds = 1.0

    def __post_init__(self) -> None:
        """Checks that there is room for a cut.

        Raises:
            ValueError: if ``0 < overlap < min_chunk < max_chunk / 3`` does not hold.
        """
        if not 0 < self.overlap < self.min_chunk < self.max_chunk / 3:
            raise ValueError(f"0 < overlap < min_chunk < max_chunk / 3 must hold. Found {self}")


@dataclass(frozen=True, eq=False)
class Chunk:
    """A part of a recording.

    Attributes:
        start: seconds from the start of the recording.
        waveform: samples, shape (S,).
        join: where it overlaps the chunk before it: the times, absolute, between which their words are to be joined;
            None where the cut lies in a pause.
    """

    start: Seconds
    waveform: Tensor
    join: tuple[Seconds, Seconds] | None = None


@dataclass(frozen=True)
class _Cut:
    place: int  # samples from the start of what is held
    is_pause: bool


def cut(blocks: Iterable[Tensor], sample_rate: int, cutting: Cutting | None = None) -> Iterator[Chunk]:
    """Cuts a recording that comes block by block, holding no more than a chunk and a block of it.

    A chunk ends in the middle of the longest pause of its last part. Where there is none, it ends at the least energy
    and both chunks reach beyond the cut, so that the words there are read in context by one of them (see
    :func:`asr.transcription.transcript.stitch`).

    Args:
        blocks: waveforms, shape (S,) each, that follow one another.
        sample_rate: Hz.
        cutting: lengths; the defaults when None.

    Yields:
        Chunks in order of time; without their overlaps they are the recording, sample by sample.
    """
    cutting = cutting or Cutting()
    longest, shortest, overlap = (
        seconds_to_samples(seconds, sample_rate) for seconds in (cutting.max_chunk, cutting.min_chunk, cutting.overlap)
    )
    held, first, join = torch.empty(0), 0, None
    for block, is_last in _mark_last(blocks):
        held = torch.cat((held, block))
        while len(held) > (longest if is_last else longest + shortest):
            found = _find_cut(held, sample_rate, cutting)
            reach = 0 if found.is_pause else overlap
            yield Chunk(samples_to_seconds(first, sample_rate), held[: found.place + reach].clone(), join)
            middle = samples_to_seconds(first + found.place, sample_rate)
            join = None if found.is_pause else (middle - cutting.overlap / 2, middle + cutting.overlap / 2)
            first += found.place - reach
            held = held[found.place - reach :]
    if len(held):
        yield Chunk(samples_to_seconds(first, sample_rate), held.clone(), join)


def _mark_last(blocks: Iterable[Tensor]) -> Iterator[tuple[Tensor, bool]]:
    previous = None
    for block in blocks:
        if previous is not None:
            yield previous, False
        previous = block
    if previous is not None:
        yield previous, True


def _find_cut(held: Tensor, sample_rate: int, cutting: Cutting) -> _Cut:
    """Gives the best place to cut between ``min_chunk`` and ``max_chunk``, and not in the last ``min_chunk``."""
    frame = max(1, seconds_to_samples(_LEVEL_FRAME, sample_rate))
    per_second = sample_rate / frame
    power = _power(held, frame)
    first = round(cutting.min_chunk * per_second)
    last = round(min(cutting.max_chunk * per_second, len(power) - cutting.min_chunk * per_second))
    pause = _longest_pause(_is_quiet(power), first, last, round(cutting.min_pause * per_second))
    if pause is not None:
        return _Cut(pause * frame, is_pause=True)
    last = min(last, int((cutting.max_chunk - cutting.overlap) * per_second))
    first = min(max(first, last // 2), last - 1)
    width = 2 * (round(_SMOOTHING * per_second) // 2) + 1
    smooth = F.avg_pool1d(power.view(1, 1, -1), width, stride=1, padding=width // 2).flatten()  # (T,) -> (T,)
    return _Cut((first + int(smooth[first:last].argmin())) * frame, is_pause=False)


def _power(waveform: Tensor, frame: int) -> Tensor:
    """Gives the mean power around its mean of each whole frame of samples, shape (T,)."""
    frames = waveform[: len(waveform) // frame * frame].view(-1, frame)
    return (frames - frames.mean(dim=1, keepdim=True)).square().mean(dim=1)


def _is_quiet(power: Tensor) -> Tensor:
    """Marks frames in the lower part of the range between the quiet and the loud of what is held, shape (T,)."""
    levels = 10 * (power + _NO_POWER).log10()
    low, high = levels.quantile(torch.tensor([0.05, 0.95])).tolist()
    limit = low + _QUIET_SHARE * (high - low) if high - low >= _SMALLEST_RANGE_DB else _SILENT_DB
    return levels < max(limit, _SILENT_DB)


def _longest_pause(is_quiet: Tensor, first: int, last: int, least: int) -> int | None:
    """Gives the middle frame of the longest run of quiet frames whose middle is in ``[first, last]``."""
    edges = F.pad(is_quiet.int(), (1, 1)).diff()
    starts, ends = (edges == 1).nonzero().flatten(), (edges == -1).nonzero().flatten()
    if len(starts) == 0:
        return None
    # A pause that reaches over the edge of where cuts may lie counts with the part of it that is inside.
    starts, ends = starts.clamp(min=first), ends.clamp(max=last)
    lengths = ends - starts
    best = int(lengths.argmax())
    return int(starts[best] + ends[best]) // 2 if int(lengths[best]) >= max(1, least) else None
