"""An opened recording: it yields samples until its true end, whoever decodes it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asr.errors import DataError

Samples = NDArray[np.float32]  # shape (S, C)

_BLOCK = 1 << 18  # samples that are read at a time, of all channels
LOUDEST = 2.0**31
"""The largest sample that is let pass, in full scales: integers of 32 bits that were stored as floats."""


class NotReadableError(Exception):
    """A decoder does not read the file; the text says why."""


class Sound(ABC):
    """A recording that is read from its start to its end, in one direction.

    Attributes:
        path: what errors name.
        sample_rate: Hz.
        num_channels: 1 for mono.
        num_samples: samples of each channel; None where only reading finds out.
        position: of the next sample.
    """

    def __init__(self, path: Path, sample_rate: int, num_channels: int, num_samples: int | None) -> None:
        """Keeps what is known of a recording, at whose start it stands."""
        self.path, self.sample_rate, self.num_channels = path, sample_rate, num_channels
        self.num_samples, self.position = num_samples, 0

    @abstractmethod
    def close(self) -> None:
        """Closes what decodes."""

    @abstractmethod
    def _read(self, count: int) -> Samples:
        """Reads the next samples; fewer than ``count`` only at the end."""

    def _skip(self, count: int) -> int:
        """Passes over samples; returns how many, fewer than ``count`` only at the end.

        What cannot seek is read and dropped, so that a segment is exact in any format.
        """
        skipped = 0
        size = self._block_size()
        while skipped < count and (read := len(self._read(min(size, count - skipped)))):
            skipped += read
        return skipped

    def skip(self, count: int) -> None:
        """Moves on by ``count`` samples, or to the end.

        Raises:
            DataError: the file is truncated or damaged.
        """
        self.position += self._skip(count)

    def _block_size(self) -> int:
        return max(1, _BLOCK // self.num_channels)

    def blocks(self, count: int | None = None) -> Iterator[Samples]:
        """Yields the next samples block by block.

        Args:
            count: most samples; None for all to the end.

        Yields:
            float32 samples, shape (S, C), at least one.

        Raises:
            DataError: the file is truncated or damaged, or samples are no numbers.
        """
        size = self._block_size()
        while count is None or count > 0:
            wanted = size if count is None else min(size, count)
            samples = self._read(wanted)
            if len(samples):
                self.position += len(samples)
                _check(self.path, samples)
                yield samples
            if len(samples) < wanted:
                return
            count = None if count is None else count - len(samples)

    def read(self, count: int | None = None) -> Samples:
        """Reads the next samples, or all to the end, as :meth:`blocks` does."""
        return joined(list(self.blocks(count)), self.num_channels)


def joined(blocks: list[Samples], num_channels: int) -> Samples:
    """Returns blocks, shape (S, C) each, as one."""
    if len(blocks) == 1:
        return blocks[0]
    return np.concatenate(blocks) if blocks else np.empty((0, num_channels), np.float32)


def _check(path: Path, samples: Samples) -> None:
    loudest = float(np.maximum(samples.max(), -samples.min()))  # NaN if one of them is
    if not loudest <= LOUDEST:
        found = "some of its samples are infinite or not a number"
        if np.isfinite(loudest):
            found = f"some of its samples are as large as {loudest:.2g}, where 1 is full scale"
        raise DataError(path, found, "make the file again")


def truncated(path: Path, found: str) -> DataError:
    """Returns the error for a file that ends too early."""
    return DataError(path, f"is truncated: {found}", "copy it again or leave it out")
