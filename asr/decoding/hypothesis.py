"""What every decoder returns: hypotheses with times and confidences."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace

from asr.records import Record, is_unicode
from asr.text.tokens import TokenTable

CONFIDENCE_ALPHA = 1 / 3
"""Order alpha of the Tsallis entropy that confidences are; below 1 it weighs the unlikely tokens up, which tells errors
apart best."""


@dataclass(frozen=True, slots=True)  # hours of speech have half a million
class Span:
    """A token or word with its place in the recording.

    Attributes:
        text: the token or word.
        start: seconds from the start of the recording.
        end: seconds from the start of the recording, never before ``start``.
        confidence: between 0 and 1, 1 for sure.
    """

    text: str
    start: float
    end: float
    confidence: float

    def shift(self, seconds: float) -> Span:
        """Returns the same span ``seconds`` later."""
        return replace(self, start=self.start + seconds, end=self.end + seconds)


@dataclass(frozen=True)
class Hypothesis:
    """One way to read an utterance.

    Attributes:
        text: the words, joined as the token table joins them.
        tokens: spans of the tokens, in order of time.
        words: spans of the words, in order of time; ``tokens`` themselves where those are phones and no lexicon is.
        score: natural-log score by which N-best lists are sorted.
        confidence: the least of its words' confidences; 1 where there are none.
    """

    text: str
    tokens: tuple[Span, ...]
    words: tuple[Span, ...]
    score: float
    confidence: float

    def shift(self, seconds: float) -> Hypothesis:
        """Returns the same hypothesis ``seconds`` later in the recording."""
        tokens = tuple(token.shift(seconds) for token in self.tokens)
        if self.words is self.tokens:
            return replace(self, tokens=tokens, words=tokens)
        return replace(self, tokens=tokens, words=tuple(word.shift(seconds) for word in self.words))

    def to_dict(self) -> dict[str, object]:
        """Returns plain lists and dicts, for JSON."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Record) -> Hypothesis:
        """Reads back what :meth:`to_dict` returned; other keys, such as the utterance id, are ignored.

        Raises:
            DataError: a field is missing or of another type: times, scores and confidences are finite, and no span
                ends before it starts.
        """
        tokens, words = (_spans(record, name) for name in ("tokens", "words"))
        return cls(record.text("text"), tokens, words, record.number("score"), record.number("confidence"))


NOTHING = Hypothesis(text="", tokens=(), words=(), score=0.0, confidence=1.0)
"""The reading of what has no frames."""


def hypothesis_of(
    token_ids: list[int],
    first: list[int],
    last: list[int],
    confidence: list[float],
    score: float,
    tokens: TokenTable,
    frame_seconds: float,
) -> Hypothesis:
    """Returns the hypothesis of L tokens.

    Args:
        token_ids: the tokens.
        first: frame that each token starts with; longer lists are padded.
        last: frame that each token ends with.
        confidence: of each token.
        score: natural-log score.
        tokens: names the tokens and finds the words.
        frame_seconds: seconds from one frame to the next.
    """
    spans = tuple(
        Span(tokens.tokens[token], begin * frame_seconds, (end + 1) * frame_seconds, sure)
        for token, begin, end, sure in zip(token_ids, first, last, confidence, strict=False)  # the rest is padding
    )
    words = spans  # the same objects: hours of phones have half a million
    if tokens.unit != "phone":
        words = tuple(
            Span(
                tokens.decode(token_ids[begin:end]), spans[begin].start, spans[end - 1].end, min(confidence[begin:end])
            )
            for begin, end in tokens.word_spans(token_ids)
        )
    least = min((word.confidence for word in words), default=1.0)
    return Hypothesis(tokens.decode(token_ids), spans, words, score, least)


def _spans(record: Record, name: str) -> tuple[Span, ...]:
    values = record.items(name)
    found = [_plain_span(value) for value in values]
    if None in found:  # names whatever is wrong, and takes whole numbers
        return tuple(map(_span, record.records(name)))
    return tuple(span for span in found if span is not None)


def _plain_span(value: object) -> Span | None:
    """Returns the span of what :meth:`Hypothesis.to_dict` returned, None for anything else: N-best lists are long."""
    if not isinstance(value, dict):
        return None
    text, start, end, confidence = (value.get(name) for name in ("text", "start", "end", "confidence"))
    if not (isinstance(text, str) and type(start) is type(end) is type(confidence) is float and is_unicode(text)):
        return None
    is_finite = -math.inf < start <= end < math.inf and -math.inf < confidence < math.inf
    return Span(text, start, end, confidence) if is_finite else None


def _span(record: Record) -> Span:
    start = record.number("start")
    return Span(record.text("text"), start, record.number("end", least=start), record.number("confidence"))
