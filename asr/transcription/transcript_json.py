"""Transcripts as JSON, with the schema that every such object keeps to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from asr.decoding.hypothesis import Span
from asr.transcription.transcript import Transcript
from asr.transcription.turns import Turn, turns_of

SCHEMA_VERSION = 1
"""What ``schema`` says. Keys may be added under the same number; when one goes or changes its meaning, it rises."""

_SECONDS = {"type": "number", "minimum": 0}
_CONFIDENCE = {"type": "number", "minimum": 0, "maximum": 1}
_SPEAKER = {"type": "string", "description": "one of speakers"}


def _object(required: Mapping[str, object], optional: Mapping[str, object]) -> dict[str, object]:
    return {"type": "object", "required": list(required), "properties": {**required, **optional}}


_TIMES = {"start": _SECONDS, "end": _SECONDS}
_SPAN = _object({"text": {"type": "string"}, **_TIMES, "confidence": _CONFIDENCE}, {"speaker": _SPEAKER})
_TURN = _object({"speaker": _SPEAKER, **_TIMES, "text": {"type": "string"}}, {})

SCHEMA: Mapping[str, object] = MappingProxyType(
    {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Transcript of a recording, by asr transcribe --format json or jsonl",
        **_object(
            {
                "schema": {"const": SCHEMA_VERSION},
                "path": {"type": "string", "description": "the recording, as it was named or found; - for stdin"},
                "duration": {**_SECONDS, "description": "seconds of audio"},
                "text": {"type": "string", "description": "all words; of several speakers, turn after turn"},
                "confidence": {**_CONFIDENCE, "description": "the least of the words' confidences"},
                "words": {"type": "array", "items": _SPAN, "description": "in order of time; seconds from the start"},
                "tokens": {"type": "array", "items": _SPAN, "description": "letters, pieces of words, or phones"},
            },
            {
                "speakers": {"type": "array", "items": {"type": "string"}, "description": "with --channels separate"},
                "turns": {"type": "array", "items": _TURN, "description": "with --channels separate; they may overlap"},
            },
        ),
    }
)
"""JSON Schema of one transcript: with ``--format jsonl`` each line is one, with ``json`` the file, or each of its list.

Times have three digits after the point, confidences four. ``speakers``, ``turns`` and the ``speaker`` of words and
tokens are there where channels were recognised apart.
"""


def write_json(transcript: Transcript) -> str:
    """Returns an indented object with words and tokens, their times in seconds, and confidences."""
    return _as_json(transcript, indent=1)


def write_jsonl(transcript: Transcript) -> str:
    """Returns the same object as :func:`write_json` in one line."""
    return _as_json(transcript)


def _as_json(transcript: Transcript, indent: int | None = None) -> str:
    fields = _fields(transcript)
    text = json.dumps(fields, ensure_ascii=False, indent=indent) + "\n"
    try:
        text.encode()
    except UnicodeEncodeError:  # the name of the file is not UTF-8, which JSON has to be
        text = json.dumps(fields, indent=indent) + "\n"
    return text


def _fields(transcript: Transcript) -> dict[str, Any]:
    hypothesis, voices = transcript.hypothesis, transcript.voices
    words, tokens = list(map(_span, hypothesis.words)), list(map(_span, hypothesis.tokens))
    if voices:
        words = _spoken((voice.speaker, voice.hypothesis.words) for voice in voices)
        tokens = _spoken((voice.speaker, voice.hypothesis.tokens) for voice in voices)
    fields = {
        "schema": SCHEMA_VERSION,
        "path": str(transcript.path),
        "duration": round(transcript.duration, 3),
        "text": transcript.text,
        "confidence": round(hypothesis.confidence, 4),
        "words": words,
        "tokens": tokens,
    }
    if voices:
        fields["speakers"] = [voice.speaker for voice in voices]
        fields["turns"] = list(map(_turn, turns_of(transcript)))
    return fields


def _spoken(spans: Iterable[tuple[str, Sequence[Span]]]) -> list[dict[str, Any]]:
    """Returns what all speakers say, in order of time."""
    found = [{**_span(span), "speaker": speaker} for speaker, said in spans for span in said]
    return sorted(found, key=lambda fields: float(fields["start"]))


def _span(span: Span) -> dict[str, Any]:
    times = {"start": round(span.start, 3), "end": round(span.end, 3)}
    return {"text": span.text, **times, "confidence": round(span.confidence, 4)}


def _turn(turn: Turn) -> dict[str, Any]:
    return {"speaker": turn.speaker, "start": round(turn.start, 3), "end": round(turn.end, 3), "text": turn.text}
