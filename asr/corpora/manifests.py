"""Lhotse cuts in files: read with errors that name the line, written whole; the only door to other people's cuts."""

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
# Lhotse fills in what is missing, by default up to half a second; its function for setting this warns.
os.environ.setdefault("LHOTSE_AUDIO_DURATION_MISMATCH_TOLERANCE", str(MISMATCH))
# Lhotse's default runs "pipe:" commands and fetches addresses; raw_cuts refuses them, this stops what it overlooks.
set_current_io_backend(CompositeIOBackend([GzipIOBackend(), BuiltinIOBackend()]))

_REMEDY = "make it with: asr prepare"


def read_cuts(path: str | Path) -> CutSet:
    """Returns all cuts of a ``.jsonl`` or ``.jsonl.gz`` file, in its order, in memory.

    Raises:
        DataError: the file is missing, empty, damaged or holds no cuts, an id occurs twice, or :func:`check_cut`
            refuses a cut; with the line.
    """
    path = Path(path)
    cuts: dict[str, Cut] = {}
    for line, item in read_jsonl(path):
        cut = _cut(item, f"{path}:{line}")
        if cut.id in cuts:
            raise DataError(f"{path}:{line}", f"utterance id {cut.id} occurs twice", _REMEDY)
        cuts[cut.id] = cut
    if not cuts:
        raise DataError(path, "holds no cuts", _REMEDY)
    return CutSet.from_cuts(cuts.values())


def read_all_cuts(paths: Iterable[str | Path]) -> list[Cut]:
    """Returns the cuts of several files, one file after the other, in memory.

    Raises:
        DataError: as for :func:`read_cuts`, or an id occurs in two of them.
    """
    found: dict[str, tuple[Cut, str | Path]] = {}
    for path in paths:
        for cut in read_cuts(path):
            if cut.id in found:
                where = found[cut.id][1]
                raise DataError(path, f"utterance id {cut.id} is in {where} too", "give files without common ids")
            found[cut.id] = cut, path
    return [cut for cut, _ in found.values()]


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
    except UnicodeEncodeError:  # a file name that is not UTF-8: escapes keep its bytes
        text = json.dumps(fields)
    return text


def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields the objects of a JSON-lines file, compressed or not, with their line numbers from 1.

    Raises:
        DataError: the file cannot be read, or a line is no JSON object.
    """
    for number, line in numbered_lines(path):
        if line.strip():
            yield number, parse_object(line, f"{path}:{number}")


def recording_of(item: dict[str, Any], where: str) -> Recording:
    """Returns the recording that a JSON object in a shard describes.

    Raises:
        DataError: it is none, or :func:`check_recording` refuses it.
    """
    check_recording(item, where)
    try:
        return Recording.from_dict(item)
    except Exception as error:  # Lhotse raises whatever meets what it does not know
        raise DataError(where, f"is not a Lhotse recording ({_first_line(error)})", _REMEDY) from None


def parse_object(line: str, where: str) -> dict[str, Any]:
    """Parses a JSON object.

    Raises:
        DataError: it is none, or holds a number that is NaN or infinite.
    """

    def refuse(constant: str) -> None:
        raise DataError(where, f"holds {constant}, which is not JSON", "give a number, or leave the key out")

    try:
        item = json.loads(line, parse_constant=refuse)
    except (ValueError, RecursionError):  # the latter for [[[[[[… without end
        item = None
    if not isinstance(item, dict):
        raise DataError(where, "is not a JSON object", "each line must be one, in braces")
    return item


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
