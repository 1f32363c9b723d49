"""What a recogniser returns for one recording: its words with their times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf
from operator import attrgetter
from pathlib import Path

from asr.audio.rates import Seconds
from asr.decoding.hypothesis import Hypothesis, Span


@dataclass(frozen=True)
class Voice:
    """The words of one speaker of a recording, who has a channel of their own.

    Attributes:
        speaker: such as "L", the left channel; empty if speakers are not told apart.
        hypothesis: the best reading, its times counted from the recording's start.
    """

    speaker: str
    hypothesis: Hypothesis


@dataclass(frozen=True)
class Transcript:
    """The words of one recording.

    Attributes:
        path: the audio file, as it was named.
        duration: seconds of audio in it.
        hypothesis: the best reading of the whole recording, its times counted from the recording's start.
        name: what tables call the recording; the file's name without suffix where it is left empty.
        voices: voices of the speakers if channels were recognised separately; ``hypothesis`` has all of them.
        sample_rate: sample rate of the file in Hz; 0 if unknown.
    """

    path: Path
    duration: Seconds
    hypothesis: Hypothesis
    name: str = ""
    voices: tuple[Voice, ...] = ()
    sample_rate: int = 0

    @property
    def text(self) -> str:
        """The words of the recording."""
        return self.hypothesis.text

    @property
    def words(self) -> tuple[Span, ...]:
        """Its words, or phones, with their times."""
        return self.hypothesis.words


def join(hypotheses: Sequence[Hypothesis]) -> Hypothesis:
    """Returns one hypothesis for a recording, joined from those of its parts, whose times are already absolute.

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

    They are joined inside ``[first, last]``, in the middle of the widest gap that both leave between words, where the
    model heard blanks alone: there, a word that one puts a little earlier or later is neither lost nor said twice.
    Without a common gap, one of the left reading is taken. Where no word ends there, as in scripts without blanks, they
    are joined between tokens, and the word around the join is made of both.

    Args:
        left: reading of the audio up to some time after ``last``.
        right: reading of the audio from some time before ``first``.
        first: seconds, absolute, where the join may lie.
        last: seconds, absolute, where the join may lie.

    Returns:
        Both readings, the left without what lies after the join, the right without what lies before it.

    Example:
        >>> a, b = Span("A", 1.0, 1.2, 1.0), Span("B", 2.0, 2.2, 1.0)
        >>> both = Hypothesis("A B", (), (a, b), -1.0, 1.0)
        >>> [part.text for part in stitch(both, both, 1.1, 2.1)]
        ['A', 'B']
    """
    place = _widest_gap((*left.words, *right.words), first, last)
    if place is None:
        place = _widest_gap(left.words, first, last)
    if place is not None:
        return _join_words(left, right, place)
    place = _widest_gap(left.tokens, first, last)
    if place is not None:
        return _join_tokens(left, right, place, _middle)
    return _join_tokens(left, right, first, attrgetter("start"))  # one token covers all of it: the left reading has it


def _join_words(left: Hypothesis, right: Hypothesis, place: Seconds) -> tuple[Hypothesis, Hypothesis]:
    num_before, num_dropped = (sum(_middle(word) < place for word in part.words) for part in (left, right))
    stop = left.words[num_before].start if num_before < len(left.words) else inf
    begin = right.words[num_dropped].start if num_dropped < len(right.words) else inf
    return (
        _part(left, left.words[:num_before], [token for token in left.tokens if token.start < stop]),
        _part(right, right.words[num_dropped:], [token for token in right.tokens if token.start >= begin]),
    )


def _join_tokens(
    left: Hypothesis, right: Hypothesis, place: Seconds, time_of: Callable[[Span], Seconds]
) -> tuple[Hypothesis, Hypothesis]:
    tokens = [token for token in left.tokens if time_of(token) < place]
    rest = [token for token in right.tokens if time_of(token) >= place]
    begun, words = _around(left, tokens, place), [word for word in right.words if word.start >= place]
    around = [*begun, *_around(right, rest, place)]
    if around:  # goes to the right reading, as the word may reach over the next join too
        least = min(word.confidence for part in (left, right) for word in _words_around(part, place))
        words.insert(0, Span("".join(token.text for token in around), around[0].start, around[-1].end, least))
    before = [word for word in left.words if word.end <= place]
    return _part(left, before, tokens[: len(tokens) - len(begun)]), _part(right, words, [*begun, *rest])


def _around(hypothesis: Hypothesis, tokens: Sequence[Span], place: Seconds) -> list[Span]:
    """Returns those of the tokens that belong to the word around a place."""
    words = _words_around(hypothesis, place)
    return [token for word in words for token in tokens if word.start <= token.start and token.end <= word.end]


def _words_around(hypothesis: Hypothesis, place: Seconds) -> list[Span]:
    return [word for word in hypothesis.words if word.start < place < word.end]


def _widest_gap(spans: Sequence[Span], first: Seconds, last: Seconds) -> Seconds | None:
    """Returns the middle of the widest gap between spans in ``[first, last]``, None where a span covers all of it."""
    spans = sorted((span for span in spans if span.end > first and span.start < last), key=attrgetter("start"))
    ends = list(accumulate((span.end for span in spans), max, initial=-inf))
    gaps = [
        (max(end, first), min(start, last)) for end, start in zip(ends, [*(s.start for s in spans), inf], strict=True)
    ]
    widest = max(((end - begin, (begin + end) / 2) for begin, end in gaps))
    return widest[1] if widest[0] >= 0 else None


def _middle(span: Span) -> Seconds:
    return (span.start + span.end) / 2


def _part(hypothesis: Hypothesis, words: Sequence[Span], tokens: Sequence[Span]) -> Hypothesis:
    confidence = min((word.confidence for word in words), default=1.0)
    return Hypothesis(" ".join(word.text for word in words), tuple(tokens), tuple(words), hypothesis.score, confidence)
