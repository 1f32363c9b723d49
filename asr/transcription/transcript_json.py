"""Transcripts as JSON, and the schema that each keeps to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from asr.decoding.hypothesis import Span
from asr.transcription.json_objects import (
    SHARE,
    TEXT,
    TIMED,
    TIMES,
    Listed,
    as_json,
    heading,
    list_of,
    make_schema,
    object_of,
    timed,
)
from asr.transcription.transcript import Transcript
from asr.transcription.turns import Turn, turns_of

SCHEMA_VERSION = 1
"""Value of ``schema``: it rises when a key is removed or changes its meaning, not when one is added."""

_SPEAKER = {"type": "string", "description": "one of speakers"}
_SPAN = object_of(TIMED, {"speaker": _SPEAKER})
_TURN = object_of({"speaker": _SPEAKER, **TIMES, "text": TEXT})

SCHEMA = make_schema(
    "Transcript of a recording, by asr transcribe --format json or jsonl",
    SCHEMA_VERSION,
    "the recording, as it was named or found; - for stdin",
    {
        "text": {**TEXT, "description": "all words; of several speakers, turn after turn"},
        "confidence": {**SHARE, "description": "the lowest confidence of a word"},
        "words": list_of(_SPAN, "in order of time; seconds from the start"),
        "tokens": list_of(_SPAN, "letters, pieces of words, or phones"),
    },
    {
        "speakers": list_of(TEXT, "with --channels separate"),
        "turns": list_of(_TURN, "with --channels separate; they may overlap"),
    },
)
"""JSON Schema of one transcript: each line of ``jsonl``, and the object or each list item of ``json``.

Times have three digits after the point, confidences four. ``speakers``, ``turns`` and the ``speaker`` of words and
tokens exist if channels were recognised separately.
"""


def write_json(transcript: Transcript) -> str:
    """Returns an indented object with words and tokens, their times in seconds, and confidences."""
    return as_json(_fields(transcript), indent=1)


def write_jsonl(transcript: Transcript) -> str:
    """Returns the same object as :func:`write_json` in one line."""
    return as_json(_fields(transcript))


def _fields(transcript: Transcript) -> dict[str, Any]:
    hypothesis, voices = transcript.hypothesis, transcript.voices
    words, tokens = (Listed(partial(map, timed, spans)) for spans in (hypothesis.words, hypothesis.tokens))
    if voices:
        words = _spoken((voice.speaker, voice.hypothesis.words) for voice in voices)
        tokens = _spoken((voice.speaker, voice.hypothesis.tokens) for voice in voices)
    fields = {
        **heading(SCHEMA_VERSION, transcript),
        "text": transcript.text,
        "confidence": round(hypothesis.confidence, 4),
        "words": words,
        "tokens": tokens,
    }
    if voices:
        fields["speakers"] = [voice.speaker for voice in voices]
        fields["turns"] = list(map(_turn, turns_of(transcript)))
    return fields


def _spoken(spans: Iterable[tuple[str, Sequence[Span]]]) -> Listed:
    """Returns the spans of all speakers in order of time."""
    found = [(speaker, span) for speaker, said in spans for span in said]
    found.sort(key=lambda pair: round(pair[1].start, 3))
    return Listed(lambda: ({**timed(span), "speaker": speaker} for speaker, span in found))


def _turn(turn: Turn) -> dict[str, Any]:
    return {"speaker": turn.speaker, "start": round(turn.start, 3), "end": round(turn.end, 3), "text": turn.text}
