"""Lhotse cuts in files: read with errors that name the line, written whole."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from lhotse import CutSet, set_current_audio_backend
from lhotse.audio.backend import LibsndfileBackend
from lhotse.cut import Cut
from lhotse.serialization import deserialize_item

from asr.errors import DataError
from asr.files import written_whole

set_current_audio_backend(LibsndfileBackend())  # Lhotse's default wants the program sph2pipe for NIST SPHERE

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
    with (
        written_whole(path) as beside,
        beside.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as compressed,
    ):
        for cut in cuts:
            compressed.write(f"{json.dumps(cut.to_dict(), ensure_ascii=False)}\n".encode())


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


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Opens a UTF-8 text file, compressed by gzip if it is named so; a byte-order mark is skipped.

    Raises:
        DataError: the file is missing, not UTF-8 or damaged, also where that shows while it is read.
    """
    try:
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8-sig", newline="") as lines:
            yield lines
    except FileNotFoundError:
        raise DataError(path, "no such file", "check the path") from None
    except UnicodeDecodeError:
        raise DataError(path, "is not UTF-8 text", "convert it, for example with: iconv -t UTF-8") from None
    except (gzip.BadGzipFile, EOFError):
        raise DataError(path, "is no whole gzip file", "make or copy it again") from None
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror or error})", "check the path") from None


def _cut(item: dict[str, object], where: str) -> Cut:
    try:
        cut = deserialize_item(item)
    except Exception:  # Lhotse raises whatever meets the missing key
        cut = None
    if not isinstance(cut, Cut):
        raise DataError(where, "is not a Lhotse cut", _REMEDY)
    return cut
