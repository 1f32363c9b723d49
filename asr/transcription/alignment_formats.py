"""Alignments as text: TextGrid, CTM, JSON, subtitles and ELAN's documents. One writer a format, chosen by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from asr.decoding.hypothesis import Hypothesis, Span
from asr.transcription.alignment import AlignedWord, Alignment
from asr.transcription.formats import FORMATS
from asr.transcription.tiers import Interval, Tier, eaf, textgrid
from asr.transcription.transcript import Transcript

_TOKEN_TIERS = {"char": "letters", "phone": "phones", "bpe": "pieces"}


def write_textgrid(alignment: Alignment) -> str:
    """Returns tiers of words, of letters, phones or pieces, and of what recording and text do not share."""
    return textgrid(_tiers(alignment), alignment.duration)


def write_eaf(alignment: Alignment) -> str:
    """Returns the same tiers for ELAN, with the recording's path."""
    return eaf(_tiers(alignment), alignment.path)


def write_ctm(alignment: Alignment) -> str:
    """Returns a line for each word that is said: recording, channel 1, start and duration in seconds, word, score.

    Comments tell what the recording and its text do not share.

    Source: NIST's ``ctm`` of sclite, whose comments begin with two semicolons.
    """
    name = "_".join((alignment.name or alignment.path.stem).split())
    lines = [
        (word.start, f"{name} 1 {word.start:.3f} {word.end - word.start:.3f} {_solid(word)} {word.confidence:.4f}")
        for word in alignment.spoken
    ]
    lines += [
        (each.start, f";; {name} 1 {each.start:.3f} {each.end:.3f} {each.text}") for each in _unmatched(alignment)
    ]
    return "".join(f"{line}\n" for _, line in sorted(lines, key=lambda line: line[0]))


def write_srt(alignment: Alignment) -> str:
    """Returns subtitles of the words that are said."""
    words = tuple(alignment.spoken)
    text = " ".join(word.text for word in words)
    hypothesis = Hypothesis(text, (), words, alignment.score, min((word.confidence for word in words), default=1.0))
    return FORMATS["srt"].document(Transcript(alignment.path, alignment.duration, hypothesis, alignment.name))


def write_json(alignment: Alignment) -> str:
    """Returns an indented object.

    Its keys: ``path``; ``duration`` and all times in seconds; ``unit``, "char", "phone" or "bpe"; ``score`` in natural
    log; ``num_missing``; ``words`` with ``text``, ``status`` ("spoken" or "missing"), ``start`` and ``end`` (null for
    those that are missing), ``score`` between 0 and 1 and ``tokens``; and ``untranscribed``, speech that is not in the
    text, with what the model hears there as ``text``.
    """
    fields = {
        "path": str(alignment.path),
        "duration": round(alignment.duration, 3),
        "unit": alignment.unit,
        "score": round(alignment.score, 3),
        "num_missing": alignment.num_missing,
        "words": [_word(word) for word in alignment.words],
        "untranscribed": [_span(span) for span in alignment.untranscribed],
    }
    text = json.dumps(fields, ensure_ascii=False, indent=1) + "\n"
    try:
        text.encode()
    except UnicodeEncodeError:  # the name of the file is not UTF-8, which JSON has to be
        text = json.dumps(fields, indent=1) + "\n"
    return text


ALIGNMENT_FORMATS: Mapping[str, Callable[[Alignment], str]] = MappingProxyType(
    {"TextGrid": write_textgrid, "ctm": write_ctm, "json": write_json, "srt": write_srt, "eaf": write_eaf}
)
"""The writers by name of the format; files of a format end in it."""


def _tiers(alignment: Alignment) -> list[Tier]:
    tokens = [token for word in alignment.words for token in word.tokens]
    named = (
        ("words", alignment.spoken),
        (_TOKEN_TIERS[alignment.unit], tokens),
        ("unmatched", _unmatched(alignment)),
    )
    return [Tier(name, [Interval(each.start, each.end, each.text) for each in spans]) for name, spans in named]


def _unmatched(alignment: Alignment) -> list[Span]:
    """Returns what the recording and its text do not share, in order of time, said what it is."""
    missing = [_labelled("missing", each) for each in alignment.missing()]
    untranscribed = [_labelled("untranscribed", each) for each in alignment.untranscribed]
    return sorted([*missing, *untranscribed], key=lambda span: span.start)


def _labelled(label: str, span: Span) -> Span:
    return Span(f"{label}: {span.text}", span.start, span.end, span.confidence)


def _solid(word: Span) -> str:
    return "_".join(word.text.split())


def _word(word: AlignedWord) -> dict[str, Any]:
    if word.is_missing:
        return {"text": word.text, "status": "missing", "start": None, "end": None, "score": 0.0, "tokens": []}
    return {**_span(word.span), "status": "spoken", "tokens": _spans(word.tokens)}


def _spans(spans: Sequence[Span]) -> list[dict[str, Any]]:
    return [_span(span) for span in spans]


def _span(span: Span) -> dict[str, Any]:
    times = {"start": round(span.start, 3), "end": round(span.end, 3)}
    return {"text": span.text, **times, "score": round(span.confidence, 4)}
