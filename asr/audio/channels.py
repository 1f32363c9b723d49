"""From several channels to one: their mean, or where they cancel each other the loudest."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asr.audio.sound import Samples
from asr.errors import DataError

logger = logging.getLogger(__name__)

_CANCELLED = 0.05  # of the power that a mean of unrelated channels has; below, they were recorded in opposite phase


class Levels:
    """The power of channels, and of their mean, over all blocks of a recording; constant offsets do not count."""

    def __init__(self, num_channels: int) -> None:
        self._count = 0
        self._sums, self._squares = np.zeros(num_channels + 1), np.zeros(num_channels + 1)

    def add(self, samples: Samples) -> None:
        """Counts a block, shape (S, C)."""
        both = np.concatenate((samples, samples.mean(axis=1, keepdims=True)), axis=1, dtype=np.float64)
        self._count += len(both)
        self._sums += both.sum(axis=0)
        self._squares += np.square(both).sum(axis=0)

    def cancelling(self) -> int | None:
        """Returns the loudest channel, from 0, if the channels cancel each other; None if they do not.

        The mean of C unrelated channels has 1/C^2 of the sum of their powers. Of channels in opposite phase it has
        next to nothing.
        """
        if self._count == 0 or len(self._sums) <= 2:
            return None
        powers = self._squares / self._count - np.square(self._sums / self._count)
        channels, mean = powers[:-1].clip(min=0), powers[-1]
        expected = channels.sum() / len(channels) ** 2
        return int(channels.argmax()) if expected > 0 and mean < _CANCELLED * expected else None


def loudest_if_cancelling(blocks: Iterable[Samples], num_channels: int) -> int | None:
    """Returns the loudest of channels that cancel each other; None where their mean can be taken."""
    if num_channels == 1:
        return None
    levels = Levels(num_channels)
    for samples in blocks:
        levels.add(samples)
    return levels.cancelling()


def mix(samples: Samples, channel: int | None) -> NDArray[np.float32]:
    """Returns one channel of a block, or their mean where ``channel`` is None: (S, C) -> (S,)."""
    if channel is None and samples.shape[1] > 1:
        return np.asarray(samples.mean(axis=1))
    return samples[:, channel or 0]


def check_channel(path: Path, channel: int, num_channels: int) -> None:
    """Refuses a channel that a file does not have.

    Raises:
        DataError: it has fewer channels.
    """
    if not 0 <= channel < num_channels:
        found = f"has {num_channels} channel{'s' if num_channels > 1 else ''}, and no channel {channel + 1}"
        raise DataError(path, found, f"choose one from 1 to {num_channels}")


def tell_cancelling(path: Path, channel: int) -> None:
    """Logs that the channels of a file cancel each other, and which one is read."""
    told = "%s: its channels cancel each other, so channel %d, the loudest, is read alone; --channel takes another"
    logger.warning(told, path, channel + 1)
