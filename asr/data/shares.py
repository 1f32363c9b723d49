"""What each rank takes of a step: stretches of like cost, so that no rank waits long for another."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from asr.data.plan import PlannedBatch

_HALVINGS = 20  # of the interval in which the least cost is sought: to a millionth


def share(batch: PlannedBatch, lengths: Sequence[float], rank: int, num_ranks: int) -> PlannedBatch:
    """Returns what one rank takes of a step; over all ranks each utterance comes exactly once.

    Joined utterances stay together. A rank for which no utterance is left takes the shortest row, which then does not
    count: all ranks take every step.

    Args:
        batch: what the step sees, the shortest row first.
        lengths: of all utterances of the set.
        rank: which share.
        num_ranks: ranks that share the step.
    """
    if num_ranks == 1:
        return batch
    rows = batch.rows(batch.indices)
    ends = [0, *divide([sum(lengths[index] for index in row) for row in rows], num_ranks)]
    counts = ends[rank] < ends[rank + 1]
    first, end = (ends[rank], ends[rank + 1]) if counts else (0, 1)
    taken = slice(first * len(rows[0]), end * len(rows[0]))
    return replace(
        batch,
        indices=batch.indices[taken],
        occurrences=batch.occurrences[taken],
        of_step=batch.indices,
        num_ranks=num_ranks,
        counts=counts,
    )


def divide(lengths: Sequence[float], num_parts: int) -> list[int]:
    """Returns the ends of stretches of utterances that are sorted by length, divided so that the costliest costs least.

    A stretch costs ``longest * (utterances + 1)``: it is padded to its longest, and a frame costs a recurrent layer
    about one utterance more than there are, since its weights are read again.

    Args:
        lengths: shortest first, up to the jitter of a plan.
        num_parts: how many stretches; they are empty at the end where there are fewer utterances.

    Example:
        >>> divide([1.0, 1.0, 1.0, 1.0, 4.0], 2)
        [4, 5]
        >>> divide([1.0], 3)
        [1, 1, 1]
    """
    longest = list(itertools.accumulate(lengths, max))
    enough = longest[-1] * (len(lengths) + 1)
    too_little = 0.0
    for _ in range(_HALVINGS):
        middle = (too_little + enough) / 2
        too_little, enough = (middle, enough) if len(_stretches(longest, middle)) > num_parts else (too_little, middle)
    ends = _stretches(longest, enough)
    while len(ends) < min(num_parts, len(lengths)):  # a rank without work would help nobody
        starts = [0, *ends[:-1]]
        widest = max(range(len(ends)), key=lambda part: ends[part] - starts[part])
        ends.insert(widest, (starts[widest] + ends[widest]) // 2)
    return ends + [len(lengths)] * (num_parts - len(ends))


def _stretches(longest: Sequence[float], cost: float) -> list[int]:
    """Returns the ends of the fewest stretches that cost no more; a single utterance may."""
    ends: list[int] = []
    start = 0
    for place, length in enumerate(longest):
        if place > start and length * (place + 1 - start + 1) > cost:
            ends.append(place)
            start = place
    return [*ends, len(longest)]
