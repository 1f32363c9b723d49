"""JSON of transcripts and alignments: how objects are written, and the schemas that they keep to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import Any

from asr.decoding.hypothesis import Span
from asr.transcription.alignment import Alignment
from asr.transcription.transcript import Transcript

_BLOCK = 1000  # items of a list that are written at a time

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


@dataclass(frozen=True)
class Listed:
    """A list whose items are made while they are written: hours of speech have a million.

    Attributes:
        make: returns the items, the same each time.
    """

    make: Callable[[], Iterable[Mapping[str, Any]]]


def as_json(fields: Mapping[str, Any], indent: int | None = None) -> str:
    r"""Returns an object as text that ends with a newline; indented objects have several lines.

    Example:
        >>> as_json({"text": "so", "words": Listed(lambda: iter([{"text": "so"}]))})
        '{"text": "so", "words": [{"text": "so"}]}\n'
    """
    text = _object(fields, partial(json.dumps, ensure_ascii=False, indent=indent), indent)
    try:
        text.encode()
    except UnicodeEncodeError:  # the name of the file is not UTF-8, which JSON has to be
        text = _object(fields, partial(json.dumps, indent=indent), indent)
    return text


def _object(fields: Mapping[str, Any], dumps: Callable[[Any], str], indent: int | None) -> str:
    """Returns what ``json.dumps`` would return, and a newline, without objects for all items of long lists."""
    line = "" if indent is None else "\n" + " " * indent
    pieces: list[str] = []
    for name, value in fields.items():
        pieces += ["," + (line or " ") if pieces else line, dumps(name), ": "]
        text = _list(value, dumps, indent is not None) if isinstance(value, Listed) else dumps(value)
        pieces.append(text.replace("\n", line) if line else text)
    return "".join(["{", *pieces, "\n}\n" if line else "}\n"])


def _list(listed: Listed, dumps: Callable[[Any], str], has_lines: bool) -> str:
    blocks = [dumps(block)[1:-1].rstrip("\n") for block in _blocks(listed.make())]
    end = "\n" if has_lines and blocks else ""
    return f"[{(',' if has_lines else ', ').join(blocks)}{end}]"


def _blocks(items: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    source = iter(items)
    while block := list(islice(source, _BLOCK)):
        yield block
