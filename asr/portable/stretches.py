"""Stretches of an utterance between long pauses, in NumPy: :mod:`asr.features.stretches` for one utterance."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from asr.features.definitions import LONG_PAUSE, MARGIN, SHORTEST_SOUND, STEADY, SWING_WINDOW
from asr.portable.deltas import Floats

Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]


class Stretches:
    """To which stretch of the utterance each frame belongs.

    Args:
        numbers: of the stretch of each frame, counted from 0 and ascending, shape (T,).
    """

    def __init__(self, numbers: Ints) -> None:
        self.numbers, self.count = numbers, int(numbers[-1]) + 1
        self._firsts = np.searchsorted(numbers, np.arange(self.count))

    def sum(self, values: Floats) -> Floats:
        """Returns sums over the frames of each stretch: (T, F) -> (K, F)."""
        return np.add.reduceat(values, self._firsts, axis=0)

    def quantile(self, values: Floats, is_counted: Flags, share: float) -> Floats:
        """Returns a quantile of each value over the counted frames of each stretch, (K, F); 0 without any.

        Args:
            values: shape (T, F).
            is_counted: shape (T,).
            share: of the frames below the quantile, which is interpolated between two frames.
        """
        found = np.zeros((self.count, values.shape[1]), np.float32)
        for place, ranked in enumerate(self._ranked(values, is_counted)):
            if len(ranked):
                at = share * (len(ranked) - 1)
                below = ranked[int(at)]
                found[place] = below + (at - int(at)) * (ranked[min(int(at) + 1, len(ranked) - 1)] - below)
        return found

    def nth_largest(self, values: Floats, is_counted: Flags, number: int) -> Floats:
        """Returns the n-th largest value over the counted frames of each stretch, or the smallest of fewer.

        Args:
            values: shape (T, F).
            is_counted: shape (T,).
            number: n, counted from 1.

        Returns:
            Shape (K, F); 0 where no frame counts.
        """
        found = np.zeros((self.count, values.shape[1]), np.float32)
        for place, ranked in enumerate(self._ranked(values, is_counted)):
            if len(ranked):
                found[place] = ranked[max(0, len(ranked) - number)]
        return found

    def _ranked(self, values: Floats, is_counted: Flags) -> list[Floats]:
        """Returns the counted values of each stretch, each column ascending."""
        ends = [*self._firsts[1:], len(values)]
        return [
            np.sort(values[first:end][is_counted[first:end]], axis=0)
            for first, end in zip(self._firsts, ends, strict=True)
        ]


def find_stretches(levels: Floats) -> tuple[Stretches, Flags]:
    """Divides an utterance in the middle of long pauses; see :func:`asr.features.stretches.find_stretches`.

    Args:
        levels: log energies, natural, averaged to a few bands and over some frames, shape (T, F).

    Returns:
        The stretches; and which frames are in long pauses, shape (T,).
    """
    frames = np.arange(len(levels))
    swing = (_largest(levels) + _largest(-levels)).mean(axis=1)  # (T,)
    is_steady = _largest((swing < STEADY).astype(np.float32)[:, None])[:, 0] > 0
    since, until = _run(~is_steady)
    is_pause = is_steady | (since + until <= SHORTEST_SOUND)
    since, until = _run(is_pause)
    has_before, has_after = since <= frames, frames + until < len(levels)  # sound
    is_long = is_pause & (since + until > LONG_PAUSE)
    is_middle = is_long & has_before & has_after & (since >= until) & (since < until + 2)
    is_margin = (has_before & (since <= MARGIN)) | (has_after & (until <= MARGIN))
    return Stretches(is_middle.cumsum()), is_long & ~is_margin


def _largest(values: Floats) -> Floats:
    padded = np.pad(values, ((SWING_WINDOW // 2, SWING_WINDOW // 2), (0, 0)), constant_values=-np.inf)
    return np.asarray(sliding_window_view(padded, SWING_WINDOW, axis=0).max(axis=2))  # (T, F) -> (T, F)


def _run(is_there: Flags) -> tuple[Ints, Ints]:
    """Returns for each frame of a run of True its length up to and from that frame, both including the frame."""
    num_frames = len(is_there)
    frames = np.arange(num_frames)
    before = np.maximum.accumulate(np.where(is_there, -1, frames))
    after = np.minimum.accumulate(np.where(is_there, num_frames, frames)[::-1])[::-1]
    return frames - before, after - frames
