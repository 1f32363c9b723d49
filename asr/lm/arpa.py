"""ARPA files of n-gram models, read and written in parts, compressed or not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.errors import DataError
from asr.files import open_lines, open_written
from asr.lm.arpa_reading import REMEDY, ArpaReader, Section
from asr.lm.ngram import NEVER, NGramModel
from asr.lm.tree import MissingContextsError, build_tree
from asr.lm.vocabulary import BEGIN, END, SPECIAL, UNKNOWN, Vocabulary

logger = logging.getLogger(__name__)

_ROWS = 100_000  # n-grams in memory as text
_LN10 = float(np.log(10.0))


def read_arpa(path: str | Path) -> NGramModel:
    r"""Reads an n-gram model with back-off from a file, compressed or not.

    Base-10 logarithms become natural ones. ``<UNK>``, ``<S>`` and ``</S>`` are read as their lower-case forms. ``<s>``
    gets no probability, whatever the file says; nor do ``<unk>`` and ``</s>`` where they are missing (10^-99). Contexts
    that a pruned file omits are restored with their back-off probability, so that all probabilities are the file's.

    **Source**: the format as SRILM's ``ngram-format(5)`` describes it: ``\data\``, ``ngram N=COUNT``, ``\N-grams:``,
    lines of probability, words and (optional) back-off weight separated by tabs or blanks, ``\end\``.

    Raises:
        DataError: the file cannot be read or is malformed, with the line.
    """
    with open_lines(path) as lines:
        words, sections = ArpaReader(str(path), lines).read()
    return _model(path, Vocabulary(words), sections)


def _model(path: str | Path, vocabulary: Vocabulary, sections: list[Section]) -> NGramModel:
    """Returns the model of the sections read."""
    while len(sections) > 1 and not len(sections[-1].words) and not sections[-2].backoffs.any():
        sections.pop()  # an order without n-grams, to which no weight leads
    unigrams = sections[0]
    log_probs, backoffs = np.full(len(vocabulary), -99.0), np.zeros(len(vocabulary))
    log_probs[unigrams.words[:, 0]], backoffs[unigrams.words[:, 0]] = unigrams.log_probs, unigrams.backoffs
    log_probs[BEGIN] = -99.0
    for word_id in {UNKNOWN, BEGIN, END} - set(unigrams.words[:, 0].tolist()):
        logger.warning("%s: has no %s; its probability is set to 10^-99", path, SPECIAL[word_id])
    higher = sections[1:]
    while True:
        try:
            tree, sortings = build_tree(len(vocabulary), [section.words for section in higher])
            break
        except MissingContextsError as error:
            _add(higher[error.contexts.shape[1] - 2], error.contexts)
            logger.warning("%s: %s; they get their back-off probabilities", path, error)
    for section, sorting in zip(higher, sortings, strict=True):
        _refuse_doubled(path, vocabulary, section, sorting)
    all_log_probs, all_backoffs = (
        np.concatenate(parts) * _LN10
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


def _add(section: Section, words: npt.NDArray[np.int32]) -> None:
    """Adds n-grams whose probability is not known yet."""
    section.words = np.concatenate([section.words, words])
    section.log_probs = np.concatenate([section.log_probs, np.full(len(words), np.nan)])
    section.backoffs = np.concatenate([section.backoffs, np.zeros(len(words))])


def _refuse_doubled(path: str | Path, vocabulary: Vocabulary, section: Section, sorting: npt.NDArray[np.int64]) -> None:
    words = section.words[sorting]
    doubled = np.flatnonzero((words[1:] == words[:-1]).all(axis=1))
    if len(doubled):
        shown = " ".join(vocabulary.words[word_id] for word_id in words[doubled[0]])
        line = section.first_line + int(sorting[doubled[0] + 1])
        raise DataError(f"{path}:{line}", f"{shown!r} occurs twice", REMEDY)


def write_arpa(model: NGramModel, path: str | Path) -> None:
    """Writes a model as ARPA, completely or not at all, compressed if the name ends in ``.gz``.

    Back-off weights of 1 are omitted for n-grams that are not the context of a longer one.

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
    """Yields the lines of n-grams of one order."""
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
