"""Edit distances between all sequences of a list, and the alignment of one of them with all others."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

_MOST_APART = 1.0
"""Seconds beyond which items of different sequences are equally far apart."""


class Sequences:
    """K sequences that are compared with each other.

    **Source**: Wagner and Fischer, "The string-to-string correction problem", 1974. The rows of a table of costs are
    computed one after another, those of all pairs at once; with j subtracted from the cost in column j, insertions
    become a running minimum.

    Args:
        sequences: their items.

    Attributes:
        ids: items as numbers, equal for equal items, -1 in padding, shape (L, K).
        lengths: shape (K,).
    """

    def __init__(self, sequences: Sequence[Sequence[Hashable]]) -> None:
        """Numbers the items."""
        self.lengths = np.array([len(each) for each in sequences], dtype=np.int64)
        numbers: dict[Hashable, int] = {}
        self.ids = np.full((int(self.lengths.max(initial=0)), len(sequences)), -1, dtype=np.int32)
        for column, sequence in enumerate(sequences):
            self.ids[: len(sequence), column] = [numbers.setdefault(item, len(numbers)) for item in sequence]

    def distances(self) -> NDArray[np.int32]:
        """Returns the Levenshtein distance between each two, shape (K, K).

        Example:
            >>> Sequences(["abc", "ac", ""]).distances().tolist()
            [[0, 1, 3], [1, 0, 2], [3, 2, 0]]
        """
        ids, lengths = self._differing()
        most, number = ids.shape
        every = np.arange(number)
        kind = np.min_scalar_type(-2 * most - 2)
        costs = np.zeros((most + 1, number, number), dtype=kind)  # [j, a, b]: of the first j items of b
        distances = np.empty((number, number), dtype=np.int32)
        for place in range(most + 1):  # items of a
            if place:
                less = costs[:-1] - (ids[:, None, :] == ids[place - 1][:, None])  # (L, K, K)
                costs += 1
                np.minimum(costs[1:], less, out=costs[1:])
                for column in range(1, most + 1):  # many times faster than np.minimum.accumulate
                    np.minimum(costs[column], costs[column - 1], out=costs[column])
            ended = every[lengths == place][:, None]
            distances[ended[:, 0]] = costs[lengths, ended, every] + lengths
        return distances

    def matches(self, place: int, times: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Aligns a sequence with all, with the fewest errors and, among equals, items nearest in time.

        Args:
            place: of the sequence, of R items.
            times: seconds of each item, shape (L, K).

        Returns:
            Whether each of its items has an equal one in its place in each sequence, shape (R, K).

        Example:
            >>> seconds = np.array([[1.0, 1.1, 5.0], [2.0, 2.1, 0.0], [3.0, 0.0, 0.0]])
            >>> Sequences(["aab", "ab", "b"]).matches(0, seconds).tolist()
            [[True, True, False], [True, False, False], [True, True, True]]
        """
        length, number = int(self.lengths[place]), self.ids.shape[1]
        own = self.ids[:length, place, None, None]
        is_equal = self.ids == own  # (R, L, K)
        apart = np.minimum(np.abs(times - times[:length, place, None, None]), _MOST_APART)
        # The distances of all pairs together weigh less than an error.
        paired = ~is_equal + apart * (0.5 / (max(1, length) * _MOST_APART))
        origins, is_pair = self._trace(paired)
        found = np.zeros((length, number), dtype=np.bool_)
        every, column = np.arange(number), self.lengths.copy()
        for row in range(length - 1, -1, -1):
            column = origins[row, column, every]
            paired_here = is_pair[row, column, every]
            found[row] = paired_here & is_equal[row, column - 1, every]
            column = column - paired_here
        return found

    def _differing(self) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Returns ids and lengths without what all sequences begin and end with, which leaves distances as they are."""
        shortest, rows = int(self.lengths.min(initial=len(self.ids))), np.arange(len(self.ids))[:, None]
        is_alike = (self.ids == self.ids[:, :1]).all(axis=1)[:shortest]
        first = shortest if is_alike.all() else int(is_alike.argmin())
        ends = np.take_along_axis(self.ids, np.maximum(self.lengths - 1 - rows, 0), axis=0)[: shortest - first]
        is_alike = (ends == ends[:, :1]).all(axis=1)
        last = shortest - first if is_alike.all() else int(is_alike.argmin())
        lengths = self.lengths - first - last
        ids = self.ids[first : first + int(lengths.max(initial=0))]
        return np.where(rows[: len(ids)] < lengths, ids, -1), lengths

    def _trace(self, paired: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Returns the way back through the tables of costs of a sequence with all others.

        Args:
            paired: cost of pairing each item with each item of the others, shape (R, L, K); without a pair it is 1.

        Returns:
            For each item and each number j of items of the others: the number without those that come after the item,
            and whether the item is paired if that is j, both of shape (R, L + 1, K).
        """
        length, most, number = paired.shape
        columns = np.arange(most + 1)[:, None]
        costs = np.zeros((most + 1, number))
        origins = np.zeros((length, most + 1, number), dtype=np.int64)
        is_pair = np.zeros((length, most + 1, number), dtype=np.bool_)
        for row in range(length):
            left = costs + 1.0
            pair = costs[:-1] + (paired[row] - 1.0)
            is_pair[row, 1:] = pair <= left[1:]
            left[1:] = np.minimum(left[1:], pair)
            costs = np.minimum.accumulate(left, axis=0)
            origins[row] = np.maximum.accumulate(np.where(left == costs, columns, 0), axis=0)
        return origins, is_pair
