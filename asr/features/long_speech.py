"""Speech and noise in a recording of hours: :mod:`asr.features.stretches` with a few bytes for each frame."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asr.features.definitions import (
    LEAST_CONTRAST,
    LEAST_SHARE,
    LONG_PAUSE,
    MARGIN,
    NOISE_SHARE,
    NUM_LOUDEST,
    SHORTEST_SOUND,
    SWING_WINDOW,
)
from asr.features.normalisation import rate_shares
from asr.features.stretches import find_steady

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]


class LongSpeech:
    """How much each frame of a recording is speech, and how much it is noise.

    Equal to what :func:`asr.features.normalisation.rate_frames` returns, to 1e-5. Keeps 5 bytes for each frame, and
    needs about 40 while it is made.

    Args:
        parts: levels averaged to bands, shape (1, *, F), and which frames are audible, shape (1, *), of consecutive
            frames.
        num_frames: all of them, T > 0.
        piece: frames computed at a time.

    Attributes:
        count: stretches of the recording, K.
    """

    def __init__(self, parts: Iterable[tuple[Tensor, Tensor]], num_frames: int, piece: int) -> None:
        """Divides the recording, and measures the contrast of its frames."""
        bands, is_audible = _collect(parts, num_frames)
        self._firsts, is_pause = _divide(_steady(bands, piece))
        self.count = len(self._firsts)
        self._is_counted = np.zeros(num_frames, np.bool_)
        self._contrast = np.zeros(num_frames, np.float32)
        self._reference, self._least = (np.zeros(self.count, np.float32) for _ in range(2))
        for place, (first, end) in enumerate(pairwise([*self._firsts.tolist(), num_frames])):
            is_counted = is_audible[first:end] & ~is_pause[first:end]
            if not is_counted.any():
                is_counted = is_audible[first:end]
            self._is_counted[first:end] = is_counted
            for band in bands[:, first:end] if is_counted.any() else ():
                self._contrast[first:end] += np.maximum(band - _quantile(band[is_counted], NOISE_SHARE), 0.0)
            self._contrast[first:end] /= len(bands)
            counted = self._contrast[first:end][is_counted]
            if len(counted):
                self._least[place] = counted.min()
                rank = max(0, len(counted) - NUM_LOUDEST)
                counted.partition(rank)
                self._reference[place] = counted[rank]
        least = max(LEAST_CONTRAST, LEAST_SHARE * float(self._reference.max()))
        self._reference = np.maximum(self._reference, np.float32(least))
        self._least /= self._reference

    def rate(self, first: int, last: int) -> tuple[Tensor, Tensor]:
        """Returns how much frames from ``first`` to before ``last`` are speech, and noise, shape (*, 1) each."""
        numbers = self.numbers(first, last).numpy()
        shares = torch.from_numpy(self._contrast[first:last] / self._reference[numbers]).view(1, -1, 1)
        is_counted = torch.from_numpy(self._is_counted[first:last]).unsqueeze(0)
        weights, noisiness = rate_shares(shares, torch.from_numpy(self._least[numbers]).view(1, -1, 1), is_counted)
        return weights[0].unsqueeze(1), noisiness[0]

    def numbers(self, first: int, last: int) -> Tensor:
        """Returns the numbers of the stretches of frames from ``first`` to before ``last``, shape (*,)."""
        return torch.from_numpy(np.searchsorted(self._firsts, np.arange(first, last), side="right") - 1)


def _collect(parts: Iterable[tuple[Tensor, Tensor]], num_frames: int) -> tuple[Floats, Flags]:
    """Returns the levels of all frames, shape (F, T), and which are audible, shape (T,)."""
    bands, is_audible, first = np.empty((0, num_frames), np.float32), np.empty(num_frames, np.bool_), 0
    for values, is_heard in parts:
        if not first:
            bands = np.empty((values.shape[2], num_frames), np.float32)
        last = first + values.shape[1]
        bands[:, first:last], is_audible[first:last] = values[0].t().cpu(), is_heard[0].cpu()
        first = last
    return bands, is_audible


def _steady(bands: Floats, piece: int) -> Flags:
    """Returns which frames are in half seconds whose levels hardly change: (F, T) -> (T,)."""
    num_frames, reach = bands.shape[1], 2 * SWING_WINDOW
    is_steady = np.empty(num_frames, np.bool_)
    for first in range(0, num_frames, piece):
        begin, last = max(0, first - reach), min(first + piece, num_frames)
        levels = torch.from_numpy(bands[:, begin : last + reach]).t().unsqueeze(0)
        found = find_steady(levels, torch.ones(levels.shape[:2], dtype=torch.bool))
        is_steady[first:last] = found[0, first - begin : last - begin].numpy()
    return is_steady


def _divide(is_steady: Flags) -> tuple[Ints, Flags]:
    """Returns the first frame of each stretch, shape (K,), and which frames are in long pauses, shape (T,)."""
    is_pause = is_steady.copy()
    for start, end in zip(*_runs(~is_steady), strict=True):
        if end - start < SHORTEST_SOUND:
            is_pause[start:end] = True
    starts, ends = _runs(is_pause)
    is_long = ends - starts >= LONG_PAUSE
    starts, ends = starts[is_long], ends[is_long]
    has_before, has_after = starts > 0, ends < len(is_pause)
    middles = ((starts + ends) // 2)[has_before & has_after]
    is_pause[:] = False
    for start, end in zip(starts + MARGIN * has_before, ends - MARGIN * has_after, strict=True):
        is_pause[start:end] = True
    return np.concatenate(([0], middles)), is_pause


def _runs(is_there: Flags) -> tuple[Ints, Ints]:
    """Returns where runs of True begin, and where they end."""
    edges = np.diff(np.pad(is_there, 1).view(np.int8))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def _quantile(values: Floats, share: float) -> np.float32:
    """Returns the value below which a share of values, shape (N,), N > 0, lies, between two of them; reorders them."""
    place = share * (len(values) - 1)
    below, above = int(place), min(int(place) + 1, len(values) - 1)
    values.partition((below, above))
    return np.float32(values[below] + (place - below) * (values[above] - values[below]))
