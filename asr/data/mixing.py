"""How often the utterances of several corpora come in an epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_BLOCK = 50  # utterances of like length among which those of an epoch are drawn
_DRAWN = 10  # so many are drawn from a block at the least: their number is rounded

Indices = NDArray[np.int64]
Lengths = NDArray[np.float64]


class Mixture:
    """Corpora with weights: 2 brings each utterance twice an epoch, 0.25 a quarter of them, 1.5 all and half once more.

    Every epoch has as many utterances. For a fraction, utterances are sorted by length, and of each fifty neighbours
    some are drawn, others in the next epoch, until all were there: with a weight of 0.25 in four epochs or five. So an
    epoch's utterances, sorted, are never longer than ``longest``, and the number of batches need not change.

    Attributes:
        longest: the greatest length that each utterance of an epoch can have, shape (U,), in seconds, in no order.
    """

    longest: Lengths

    def __init__(self, seconds: Sequence[float], counts: Sequence[int], weights: Sequence[float], seed: int) -> None:
        """Settles how many come of each corpus.

        Args:
            seconds: length of each utterance, corpus after corpus.
            counts: utterances of each corpus; their sum is the number of lengths.
            weights: of each corpus, above 0; of each at least one utterance comes.
            seed: of the whole training.

        Raises:
            ValueError: counts do not fit, or a weight is not above 0.
        """
        if sum(counts) != len(seconds) or len(weights) != len(counts) or not all(weight > 0 for weight in weights):
            raise ValueError(f"{len(seconds)} lengths, counts {list(counts)}, weights {list(weights)}")
        generator = np.random.default_rng(seed)
        lengths = np.asarray(seconds, dtype=np.float64)
        self._whole: list[tuple[Indices, int]] = []  # utterances, and how often all of them come
        self._blocks: list[tuple[Indices, int, int]] = []  # utterances, how many are drawn, how often they came before
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
    """Divides utterances into blocks of neighbours, with as many to draw from each as its share of the total."""
    count = len(by_length)
    if not total or not count:
        return []
    num_blocks = max(1, min(-(-count // _BLOCK), total // _DRAWN))
    ends = np.cumsum([len(part) for part in np.array_split(by_length, num_blocks)]).tolist()
    starts = [0, *ends[:-1]]
    drawn = [total * end // count - total * start // count for start, end in zip(starts, ends, strict=True)]
    return [(by_length[start:end], number) for start, end, number in zip(starts, ends, drawn, strict=True)]
