r"""The text of ARPA files: words and numbers by section, with errors that name the line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from asr.errors import DataError
from asr.files import not_utf8
from asr.lm.ngram import LogProbs
from asr.lm.vocabulary import SPECIAL

REMEDY = "check the file, or make it with: asr lm train"

_LINES = 100_000  # most lines in memory at a time
_BYTES = 1 << 23  # about their size
_COUNT = re.compile(rb"ngram\s+(\d{1,9})\s*=\s*(\d{1,18})")
_DATA, _END = rb"\data\ ".strip(), rb"\end\ ".strip()
_LEAST, _MOST = -99.0, 99.0  # base-10 logarithms; what is below the first is impossible
_CAPITALS = {b"<UNK>": 0, b"<S>": 1, b"</S>": 2}  # as in the files of LibriSpeech


@dataclass
class Section:
    """The n-grams of one order, G of them, in the order of the file.

    Attributes:
        first_line: line of the first.
        words: word ids, shape (G, order).
        log_probs: base-10 logarithms of probabilities, from -99 to 0, shape (G,).
        backoffs: base-10 logarithms of back-off weights, 0 if there is none, shape (G,).
    """

    first_line: int
    words: npt.NDArray[np.int32]
    log_probs: LogProbs
    backoffs: LogProbs

    @classmethod
    def empty(cls, first_line: int, order: int) -> Section:
        """Returns a section without n-grams."""
        return cls(first_line, np.empty((0, order), dtype=np.int32), np.empty(0), np.empty(0))

    def resize(self, size: int) -> None:
        """Sets the number of n-grams; surplus ones are cut off."""
        for array in (self.words, self.log_probs, self.backoffs):
            array.resize((size, *array.shape[1:]), refcheck=False)


class ArpaReader:
    """Reads one file in a single pass; memory grows with the n-grams found, not with the counts announced.

    Args:
        path: the file, for the errors.
        lines: its bytes in UTF-8.
    """

    def __init__(self, path: str, lines: BinaryIO) -> None:
        self._path, self._lines = path, _Lines(lines)
        self._ids = {symbol.encode(): word_id for word_id, symbol in enumerate(SPECIAL)} | _CAPITALS
        self._words = list(SPECIAL)
        self._seen: set[int] = set()

    def read(self) -> tuple[tuple[str, ...], list[Section]]:
        """Returns the words, the three symbols first, and a section for each order from 1 that the file announces.

        Raises:
            DataError: the file is malformed, with the line.
        """
        counts = self._header()
        sections = [self._section(order, count, len(counts)) for order, count in enumerate(counts, start=1)]
        if self._lines.next_filled() != _END:
            raise self._error(r"\end\ is missing after the last n-gram")
        return tuple(self._words), sections

    def _header(self) -> list[int]:
        if not self._lines.skip_to(_DATA):
            raise DataError(self._path, r"is not an ARPA file: it has no \data\ line", REMEDY)
        counts: list[int] = []
        begin = self._lines.number
        while not (found := self._lines.next_filled()).startswith(b"\\") and found:
            match = _COUNT.fullmatch(found)
            if match is None or int(match[1]) != len(counts) + 1:
                raise self._error(f"{_shown(found)} where 'ngram {len(counts) + 1}=COUNT' must be")
            counts.append(int(match[2]))
        if not counts or counts[0] == 0:
            raise DataError(f"{self._path}:{begin + 1}", "no unigrams are announced", REMEDY)
        if found:
            self._lines.put_back()
        return counts

    def _section(self, order: int, count: int, highest: int) -> Section:
        found = self._lines.next_filled()
        if found != rb"\%d-grams:" % order:
            if count or not found.startswith(b"\\"):
                raise self._error(rf"{_shown(found)} where '\{order}-grams:' must be")
            self._lines.put_back()  # an order that is announced as empty may be left out
        section = Section.empty(self._lines.number + 1, order)
        done = 0
        while done < count:
            rows = [line.split() for line in self._lines.take(min(_LINES, count - done))]
            if not rows:
                raise self._error(f"the file ends after {done} of {count} {order}-grams")
            filled = [row for row in rows if row]
            if order == 1:
                self._learn(filled, rows)
            if len(section.words) < done + len(filled):
                section.resize(min(count, 2 * len(section.words) + len(filled)))
            try:
                self._fill(section, slice(done, done + len(filled)), filled, order, highest)
            except (ValueError, KeyError, IndexError):
                raise self._fault(rows, order, highest) from None
            self._lines.number += len(rows)
            done += len(filled)
        section.resize(done)
        return section

    def _learn(self, filled: list[list[bytes]], rows: list[list[bytes]]) -> None:
        """Assigns ids to the words of unigrams; the three symbols have the first ids wherever they occur."""
        for row in filled:
            if row[0].startswith(b"\\"):
                return  # the next section: there are fewer than were announced
            if len(row) < 2:
                continue
            word_id = self._ids.get(row[1])
            if word_id is None:
                word_id = self._ids[row[1]] = len(self._words)
                try:
                    self._words.append(row[1].decode())
                except UnicodeDecodeError:
                    raise not_utf8(self._path) from None
            if word_id in self._seen:
                place = next(place for place, each in enumerate(rows, start=1) if each is row)
                raise DataError(f"{self._path}:{self._lines.number + place}", f"{_shown(row[1])} occurs twice", REMEDY)
            self._seen.add(word_id)

    def _fill(self, section: Section, part: slice, rows: list[list[bytes]], order: int, highest: int) -> None:
        lengths = {len(row) for row in rows}
        if not lengths <= {order + 1, order + 2}:
            raise ValueError(lengths)
        ids = self._ids
        section.log_probs[part] = [float(row[0]) for row in rows]
        for column in range(1, order + 1):
            section.words[part, column - 1] = [ids[row[column]] for row in rows]
        section.backoffs[part] = 0.0
        if order + 2 in lengths:
            section.backoffs[part] = [float(row[order + 1]) if len(row) == order + 2 else 0.0 for row in rows]
        log_probs, backoffs = section.log_probs[part], section.backoffs[part]
        if not ((log_probs <= 0).all() and (backoffs <= _MOST).all()) or (order == highest and backoffs.any()):
            raise ValueError("not a log probability")
        np.maximum(log_probs, _LEAST, out=log_probs)
        np.maximum(backoffs, _LEAST, out=backoffs)

    def _fault(self, rows: list[list[bytes]], order: int, highest: int) -> DataError:
        """Returns the error for the first malformed row."""
        for row in rows:
            self._lines.number += 1
            found = self._row_fault(row, order, highest) if row else ""
            if found:
                return self._error(found)
        return self._error("an n-gram cannot be read")

    def _row_fault(self, row: list[bytes], order: int, highest: int) -> str:
        if row[0].startswith(b"\\"):
            return f"{_shown(b' '.join(row))} where a {order}-gram must be: fewer than were announced"
        has_weight = len(row) == order + 2 and (
            order < highest or (_is_number(row[-1], -_LEAST) and not float(row[-1]))
        )
        if len(row) != order + 1 and not has_weight:
            either = f" or {order + 2}" if order < highest else ""
            return f"{len(row)} fields where a {order}-gram has {order + 1}{either}"
        for word in row[1 : order + 1]:
            if word not in self._ids:
                return f"{_shown(word)} is not a unigram"
        if not _is_number(row[0], most=0.0):
            return f"{_shown(row[0])} where a log probability of at most 0 must be"
        if has_weight and not _is_number(row[-1], _MOST):
            bound = f" of at most {_MOST:g}" if _is_number(row[-1], np.inf) else ""
            return f"{_shown(row[-1])} where a back-off weight{bound} must be"
        return ""

    def _error(self, found: str) -> DataError:
        return DataError(f"{self._path}:{self._lines.number}", found, REMEDY)


class _Lines:
    """Lines read ahead in blocks of bounded size.

    Attributes:
        number: of the line returned last; callers of :meth:`take` advance it themselves.
    """

    def __init__(self, lines: BinaryIO) -> None:
        self._lines, self._block, self._place, self.number = lines, list[bytes](), 0, 0

    def skip_to(self, wanted: bytes) -> bool:
        """Moves past the next line that equals ``wanted`` but for surrounding blanks; says whether there is one."""
        while block := self.take(_LINES):
            for place, line in enumerate(block, start=1):
                if wanted in line and line.strip() == wanted:
                    self._place -= len(block) - place
                    self.number += place
                    return True
            self.number += len(block)
        return False

    def next(self) -> bytes:
        """Returns the next line; nothing at the end."""
        line = self.take(1)
        self.number += len(line)
        return line[0] if line else b""

    def next_filled(self) -> bytes:
        """Returns the next line that is not blank, stripped; nothing at the end."""
        while line := self.next():
            if line.strip():
                return line.strip()
        return b""

    def put_back(self) -> None:
        """Puts back the line returned last."""
        self._place -= 1
        self.number -= 1

    def take(self, count: int) -> list[bytes]:
        """Returns at most ``count`` lines; none at the end."""
        if self._place == len(self._block):
            last = self._block[-1:]  # may be put back
            self._block, self._place = last + self._lines.readlines(_BYTES), len(last)
        part = self._block[self._place : self._place + count]
        self._place += len(part)
        return part


def _is_number(field: bytes, most: float) -> bool:
    try:
        return float(field) <= most
    except ValueError:
        return False


def _shown(text: bytes) -> str:
    return repr(text.strip().decode(errors="replace")[:40]) if text.strip() else "nothing"
