"""Which utterances share a batch, and in which order batches come: a pure function of seed and epoch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asr.data.mixing import Indices, Mixture
from asr.data.sizes import batch_sizes
from asr.data.windows import Windows, make_buckets, windowed_batches

LENGTH_JITTER = 0.04


@dataclass(frozen=True)
class PlannedBatch:
    """A batch to be: all that one optimiser step sees, or what one rank takes of it.

    Attributes:
        indices: positions of its utterances in the list of all.
        speed: factor by which all of them are played faster.
        epoch: the epoch, for the seeds of augmentation.
        occurrences: how often each utterance came before in this epoch; empty if none comes twice.
        of_step: the utterances of the whole step where ``indices`` are one rank's; empty where they are all.
        num_ranks: ranks that share the step.
        counts: False where a step has fewer utterances than ranks and this rank takes part with one that another trains
            on: its loss has to count nothing.
    """

    indices: tuple[int, ...]
    speed: float
    epoch: int
    occurrences: tuple[int, ...] = ()
    of_step: tuple[int, ...] = ()
    num_ranks: int = 1
    counts: bool = True


def plan_epoch(
    seconds: Sequence[float],
    *,
    batch_seconds: float,
    max_batch_size: int,
    speeds: Sequence[float] = (1.0,),
    seed: int = 0,
    epoch: int = 0,
    shuffle: bool = True,
    ascending: bool = False,
    mixture: Mixture | None = None,
    windows: Windows | None = None,
) -> list[PlannedBatch]:
    """Returns the batches of an epoch, one for each optimiser step; each utterance comes exactly once, or as mixed.

    Utterances are sorted by length with a jitter of a few per cent, so that other neighbours meet in each epoch and
    padding stays small. One speed holds for a whole batch, which keeps its lengths together. How many ranks train plays
    no part: :func:`shares` divides each batch among them.

    With windows, shards come in random order, and batches hold utterances of a few shards at a time; see
    :func:`windowed_batches`.

    Args:
        seconds: length of each utterance.
        batch_seconds: most seconds of a padded batch, before the jitter.
        max_batch_size: most utterances of a batch.
        speeds: factors to draw from, one a batch.
        seed: of the whole training.
        epoch: counted from 0.
        shuffle: whether batches change and come in random order.
        ascending: whether batches come shortest first (SortaGrad, Amodei et al. 2016), from all shards then.
        mixture: how often utterances come; None for once.
        windows: of shards, where batches are shuffled; None for none.

    Returns:
        The same number of batches for each epoch, the shortest utterance first in each.
    """
    digest = hashlib.sha256(f"{seed} {epoch}".encode()).digest()
    generator = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8], "little")))
    indices, occurrences = mixture.draw(epoch) if mixture else (np.arange(len(seconds)), None)
    longest = mixture.longest.tolist() if mixture else seconds
    lengths = np.asarray(seconds, dtype=np.float64)[indices]
    jitter = generator.uniform(-LENGTH_JITTER, LENGTH_JITTER, len(lengths)) if shuffle else np.zeros(len(lengths))
    order = np.argsort(lengths * (1.0 + jitter), kind="stable")
    sizes = batch_sizes(longest, batch_seconds, max_batch_size)
    if windows is not None and shuffle:
        buckets = make_buckets(longest, sizes, windows, batch_seconds, max_batch_size)
        shards = np.asarray(windows.shards)[indices]
        batches = windowed_batches(order, shards, buckets, windows.width, generator, ascending)
    else:
        ends = np.cumsum(sizes)
        batches = [tuple(order[end - size : end].tolist()) for size, end in zip(sizes, ends, strict=True)]
    drawn = generator.choice(np.asarray(speeds, dtype=np.float64), len(batches)) if shuffle else np.ones(len(batches))
    reorder = shuffle and not ascending and windows is None
    sequence = generator.permutation(len(batches)) if reorder else np.arange(len(batches))
    return [_planned(batches[number], float(drawn[number]), epoch, indices, occurrences) for number in sequence]


def _planned(
    batch: tuple[int, ...], speed: float, epoch: int, indices: Indices, occurrences: Indices | None
) -> PlannedBatch:
    chosen = np.asarray(batch)
    before = () if occurrences is None else tuple(occurrences[chosen].tolist())
    return PlannedBatch(tuple(indices[chosen].tolist()), speed, epoch, before)


def padding_waste(seconds: Sequence[float], plan: Sequence[PlannedBatch]) -> float:
    """Gives the share of a plan's frames that are padding, between 0 and 1.

    Example:
        >>> round(padding_waste([1.0, 3.0], [PlannedBatch((0, 1), 1.0, 0)]), 3)
        0.333
    """
    padded = sum(max(seconds[index] for index in batch.indices) * len(batch.indices) for batch in plan)
    return 1.0 - sum(seconds[index] for batch in plan for index in batch.indices) / padded
