"""How many tokens were right, wrong, missing and too many."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import jiwer

from asr.records import Record

Unit = Literal["word", "char", "phone"]


@dataclass(frozen=True)
class ErrorCounts:
    """Errors of the best alignment of hypotheses with references; they add up: ``sum(counts, ErrorCounts())``.

    Attributes:
        hits: reference tokens that the hypothesis has too.
        substitutions: reference tokens with another token in their place.
        deletions: reference tokens with nothing in their place.
        insertions: hypothesis tokens with no reference token in their place.
    """

    hits: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def num_ref(self) -> int:
        """Number of reference tokens."""
        return self.hits + self.substitutions + self.deletions

    @property
    def errors(self) -> int:
        """Levenshtein distance: all three kinds of errors."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors per reference token, as a fraction; without reference tokens 0 if there are no errors, else infinite.

        Example:
            >>> ErrorCounts(hits=8, substitutions=1, deletions=1, insertions=1).rate
            0.3
        """
        if self.num_ref == 0:
            return math.inf if self.errors else 0.0
        return self.errors / self.num_ref

    def to_dict(self) -> dict[str, object]:
        """Returns counts and rate as plain values, for JSON; the rate is a fraction, null where it is infinite."""
        rate = None if math.isinf(self.rate) else self.rate
        return {**asdict(self), "num_ref": self.num_ref, "errors": self.errors, "rate": rate}

    def __add__(self, other: ErrorCounts) -> ErrorCounts:
        return ErrorCounts(
            self.hits + other.hits,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )


@dataclass(frozen=True, slots=True)
class AlignedToken:
    """One place of an alignment.

    Attributes:
        ref: the reference token, None where the hypothesis inserted one.
        hyp: the hypothesis token, None where one is deleted.
        is_forgiven: whether what is inserted or deleted here costs nothing.
    """

    ref: str | None
    hyp: str | None
    is_forgiven: bool = False

    @property
    def kind(self) -> Literal["", "S", "D", "I"]:
        """The error at this place: substitution, deletion, insertion, or none."""
        if self.ref == self.hyp or self.is_forgiven:
            return ""
        if self.ref is None:
            return "I"
        return "D" if self.hyp is None else "S"


def count_places(places: Sequence[AlignedToken]) -> ErrorCounts:
    """Counts the errors of an alignment.

    A forgiven deletion is a hit, so that the number of reference tokens does not depend on the hypothesis; a forgiven
    insertion counts nowhere.

    Example:
        >>> count_places([AlignedToken("a", "a"), AlignedToken("sil", None, True), AlignedToken(None, "b")])
        ErrorCounts(hits=2, substitutions=0, deletions=0, insertions=1)
    """
    kinds = Counter(place.kind for place in places if place.kind or place.ref is not None)
    return ErrorCounts(kinds[""], kinds["S"], kinds["D"], kinds["I"])


def split(text: str, unit: Unit) -> list[str]:
    """Returns the tokens that are counted.

    Words and phones are what stands between white space. Characters are Unicode code points, and the single blank
    between two words counts as one, so that run-together words are errors; white space at the ends does not
    count. Combining marks count for themselves.

    Example:
        >>> split(" AB  C ", "char"), split(" AB  C ", "word")
        (['A', 'B', ' ', 'C'], ['AB', 'C'])
    """
    words = text.split()
    return list(" ".join(words)) if unit == "char" else words


def read_counts(record: Record) -> ErrorCounts:
    """Returns the counts that a score file has under their names.

    Raises:
        DataError: one is missing, or no whole number from 0.
    """
    return ErrorCounts(*(record.whole(name) for name in ("hits", "substitutions", "deletions", "insertions")))


def count_errors(refs: Sequence[str], hyps: Sequence[str], unit: Unit) -> list[ErrorCounts]:
    """Counts the errors of each utterance.

    **Source**: Levenshtein alignment by ``jiwer.process_words``, each error weighing 1 (unlike sclite's 4/3/3). It is
    passed lists of tokens, not text, so that one-letter words, blanks and empty references count as they should.

    Args:
        refs: reference texts, after the text policy.
        hyps: hypothesis texts, after the same policy, one for each reference.
        unit: what is counted, see :func:`split`.

    Raises:
        ValueError: there are more or fewer hypotheses than references.

    Example:
        >>> count_errors(["a b c", ""], ["a x", "b"], "word")[0]
        ErrorCounts(hits=1, substitutions=1, deletions=1, insertions=0)
    """
    return [_count(chunks) for _, _, chunks in _align(refs, hyps, unit)]


def align_texts(refs: Sequence[str], hyps: Sequence[str], unit: Unit) -> list[list[AlignedToken]]:
    """Aligns each hypothesis with its reference, with as few errors as can be; see :func:`count_errors`."""
    return [
        [place for chunk in chunks for place in _places(ref, hyp, chunk)]
        for ref, hyp, chunks in _align(refs, hyps, unit)
    ]


def _align(
    refs: Sequence[str], hyps: Sequence[str], unit: Unit
) -> Iterator[tuple[list[str], list[str], list[jiwer.AlignmentChunk]]]:
    """Yields the tokens of each reference and hypothesis, and the chunks in which they agree or differ."""
    if len(refs) != len(hyps):
        raise ValueError(f"refs and hyps must be as many. Found {len(refs)} and {len(hyps)}")
    if not refs:
        return iter(())
    tokens = [[split(text, unit) for text in texts] for texts in (refs, hyps)]
    output = jiwer.process_words(*tokens, reference_transform=_as_it_is, hypothesis_transform=_as_it_is)
    return zip(*tokens, output.alignments, strict=True)


def _as_it_is(tokens: list[list[str]]) -> list[list[str]]:
    return tokens


def _places(ref: list[str], hyp: list[str], chunk: jiwer.AlignmentChunk) -> list[AlignedToken]:
    refs: Sequence[str | None] = ref[chunk.ref_start_idx : chunk.ref_end_idx]
    hyps: Sequence[str | None] = hyp[chunk.hyp_start_idx : chunk.hyp_end_idx]
    if chunk.type == "insert":
        refs = [None] * len(hyps)
    elif chunk.type == "delete":
        hyps = [None] * len(refs)
    return [AlignedToken(one, other) for one, other in zip(refs, hyps, strict=True)]


def _count(chunks: Sequence[jiwer.AlignmentChunk]) -> ErrorCounts:
    sizes = dict.fromkeys(("equal", "substitute", "delete", "insert"), 0)
    for chunk in chunks:
        sizes[chunk.type] += max(chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx)
    return ErrorCounts(*sizes.values())
