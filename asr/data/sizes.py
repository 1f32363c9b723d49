"""How many utterances share a batch: follows from their lengths alone, so that it is the same in each epoch."""

from __future__ import annotations

from collections.abc import Sequence


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
        if max(sizes) == 1:  # nothing to divide: the shortest share batches, which are longer than asked for
            over = len(sizes) % world_size
            return [2] * over + sizes[2 * over :]
        largest = sizes.index(max(sizes))
        sizes[largest : largest + 1] = [sizes[largest] - sizes[largest] // 2, sizes[largest] // 2]
    return sizes
