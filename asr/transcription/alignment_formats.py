"""Alignments as TextGrid, CTM, JSON, subtitles and ELAN documents; one writer per format, chosen by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from asr.decoding.hypothesis import Hypothesis, Span
from asr.transcription.alignment import AlignedWord, Alignment
from asr.transcription.formats import FORMATS, ctm_line, nist_name
from asr.transcription.json_objects import SECONDS, TIMED, as_json, heading, list_of, make_schema, object_of, timed
from asr.transcription.tiers import Tier, eaf, textgrid
from asr.transcription.transcript import Transcript

ALIGNMENT_SCHEMA_VERSION = 1
"""Value of ``schema``: it rises when a key is removed or changes its meaning, not when one is added."""

_SPAN = object_of(TIMED)
_WORD = object_of(
    {
        **TIMED,
        "start": {**SECONDS, "type": ["number", "null"], "description": "null if it is missing"},
        "end": {**SECONDS, "type": ["number", "null"]},
        "status": {"enum": ["spoken", "missing"]},
        "tokens": list_of(_SPAN, "letters, pieces of words, or phones"),
    }
)

ALIGNMENT_SCHEMA = make_schema(
    "Alignment of a recording with its text, by asr align --format json",
    ALIGNMENT_SCHEMA_VERSION,
    "the recording, as it was named or found",
    {
        "unit": {"enum": ["char", "phone", "bpe"]},
        "score": {"type": "number", "description": "natural log"},
        "num_missing": {"type": "integer", "minimum": 0, "description": "words that are not said"},
        "words": list_of(_WORD, "those of the text in order; seconds from the start"),
        "untranscribed": list_of(_SPAN, "speech that is not in the text, as the model recognises it"),
    },
)
"""JSON Schema of one alignment."""

_TOKEN_TIERS = {"char": "letters", "phone": "phones", "bpe": "pieces"}


def write_textgrid(alignment: Alignment) -> str:
    """Returns a TextGrid with tiers of words, of tokens, and of what recording and text do not share."""
    return textgrid(_tiers(alignment), alignment.duration)


def write_eaf(alignment: Alignment) -> str:
    """Returns an ELAN document with the same tiers, which refers to the recording."""
    return eaf(_tiers(alignment), alignment.path)


def write_ctm(alignment: Alignment) -> str:
    """Returns a line for each word that is said: recording, channel 1, start and duration in seconds, word, score.

    Comments list what the recording and its text do not share.

    Source: NIST's ``ctm`` of sclite, whose comments begin with two semicolons.
    """
    name = nist_name(alignment)
    lines = [(word.start, ctm_line(name, 1, word)) for word in alignment.spoken]
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
    """Returns an indented object that keeps to :data:`ALIGNMENT_SCHEMA`."""
    fields = {
        **heading(ALIGNMENT_SCHEMA_VERSION, alignment),
        "unit": alignment.unit,
        "score": round(alignment.score, 3),
        "num_missing": alignment.num_missing,
        "words": [_word(word) for word in alignment.words],
        "untranscribed": [timed(span) for span in alignment.untranscribed],
    }
    return as_json(fields, indent=1)


ALIGNMENT_FORMATS: Mapping[str, Callable[[Alignment], str]] = MappingProxyType(
    {"TextGrid": write_textgrid, "ctm": write_ctm, "json": write_json, "srt": write_srt, "eaf": write_eaf}
)
"""The writers by name of the format; files of a format end in it."""


def _tiers(alignment: Alignment) -> list[Tier]:
    tokens = [token for word in alignment.words for token in word.tokens]
    return [
        Tier.of("words", alignment.spoken),
        Tier.of(_TOKEN_TIERS[alignment.unit], tokens),
        Tier.of("unmatched", _unmatched(alignment)),
    ]


def _unmatched(alignment: Alignment) -> list[Span]:
    """Returns what the recording and its text do not share, labelled, in order of time."""
    missing = [_labelled("missing", each) for each in alignment.missing()]
    untranscribed = [_labelled("untranscribed", each) for each in alignment.untranscribed]
    return sorted([*missing, *untranscribed], key=lambda span: span.start)


def _labelled(label: str, span: Span) -> Span:
    return Span(f"{label}: {span.text}", span.start, span.end, span.confidence)


def _word(word: AlignedWord) -> dict[str, Any]:
    if word.is_missing:
        return {"text": word.text, "start": None, "end": None, "confidence": 0.0, "status": "missing", "tokens": []}
    return {**timed(word.span), "status": "spoken", "tokens": [timed(token) for token in word.tokens]}
