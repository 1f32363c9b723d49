"""JSON of transcripts and alignments: how objects are written, and the schemas that they keep to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from asr.decoding.hypothesis import Span
from asr.transcription.alignment import Alignment
from asr.transcription.transcript import Transcript

SECONDS: Mapping[str, object] = {"type": "number", "minimum": 0}
SHARE: Mapping[str, object] = {"type": "number", "minimum": 0, "maximum": 1}
TEXT: Mapping[str, object] = {"type": "string"}
TIMES: Mapping[str, object] = {"start": SECONDS, "end": SECONDS}
TIMED: Mapping[str, object] = {"text": TEXT, **TIMES, "confidence": SHARE}
"""The properties of :func:`timed`."""


def make_schema(
    title: str, version: int, path: str, required: Mapping[str, object], optional: Mapping[str, object] | None = None
) -> Mapping[str, object]:
    """Returns the JSON Schema of an object that begins with what :func:`heading` returns.

    Args:
        title: what the object is.
        version: value of ``schema``.
        path: description of the recording's path.
        required: its other properties.
        optional: properties that it may have.
    """
    first = {
        "schema": {"const": version},
        "path": {**TEXT, "description": path},
        "duration": {**SECONDS, "description": "seconds of audio"},
    }
    content = object_of({**first, **required}, optional)
    return MappingProxyType({"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **content})


def heading(version: int, recording: Transcript | Alignment) -> dict[str, Any]:
    """Returns the first fields of the object of a recording."""
    return {"schema": version, "path": str(recording.path), "duration": round(recording.duration, 3)}


def object_of(required: Mapping[str, object], optional: Mapping[str, object] | None = None) -> dict[str, object]:
    """Returns the schema of an object with these properties."""
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}}


def list_of(items: Mapping[str, object], description: str) -> dict[str, object]:
    """Returns the schema of a list."""
    return {"type": "array", "items": items, "description": description}


def timed(span: Span) -> dict[str, Any]:
    """Returns text, times in seconds with three digits after the point, and confidence with four.

    Example:
        >>> timed(Span("so", 0.25, 0.75004, 1.0))
        {'text': 'so', 'start': 0.25, 'end': 0.75, 'confidence': 1.0}
    """
    times = {"start": round(span.start, 3), "end": round(span.end, 3)}
    return {"text": span.text, **times, "confidence": round(span.confidence, 4)}


def as_json(fields: Mapping[str, Any], indent: int | None = None) -> str:
    """Returns an object as text that ends with a newline; indented objects have several lines."""
    text = json.dumps(fields, ensure_ascii=False, indent=indent) + "\n"
    try:
        text.encode()
    except UnicodeEncodeError:  # the name of the file is not UTF-8, which JSON has to be
        text = json.dumps(fields, indent=indent) + "\n"
    return text
