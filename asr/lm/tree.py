"""The tree of n-grams, with the context and the next shorter n-gram of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]


class MissingContextsError(Exception):
    """Some n-grams lack their context, the n-gram without the last word.

    Attributes:
        contexts: the missing n-grams, without repeats, shape (G, order).
    """

    def __init__(self, contexts: npt.NDArray[np.int32]) -> None:
        super().__init__(f"{len(contexts)} contexts of {contexts.shape[1]} words are missing")
        self.contexts = contexts


@dataclass(frozen=True)
class NGramTree:
    """All n-grams of a model, by order, then by context, then by last word.

    Node 0 is the empty n-gram, and n-gram i (of A) is node i + 1.

    Attributes:
        vocabulary_size: V; every word is an n-gram of order 1, in the order of the ids.
        num_ngrams: number of n-grams of each order from 1.
        contexts: node of each n-gram without its last word, ascending, shape (A,).
        labels: last word of each n-gram, ascending within a context, shape (A,).
        suffixes: node of the longest proper suffix of each n-gram that is in the tree, shape (A,).
    """

    vocabulary_size: int
    num_ngrams: tuple[int, ...]
    contexts: Ids
    labels: Ids
    suffixes: Ids

    def span(self, order: int) -> slice:
        """Returns the positions of the n-grams of an order."""
        first = sum(self.num_ngrams[: order - 1])
        return slice(first, first + self.num_ngrams[order - 1])

    @property
    def num_contexts(self) -> int:
        """The number of nodes that can be a context: the empty n-gram and all but those of the highest order."""
        return 1 + sum(self.num_ngrams[:-1])


def build_tree(vocabulary_size: int, words: list[npt.NDArray[np.int32]]) -> tuple[NGramTree, list[Ids]]:
    """Returns the tree of n-grams in any order.

    Args:
        vocabulary_size: V.
        words: the n-grams of order 2, 3 and so on, without repeats, shapes (G, 2), (G, 3) …

    Returns:
        The tree; and for each of ``words`` the order of its rows in the tree.

    Raises:
        MissingContextsError: an n-gram's context is missing.

    Example:
        >>> tree, _ = build_tree(3, [np.array([[2, 1], [1, 2]], dtype=np.int32)])
        >>> tree.contexts.tolist(), tree.labels.tolist(), tree.suffixes.tolist()
        ([0, 0, 0, 2, 3], [0, 1, 2, 2, 1], [0, 0, 0, 3, 2])
    """
    builder = TreeBuilder(vocabulary_size)
    sortings = [builder.add(each) for each in words]
    return builder.tree(), sortings


@dataclass(frozen=True)
class _Level:
    """The n-grams of one order, sorted; ``keys`` are of context and label, ``first`` is the node of the first one."""

    first: int
    keys: Ids
    contexts: Ids
    labels: Ids
    suffixes: Ids


class TreeBuilder:
    """Adds the n-grams of a tree order by order, from 2.

    Args:
        vocabulary_size: V.
    """

    def __init__(self, vocabulary_size: int) -> None:
        self._vocabulary_size = vocabulary_size
        labels = np.arange(vocabulary_size)
        root = np.zeros(vocabulary_size, dtype=np.int64)
        self._levels = [_Level(1, labels, root, labels, root)]

    @property
    def num_nodes(self) -> int:
        """The number of nodes so far."""
        return self._levels[-1].first + len(self._levels[-1].labels)

    def tree(self) -> NGramTree:
        """Returns the tree of what was added."""
        names = ("contexts", "labels", "suffixes")
        arrays = [np.concatenate([getattr(level, name) for level in self._levels]) for name in names]
        return NGramTree(self._vocabulary_size, tuple(len(level.labels) for level in self._levels), *arrays)

    def add(self, words: npt.NDArray[np.int32]) -> Ids:
        """Adds the n-grams of the next order and returns the order of the rows in the tree.

        Args:
            words: the n-grams, without repeats, shape (G, n).

        Raises:
            MissingContextsError: an n-gram's context is missing.
        """
        contexts = self.nodes(words[:, :-1])
        missing = contexts < 0
        if missing.any():
            raise MissingContextsError(np.unique(words[missing, :-1], axis=0))
        keys = contexts * self._vocabulary_size + words[:, -1]
        sorting = np.argsort(keys, kind="stable")
        words = words[sorting]
        suffixes = self.nodes(words[:, 1:])
        for first in range(2, words.shape[1]):
            rest = np.flatnonzero(suffixes < 0)
            suffixes[rest] = self.nodes(words[rest, first:])
        last = self._levels[-1]
        labels = words[:, -1].astype(np.int64)
        self._levels.append(_Level(last.first + len(last.labels), keys[sorting], contexts[sorting], labels, suffixes))
        return sorting

    def nodes(self, words: npt.NDArray[np.int32]) -> Ids:
        """Returns the nodes of n-grams of one order, -1 for missing ones, shape (G,).

        Args:
            words: the n-grams, shape (G, n).
        """
        if words.shape[1] > len(self._levels):
            return np.full(len(words), -1, dtype=np.int64)
        nodes = words[:, 0].astype(np.int64) + 1
        for order in range(2, words.shape[1] + 1):
            level = self._levels[order - 1]
            keys = nodes * self._vocabulary_size + words[:, order - 1]
            places = find(level.keys, keys)
            nodes = np.where((places >= 0) & (nodes >= 0), places + level.first, -1)
        return nodes


def find(keys: Ids, wanted: Ids) -> Ids:
    """Returns the positions of wanted keys among sorted ones, -1 for missing ones.

    Example:
        >>> find(np.array([2, 5]), np.array([5, 3])).tolist()
        [1, -1]
    """
    if not len(keys):
        return np.full(np.shape(wanted), -1, dtype=np.int64)
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    found: Ids = np.where(keys[places] == wanted, places, -1)
    return found
