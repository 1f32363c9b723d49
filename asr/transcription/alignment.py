"""The alignment of a recording with its text: times of words, and what the two do not share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from asr.audio.rates import Seconds
from asr.decoding.hypothesis import Span


@dataclass(frozen=True)
class AlignedWord:
    """A word of the text.

    Attributes:
        text: as it is written.
        tokens: its letters, pieces or phones with times and scores; empty for a word that is not said.
        score: the geometric mean of the posteriors of its tokens, each the highest of its frames; 0 if it is not
            said.
    """

    text: str
    tokens: tuple[Span, ...]
    score: float

    @property
    def is_missing(self) -> bool:
        """Whether it is not said in the recording."""
        return not self.tokens

    @property
    def span(self) -> Span:
        """The word with its times.

        Raises:
            ValueError: it is not said.
        """
        if self.is_missing:
            raise ValueError(f"{self.text!r} is not said")
        return Span(self.text, self.tokens[0].start, self.tokens[-1].end, self.score)


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
    """

    path: Path
    duration: Seconds
    unit: str
    words: tuple[AlignedWord, ...]
    untranscribed: tuple[Span, ...]
    score: float
    name: str = ""

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
            >>> said = AlignedWord("a", (Span("a", 0.5, 0.7, 1.0),), 1.0)
            >>> words = (said, AlignedWord("b", (), 0.0), AlignedWord("c", (), 0.0))
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


def _joined(words: Sequence[AlignedWord]) -> str:
    return " ".join(word.text for word in words)
