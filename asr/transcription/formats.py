"""Transcripts as text: plain, JSON, subtitles, tables. One writer a format, chosen by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from math import inf
from types import MappingProxyType
from typing import Any

from asr.audio.rates import Seconds
from asr.decoding.hypothesis import Span
from asr.errors import printable
from asr.text.graphemes import graphemes, num_graphemes
from asr.transcription.transcript import Transcript

LINE_WIDTH = 42  # characters as people see them; what broadcasters' guides allow in a line of subtitles
NUM_LINES = 2
LONGEST_CUE: Seconds = 7.0
SHORTEST_CUE: Seconds = 1.0  # shown at least this long, where the next cue leaves the time
LONG_PAUSE: Seconds = 0.8  # between words: a new cue begins


@dataclass(frozen=True)
class Format:
    """How transcripts are written.

    Attributes:
        write: gives a transcript as text, which ends with a newline unless it is empty.
        header: stands once at the beginning.
        many: what stands before, between and behind the transcripts of several recordings in one file; None where a
            file holds only one.
    """

    write: Callable[[Transcript], str]
    header: str = ""
    many: tuple[str, str, str] | None = ("", "", "")

    def document(self, transcript: Transcript) -> str:
        """Gives a whole file for one recording."""
        return self.header + self.write(transcript)

    def documents(self, transcripts: Iterable[Transcript]) -> Iterator[str]:
        """Gives a whole file for several recordings, piece by piece.

        Raises:
            ValueError: such a file holds only one.
        """
        if self.many is None:
            raise ValueError("this format holds one recording in a file")
        before, between, behind = self.many
        piece = self.header + before
        for transcript in transcripts:
            yield piece + self.write(transcript)
            piece = between
        yield behind if piece == between else piece + behind


def write_txt(transcript: Transcript) -> str:
    """Gives the words in one line."""
    return f"{transcript.text}\n"


def write_paths_and_text(transcript: Transcript) -> str:
    """Gives the path, a tab, and the words in one line: plain text for several recordings."""
    return f"{printable(str(transcript.path))}\t{transcript.text}\n"


def write_json(transcript: Transcript) -> str:
    """Gives an indented object with words and tokens, their times in seconds, and confidences."""
    return _as_json(transcript, indent=1)


def write_jsonl(transcript: Transcript) -> str:
    """Gives the same object as :func:`write_json` in one line."""
    return _as_json(transcript)


def write_srt(transcript: Transcript) -> str:
    """Gives SubRip subtitles, numbered from 1."""
    cues = enumerate(cues_of(transcript.words), start=1)
    return "".join(
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n{_lines(cue.text)}\n\n" for number, cue in cues
    )


def write_vtt(transcript: Transcript) -> str:
    """Gives WebVTT cues.

    Source: https://www.w3.org/TR/webvtt1/, section 4.
    """
    return "".join(
        f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{escape(_lines(cue.text), quote=False)}\n\n"
        for cue in cues_of(transcript.words)
    )


def write_tsv(transcript: Transcript) -> str:
    """Gives a line for each word: path, start and end in seconds, word, confidence, with tabs between them."""
    return "".join(
        f"{printable(str(transcript.path))}\t{word.start:.3f}\t{word.end:.3f}\t{word.text}\t{word.confidence:.4f}\n"
        for word in transcript.words
    )


def write_ctm(transcript: Transcript) -> str:
    """Gives a line for each word: recording, channel 1, start and duration in seconds, word, confidence.

    Source: NIST's ``ctm`` of sclite. Blanks in the recording's name become underscores.
    """
    name = "_".join((transcript.name or transcript.path.stem).split())
    return "".join(
        f"{name} 1 {word.start:.3f} {word.end - word.start:.3f} {word.text} {word.confidence:.4f}\n"
        for word in transcript.words
    )


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "txt": Format(write_txt),
        "json": Format(write_json, many=("[\n", ",\n", "]\n")),
        "jsonl": Format(write_jsonl),
        "srt": Format(write_srt, many=None),
        "vtt": Format(write_vtt, header="WEBVTT\n\n", many=None),
        "tsv": Format(write_tsv, header="path\tstart\tend\tword\tconfidence\n"),
        "ctm": Format(write_ctm),
    }
)
"""The formats by name; files of a format end in it."""

PATHS_AND_TEXT = Format(write_paths_and_text)
"""Plain text for several recordings."""


def cues_of(words: Sequence[Span]) -> list[Span]:
    """Puts words together to subtitles of two lines of 42 characters and 7 seconds at most.

    A long pause ends a cue. A cue stays for a second at least where the next one leaves the time, and never longer
    than until the next one begins.

    Example:
        >>> words = [Span("ONE", 0.0, 0.3, 1.0), Span("TWO", 0.4, 0.7, 1.0), Span("THREE", 3.0, 3.2, 1.0)]
        >>> [(cue.text, cue.start, cue.end) for cue in cues_of(words)]
        [('ONE TWO', 0.0, 1.0), ('THREE', 3.0, 4.0)]
    """
    cues: list[Span] = []
    for word in _short_words(words):
        cue = cues[-1] if cues else None
        if cue is not None and _belongs_to(word, cue):
            confidence = min(cue.confidence, word.confidence)
            cues[-1] = Span(f"{cue.text} {word.text}", cue.start, max(cue.end, word.end), confidence)
        else:
            cues.append(word)
    following = [*(cue.start for cue in cues), inf][1:]
    return [
        replace(cue, end=max(cue.start, min(max(cue.end, cue.start + SHORTEST_CUE), limit)))
        for cue, limit in zip(cues, following, strict=True)
    ]


def _belongs_to(word: Span, cue: Span) -> bool:
    fits = len(_wrap(f"{cue.text} {word.text}")) <= NUM_LINES
    return fits and word.start - cue.end < LONG_PAUSE and word.end - cue.start <= LONGEST_CUE


def _short_words(words: Sequence[Span]) -> Iterator[Span]:
    """Breaks words that are wider than a line, as text without blanks between words is, in equal parts."""
    for word in words:
        shown = list(graphemes(word.text))
        num_parts = -(-len(shown) // LINE_WIDTH)
        seconds = (word.end - word.start) / max(1, num_parts)
        for part in range(num_parts):
            first, last = (len(shown) * place // num_parts for place in (part, part + 1))
            start = word.start + part * seconds
            yield Span("".join(shown[first:last]), start, start + seconds, word.confidence)


def _wrap(text: str, width: int = LINE_WIDTH) -> list[str]:
    """Breaks a text between words in lines of so many characters, more where a word alone has more.

    Example:
        >>> _wrap("ที่นี่ ที่นั่น here", 5)
        ['ที่นี่', 'ที่นั่น', 'here']
    """
    lines: list[str] = []
    room = 0
    for word in text.split():
        needed = 1 + num_graphemes(word)
        if lines and needed <= room:
            lines[-1] += f" {word}"
            room -= needed
        else:
            lines.append(word)
            room = width + 1 - needed
    return lines


def _lines(text: str) -> str:
    """Breaks the text of a cue in lines of about the same width."""
    lines = _wrap(text)
    width = num_graphemes(text) // max(1, len(lines))
    while len(_wrap(text, width)) > len(lines):
        width += 1
    return "\n".join(_wrap(text, width))


def _clock(seconds: Seconds, mark: str) -> str:
    """Gives hours, minutes, seconds and milliseconds.

    Example:
        >>> _clock(3725.0604, ",")
        '01:02:05,060'
    """
    minutes, milliseconds = divmod(round(1000 * seconds), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02}{mark}{milliseconds % 1000:03}"


def _as_json(transcript: Transcript, indent: int | None = None) -> str:
    fields = _fields(transcript)
    text = json.dumps(fields, ensure_ascii=False, indent=indent) + "\n"
    try:
        text.encode()
    except UnicodeEncodeError:  # the name of the file is not UTF-8, which JSON has to be
        text = json.dumps(fields, indent=indent) + "\n"
    return text


def _fields(transcript: Transcript) -> dict[str, Any]:
    return {
        "path": str(transcript.path),
        "duration": round(transcript.duration, 3),
        "text": transcript.text,
        "confidence": round(transcript.hypothesis.confidence, 4),
        "words": [_span(word) for word in transcript.words],
        "tokens": [_span(token) for token in transcript.hypothesis.tokens],
    }


def _span(span: Span) -> dict[str, Any]:
    times = {"start": round(span.start, 3), "end": round(span.end, 3)}
    return {"text": span.text, **times, "confidence": round(span.confidence, 4)}
