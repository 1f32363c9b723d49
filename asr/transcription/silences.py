"""Long silences of a recording, found while it is read, so that they need not be recognised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asr.audio.rates import Seconds, seconds_to_samples
from asr.audio.resampling import Waveform

Levels = NDArray[np.float32]
Flags = NDArray[np.bool_]

LEVEL_FRAME: Seconds = 0.01
SILENT_DB = -70.0  # anything below is quiet, whatever surrounds it
SMALLEST_RANGE_DB = 12.0  # between quiet and loud; with less, as in music, nothing counts as a pause

_NO_POWER = 1e-10  # -100 dB: 16-bit rounding noise lies just above
_NOISE_SWING_DB = 6.0  # sound that exceeds the noise by this may be distant speech
_STEADY_DB = 8.0  # noise varies by less in half a second; speech, however soft, by more
_FAINT_DB = -45.0  # noise below it is silence even where there is nothing louder, if it varies by less than:
_VERY_STEADY_DB = 3.0  # white noise by 1, speech by as much where it is 3 dB softer than the noise under it
_STEADY_FRAMES = 51  # of the half second
_SMOOTHING: Seconds = 0.05  # over which levels are averaged, so that noise varies less
_REMEMBERED: Seconds = 60.0  # of sound that was passed on, from which levels of noise and speech are estimated


@dataclass(frozen=True, eq=False)
class Sound:
    """A part of a recording that is kept.

    Attributes:
        first: index of its first sample in the recording.
        waveform: samples, shape (S,); may be empty if ``is_end`` is set.
        is_end: whether a long silence or the end of the recording follows.
    """

    first: int
    waveform: Waveform
    is_end: bool


def leave_out_silences(
    blocks: Iterable[Waveform], sample_rate: int, min_silence: Seconds, margin: Seconds, look_ahead: Seconds
) -> Iterator[Sound]:
    """Removes long silences from a recording that arrives block by block, and yields the rest with its place.

    A frame is silent if it is below -70 dB. It is also silent if it is as steady as noise and at most 6 dB above the
    noise level, which is the 5 % quantile of the levels in the last minute of sound, provided that the 95 % quantile is
    at least 12 dB above it; or if it is below -45 dB and so steady that no speech is audible in it. Doubtful frames are
    kept.

    Args:
        blocks: consecutive waveforms, shape (S,) each.
        sample_rate: sample rate in Hz.
        min_silence: shortest silence to remove, in seconds.
        margin: seconds of silence to keep next to sound, at each end of a silence.
        look_ahead: seconds at the start of the recording that are read before anything is judged silent.

    Yields:
        Parts in order of time, the last with ``is_end``. For an entirely silent recording, its last ``margin`` seconds.
    """
    frame = max(1, seconds_to_samples(LEVEL_FRAME, sample_rate))
    splitter = _Splitter(frame, min_silence * sample_rate / frame, max(1, round(margin * sample_rate / frame)))
    settled = seconds_to_samples(look_ahead, sample_rate)
    for block, is_last in mark_last(blocks):
        splitter.held = np.concatenate((splitter.held, block))
        if is_last or splitter.first + len(splitter.held) >= settled:
            yield from splitter.split(is_last)


class _Splitter:
    """The samples that :func:`leave_out_silences` holds back until it knows whether they are part of a long silence.

    Attributes:
        held: samples that were read and not passed on.
        first: index of the first of them in the recording.
    """

    def __init__(self, frame: int, min_silence: float, margin: int) -> None:
        """Starts empty; silences are counted in frames of ``frame`` samples."""
        self.held, self.first = np.empty(0, np.float32), 0
        self._frame, self._least, self._margin = frame, min_silence, margin
        self._known_levels = np.empty(0, np.float32)  # of sound that was passed on
        self._is_open = False  # whether anything was passed on since the last silence
        self._is_in_silence = False  # whether the held part begins with the margin of a removed silence
        self._is_empty = True  # whether nothing was ever passed on

    def split(self, is_last: bool) -> Iterator[Sound]:
        """Yields what is certainly sound, or, with ``is_last``, everything."""
        levels = levels_db(self.held, self._frame)
        is_silent = _is_silent(self._known_levels, levels)
        runs, cursor, limit = find_runs(is_silent), 0, len(levels)
        was_in_silence, self._is_in_silence = self._is_in_silence, False
        for start, end in runs:
            reaches_end = end == len(levels)
            if end - start < self._least and not (start == 0 and was_in_silence):
                if reaches_end and not is_last:
                    limit = start  # the rest of it has not been read
                continue
            if start > 0 or self._is_open:
                yield self._give(cursor, min(start + self._margin, end), levels, is_end=True)
            cursor = end if reaches_end and is_last else max(cursor, end - self._margin)
            self._is_in_silence = reaches_end
            limit = cursor if reaches_end else limit
        if is_last and self._is_empty and cursor == limit:
            cursor = max(0, limit - self._margin)
        is_unfinished = is_last and (self._is_open or (self._is_empty and len(self.held) > 0))
        if cursor < limit or is_unfinished:
            yield self._give(cursor, len(levels) if is_last else limit, levels, is_end=is_last)
        self.first += limit * self._frame
        self.held = self.held[limit * self._frame :]

    def _give(self, start: int, end: int, levels: Levels, is_end: bool) -> Sound:
        known = np.concatenate((self._known_levels, levels[start:end]))
        self._known_levels = known[-round(_REMEMBERED / LEVEL_FRAME) :]
        self._is_open, self._is_empty = not is_end, False
        first, last = start * self._frame, end * self._frame
        if is_end and end == len(levels):
            last = len(self.held)  # with the samples after the last whole frame
        return Sound(self.first + first, self.held[first:last].copy(), is_end)


def mark_last(blocks: Iterable[Waveform]) -> Iterator[tuple[Waveform, bool]]:
    """Yields each block with whether it is the last one."""
    previous = None
    for block in blocks:
        if previous is not None:
            yield previous, False
        previous = block
    if previous is not None:
        yield previous, True


def levels_db(waveform: Waveform, frame: int) -> Levels:
    """Returns the variance of each whole frame of samples in dB, shape (T,)."""
    return np.asarray(10 * np.log10(powers(waveform, frame) + np.float32(_NO_POWER)))


def powers(waveform: Waveform, frame: int) -> Levels:
    """Returns the variance of each whole frame of samples, shape (T,)."""
    frames = waveform[: len(waveform) // frame * frame].reshape(-1, frame)
    centred = frames - (frames @ np.full(frame, 1 / frame, np.float32))[:, None]  # twice as fast as ``var``
    return np.asarray(np.einsum("ij,ij->i", centred, centred) / np.float32(frame))


def find_runs(is_quiet: Flags) -> list[tuple[int, int]]:
    """Returns where runs of True begin and end.

    Example:
        >>> find_runs(np.array([True, False, True, True]))
        [(0, 1), (2, 4)]
    """
    edges = np.diff(np.pad(is_quiet.astype(np.int8), 1))
    starts, ends = np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist()
    return list(zip(starts, ends, strict=True))


def low_and_high(levels: Levels) -> tuple[float, float]:
    """Returns the 5 % and the 95 % quantile."""
    low, high = np.quantile(levels, (0.05, 0.95)).tolist()
    return low, high


def _is_silent(known: Levels, levels: Levels) -> Flags:
    """Marks frames that are certainly silent, shape (T,), given levels of sound before them."""
    if not len(levels):
        return levels.astype(bool)
    both = np.concatenate((known, levels))
    audible = both[both > SILENT_DB]
    limit = SILENT_DB
    if len(audible) and audible.max() - audible.min() >= SMALLEST_RANGE_DB:  # which noise alone is spared
        low, high = low_and_high(audible)
        limit = max(limit, low + _NOISE_SWING_DB) if high - low >= SMALLEST_RANGE_DB else limit
    near = both[-len(levels) - 2 * _STEADY_FRAMES :]  # with what is seen around the first frame
    smooth = _mean_around(near, round(_SMOOTHING / LEVEL_FRAME))
    swing = _largest_around(smooth) + _largest_around(-smooth)
    is_silent = (smooth < SILENT_DB) | ((smooth < _FAINT_DB) & _is_in(swing < _VERY_STEADY_DB))
    if limit > SILENT_DB:
        is_silent |= (smooth < limit) & (near < limit + _NOISE_SWING_DB) & _is_in(swing < _STEADY_DB)
    return np.asarray(is_silent)[len(near) - len(levels) :]


def _is_in(is_steady: Flags) -> Flags:
    """Marks the frames of half seconds whose middle frame is marked."""
    if is_steady.all():
        return is_steady
    return np.asarray(_largest_around(is_steady.astype(np.float32)) > 0)


def _largest_around(values: Levels) -> Levels:
    """Returns the largest of the half second around each frame: (T,) -> (T,)."""
    beyond = np.full(_STEADY_FRAMES // 2, -np.inf, np.float32)
    largest, width = np.concatenate((beyond, values, beyond)), 1
    while width < _STEADY_FRAMES:  # twice as many frames in each pass
        step = min(width, _STEADY_FRAMES - width)
        largest, width = np.maximum(largest[:-step], largest[step:]), width + step
    return np.asarray(largest)


def _mean_around(values: Levels, width: int) -> Levels:
    """Returns the mean of the frames around each one, of fewer at the ends: (T,) -> (T,)."""
    ones = np.ones(width, np.float32)
    sums, counts = (np.convolve(each, ones)[width // 2 :][: len(values)] for each in (values, np.ones_like(values)))
    return np.asarray(sums / counts)
