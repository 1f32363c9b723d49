"""Which utterances share a batch, and in which order batches come: a pure function of seed and epoch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LENGTH_JITTER = 0.04


@dataclass(frozen=True)
class PlannedBatch:
    """A batch to be.

    Attributes:
        indices: positions of its utterances in the list of all.
        speed: factor by which all of them are played faster.
        epoch: the epoch, for the seeds of augmentation.
    """

    indices: tuple[int, ...]
    speed: float
    epoch: int


def batch_sizes(seconds: Sequence[float], batch_seconds: float, max_batch_size: int, world_size: int) -> list[int]:
    """Gives the sizes of the batches that utterances fall into when they are sorted by length.

    The sizes depend on the lengths alone, so each epoch has the same number of batches, a multiple of the ranks.

    Args:
        seconds: length of each utterance, in any order.
        batch_seconds: most seconds of a padded batch, longest utterance times batch size.
        max_batch_size: most utterances of a batch.
        world_size: ranks that share the batches.

    Returns:
        Sizes, shortest utterances first; their sum is the number of utterances.

    Raises:
        ValueError: with fewer utterances than ranks.

    Example:
        >>> batch_sizes([1.0, 1.0, 2.0, 4.0], batch_seconds=4.0, max_batch_size=8, world_size=1)
        [2, 1, 1]
    """
    if len(seconds) < world_size:
        raise ValueError(f"{len(seconds)} utterances cannot be shared by {world_size} ranks")
    sizes, current = [], 0
    for length in sorted(seconds):
        if current and (current == max_batch_size or length * (current + 1) > batch_seconds):
            sizes.append(current)
            current = 0
        current += 1
    if current:
        sizes.append(current)
    while len(sizes) % world_size:
        largest = sizes.index(max(sizes))
        sizes[largest : largest + 1] = [sizes[largest] - sizes[largest] // 2, sizes[largest] // 2]
    return sizes


def plan_epoch(
    seconds: Sequence[float],
    *,
    batch_seconds: float,
    max_batch_size: int,
    speeds: Sequence[float] = (1.0,),
    seed: int = 0,
    epoch: int = 0,
    rank: int = 0,
    world_size: int = 1,
    shuffle: bool = True,
    ascending: bool = False,
) -> list[PlannedBatch]:
    """Gives the batches of one rank in one epoch; over all ranks each utterance comes exactly once.

    Utterances are sorted by length with a jitter of a few per cent, so that other neighbours meet in each epoch and
    padding stays small. Batches of neighbouring lengths go to the ranks of one step. One speed holds for a whole batch,
    which keeps its lengths together.

    Args:
        seconds: length of each utterance.
        batch_seconds: most seconds of a padded batch, before the jitter.
        max_batch_size: most utterances of a batch.
        speeds: factors to draw from, one a batch.
        seed: of the whole training.
        epoch: counted from 0.
        rank: which share to give.
        world_size: number of shares.
        shuffle: whether batches change and come in random order.
        ascending: whether batches come shortest first (SortaGrad, Amodei et al. 2016).

    Returns:
        The same number of batches for each rank and epoch.
    """
    sizes = batch_sizes(seconds, batch_seconds, max_batch_size, world_size)
    digest = hashlib.sha256(f"{seed} {epoch}".encode()).digest()
    generator = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8], "little")))
    jitter = generator.uniform(-LENGTH_JITTER, LENGTH_JITTER, len(seconds)) if shuffle else np.zeros(len(seconds))
    order = np.argsort(np.asarray(seconds, dtype=np.float64) * (1.0 + jitter), kind="stable")
    ends = np.cumsum(sizes)
    batches = [tuple(order[end - size : end].tolist()) for size, end in zip(sizes, ends, strict=True)]
    steps = [batches[first : first + world_size] for first in range(0, len(batches), world_size)]
    drawn = generator.choice(np.asarray(speeds, dtype=np.float64), len(steps)) if shuffle else np.ones(len(steps))
    sequence = generator.permutation(len(steps)) if shuffle and not ascending else np.arange(len(steps))
    return [PlannedBatch(steps[step][rank], float(drawn[step]), epoch) for step in sequence]


def padding_waste(seconds: Sequence[float], plan: Sequence[PlannedBatch]) -> float:
    """Gives the share of a plan's frames that are padding, between 0 and 1.

    Example:
        >>> round(padding_waste([1.0, 3.0], [PlannedBatch((0, 1), 1.0, 0)]), 3)
        0.333
    """
    padded = sum(max(seconds[index] for index in batch.indices) * len(batch.indices) for batch in plan)
    return 1.0 - sum(seconds[index] for batch in plan for index in batch.indices) / padded
