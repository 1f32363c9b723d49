"""Lhotse cuts in files: read with errors that name the line, written whole; the only door to what others wrote."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lhotse import CutSet, Recording, set_current_audio_backend
from lhotse.cut import Cut
from lhotse.serialization import (
    BuiltinIOBackend,
    CompositeIOBackend,
    GzipIOBackend,
    deserialize_item,
    set_current_io_backend,
)

from asr.corpora.audio_backend import MISMATCH, Backend
from asr.corpora.raw_cuts import check_cut, check_recording
from asr.errors import DataError
from asr.files import numbered_lines, open_written

set_current_audio_backend(Backend())
# Lhotse makes up what is missing, half a second if nobody objects; its function for that warns.
os.environ.setdefault("LHOTSE_AUDIO_DURATION_MISMATCH_TOLERANCE", str(MISMATCH))
# Lhotse's default runs what is behind "pipe:" and fetches addresses; raw_cuts names them, this stops what it overlooks.
set_current_io_backend(CompositeIOBackend([GzipIOBackend(), BuiltinIOBackend()]))

_REMEDY = "make it with: asr prepare"


def read_cuts(path: str | Path) -> CutSet:
    """Gives all cuts of a ``.jsonl`` or ``.jsonl.gz`` file, in its order, in memory.

    Raises:
        DataError: the file is missing, empty, damaged or holds no cuts, an id stands in it twice, or a cut is refused
            by :func:`check_cut`; with the line.
    """
    path = Path(path)
    cuts: dict[str, Cut] = {}
    for line, item in read_jsonl(path):
        cut = _cut(item, f"{path}:{line}")
        if cut.id in cuts:
            raise DataError(f"{path}:{line}", f"utterance id {cut.id} stands in it twice", _REMEDY)
        cuts[cut.id] = cut
    if not cuts:
        raise DataError(path, "holds no cuts", _REMEDY)
    return CutSet.from_cuts(cuts.values())


def write_cuts(cuts: CutSet | Iterable[Cut], path: str | Path) -> None:
    """Writes cuts as ``.jsonl.gz``, whole or not at all; equal cuts give equal bytes.

    Raises:
        DataError: the file cannot be written.
    """
    with open_written(path) as compressed:
        for cut in cuts:
            compressed.write(_as_json(cut.to_dict()).encode() + b"\n")


def _as_json(fields: dict[str, object]) -> str:
    text = json.dumps(fields, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # the name of a file is not UTF-8: its bytes are written as escapes, and come back
        text = json.dumps(fields)
    return text


def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Gives the objects of a JSON-lines file, compressed or not, with their line numbers from 1.

    Raises:
        DataError: the file cannot be read, or a line is no JSON object.
    """
    for number, line in numbered_lines(path):
        if line.strip():
            yield number, _object(line, f"{path}:{number}")


def recording_of(item: dict[str, Any], where: str) -> Recording:
    """Returns the recording that a JSON object in a shard describes.

    Raises:
        DataError: it is none, or is refused by :func:`check_recording`.
    """
    check_recording(item, where)
    try:
        return Recording.from_dict(item)
    except Exception as error:  # Lhotse raises whatever meets what it does not know
        raise DataError(where, f"is not a Lhotse recording ({_first_line(error)})", _REMEDY) from None


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        item = json.loads(line, parse_constant=_refuse_constant)
    except _ConstantError as error:
        raise DataError(where, f"holds {error}, which is no JSON", "give a number, or leave the key out") from None
    except (ValueError, RecursionError):  # the latter for [[[[[[… without end
        item = None
    if not isinstance(item, dict):
        raise DataError(where, "is not a JSON object", "each line must be one, in braces")
    return item


class _ConstantError(Exception):
    """A number in JSON is none."""


def _refuse_constant(name: str) -> None:
    raise _ConstantError(name)


def _cut(item: dict[str, Any], where: str) -> Cut:
    check_cut(item, where)
    try:
        cut = deserialize_item(item)
    except Exception as error:  # Lhotse raises whatever meets what it does not know
        raise DataError(where, f"is not a Lhotse cut ({_first_line(error)})", _REMEDY) from None
    assert isinstance(cut, Cut)
    return cut


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
