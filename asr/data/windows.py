"""Batches of utterances whose shards are read window by window, the same number in each epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asr.data.mixing import Indices
from asr.data.sizes import batch_sizes

NUM_BUCKETS = 30  # at most: more pad less, but keep more utterances waiting from window to window

Batch = tuple[int, ...]


@dataclass(frozen=True)
class Windows:
    """Shards to be read window by window.

    Attributes:
        shards: number of the shard that each utterance lies in.
        width: shards of a window; wider is better mixed, and more for the system to keep in memory.
    """

    shards: Sequence[int]
    width: int


@dataclass(frozen=True)
class Buckets:
    """Utterances divided by their rank in length, and what becomes of each bucket in every epoch.

    Attributes:
        ends: rank after the last utterance of each bucket.
        sizes: utterances of each bucket's batches.
        num_batches: such batches in a bucket; what is left over comes at the end.
        last_sizes: utterances of the batches at the end, which take what all buckets have left over.
    """

    ends: list[int]
    sizes: list[int]
    num_batches: list[int]
    last_sizes: list[int]


def make_buckets(
    longest: Sequence[float], sizes: Sequence[int], windows: Windows, max_padded: float, max_batch_size: int
) -> Buckets:
    """Divides utterances into buckets of like length, few enough that each window fills a few batches of each.

    Args:
        longest: the greatest length that each utterance can have, in seconds, in any order.
        sizes: what :func:`asr.data.sizes.batch_sizes` returns for them.
        windows: the shards.
        max_padded: most seconds of a padded batch.
        max_batch_size: most utterances of a batch.
    """
    in_window = len(sizes) * windows.width / len(set(windows.shards))
    num_buckets = int(max(1, min(NUM_BUCKETS, in_window / 2, len(sizes))))
    by_length = np.sort(np.asarray(longest, dtype=np.float64))
    ends = np.cumsum([sum(part.tolist()) for part in np.array_split(np.asarray(sizes), num_buckets)]).tolist()
    tops = [float(by_length[end - 1]) for end in ends]
    batch = [min(max_batch_size, max(1, int(max_padded / top))) for top in tops]
    counts = np.diff([0, *ends]).tolist()
    num_batches = [count // size for count, size in zip(counts, batch, strict=True)]
    over = [count % size for count, size in zip(counts, batch, strict=True)]
    last_sizes = batch_sizes(np.repeat(tops, over).tolist(), max_padded, max_batch_size)
    return Buckets(ends, batch, num_batches, last_sizes)


def windowed_batches(
    order: Indices,
    shards: Indices,
    buckets: Buckets,
    width: int,
    generator: np.random.Generator,
    ascending: bool = False,
) -> list[Batch]:
    """Returns the batches of an epoch: shards in random order, batches and their order random within each window.

    An utterance waits in its bucket until there are enough for a batch, into the next window if need be; what waits
    longest goes first. So the number of batches does not depend on the order of the shards. Batches are positions in
    ``shards``, shortest utterance first in each.

    Args:
        order: utterances by length, shape (U,).
        shards: shard of each utterance, shape (U,).
        buckets: the division of their ranks.
        width: shards of a window.
        generator: of the epoch.
        ascending: whether there is one window over all shards, and the shortest batches come first.
    """
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(len(order))
    bucket_of = np.searchsorted(buckets.ends, np.arange(len(order)), side="right")
    by_shard = np.split(np.argsort(shards, kind="stable"), np.flatnonzero(np.diff(np.sort(shards))) + 1)
    sequence = generator.permutation(len(by_shard)).tolist()
    width = len(sequence) if ascending else width
    waiting = [np.empty(0, dtype=np.int64) for _ in buckets.ends]
    num_batches = list(buckets.num_batches)
    batches: list[Batch] = []
    for first in range(0, len(sequence), width):
        window = np.concatenate([by_shard[shard] for shard in sequence[first : first + width]])
        arrived = ranks[generator.permutation(window)]
        buckets_of = bucket_of[arrived]
        waiting = [np.append(old, arrived[buckets_of == bucket]) for bucket, old in enumerate(waiting)]
        ready = _full_batches(waiting, num_batches, buckets)
        if first + width >= len(sequence):
            ready += _divide(np.sort(np.concatenate(waiting)), buckets.last_sizes)
        turns = generator.permutation(len(ready)).tolist()
        if ascending:
            turns.sort(key=lambda turn: int(ready[turn][0]))
        batches += [tuple(order[ready[turn]].tolist()) for turn in turns]
    return batches


def _full_batches(waiting: list[Indices], num_batches: list[int], buckets: Buckets) -> list[Indices]:
    """Takes from each bucket all full batches that wait there, up to the number that is still to come."""
    ready = []
    for bucket, size in enumerate(buckets.sizes):
        count = min(len(waiting[bucket]) // size, num_batches[bucket])
        num_batches[bucket] -= count
        taken, waiting[bucket] = np.split(waiting[bucket], [count * size])
        ready += _divide(np.sort(taken), [size] * count)
    return ready


def _divide(ranks: Indices, sizes: Sequence[int]) -> list[Indices]:
    """Cuts ranks into batches of these sizes."""
    return np.split(ranks, np.cumsum(sizes)[:-1]) if sizes else []
