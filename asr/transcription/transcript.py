"""What a recogniser gives for one recording: its words with their times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from pathlib import Path

from asr.audio import Seconds
from asr.decoding.hypothesis import Hypothesis, Span


@dataclass(frozen=True)
class Transcript:
    """The words of one recording.

    Attributes:
        path: the audio file, as it was named.
        duration: seconds of audio in it.
        hypothesis: the best reading of the whole recording, its times counted from the recording's start.
        name: what tables call the recording; the file's name without suffix where it is left empty.
    """

    path: Path
    duration: Seconds
    hypothesis: Hypothesis
    name: str = ""

    @property
    def text(self) -> str:
        """The words of the recording."""
        return self.hypothesis.text

    @property
    def words(self) -> tuple[Span, ...]:
        """Its words, or phones, with their times."""
        return self.hypothesis.words


def join(hypotheses: Sequence[Hypothesis]) -> Hypothesis:
    """Gives one hypothesis for a recording out of those of its parts, whose times are already absolute.

    Args:
        hypotheses: in order of time.

    Returns:
        Their words and tokens one after another; the scores are added, the least confidence is the whole's.
    """
    return Hypothesis(
        text=" ".join(part.text for part in hypotheses if part.text),
        tokens=tuple(token for part in hypotheses for token in part.tokens),
        words=tuple(word for part in hypotheses for word in part.words),
        score=sum(part.score for part in hypotheses),
        confidence=min((part.confidence for part in hypotheses), default=1.0),
    )


def stitch(left: Hypothesis, right: Hypothesis, first: Seconds, last: Seconds) -> tuple[Hypothesis, Hypothesis]:
    """Takes away what two readings of overlapping audio both say.

    They are joined inside ``[first, last]`` as far as can be from the middle of any word of the left reading: there, a
    word that the right one puts a little earlier or later is neither lost nor said twice.

    Args:
        left: reading of the audio up to some time after ``last``.
        right: reading of the audio from some time before ``first``.
        first: seconds, absolute, where the join may lie.
        last: seconds, absolute, where the join may lie.

    Returns:
        Both readings, the left without what lies behind the join, the right without what lies before it.

    Example:
        >>> a, b = Span("A", 1.0, 1.2, 1.0), Span("B", 2.0, 2.2, 1.0)
        >>> both = Hypothesis("A B", (), (a, b), -1.0, 1.0)
        >>> [part.text for part in stitch(both, both, 1.1, 2.1)]
        ['A', 'B']
    """
    middles = [_middle(word) for word in left.words]
    edges = [first, *(middle for middle in middles if first < middle < last), last]
    _, place = max((after - before, (before + after) / 2) for before, after in pairwise(edges))
    num_before = sum(middle < place for middle in middles)
    num_left_out = sum(_middle(word) < place for word in right.words)
    stop = left.words[num_before].start if num_before < len(middles) else inf
    begin = right.words[num_left_out].start if num_left_out < len(right.words) else inf
    return (
        _part(left, left.words[:num_before], [token for token in left.tokens if token.start < stop]),
        _part(right, right.words[num_left_out:], [token for token in right.tokens if token.start >= begin]),
    )


def _middle(span: Span) -> Seconds:
    return (span.start + span.end) / 2


def _part(hypothesis: Hypothesis, words: Sequence[Span], tokens: Sequence[Span]) -> Hypothesis:
    if len(words) == len(hypothesis.words):
        return hypothesis
    confidence = min((word.confidence for word in words), default=1.0)
    return Hypothesis(" ".join(word.text for word in words), tuple(tokens), tuple(words), hypothesis.score, confidence)
