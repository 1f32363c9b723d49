"""ARPA files of n-gram models, read and written part by part, compressed or not."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from asr.errors import DataError
from asr.files import not_utf8, open_lines, open_written
from asr.lm.ngram import NEVER, LogProbs, NGramModel
from asr.lm.tree import MissingContextsError, build_tree
from asr.lm.vocabulary import BEGIN, END, SPECIAL, UNKNOWN, Vocabulary

logger = logging.getLogger(__name__)

_ROWS = 100_000  # n-grams in memory as text
_LN10 = float(np.log(10.0))
_REMEDY = "check the file, or make it with: asr lm train"
_COUNT = re.compile(rb"ngram\s+(\d+)\s*=\s*(\d+)")
_ALIASES = {b"<UNK>": b"<unk>"}  # as in the files of LibriSpeech


@dataclass
class _Section:
    """The n-grams of one order, in the order of the file."""

    first_line: int
    words: npt.NDArray[np.int32]
    log_probs: LogProbs
    backoffs: LogProbs


def read_arpa(path: str | Path) -> NGramModel:
    r"""Reads an n-gram model with back-off.

    The base-10 logarithms become natural ones. ``<UNK>`` is taken for ``<unk>``. ``<s>`` gets no probability, whatever
    the file says. A file without ``<unk>``, ``<s>`` or ``</s>`` gives them none (10^-99). Contexts that a pruned file
    leaves out come back with the probability that back-off gives them, so that all probabilities are the file's.

    **Source**: the format as SRILM's ``ngram-format(5)`` describes it: ``\data\``, ``ngram N=COUNT``, ``\N-grams:``,
    lines of probability, words and (optional) back-off weight between tabs or blanks, ``\end\``.

    Args:
        path: the file, compressed or not (``.gz``).

    Raises:
        DataError: the file cannot be read or is malformed, with the line.
    """
    with open_lines(path) as lines:
        return _Reader(str(path), lines).read()


class _Reader:
    """Reads one file from its first line to its last."""

    def __init__(self, path: str, lines: BinaryIO) -> None:
        self.path, self.lines, self.line = path, lines, 0
        self.ids: dict[bytes, int] = {}

    def read(self) -> NGramModel:
        counts = self._header()
        sections = [self._section(order, count, len(counts)) for order, count in enumerate(counts, start=1)]
        if self._next_filled() != rb"\end\ ".strip():
            raise self._error(r"\end\ is missing after the last n-gram")
        words = [word.decode() for word in self.ids]
        return _model(self.path, Vocabulary(tuple(words)), sections)

    def _header(self) -> list[int]:
        for line in self.lines:
            self.line += 1
            if line.strip() == rb"\data\ ".strip():
                break
        else:
            raise DataError(self.path, r"is no ARPA file: \data\ does not stand in it", _REMEDY)
        counts: list[int] = []
        for line in self.lines:
            self.line += 1
            if not line.strip():
                break
            match = _COUNT.fullmatch(line.strip())
            if match is None or int(match[1]) != len(counts) + 1:
                raise self._error(f"{_shown(line)} where 'ngram {len(counts) + 1}=COUNT' must be")
            counts.append(int(match[2]))
        if not counts or counts[0] == 0:
            raise self._error("no unigrams are announced")
        while counts[-1] == 0:
            counts.pop()
        return counts

    def _section(self, order: int, count: int, highest: int) -> _Section:
        found = self._next_filled()
        if found != rb"\%d-grams:" % order:
            raise self._error(rf"{_shown(found)} where '\{order}-grams:' must be")
        section = _Section(self.line + 1, np.empty((count, order), dtype=np.int32), np.empty(count), np.zeros(count))
        for first in range(0, count, _ROWS):
            size = min(_ROWS, count - first)
            rows = [line.split() for line in islice(self.lines, size)]
            if len(rows) < size:
                self.line += len(rows)
                raise self._error(f"the file ends after {first + len(rows)} of {count} {order}-grams")
            part = slice(first, first + size)
            if order == 1:
                self._learn(rows)
            try:
                self._fill(section, part, rows, order, highest)
            except (ValueError, KeyError, IndexError):
                raise self._fault(rows, order, highest) from None
            self.line += size
        return section

    def _learn(self, rows: list[list[bytes]]) -> None:
        """Gives ids to the words of unigrams; the three symbols come first wherever they stand."""
        if not self.ids:
            self.ids = {symbol.encode(): word_id for word_id, symbol in enumerate(SPECIAL)}
            self._seen: set[int] = set()
        for place, row in enumerate(rows, start=1):
            if len(row) < 2:
                continue
            word = _ALIASES.get(row[1], row[1])
            try:
                word.decode()
            except UnicodeDecodeError:
                raise not_utf8(self.path) from None
            word_id = self.ids.setdefault(word, len(self.ids))
            if word_id in self._seen:
                raise DataError(f"{self.path}:{self.line + place}", f"{_shown(word)} stands there twice", _REMEDY)
            self._seen.add(word_id)

    def _fill(self, section: _Section, part: slice, rows: list[list[bytes]], order: int, highest: int) -> None:
        lengths = {len(row) for row in rows}
        if not lengths <= ({order + 1, order + 2} if order < highest else {order + 1}):
            raise ValueError(lengths)
        ids = self.ids
        section.log_probs[part] = [float(row[0]) for row in rows]
        for column in range(1, order + 1):
            section.words[part, column - 1] = [ids[_ALIASES.get(row[column], row[column])] for row in rows]
        if order + 2 in lengths:
            section.backoffs[part] = [float(row[order + 1]) if len(row) == order + 2 else 0.0 for row in rows]
        if not (section.log_probs[part] <= 0).all() or np.isnan(section.backoffs[part]).any():
            raise ValueError("not a log probability")

    def _fault(self, rows: list[list[bytes]], order: int, highest: int) -> DataError:
        """Gives the error of the first row that is not as it should be."""
        for row in rows:
            self.line += 1
            if not row or row[0].startswith(b"\\"):
                return self._error(f"{_shown(b' '.join(row))} where a {order}-gram must be: fewer than were announced")
            if not order + 1 <= len(row) <= order + 1 + (order < highest):
                either = f" or {order + 2}" if order < highest else ""
                return self._error(f"{len(row)} fields where a {order}-gram has {order + 1}{either}")
            for word in row[1 : order + 1]:
                if _ALIASES.get(word, word) not in self.ids:
                    return self._error(f"{_shown(word)} is no unigram")
            if not _is_number(row[0], most=0.0):
                return self._error(f"{_shown(row[0])} where a log probability of at most 0 must be")
            if not all(_is_number(field) for field in row[order + 1 :]):
                return self._error(f"{_shown(row[-1])} where a back-off weight must be")
        return self._error("an n-gram cannot be read")

    def _next_filled(self) -> bytes:
        for line in self.lines:
            self.line += 1
            if line.strip():
                return line.strip()
        return b""

    def _error(self, found: str) -> DataError:
        return DataError(f"{self.path}:{self.line}", found, _REMEDY)


def _is_number(field: bytes, most: float = np.inf) -> bool:
    try:
        return float(field) <= most
    except ValueError:
        return False


def _shown(text: bytes) -> str:
    return repr(text.strip().decode(errors="replace")[:40]) if text.strip() else "nothing"


def _model(path: str, vocabulary: Vocabulary, sections: list[_Section]) -> NGramModel:
    """Gives the model of what was read."""
    unigrams = sections[0]
    log_probs, backoffs = np.full(len(vocabulary), -99.0), np.zeros(len(vocabulary))
    log_probs[unigrams.words[:, 0]], backoffs[unigrams.words[:, 0]] = unigrams.log_probs, unigrams.backoffs
    log_probs[BEGIN] = -99.0
    for word_id in {UNKNOWN, BEGIN, END} - set(unigrams.words[:, 0].tolist()):
        logger.warning("%s: has no %s; it gets the probability 10^-99", path, SPECIAL[word_id])
    higher = sections[1:]
    while True:
        try:
            tree, sortings = build_tree(len(vocabulary), [section.words for section in higher])
            break
        except MissingContextsError as error:
            _add(higher[error.contexts.shape[1] - 2], error.contexts)
            logger.warning("%s: %s; they get what back-off gives them", path, error)
    for section, sorting in zip(higher, sortings, strict=True):
        _refuse_doubled(path, vocabulary, section, sorting)
    all_log_probs, all_backoffs = (
        np.maximum(np.concatenate(parts) * _LN10, NEVER)
        for parts in (
            [log_probs, *(section.log_probs[sorting] for section, sorting in zip(higher, sortings, strict=True))],
            [backoffs, *(section.backoffs[sorting] for section, sorting in zip(higher, sortings, strict=True))],
        )
    )
    model = NGramModel.assemble(vocabulary, tree, all_log_probs, all_backoffs)
    for order in range(2, model.order):
        arcs = np.arange(tree.span(order).start, tree.span(order).stop)
        arcs = arcs[np.isnan(model.arc_log_probs[arcs])]
        states = model.arc_contexts[arcs]
        shorter, _ = model.lookup(model.backoff_states[states], model.arc_labels[arcs])
        model.arc_log_probs[arcs] = model.backoffs[states] + shorter
    return model


def _add(section: _Section, words: npt.NDArray[np.int32]) -> None:
    """Adds n-grams whose probability is still to be found."""
    section.words = np.concatenate([section.words, words])
    section.log_probs = np.concatenate([section.log_probs, np.full(len(words), np.nan)])
    section.backoffs = np.concatenate([section.backoffs, np.zeros(len(words))])


def _refuse_doubled(path: str, vocabulary: Vocabulary, section: _Section, sorting: npt.NDArray[np.int64]) -> None:
    words = section.words[sorting]
    doubled = np.flatnonzero((words[1:] == words[:-1]).all(axis=1))
    if len(doubled):
        shown = " ".join(vocabulary.words[word_id] for word_id in words[doubled[0]])
        line = section.first_line + int(sorting[doubled[0] + 1])
        raise DataError(f"{path}:{line}", f"{shown!r} stands there twice", _REMEDY)


def write_arpa(model: NGramModel, path: str | Path) -> None:
    """Writes a model as ARPA, whole or not at all, compressed if the name ends in ``.gz``.

    Back-off weights of n-grams that no longer one begins with are left out where they are 1.

    Raises:
        DataError: the file cannot be written.
    """
    with open_written(path) as file:
        counts = "".join(f"ngram {order}={count}\n" for order, count in enumerate(model.num_ngrams, start=1))
        file.write(f"\\data\\\n{counts}".encode())
        first = 0
        for order, count in enumerate(model.num_ngrams, start=1):
            file.write(f"\n\\{order}-grams:\n".encode())
            for begin in range(first, first + count, _ROWS):
                arcs = np.arange(begin, min(begin + _ROWS, first + count))
                file.write("".join(_rows(model, arcs, order)).encode())
            first += count
        file.write(b"\n\\end\\\n")


def _rows(model: NGramModel, arcs: npt.NDArray[np.int64], order: int) -> Iterator[str]:
    """Gives the lines of n-grams of one order."""
    names = model.vocabulary.words
    columns = []
    place = arcs
    for _ in range(order):
        columns.append([names[label] for label in model.arc_labels[place].tolist()])
        place = model.arc_contexts[place] - 1
    words = map(" ".join, zip(*reversed(columns), strict=True))
    log_probs = (np.maximum(model.arc_log_probs[arcs], NEVER) / _LN10).tolist()
    if order == model.order:
        yield from (f"{log_prob:.7f}\t{text}\n" for log_prob, text in zip(log_probs, words, strict=True))
        return
    has_arcs = (model.arc_offsets[arcs + 2] > model.arc_offsets[arcs + 1]).tolist()
    backoffs = (model.backoffs[arcs + 1] / _LN10).tolist()
    for log_prob, text, backoff, is_context in zip(log_probs, words, backoffs, has_arcs, strict=True):
        tail = f"\t{backoff:.7f}" if is_context or backoff else ""
        yield f"{log_prob:.7f}\t{text}{tail}\n"
