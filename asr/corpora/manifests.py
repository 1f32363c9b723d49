"""Lhotse cuts in files: read with errors that name the line, written whole."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from lhotse import CutSet, set_current_audio_backend
from lhotse.cut import Cut
from lhotse.serialization import deserialize_item

from asr.corpora.audio_backend import MISMATCH, Backend
from asr.errors import DataError
from asr.files import open_text, open_written

set_current_audio_backend(Backend())
# Lhotse makes up what is missing, half a second if nobody objects; its function for that warns.
os.environ.setdefault("LHOTSE_AUDIO_DURATION_MISMATCH_TOLERANCE", str(MISMATCH))

_REMEDY = "make it with: asr prepare"


def read_cuts(path: str | Path) -> CutSet:
    """Gives all cuts of a ``.jsonl`` or ``.jsonl.gz`` file, in its order, in memory.

    Raises:
        DataError: the file is missing, empty, damaged or holds no cuts, or an id stands in it twice; with the line.
    """
    path = Path(path)
    cuts: list[Cut] = [_cut(item, f"{path}:{line}") for line, item in read_jsonl(path)]
    if not cuts:
        raise DataError(path, "holds no cuts", _REMEDY)
    doubled = [cut_id for cut_id, count in Counter(cut.id for cut in cuts).items() if count > 1]
    if doubled:
        raise DataError(path, f"utterance id {doubled[0]} stands in it twice", _REMEDY)
    return CutSet.from_cuts(cuts)


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


def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Gives the objects of a JSON-lines file, compressed or not, with their line numbers from 1.

    Raises:
        DataError: the file cannot be read, or a line is no JSON object.
    """
    with open_text(path) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                item = json.loads(line)
            except ValueError:
                item = None
            if not isinstance(item, dict):
                raise DataError(f"{path}:{number}", "is not a JSON object", "each line must be one, in braces")
            yield number, item


def _cut(item: dict[str, object], where: str) -> Cut:
    try:
        cut = deserialize_item(item)
    except Exception:  # Lhotse raises whatever meets the missing key
        cut = None
    if not isinstance(cut, Cut):
        raise DataError(where, "is not a Lhotse cut", _REMEDY)
    return cut
