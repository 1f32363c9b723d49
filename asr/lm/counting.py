"""Counts of n-grams, collected in chunks."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
import numpy.typing as npt

from asr.errors import DataError
from asr.lm.vocabulary import BEGIN, END, SPECIAL, UNKNOWN, Vocabulary, refuse_ends

Words = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]

_CHUNK = 4_000_000  # words counted at a time: about 300 MB for a trigram
_KEY_BITS = 63


@dataclass(frozen=True)
class NGramCounts:
    """How often each n-gram of one order occurs in sentences with ``<s>`` n-1 times before and ``</s>`` after them.

    So every word and every ``</s>`` ends exactly one n-gram, and the counts of shorter n-grams are sums over those with
    the same ending.

    Attributes:
        vocabulary: the words of the ids.
        words: the n-grams, sorted by last word, then the one before it, and so on to the first, shape (G, n).
        counts: how often each occurs, shape (G,).
    """

    vocabulary: Vocabulary
    words: Words
    counts: Counts

    @property
    def order(self) -> int:
        """The length n of the n-grams."""
        return int(self.words.shape[1])

    def of_order(self, order: int) -> tuple[Words, Counts, Counts]:
        """Returns the n-grams of this or a lower order that begin with ``<s>`` at most once.

        Returns:
            The n-grams, shape (G, order); how often each occurs; and the adjusted count of Kneser-Ney: the number of
            different words before it, or how often it occurs if it has the highest order or begins with ``<s>``.

        Example:
            >>> words, raw, adjusted = count_ngrams([["a", "a"]], 2).of_order(1)
            >>> words[:, 0].tolist(), raw.tolist(), adjusted.tolist()
            ([2, 3], [1, 2], [1, 2])
        """
        begins = self._begins(order)
        words = self.words[begins, self.order - order :]
        raw = np.add.reduceat(self.counts, begins)
        adjusted = raw
        if order < self.order:
            longer = self._begins(order + 1)
            different = np.diff(np.searchsorted(longer, begins), append=len(longer))
            adjusted = np.where(words[:, 0] == BEGIN, raw, different)
        if order == 1:
            return words, raw, adjusted
        is_whole = words[:, 1] != BEGIN  # what begins with <s> twice is among the shorter ones
        return words[is_whole], raw[is_whole], adjusted[is_whole]

    def _begins(self, order: int) -> Counts:
        """Returns the rows whose last words differ from those of the row before, shape (G of that order,)."""
        last = self.words[:, self.order - order :]
        is_new = np.ones(len(last), dtype=bool)
        is_new[1:] = (last[1:] != last[:-1]).any(axis=1)
        return np.flatnonzero(is_new)


def count_ngrams(
    sentences: Iterable[Sequence[str]],
    order: int,
    vocabulary: Vocabulary | None = None,
    *,
    is_closed: bool = True,
    chunk_size: int = _CHUNK,
) -> NGramCounts:
    """Counts the n-grams of sentences, which are read once; memory grows with the distinct n-grams and the chunk.

    Args:
        sentences: the words of each.
        order: the length of the n-grams.
        vocabulary: the initial words; None for none.
        is_closed: whether words outside a given vocabulary count as ``<unk>``; otherwise they join it in the order of
            their occurrence.
        chunk_size: words counted at a time; larger takes more memory.

    Raises:
        DataError: there are no sentences, or one holds ``<s>`` or ``</s>``.
        ValueError: the order is not positive.

    Example:
        >>> counts = count_ngrams([["a", "b"], ["a"]], 2)
        >>> counts.words.tolist(), counts.counts.tolist()
        ([[3, 2], [4, 2], [1, 3], [3, 4]], [1, 1, 2, 1])
    """
    if order < 1:
        raise ValueError(f"order must be positive. Found {order}")
    known = _ids(vocabulary, is_closed)
    tables: list[tuple[Words, Counts]] = []
    for text in _chunks(sentences, known, order, chunk_size):
        windows = np.lib.stride_tricks.sliding_window_view(text, order)
        tables.append(_unique(windows[windows[:, -1] != BEGIN]))
        while len(tables) > 1 and len(tables[-2][0]) < 2 * len(tables[-1][0]):
            tables[-2:] = [_merged(tables[-2:])]
    if not tables:
        raise DataError("text", "holds no sentences", "give text with one sentence a line")
    words, counts = _merged(tables)
    return NGramCounts(Vocabulary(tuple(known)), words, counts)


class _ClosedIds(dict[str, int]):
    def __missing__(self, word: str) -> int:
        return UNKNOWN


class _OpenIds(dict[str, int]):
    def __missing__(self, word: str) -> int:
        word_id = self[word] = len(self)
        return word_id


def _ids(vocabulary: Vocabulary | None, is_closed: bool) -> dict[str, int]:
    words = SPECIAL if vocabulary is None else vocabulary.words
    return (_ClosedIds if is_closed and vocabulary is not None else _OpenIds)(zip(words, count(), strict=False))


def _chunks(sentences: Iterable[Sequence[str]], ids: dict[str, int], order: int, size: int) -> Iterator[Words]:
    """Yields the ids of whole sentences with their ends, at least ``size`` at a time except in the last chunk."""
    begins = [BEGIN] * (order - 1)
    chunk = array("i")
    for sentence in sentences:
        refuse_ends(sentence)
        chunk.extend(begins)
        chunk.extend(map(ids.__getitem__, sentence))
        chunk.append(END)
        if len(chunk) >= size:
            yield np.frombuffer(chunk, dtype=np.int32)
            chunk = array("i")
    if chunk:
        yield np.frombuffer(chunk, dtype=np.int32)


def _merged(tables: Sequence[tuple[Words, Counts]]) -> tuple[Words, Counts]:
    if len(tables) == 1:
        return tables[0]
    return _unique(np.concatenate([words for words, _ in tables]), np.concatenate([counts for _, counts in tables]))


def _unique(words: Words, counts: Counts | None = None) -> tuple[Words, Counts]:
    """Returns the unique rows, sorted by the last column first, and the sums of their counts (1 each if not given)."""
    rows = _sorted_rows(words)
    words = words[rows]
    is_new = np.ones(len(words), dtype=bool)
    is_new[1:] = (words[1:] != words[:-1]).any(axis=1)
    begins = np.flatnonzero(is_new)
    if counts is None:
        return words[begins], np.diff(begins, append=len(words))
    return words[begins], np.add.reduceat(counts[rows], begins)


def _sorted_rows(words: Words) -> npt.NDArray[np.int64]:
    """Returns the order of rows by last column, then the one before; several ids are packed into one sort key."""
    bits = max(int(words.max(initial=0)).bit_length(), 1)
    width = _KEY_BITS // bits
    keys = []
    for first in range(0, words.shape[1], width):
        key = np.zeros(len(words), dtype=np.int64)
        for column in reversed(range(first, min(first + width, words.shape[1]))):
            key = key << bits | words[:, column]
        keys.append(key)
    return np.argsort(keys[0], kind="stable") if len(keys) == 1 else np.lexsort(keys)
