"""The front end over recordings of any length, piece by piece, with statistics of the whole recording."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Protocol

import torch
from torch import Tensor

from asr.features.definitions import DELTA_WINDOW, SMALLEST_STD, SMOOTHING
from asr.features.deltas import add_deltas
from asr.features.frontend import FrontEnd
from asr.features.long_speech import LongSpeech
from asr.features.normalisation import average_bands, mean_noise, prior, raise_levels

PIECE = 8192
"""Frames that are computed at a time."""


class Rows(Protocol):
    """A matrix of any number of rows, shape (N, D), which need not fit in memory."""

    width: int

    def read(self, first: int, last: int) -> Tensor:
        """Returns rows that have been written, from ``first`` to before ``last``."""

    def write(self, first: int, rows: Tensor) -> None:
        """Writes rows, shape (*, D), from row ``first`` on."""


def beyond_block(frontend: FrontEnd) -> int:
    """Returns the frames at the end of a block that change when another one follows: they see its end reflected."""
    return -(-frontend.window_length // frontend.hop_length) + 1


@torch.inference_mode()
def static_by_piece(frontend: FrontEnd, blocks: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yields the static values of consecutive frames, shape (*, F); joined, they are what ``frontend.static`` returns.

    Args:
        frontend: in evaluation mode.
        blocks: consecutive waveforms, shape (S,) each.
    """
    hop = frontend.hop_length
    margin = beyond_block(frontend)
    held, done = torch.empty(0, device=frontend.window.device), 0
    for block in chain(blocks, [None]):
        if block is not None:
            held = torch.cat((held, block.to(held.device)))
        static, _ = frontend.static(held.unsqueeze(0), torch.tensor([len(held)]))
        end = static.shape[1] if block is None else max(done, static.shape[1] - margin)
        if end > done:
            yield static[0, done:end]
        kept = max(0, end - margin)
        held, done = held[kept * hop :], end - kept


class PiecewiseFeatures:
    """The features of a whole recording, of which any part can be computed.

    Equal to what ``frontend.complete`` returns for all static values at once.

    Args:
        frontend: in evaluation mode.
        static: static values of the recording.
        num_frames: its frames, T.
        piece: frames computed at a time.

    Raises:
        ConfigError: ``cmvn`` is "global" and no statistics are set.
    """

    def __init__(self, frontend: FrontEnd, static: Rows, num_frames: int, piece: int = PIECE) -> None:
        """Reads the recording for its statistics, up to four times; memory holds 40 bytes for each frame meanwhile."""
        frontend.check_statistics()
        self._frontend, self._static, self.num_frames = frontend, static, num_frames
        self._pieces = [(first, min(first + piece, num_frames)) for first in range(0, num_frames, piece)]
        self._reach = DELTA_WINDOW * frontend.delta_order
        self._noise: Tensor | None = None
        self._speech: LongSpeech | None = None
        self._mean = torch.zeros(1, frontend.feature_dim, device=frontend.cmvn_mean.device)
        self._std = torch.ones_like(self._mean)
        if not num_frames or frontend.cmvn == "none":
            return
        if frontend.cmvn == "global":
            self._mean[0], self._std[0] = frontend.cmvn_mean, frontend.cmvn_std
        elif frontend.cmvn == "utterance":
            self._measure(self._mean.double(), self._mean.double(), 0.0)
        else:
            with torch.inference_mode():
                self._normalise_speech()

    def __call__(self, first: int, last: int) -> Tensor:
        """Returns the features of frames from ``first`` to before ``last``, shape (T, feature_dim)."""
        numbers = self._numbers(first, last)
        return (self._features(first, last) - self._mean[numbers]) / self._std[numbers]

    def _features(self, first: int, last: int) -> Tensor:
        """Returns features with differences, but not normalised, shape (T, feature_dim)."""
        begin, end = max(0, first - self._reach), min(self.num_frames, last + self._reach)
        static = self._static.read(begin, end).unsqueeze(0)
        if self._noise is not None:
            noise = self._noise[self._numbers(begin, end)].unsqueeze(0)
            static = raise_levels(static, noise, self._frontend.to_levels, self._frontend.from_levels)
        lengths = torch.tensor([end - begin], device=static.device)
        return add_deltas(static, lengths, self._frontend.delta_order)[0, first - begin : last - begin]

    def _normalise_speech(self) -> None:
        """Finds the speech of the whole recording and its mean and deviation, as ``normalise_by_speech`` does."""
        frontend, parts = self._frontend, (self._bands(first, last) for first, last in self._pieces)
        self._speech = LongSpeech(parts, self.num_frames, self._pieces[0][1])
        width, device = self._levels(0, 0).shape[1], self._mean.device
        sums, total = (torch.zeros(self._speech.count, size, dtype=torch.float64, device=device) for size in (width, 1))
        for first, last in self._pieces:
            noisiness = self._speech.rate(first, last)[1].to(device)
            self._add(total, first, noisiness)
            self._add(sums, first, noisiness * self._levels(first, last))
        self._noise = mean_noise(sums.float(), total.float(), frontend.silent_level)
        mean, std = prior(self._noise.unsqueeze(0), frontend.feature_dim, frontend.from_levels)
        self._measure(mean[0].double(), std.double().square(), 1.0)

    def _numbers(self, first: int, last: int) -> Tensor:
        """Returns the number of the stretch of each frame, shape (T,)."""
        if self._speech is None:
            return torch.zeros(last - first, dtype=torch.int64, device=self._mean.device)
        return self._speech.numbers(first, last).to(self._mean.device)

    def _weights(self, first: int, last: int) -> Tensor:
        """Returns how much each frame counts, shape (T, 1)."""
        if self._speech is None:
            return torch.ones(last - first, 1, device=self._mean.device)
        return self._speech.rate(first, last)[0].to(self._mean.device)

    def _levels(self, first: int, last: int) -> Tensor:
        return self._frontend.levels(self._static.read(first, last))

    def _bands(self, first: int, last: int) -> tuple[Tensor, Tensor]:
        begin, end = max(0, first - SMOOTHING), min(self.num_frames, last + SMOOTHING)
        levels = self._levels(begin, end).unsqueeze(0)
        is_own = torch.ones(levels.shape[:2], dtype=torch.bool, device=levels.device)
        bands, is_audible = average_bands(levels, is_own, self._frontend.silent_level)
        return bands[:, first - begin : last - begin], is_audible[:, first - begin : last - begin]

    def _measure(self, prior_mean: Tensor, prior_variance: Tensor, prior_weight: float) -> None:
        """Sets mean and deviation of each stretch over weighted frames and one more, of the weight given."""
        sums, total = prior_weight * prior_mean, torch.full_like(prior_mean[:, :1], prior_weight)
        for first, last in self._pieces:
            weights = self._weights(first, last)
            self._add(total, first, weights)
            self._add(sums, first, weights * self._features(first, last))
        mean = sums / total
        squares = prior_weight * ((prior_mean - mean).square() + prior_variance)
        for first, last in self._pieces:
            distances = self._features(first, last) - mean[self._numbers(first, last)]
            self._add(squares, first, self._weights(first, last) * distances.square())
        self._mean, self._std = mean.float(), (squares / total).sqrt().float().clamp(min=SMALLEST_STD)

    def _add(self, sums: Tensor, first: int, values: Tensor) -> None:
        """Adds the values of frames from ``first`` on, shape (T, F), to the sums of their stretches, shape (K, F)."""
        sums.index_add_(0, self._numbers(first, first + len(values)), values.double())
