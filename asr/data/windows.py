"""Batches of utterances whose shards are read one window behind the other, as many in each epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asr.data.mixing import Indices
from asr.data.sizes import batch_sizes

NUM_BUCKETS = 30  # at the most: more pad less, but keep more utterances waiting from window to window

Batch = tuple[int, ...]


@dataclass(frozen=True)
class Windows:
    """Shards to be read one window behind the other.

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
        ends: rank behind the last utterance of each bucket.
        sizes: utterances of each bucket's batches.
        num_steps: steps of such batches that a bucket gives; what is over is left for the end.
        last_sizes: utterances of the batches at the end, which take what is over of all buckets.
        world_size: batches of a step, one a rank.
    """

    ends: list[int]
    sizes: list[int]
    num_steps: list[int]
    last_sizes: list[int]
    world_size: int


def make_buckets(
    longest: Sequence[float],
    sizes: Sequence[int],
    windows: Windows,
    batch_seconds: float,
    max_batch_size: int,
    world_size: int,
) -> Buckets:
    """Divides utterances into buckets of like length: so many that each window gives each a few steps.

    Args:
        longest: the greatest length that each utterance can have, in seconds, in any order.
        sizes: what :func:`asr.data.sizes.batch_sizes` gives for them.
        windows: the shards.
        batch_seconds: most seconds of a padded batch.
        max_batch_size: most utterances of a batch.
        world_size: ranks that share the batches.
    """
    in_window = len(sizes) * windows.width / len(set(windows.shards))
    num_buckets = int(max(1, min(NUM_BUCKETS, in_window / (2 * world_size), len(sizes))))
    by_length = np.sort(np.asarray(longest, dtype=np.float64))
    ends = np.cumsum([sum(part.tolist()) for part in np.array_split(np.asarray(sizes), num_buckets)]).tolist()
    tops = [float(by_length[end - 1]) for end in ends]
    batch = [min(max_batch_size, max(1, int(batch_seconds / top))) for top in tops]
    counts = np.diff([0, *ends]).tolist()
    num_steps = [count // (size * world_size) for count, size in zip(counts, batch, strict=True)]
    over = [count - steps * size * world_size for count, steps, size in zip(counts, num_steps, batch, strict=True)]
    if 0 < sum(over) < world_size:  # too few for a step: one more step is taken apart
        largest = max(range(num_buckets), key=lambda bucket: batch[bucket] if num_steps[bucket] else 0)
        num_steps[largest] -= 1
        over[largest] += batch[largest] * world_size
    lengths = np.repeat(tops, over).tolist()
    last_sizes = batch_sizes(lengths, batch_seconds, max_batch_size, world_size) if lengths else []
    return Buckets(ends, batch, num_steps, last_sizes, world_size)


def windowed_steps(
    order: Indices,
    shards: Indices,
    buckets: Buckets,
    width: int,
    generator: np.random.Generator,
    ascending: bool = False,
) -> list[list[Batch]]:
    """Gives the steps of an epoch: shards in random order, batches and their order random within each window.

    An utterance waits in its bucket until there are enough for a step, into the next window if need be; what waits
    longest goes first. So the number of steps does not depend on the order of the shards.

    Args:
        order: utterances by length, shape (U,).
        shards: shard of each utterance, shape (U,).
        buckets: the division of their ranks.
        width: shards of a window.
        generator: of the epoch.
        ascending: whether there is one window over all shards, and the shortest batches come first.

    Returns:
        For each step a batch for each rank, as positions in ``shards``.
    """
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(len(order))
    bucket_of = np.searchsorted(buckets.ends, np.arange(len(order)), side="right")
    by_shard = np.split(np.argsort(shards, kind="stable"), np.flatnonzero(np.diff(np.sort(shards))) + 1)
    sequence = generator.permutation(len(by_shard)).tolist()
    width = len(sequence) if ascending else width
    waiting = [np.empty(0, dtype=np.int64) for _ in buckets.ends]
    num_steps = list(buckets.num_steps)
    steps: list[list[Batch]] = []
    for first in range(0, len(sequence), width):
        window = np.concatenate([by_shard[shard] for shard in sequence[first : first + width]])
        arrived = ranks[generator.permutation(window)]
        buckets_of = bucket_of[arrived]
        waiting = [np.append(old, arrived[buckets_of == bucket]) for bucket, old in enumerate(waiting)]
        ready = _full_steps(waiting, num_steps, buckets)
        if first + width >= len(sequence):
            ready += _divide(np.sort(np.concatenate(waiting)), buckets.last_sizes, buckets.world_size)
        turns = generator.permutation(len(ready)).tolist()
        if ascending:
            turns.sort(key=lambda turn: int(ready[turn][0][0]))
        steps += [[tuple(order[batch].tolist()) for batch in ready[turn]] for turn in turns]
    return steps


def _full_steps(waiting: list[Indices], num_steps: list[int], buckets: Buckets) -> list[list[Indices]]:
    """Takes from each bucket as many whole steps as wait there and are still to come."""
    ready = []
    for bucket, size in enumerate(buckets.sizes):
        count = min(len(waiting[bucket]) // (size * buckets.world_size), num_steps[bucket])
        num_steps[bucket] -= count
        taken, waiting[bucket] = np.split(waiting[bucket], [count * size * buckets.world_size])
        ready += _divide(np.sort(taken), [size] * (count * buckets.world_size), buckets.world_size)
    return ready


def _divide(ranks: Indices, sizes: Sequence[int], world_size: int) -> list[list[Indices]]:
    """Cuts ranks into batches of these sizes, and batches into steps."""
    batches = np.split(ranks, np.cumsum(sizes)[:-1]) if sizes else []
    return [batches[first : first + world_size] for first in range(0, len(batches), world_size)]
