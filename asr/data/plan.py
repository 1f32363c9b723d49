"""Which utterances share a batch, and in which order batches come: a pure function of seed and epoch.

How many ranks train plays no part: :func:`asr.data.shares.share` divides each batch among them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from asr.data.mixing import Indices, Lengths, Mixture
from asr.data.sizes import batch_sizes
from asr.data.windows import Windows, make_buckets, windowed_batches

LENGTH_JITTER = 0.04

T = TypeVar("T")


@dataclass(frozen=True)
class PlannedBatch:
    """A batch to be: all that one optimiser step sees, or what one rank takes of it.

    Attributes:
        indices: positions of its utterances in the list of all.
        speed: factor by which all utterances are sped up.
        epoch: the epoch, for the seeds of augmentation.
        occurrences: how often each utterance came before in this epoch; empty if none comes twice.
        of_step: the utterances of the whole step where ``indices`` are one rank's; empty where they are all.
        num_ranks: ranks that share the step.
        counts: False where a step has fewer utterances than ranks and this rank takes part with one that another trains
            on: its loss has to count nothing.
        joined: whether neighbours are joined two by two.
    """

    indices: tuple[int, ...]
    speed: float
    epoch: int
    occurrences: tuple[int, ...] = ()
    of_step: tuple[int, ...] = ()
    num_ranks: int = 1
    counts: bool = True
    joined: bool = False

    def rows(self, of_all: Sequence[T]) -> list[Sequence[T]]:
        """Returns what goes into each row of the batch.

        Args:
            of_all: something of each utterance, in their order.
        """
        width = 2 if self.joined else 1
        return [of_all[first : first + width] for first in range(0, len(of_all), width)]


def plan_epoch(
    lengths: Sequence[float],
    *,
    max_padded: float,
    max_batch_size: int,
    speeds: Sequence[float] = (1.0,),
    seed: int = 0,
    epoch: int = 0,
    shuffle: bool = True,
    ascending: bool = False,
    mixture: Mixture | None = None,
    windows: Windows | None = None,
    joined_steps: float = 0.0,
) -> list[PlannedBatch]:
    """Returns the batches of an epoch, one for each optimiser step; each utterance comes exactly once, or as mixed.

    Args:
        lengths: of each utterance in seconds, of each sentence in words, of each word in letters.
        max_padded: most of the same that a batch holds with its padding, before the jitter.
        max_batch_size: most utterances of a batch.
        speeds: factors to draw from, one for a whole batch, which keeps its lengths together.
        seed: of the whole training.
        epoch: counted from 0.
        shuffle: whether batches change and come in random order.
        ascending: whether batches come shortest first (SortaGrad, Amodei et al. 2016), from all shards then.
        mixture: how often utterances come; None for once.
        windows: of shards, where batches are shuffled; see :func:`windowed_batches`.
        joined_steps: share of the batches whose utterances are joined two by two, long ones with short ones; none are
            while batches come shortest first.

    Returns:
        The same number of batches for each epoch, the shortest row first in each.
    """
    generator = _generator(seed, epoch)
    indices, occurrences = mixture.draw(epoch) if mixture else (np.arange(len(lengths)), None)
    longest = mixture.longest.tolist() if mixture else lengths
    order = _sort(np.asarray(lengths, dtype=np.float64)[indices], generator if shuffle else None)
    batches = _divide(
        order, indices, longest, max_padded, max_batch_size, windows if shuffle else None, generator, ascending
    )
    drawn = generator.choice(np.asarray(speeds, dtype=np.float64), len(batches)) if shuffle else np.ones(len(batches))
    reorder = shuffle and not ascending and windows is None
    sequence = generator.permutation(len(batches)) if reorder else np.arange(len(batches))
    planned = [_planned(batches[number], float(drawn[number]), epoch, indices, occurrences) for number in sequence]
    return _join_some(planned, lengths, joined_steps, generator) if shuffle and not ascending else planned


def _generator(seed: int, epoch: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed} {epoch}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8], "little")))


def _sort(lengths: Lengths, generator: np.random.Generator | None) -> Indices:
    """Sorts utterances by length, with a jitter of a few per cent so that other neighbours meet in each epoch."""
    jitter = 0.0 if generator is None else generator.uniform(-LENGTH_JITTER, LENGTH_JITTER, len(lengths))
    return np.argsort(lengths * (1.0 + jitter), kind="stable")


def _divide(
    order: Indices,
    indices: Indices,
    longest: Sequence[float],
    max_padded: float,
    max_batch_size: int,
    windows: Windows | None,
    generator: np.random.Generator,
    ascending: bool,
) -> list[tuple[int, ...]]:
    """Divides utterances in the order of their lengths into batches of positions in ``indices``."""
    sizes = batch_sizes(longest, max_padded, max_batch_size)
    if windows is None:
        ends = np.cumsum(sizes)
        return [tuple(order[end - size : end].tolist()) for size, end in zip(sizes, ends, strict=True)]
    buckets = make_buckets(longest, sizes, windows, max_padded, max_batch_size)
    return windowed_batches(order, np.asarray(windows.shards)[indices], buckets, windows.width, generator, ascending)


def _planned(
    batch: tuple[int, ...], speed: float, epoch: int, indices: Indices, occurrences: Indices | None
) -> PlannedBatch:
    chosen = np.asarray(batch)
    before = () if occurrences is None else tuple(occurrences[chosen].tolist())
    return PlannedBatch(tuple(indices[chosen].tolist()), speed, epoch, before)


def _join_some(
    batches: Sequence[PlannedBatch], lengths: Sequence[float], share: float, generator: np.random.Generator
) -> list[PlannedBatch]:
    is_joined = generator.random(len(batches)) < share
    return [_join(batch, lengths, generator) if join else batch for batch, join in zip(batches, is_joined, strict=True)]


def _join(batch: PlannedBatch, lengths: Sequence[float], generator: np.random.Generator) -> PlannedBatch:
    """Brings those that are to be joined together: the longest with the shortest, in random order; one may be left."""
    in_pairs = len(batch.indices) // 2 * 2
    pairs = [(place, in_pairs - 1 - place) for place in range(in_pairs // 2)]
    groups = [
        pair[::-1] if turn else pair for pair, turn in zip(pairs, generator.random(len(pairs)) < 0.5, strict=True)
    ]
    groups.sort(key=lambda pair: sum(lengths[batch.indices[place]] for place in pair))
    order = [*(place for pair in groups for place in pair), *range(in_pairs, len(batch.indices))]
    indices, occurrences = (
        tuple(values[place] for place in order) if values else () for values in (batch.indices, batch.occurrences)
    )
    return replace(batch, indices=indices, occurrences=occurrences, joined=in_pairs > 0)


def padding_waste(lengths: Sequence[float], plan: Sequence[PlannedBatch]) -> float:
    """Returns the share of a plan's frames that are padding, between 0 and 1.

    Example:
        >>> round(padding_waste([1.0, 3.0], [PlannedBatch((0, 1), 1.0, 0)]), 3)
        0.333
    """
    batches = [[sum(lengths[index] for index in row) for row in batch.rows(batch.indices)] for batch in plan]
    return 1.0 - sum(map(sum, batches)) / sum(max(rows) * len(rows) for rows in batches)
