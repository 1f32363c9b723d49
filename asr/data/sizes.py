"""How many utterances share a batch: follows from their lengths alone, so that it is the same in each epoch."""

from __future__ import annotations

from collections.abc import Sequence


def batch_sizes(lengths: Sequence[float], max_padded: float, max_batch_size: int) -> list[int]:
    """Returns the sizes of the batches that utterances fall into when they are sorted by length.

    The sizes depend on the lengths alone, so each epoch has the same number of batches.

    Args:
        lengths: of each utterance, in any order.
        max_padded: most of the same that a batch holds with its padding, longest utterance times batch size.
        max_batch_size: most utterances of a batch.

    Returns:
        Sizes, shortest utterances first; their sum is the number of utterances.

    Example:
        >>> batch_sizes([1.0, 1.0, 2.0, 4.0], max_padded=4.0, max_batch_size=8)
        [2, 1, 1]
    """
    sizes, current = [], 0
    for length in sorted(lengths):
        if current and (current == max_batch_size or length * (current + 1) > max_padded):
            sizes.append(current)
            current = 0
        current += 1
    return [*sizes, current] if current else sizes
