"""An n-gram model in a model file: values that other arrays predict are stored as differences, mostly zeros."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from asr.checkpoints.model_file.arrays import ArrayReader, ArrayWriter, Ints, Precision
from asr.checkpoints.model_file.members import AGAIN, Members, Written
from asr.errors import DataError
from asr.lm.ngram import LogProbs, NGramModel
from asr.lm.npz import model_of
from asr.lm.vocabulary import Vocabulary
from asr.records import Record

Mask = npt.NDArray[np.bool_]

_PART = "ngram"


def write_ngram(model: NGramModel, precision: Precision, written: Written) -> dict[str, object]:
    """Writes a model and returns its entry in the manifest.

    Args:
        model: the model.
        precision: precision of its scores; searches compute in float32.
        written: the members.
    """
    arrays = ArrayWriter(written, _PART)
    counts = np.diff(model.arc_offsets)
    labels = model.arc_labels.astype(np.int64)
    arrays.text("words", "\n".join(model.vocabulary.words))
    arrays.whole("arc_counts", counts)
    arrays.whole("arc_labels", np.diff(labels, prepend=0))
    for order, (arcs, states) in enumerate(_spans(model.num_ngrams), start=1):
        arrays.scores(f"arc_log_probs_{order}", model.arc_log_probs[arcs], precision)
        arrays.scores(f"backoffs_{order}", model.backoffs[states], precision)
    acts: Mask = (counts > 0) | (model.backoffs != 0)
    backoff_states = model.backoff_states.astype(np.int64)
    arrays.whole("acting", np.packbits(acts))
    arrays.whole("backoff_states", backoff_states - _likely_shorter(model.num_ngrams, labels, acts))
    arrays.whole("arc_next_states", model.arc_next_states - _likely_next(len(labels), acts, backoff_states))
    return {"num_ngrams": list(model.num_ngrams), "arrays": arrays.forms}


def ngram_size(model: NGramModel, precision: Precision) -> int:
    """Returns the bytes that a model takes in a model file, words included."""
    written = Written()
    write_ngram(model, precision, written)
    return written.num_bytes


def read_ngram(members: Members) -> NGramModel | None:
    """Reads what :func:`write_ngram` wrote, without torch; the arrays are checked as for any file.

    Returns:
        None if the file has no n-gram model.

    Raises:
        AsrError: they do not make a model.
    """
    return _read(members, members.manifest.record("ngram")) if members.manifest.has("ngram") else None


def _read(members: Members, found: Record) -> NGramModel:
    num_ngrams = tuple(found.items("num_ngrams"))
    if not num_ngrams or not all(type(number) is int and 0 <= number < 1 << 40 for number in num_ngrams):
        raise found.error("num_ngrams", "whole numbers, one for each order")
    num_arcs, num_states = sum(num_ngrams), 1 + sum(num_ngrams[:-1])
    arrays = ArrayReader(members, _PART, found.record("arrays"))
    with ThreadPoolExecutor(1) as beside:
        scores = beside.submit(_read_scores, arrays, num_ngrams)
        vocabulary = _read_vocabulary(members, arrays)
        counts, labels = arrays.whole("arc_counts", num_states), np.cumsum(arrays.whole("arc_labels", num_arcs))
        shorter, after = arrays.whole("backoff_states", num_states), arrays.whole("arc_next_states", num_arcs)
        log_probs, backoffs = scores.result()
    acts = np.unpackbits(arrays.whole("acting", -(-num_states // 8)).astype(np.uint8))[:num_states].astype(bool)
    if num_ngrams[0] != len(vocabulary) or not _are_below(labels, min(len(vocabulary), num_arcs)):
        raise members.foreign("the n-grams are of other words")
    labels = labels.astype(np.int32)
    shorter = shorter + _likely_shorter(num_ngrams, labels, acts)  # not in place: one of them may be int64
    after = after + _likely_next(num_arcs, acts, shorter)
    if not _are_below(shorter, num_states) or not _are_below(after, num_states):
        raise members.foreign("the n-grams lead to others that are not there")
    values = {
        "arc_offsets": np.concatenate([[0], np.cumsum(counts)]),
        "arc_labels": labels,
        "arc_log_probs": log_probs,
        "arc_next_states": after.astype(np.int32),
        "backoffs": backoffs,
        "backoff_states": shorter.astype(np.int32),
    }
    return model_of(members.path, AGAIN, vocabulary, num_ngrams, values)


def _read_vocabulary(members: Members, arrays: ArrayReader) -> Vocabulary:
    words = arrays.text("words").split("\n")
    try:
        return Vocabulary(tuple(words))
    except DataError as error:
        raise members.foreign(error.found) from None


def _read_scores(arrays: ArrayReader, num_ngrams: tuple[int, ...]) -> tuple[LogProbs, LogProbs]:
    """Returns the log probabilities of all n-grams, and the back-off weights of all contexts."""
    spans = list(enumerate(_spans(num_ngrams), start=1))
    log_probs = [arrays.scores(f"arc_log_probs_{order}", arcs.stop - arcs.start) for order, (arcs, _) in spans]
    backoffs = [arrays.scores(f"backoffs_{order}", states.stop - states.start) for order, (_, states) in spans]
    return np.concatenate(log_probs, dtype=np.float64), np.concatenate(backoffs, dtype=np.float64)


def _spans(num_ngrams: tuple[int, ...]) -> list[tuple[slice, slice]]:
    """Returns, for each order from 1, the arcs and the states of the contexts, which have one word less."""
    ends = np.cumsum([0, *num_ngrams]).tolist()
    states = [0, *(end + 1 for end in ends[:-1])]
    return [
        (slice(ends[place], ends[place + 1]), slice(states[place], states[place + 1]))
        for place in range(len(num_ngrams))
    ]


def _likely_shorter(num_ngrams: tuple[int, ...], labels: Ints, acts: Mask) -> Ints:
    """Returns the likely backoff states: for contexts of two words, the state of the last if it acts, else 0."""
    likely = np.zeros(1 + sum(num_ngrams[:-1]), dtype=labels.dtype)
    if len(num_ngrams) > 2:
        first, last = num_ngrams[0], num_ngrams[0] + num_ngrams[1]
        states = labels[first:last] + 1
        likely[1 + first : 1 + last] = np.where(acts[states], states, 0)
    return likely


def _likely_next(num_arcs: int, acts: Mask, shorter: Ints) -> Ints:
    """Returns the likely states after arcs: of their own n-grams or the backoffs of these; 0 for the highest order."""
    likely = np.zeros(num_arcs, dtype=shorter.dtype)
    states = np.arange(1, len(acts), dtype=shorter.dtype)
    likely[: len(states)] = np.where(acts[1:], states, shorter[1:])
    return likely


def _are_below(values: Ints, limit: int) -> bool:
    return not len(values) or (int(values.min()) >= 0 and int(values.max()) < limit)
