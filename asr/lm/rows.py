"""Sorted rows of word ids with counts: in memory, or in temporary files that are merged without being loaded."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from asr.errors import DataError
from asr.files import temporary_folder

Words = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]
Block = tuple[Words, Counts]

BLOCK = 1 << 20
"""Rows that are read from a file at a time."""
_KEY_BITS = 63


class Rows(Protocol):
    """Distinct n-grams and their counts, sorted by last word, then the one before it, and so on to the first."""

    def __len__(self) -> int:
        """Returns the number G of n-grams."""

    def read(self, first: int, last: int) -> Block:
        """Returns some of the n-grams, shape (last - first, n), and their counts, shape (last - first,)."""


class RowsInMemory:
    """Rows that are arrays.

    Args:
        words: the n-grams, shape (G, n).
        counts: how often each occurs, shape (G,).
    """

    def __init__(self, words: Words, counts: Counts) -> None:
        self._words, self._counts = words, counts

    def __len__(self) -> int:
        """Returns the number G of n-grams."""
        return len(self._words)

    def read(self, first: int, last: int) -> Block:
        """Returns some of the n-grams and their counts."""
        return self._words[first:last], self._counts[first:last]


class RowsOnDisk:
    """Rows in a file without a name, which is gone as soon as this object or the process is, whatever ends it.

    Args:
        order: words of an n-gram.
        folder: where the file is; None for the folder that the system has for temporary files.

    Raises:
        DataError: the folder cannot be written to.
    """

    def __init__(self, order: int, folder: Path | None) -> None:
        self._order, self._length = order, 0
        self._where = folder or temporary_folder()
        try:
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        except OSError as error:
            raise self._error(error) from None
        weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        """Returns the number G of n-grams."""
        return self._length

    def append(self, words: Words, counts: Counts) -> None:
        """Writes n-grams that come after those that are there.

        Raises:
            DataError: there is no room left.
        """
        rows = np.hstack([words, counts[:, None].view(np.int32)])
        try:
            self._file.seek(0, os.SEEK_END)
            left = memoryview(rows.tobytes())
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise self._error(error) from None
        self._length += len(words)

    def read(self, first: int, last: int) -> Block:
        """Returns some of the n-grams and their counts."""
        width = self._order + 2  # a count takes the place of two words
        self._file.seek(4 * width * first)
        rows = np.fromfile(self._file, np.int32, width * max(0, min(last, self._length) - first)).reshape(-1, width)
        return np.ascontiguousarray(rows[:, :-2]), np.ascontiguousarray(rows[:, -2:]).view(np.int64)[:, 0]

    def _error(self, error: OSError) -> DataError:
        found = f"temporary files cannot be written to it ({error.strerror or error})"
        return DataError(self._where, found, "name a folder with more room: --temporary-folder")


def merged_rows(sources: Sequence[Rows], order: int, folder: Path | None, block: int = BLOCK) -> Rows:
    """Returns the sums of sorted rows: a single source as it is, others merged into temporary files.

    Args:
        sources: at least one.
        order: words of an n-gram.
        folder: where the files are.
        block: rows of all sources that are in memory at a time.
    """
    if len(sources) == 1:
        return sources[0]
    result = RowsOnDisk(order, folder)
    for words, counts in _merge(sources, max(1, block // len(sources))):
        result.append(words, counts)
    return result


def _merge(sources: Sequence[Rows], block: int) -> Iterator[Block]:
    """Yields the sums of rows in their order: those up to the least of the last words that were read of any source."""
    places, sizes = [0] * len(sources), [block] * len(sources)
    while True:
        left = [source for source, rows in enumerate(sources) if places[source] < len(rows)]
        if not left:
            return
        blocks = {source: sources[source].read(places[source], places[source] + sizes[source]) for source in left}
        keys = {source: _last_words(words) for source, (words, _) in blocks.items()}
        ends = [keys[source][-1] for source in left if places[source] + len(keys[source]) < len(sources[source])]
        bound = min(ends) if ends else None
        taken = []
        for source, (words, counts) in blocks.items():
            number = len(words) if bound is None else int(np.searchsorted(keys[source], bound))
            taken.append((words[:number], counts[:number]))
            places[source] += number
            sizes[source] = block if number or keys[source][0] != bound else 2 * sizes[source]
        words, counts = (np.concatenate(parts) for parts in zip(*taken, strict=True))
        if len(words):
            yield unique_rows(words, counts)


def _last_words(words: Words) -> npt.NDArray[np.int64]:
    """Returns the last words of rows, at most two, as one number, ascending with the rows, shape (G,)."""
    last = words[:, -1].astype(np.int64)
    return last if words.shape[1] == 1 else last << 31 | words[:, -2]


def unique_rows(words: Words, counts: Counts | None = None) -> Block:
    """Returns the unique rows, sorted by the last column first, and the sums of their counts (1 each if not given)."""
    rows = _sorted_rows(words)
    words = words[rows]
    begins = np.flatnonzero(differs(words))
    if counts is None:
        return words[begins], np.diff(begins, append=len(words))
    return words[begins], np.add.reduceat(counts[rows], begins)


def differs(words: Words, before: Words | None = None) -> npt.NDArray[np.bool_]:
    """Returns whether each row differs from the one before it, shape (G,).

    Args:
        words: the rows, shape (G, n), G > 0.
        before: the row before the first one, shape (n,); None for none.
    """
    is_new = np.ones(len(words), dtype=bool)
    is_new[0] = before is None or bool((words[0] != before).any())
    unequal = words[1:, 0] != words[:-1, 0]
    for column in range(1, words.shape[1]):
        unequal |= words[1:, column] != words[:-1, column]
    is_new[1:] = unequal
    return is_new


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
