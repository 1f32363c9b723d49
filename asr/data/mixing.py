"""Which utterances make up an epoch, and how often those of several corpora come in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from asr.errors import ConfigError

_BLOCK = 50  # utterances of like length among which those of an epoch are drawn
_DRAWN = 10  # so many are drawn from a block, or more: their number is rounded

Indices = NDArray[np.int64]
Lengths = NDArray[np.float64]


@dataclass(frozen=True)
class Mixing:
    """Which utterances come together in an epoch.

    Attributes:
        weights: how often the utterances of each training file come in an epoch: 2 is twice, 0.25 a quarter of them,
            others in each epoch; None is once.
        window_shards: shards that batches are drawn from at a time, so that shards are read as a whole, one after the
            other; None draws from all. Epochs that come shortest first draw from all. Each rank reads a part of every
            shard.
        joined_steps: share of the steps whose utterances are joined two by two, long ones with short ones, so that what
            is read does not depend on where recordings begin and end; 0 joins none.
    """

    weights: list[float] | None = None
    window_shards: int | None = None
    joined_steps: float = 0.0

    def check(self, num_files: int) -> None:
        """Refuses what is out of its range, or does not fit this number of training files.

        Raises:
            ConfigError: naming the setting.
        """
        weights, shards = self.weights, self.window_shards
        if weights is not None and (len(weights) != num_files or not all(0 < weight < math.inf for weight in weights)):
            found = f"is {weights} for {num_files} files of data.train_cuts"
            remedy = "give one number above 0 for each, such as [1, 0.5], or null"
            raise ConfigError("data.mixing.weights", found, remedy)
        if shards is not None and shards < 1:
            raise ConfigError("data.mixing.window_shards", f"is {shards}", "give 1 or more, or null")
        if not 0 <= self.joined_steps <= 1:
            found = f"is {self.joined_steps:g}"
            raise ConfigError("data.mixing.joined_steps", found, "give a share of the steps, 0 to 1")


@dataclass(frozen=True)
class Rehearsal:
    """Old data that come again while a model learns from new ones, so that it does not forget them.

    **Source**: rehearsal of earlier data against forgetting, Robins 1995.

    Attributes:
        cuts: cut files of what the model was trained on before.
        share: share of the utterances of an epoch that are drawn from them, others in each epoch.
    """

    cuts: list[str] = field(default_factory=list)
    share: float = 0.2

    def check(self) -> None:
        """Refuses a share that is out of its range.

        Raises:
            ConfigError: naming the setting.
        """
        if not 0 < self.share < 1:
            found = f"is {self.share:g}"
            raise ConfigError("data.rehearsal.share", found, "give a share between 0 and 1, such as 0.2")

    def weight(self, num_new: float, num_old: int) -> float:
        """Returns how often an old utterance comes in an epoch, so that all of them have the share.

        Args:
            num_new: new utterances of an epoch.
            num_old: old utterances that there are.

        Example:
            >>> Rehearsal(["old.jsonl.gz"], 0.2).weight(num_new=400, num_old=1000)
            0.1
        """
        return num_new * self.share / (1 - self.share) / num_old


class Mixture:
    """Corpora with weights: 2 brings each utterance twice an epoch, 0.25 a quarter of them, 1.5 all and half once more.

    Every epoch has the same number of utterances. For a fraction, utterances are sorted by length, and of each fifty
    neighbours some are drawn, others in the next epoch, until all have been drawn: with a weight of 0.25 in four epochs
    or five. So an epoch's utterances, sorted, are never longer than ``longest``, and the number of batches need not
    change.

    Args:
        seconds: length of each utterance, corpus after corpus.
        counts: utterances of each corpus; their sum is the number of lengths.
        weights: of each corpus, above 0; of each at least one utterance comes.
        seed: of the whole training.

    Raises:
        ValueError: counts do not fit, or a weight is not above 0.

    Attributes:
        longest: the greatest length that each utterance of an epoch can have, shape (U,), in seconds, in no order.
    """

    longest: Lengths

    def __init__(self, seconds: Sequence[float], counts: Sequence[int], weights: Sequence[float], seed: int) -> None:
        """Decides how many utterances each corpus contributes."""
        if sum(counts) != len(seconds) or len(weights) != len(counts) or not all(weight > 0 for weight in weights):
            raise ValueError(f"{len(seconds)} lengths, counts {list(counts)}, weights {list(weights)}")
        generator = np.random.default_rng(seed)
        lengths = np.asarray(seconds, dtype=np.float64)
        self._whole: list[tuple[Indices, int]] = []  # utterances, and how often all of them come
        self._blocks: list[tuple[Indices, int, int]] = []  # utterances, how many are drawn, how often each came before
        longest = []
        first = 0
        for count, weight in zip(counts, weights, strict=True):
            indices = np.arange(first, first + count)
            first += count
            times = int(weight + 1e-9)
            self._whole.append((indices, times))
            longest.append(np.tile(lengths[indices], times))
            by_length = indices[np.argsort(lengths[indices], kind="stable")]
            for block, drawn in _blocks(by_length, max(round((weight - times) * count), 0 if times else 1)):
                longest.append(lengths[block[len(block) - drawn :]])
                self._blocks.append((generator.permutation(block), drawn, times))
        self.longest = np.concatenate(longest)

    def draw(self, epoch: int) -> tuple[Indices, Indices]:
        """Returns the utterances of an epoch: their indices, and for each how often it came before, shape (U,) both."""
        indices, occurrences = [], []
        for all_of_them, times in self._whole:
            indices.append(np.tile(all_of_them, times))
            occurrences.append(np.repeat(np.arange(times), len(all_of_them)))
        for block, drawn, times in self._blocks:
            indices.append(block.take(range(epoch * drawn, (epoch + 1) * drawn), mode="wrap"))
            occurrences.append(np.full(drawn, times))
        return np.concatenate(indices), np.concatenate(occurrences)


def _blocks(by_length: Indices, total: int) -> list[tuple[Indices, int]]:
    """Divides utterances into blocks of neighbours, each with its share of the total to draw from it."""
    count = len(by_length)
    if not total or not count:
        return []
    num_blocks = max(1, min(-(-count // _BLOCK), total // _DRAWN))
    ends = np.cumsum([len(part) for part in np.array_split(by_length, num_blocks)]).tolist()
    starts = [0, *ends[:-1]]
    drawn = [total * end // count - total * start // count for start, end in zip(starts, ends, strict=True)]
    return [(by_length[start:end], number) for start, end, number in zip(starts, ends, drawn, strict=True)]
