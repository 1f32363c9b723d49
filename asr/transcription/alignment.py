"""The alignment of a recording with its text: times of words, and what the two do not share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from asr.audio.rates import Seconds
from asr.decoding.hypothesis import Span
from asr.text.lexicon import Pronunciation


@dataclass(frozen=True)
class AlignedWord:
    """A word of the text.

    Attributes:
        text: as it is written.
        tokens: its letters, pieces or phones, see :func:`spanning`; empty for a word that is not said.
    """

    text: str
    tokens: tuple[Span, ...]

    @property
    def is_missing(self) -> bool:
        """Whether it is not said in the recording."""
        return not self.tokens

    @property
    def span(self) -> Span:
        """The word with its times and its confidence.

        Raises:
            ValueError: it is not said.
        """
        if self.is_missing:
            raise ValueError(f"{self.text!r} is not said")
        return spanning(self.text, self.tokens)


@dataclass(frozen=True)
class Alignment:
    """A recording and its text.

    Attributes:
        path: the audio file, as it was named.
        duration: seconds of audio in it.
        unit: unit of the tokens: "char", "phone" or "bpe".
        words: words of the text in order.
        untranscribed: speech that is not in the text, as the model recognises it, in order of time.
        score: natural-log score of the whole.
        name: name of the recording in tables; if empty, the file's name without suffix.
        pronounced: words that no lexicon has, and the phones that a pronunciation model gave them.
    """

    path: Path
    duration: Seconds
    unit: str
    words: tuple[AlignedWord, ...]
    untranscribed: tuple[Span, ...]
    score: float
    name: str = ""
    pronounced: Mapping[str, Pronunciation] = field(default_factory=dict)

    @property
    def spoken(self) -> list[Span]:
        """The words that are said, in order of time."""
        return [word.span for word in self.words if not word.is_missing]

    @property
    def num_missing(self) -> int:
        """How many words are not said."""
        return sum(word.is_missing for word in self.words)

    def missing(self) -> list[Span]:
        """Returns each sequence of words that are not said, from the end of the word before to the start of the next.

        Example:
            >>> said = AlignedWord("a", (Span("a", 0.5, 0.7, 1.0),))
            >>> words = (said, AlignedWord("b", ()), AlignedWord("c", ()))
            >>> Alignment(Path("x.wav"), 2.0, "char", words, (), -1.0).missing()
            [Span(text='b c', start=0.7, end=2.0, confidence=0.0)]
        """
        rows: list[Span] = []
        runs = [(is_missing, list(run)) for is_missing, run in groupby(self.words, lambda word: word.is_missing)]
        for place, (is_missing, run) in enumerate(runs):
            if is_missing:
                start = runs[place - 1][1][-1].span.end if place else 0.0
                end = runs[place + 1][1][0].span.start if place + 1 < len(runs) else max(self.duration, start)
                rows.append(Span(_joined(run), start, end, 0.0))
        return rows


def spanning(text: str, tokens: Sequence[Span]) -> Span:
    """Returns the span of a text, whose confidence is the geometric mean of those of its tokens.

    Args:
        text: what is said.
        tokens: at least one, in order of time; the confidence of each is the highest posterior of its frames.

    Example:
        >>> spanning("so", [Span("s", 0.5, 0.625, 1.0), Span("o", 0.625, 0.75, 0.25)])
        Span(text='so', start=0.5, end=0.75, confidence=0.5)
    """
    logs = [math.log(max(token.confidence, 1e-30)) for token in tokens]
    return Span(text, tokens[0].start, tokens[-1].end, math.exp(sum(logs) / len(logs)))


def _joined(words: Sequence[AlignedWord]) -> str:
    return " ".join(word.text for word in words)
