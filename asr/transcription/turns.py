"""The words of a recording as utterances between pauses and as turns of its speakers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from asr.audio.rates import Seconds
from asr.decoding.hypothesis import Hypothesis, Span
from asr.transcription.transcript import Transcript, Voice

LONG_PAUSE: Seconds = 0.8  # between words: starts a new utterance and a new subtitle


@dataclass(frozen=True)
class Turn:
    """Consecutive words of one speaker, at least one.

    Attributes:
        speaker: such as "L", the left channel; empty if speakers are not told apart.
        words: in order of time.
    """

    speaker: str
    words: tuple[Span, ...]

    @property
    def text(self) -> str:
        """The words with blanks between them."""
        return " ".join(word.text for word in self.words)

    @property
    def start(self) -> Seconds:
        """Seconds from the start of the recording."""
        return self.words[0].start

    @property
    def end(self) -> Seconds:
        """Seconds from the start of the recording."""
        return max(word.end for word in self.words)


def voices_of(transcript: Transcript) -> tuple[Voice, ...]:
    """Returns the voice of each speaker; one without a name if speakers are not told apart."""
    return transcript.voices or (Voice("", transcript.hypothesis),)


def between_pauses(words: Iterable[Span]) -> list[tuple[Span, ...]]:
    """Returns words, given in order of time, in parts separated by long pauses.

    Example:
        >>> words = [Span("ONE", 0.0, 0.3, 1.0), Span("TWO", 0.4, 0.7, 1.0), Span("THREE", 3.0, 3.2, 1.0)]
        >>> [[word.text for word in part] for part in between_pauses(words)]
        [['ONE', 'TWO'], ['THREE']]
    """
    parts: list[list[Span]] = []
    for word in words:
        if parts and word.start - parts[-1][-1].end < LONG_PAUSE:
            parts[-1].append(word)
        else:
            parts.append([word])
    return [tuple(part) for part in parts]


def utterances_of(transcript: Transcript) -> list[Turn]:
    """Returns the utterances between pauses in order of their starts."""
    return _utterances(voices_of(transcript))


def turns_of(transcript: Transcript) -> list[Turn]:
    """Returns the turns of speakers in order of their starts; a speaker's own pauses do not end a turn."""
    return turns(voices_of(transcript))


def turns(voices: Sequence[Voice]) -> list[Turn]:
    """Returns the turns of these voices, as :func:`turns_of` does."""
    return [
        Turn(speaker, tuple(word for utterance in utterances for word in utterance.words))
        for speaker, utterances in groupby(_utterances(voices), key=lambda utterance: utterance.speaker)
    ]


def mixed(voices: Sequence[Voice]) -> Hypothesis:
    """Returns one hypothesis for several speakers: text in turns, words and tokens in order of time."""
    parts = [voice.hypothesis for voice in voices]
    return Hypothesis(
        text=" ".join(turn.text for turn in turns(voices)),
        tokens=tuple(sorted((token for part in parts for token in part.tokens), key=_start)),
        words=tuple(sorted((word for part in parts for word in part.words), key=_start)),
        score=sum(part.score for part in parts),
        confidence=min(part.confidence for part in parts),
    )


def _start(span: Span) -> Seconds:
    return span.start


def _utterances(voices: Sequence[Voice]) -> list[Turn]:
    found = [Turn(voice.speaker, words) for voice in voices for words in between_pauses(voice.hypothesis.words)]
    return sorted(found, key=lambda utterance: utterance.start)
