"""Counts of n-grams, collected in chunks, in bounded memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np

from asr.errors import DataError
from asr.lm.rows import (
    BLOCK,
    Block,
    Counts,
    Rows,
    RowsInMemory,
    RowsOnDisk,
    Words,
    differs,
    merged_rows,
    unique_rows,
)
from asr.lm.vocabulary import BEGIN, END, SPECIAL, UNKNOWN, Vocabulary, refuse_ends

_CHUNK = 4_000_000  # words counted at a time, unless there is less memory
_MOST_RUNS = 64  # sorted files open at a time
_BYTES = 60  # of an n-gram that is sorted, besides three times its words


@dataclass(frozen=True)
class Storage:
    """Where n-grams are collected.

    Attributes:
        memory: bytes that counting takes at most, besides the words of the vocabulary; the n-grams go to temporary
            files where they need more.
        folder: of the temporary files; None for the folder that the system has for them.
    """

    memory: int = 1 << 30
    folder: Path | None = None

    def most_rows(self, order: int) -> int:
        """Returns the number of n-grams that fit the memory while they are sorted."""
        return max(1, self.memory // (12 * order + _BYTES))


@dataclass(frozen=True)
class NGramCounts:
    """How often each n-gram of one order occurs in sentences with ``<s>`` n-1 times before and ``</s>`` after them.

    So every word and every ``</s>`` ends exactly one n-gram, and the counts of shorter n-grams are sums over those with
    the same ending.

    Attributes:
        vocabulary: the words of the ids.
        order: the length n of the n-grams.
        rows: the n-grams and their counts.
        num_words: words and ends of sentences of the text.
    """

    vocabulary: Vocabulary
    order: int
    rows: Rows
    num_words: int

    def of_order(self, order: int, block: int = BLOCK) -> Iterator[tuple[Words, Counts, Counts]]:
        """Yields the n-grams of this or a lower order that begin with ``<s>`` at most once, in blocks.

        Args:
            order: words of the n-grams.
            block: n-grams of the highest order that are in memory at a time.

        Yields:
            The n-grams, shape (G, order); how often each occurs; and the adjusted count of Kneser-Ney: the number of
            different words before it, or how often it occurs if it has the highest order or begins with ``<s>``.

        Example:
            >>> for words, raw, adjusted in count_ngrams([["a", "a"]], 2).of_order(1):
            ...     print(words[:, 0].tolist(), raw.tolist(), adjusted.tolist())
            [2] [1] [1]
            [3] [2] [2]
        """
        for words, raw, different in self._groups(order, block):
            is_whole = words[:, 1] != BEGIN if order > 1 else slice(None)  # others are among the shorter ones
            adjusted = np.where((words[:, 0] == BEGIN) | (order == self.order), raw, different)
            yield words[is_whole], raw[is_whole], adjusted[is_whole]

    def _groups(self, order: int, block: int) -> Iterator[tuple[Words, Counts, Counts]]:
        """Yields the last words, the sums of counts and the numbers of words before, as far as groups are complete."""
        begin = self.order - order
        last: Words | None = None
        open_words, open_sums = np.empty((0, order), dtype=np.int32), np.empty((2, 0), dtype=np.int64)
        for first in range(0, len(self.rows), block):
            words, counts = self.rows.read(first, first + block)
            longer = max(0, begin - 1)
            is_new = differs(words[:, begin:], None if last is None else last[begin:])
            is_different = differs(words[:, longer:], None if last is None else last[longer:])
            starts = np.flatnonzero(is_new)
            if not is_new[0]:
                starts = np.append(0, starts)
            sums = np.add.reduceat(np.stack([counts, is_different]), starts, axis=1)
            if is_new[0]:
                heads, sums = np.concatenate([open_words, words[starts, begin:]]), np.hstack([open_sums, sums])
            else:
                heads, sums[:, :1] = words[starts, begin:], sums[:, :1] + open_sums
            yield heads[:-1], sums[0, :-1], sums[1, :-1]
            open_words, open_sums, last = heads[-1:], sums[:, -1:], words[-1]
        yield open_words, open_sums[0], open_sums[1]


def count_ngrams(
    sentences: Iterable[Sequence[str]],
    order: int,
    vocabulary: Vocabulary | None = None,
    *,
    is_closed: bool = True,
    storage: Storage | None = None,
) -> NGramCounts:
    """Counts the n-grams of sentences, which are read once.

    What does not fit the memory is sorted, goes to temporary files, and is merged from them.

    Args:
        sentences: the words of each.
        order: the length of the n-grams.
        vocabulary: the initial words; None for none.
        is_closed: whether words outside a given vocabulary count as ``<unk>``; otherwise they join it in the order of
            their occurrence.
        storage: memory, and the folder of temporary files.

    Raises:
        DataError: there are no sentences, one holds ``<s>`` or ``</s>``, or temporary files cannot be written.
        ValueError: the order is not positive.

    Example:
        >>> counts = count_ngrams([["a", "b"], ["a"]], 2)
        >>> words, numbers = counts.rows.read(0, 4)
        >>> words.tolist(), numbers.tolist()
        ([[3, 2], [4, 2], [1, 3], [3, 4]], [1, 1, 2, 1])
    """
    if order < 1:
        raise ValueError(f"order must be positive. Found {order}")
    storage = storage or Storage()
    known = _ids(vocabulary, is_closed)
    collected = _Collected(order, storage)
    for text in _chunks(sentences, known, order, min(_CHUNK, max(1, storage.most_rows(order) // 4))):
        collected.add(text)
    if not collected.num_words:
        raise DataError("text", "holds no sentences", "give text with one sentence a line")
    return NGramCounts(Vocabulary(tuple(known)), order, collected.rows(), collected.num_words)


class _Collected:
    """The n-grams so far: tables in memory, each at least twice as long as the next one, and runs on disk."""

    def __init__(self, order: int, storage: Storage) -> None:
        self._order, self._folder, self._most = order, storage.folder, max(1, storage.most_rows(order) // 2)
        self._tables: list[Block] = []
        self._runs: list[Rows] = []
        self.num_words = 0

    def add(self, text: Words) -> None:
        """Counts a chunk of whole sentences."""
        windows = np.lib.stride_tricks.sliding_window_view(text, self._order)
        windows = windows[windows[:, -1] != BEGIN]
        self.num_words += len(windows)
        tables = self._tables
        tables.append(unique_rows(windows))
        while len(tables) > 1 and len(tables[-2][0]) < 2 * len(tables[-1][0]):
            tables[-2:] = [_sum(tables[-2:])]
        if sum(len(words) for words, _ in tables) > self._most:
            self._flush()

    def rows(self) -> Rows:
        """Returns all n-grams."""
        if not self._runs:
            return RowsInMemory(*_sum(self._tables))
        self._flush()
        return merged_rows(self._runs, self._order, self._folder, self._most)

    def _flush(self) -> None:
        if self._tables:
            run = RowsOnDisk(self._order, self._folder)
            run.append(*_sum(self._tables))
            self._runs.append(run)
            self._tables.clear()
        if len(self._runs) == _MOST_RUNS:
            self._runs = [merged_rows(self._runs, self._order, self._folder, self._most)]


def _sum(tables: Sequence[Block]) -> Block:
    if len(tables) == 1:
        return tables[0]
    words, counts = zip(*tables, strict=True)
    return unique_rows(np.concatenate(words), np.concatenate(counts))


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
