"""Rows of people's lists: what their columns mean, and how a row becomes an utterance."""

from __future__ import annotations

import logging
import math
import os.path
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PureWindowsPath
from typing import NamedTuple
from unicodedata import normalize
from urllib.parse import unquote, urlsplit

from asr.corpora.listing import Listed
from asr.errors import DataError

logger = logging.getLogger(__name__)

FORMS = """\
PATH is one of
  my.csv, my.tsv      with a header: audio, text, and optionally id, speaker, split, start, end, language
                      (or path, file_name …; transcript, sentence …: Common Voice's, LJSpeech's and others' tables)
  my.jsonl, my.json   the same names, one JSON object per line, or a list of them
  manifest.json       NeMo's: audio_filepath, text, duration, offset
  data/train/         Kaldi's: wav.scp, text, and optionally utt2spk, segments
  cuts.jsonl.gz       Lhotse cuts with one supervision each
  recordings/         x.wav (or .flac, .mp3, .opus, .sph …; with pip install av .m4a, .mp4, .webm …) next to x.txt
Audio paths are relative to the folder of the list that names them, or to clips/, wavs/, wav/ or audio/ in it.
Lists and texts are UTF-8 or UTF-16; for other encodings the error names the command that converts them."""
"""What people may have their speech in, for a command's help."""

COLUMNS = {
    "audio": (
        *("audio", "path", "audio_filepath", "file", "filename", "file_name", "filepath", "file_path", "audio_path"),
        *("audio_file", "wav", "wav_path", "wav_filename"),
    ),
    "text": ("text", "transcript", "sentence", "transcription"),
    "id": ("id", "utterance_id", "utt_id"),
    "speaker": ("speaker", "speaker_id", "client_id"),
    "split": ("split",),
    "start": ("start", "offset"),
    "end": ("end",),
    "language": ("language", "lang", "locale"),
}
"""What a list may call each value; where it has several, the first is taken, and the log says so."""

_FOLDERS = ("clips", "wavs", "wav", "audio")  # beside a list: Common Voice's, LJSpeech's and others' names
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_NAMED = 3  # columns that an error mentions


class Row(NamedTuple):
    """An utterance and its split; None if the list names none."""

    split: str | None
    listed: Listed


class Naming:
    """Finds the values of a list's rows by the names of its columns."""

    def __init__(self, path: Path) -> None:
        """Begins a list, which the log will name."""
        self._path = path
        self._told: set[str] = set()

    def values(self, row: Mapping[str, str]) -> dict[str, str]:
        """Returns the value of each of :data:`COLUMNS`, empty where there is none.

        Args:
            row: values by column, in small letters; of columns with one meaning, the first that is not empty counts.
        """
        return {name: self._value(row, name) for name in COLUMNS}

    def _value(self, row: Mapping[str, str], name: str) -> str:
        there = [column for column in COLUMNS[name] if row.get(column, "").strip()]
        if len(there) > 1 and name not in self._told and len({row[column] for column in there}) > 1:
            self._told.add(name)
            others = ", ".join(there[1:])
            logger.warning("%s: takes the %s from column %s, and not from %s", self._path, name, there[0], others)
        return row[there[0]] if there else ""


def make_row(values: Mapping[str, str], path: Path, where: str) -> Row:
    """Returns the utterance of a row.

    Args:
        values: of each of :data:`COLUMNS`; the path of an audio file starts at the folder of the list, or at one in it
            such as ``clips``.
        path: the list.
        where: list and line, for errors.

    Raises:
        DataError: no audio file is named, or times are not numbers.
    """
    name = values["audio"].strip()
    if not name:
        names = f"{' or '.join(COLUMNS['audio'][:_NAMED])} …"
        raise DataError(where, f"names no audio: no {names}", "add the path of the audio file")
    start, end = (
        number(values[each].strip(), each, where) if values[each].strip() else None for each in ("start", "end")
    )
    if end is not None and end <= (start or 0.0):
        raise DataError(where, f"ends at {end:g} s and starts at {start or 0:g} s", "correct the times")
    part = "" if start is None and end is None else f"-{round(1000 * (start or 0)):07d}"
    audio, spelled = _found(path.parent, _as_path(name, where))
    if not spelled.name:
        raise DataError(where, f"names the folder {name} where an audio file must be", "add the path of the audio file")
    listed = Listed(
        utterance_id=values["id"].strip() or derived_id(spelled.with_suffix("")) + part,
        audio=audio,
        text=values["text"],
        speaker=values["speaker"].strip() or None,
        language=values["language"].strip() or None,
        start=start or 0.0,
        duration=None if end is None else end - (start or 0.0),
    )
    return Row(values["split"].strip() or None, listed)


def number(text: str, name: str, where: str) -> float:
    """Reads seconds, from 0.

    Raises:
        DataError: it is no such number.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        raise DataError(where, f"{name} is {text!r}", "give seconds from 0, such as 1.25")
    return seconds


def derived_id(path: Path) -> str:
    """Derives an utterance id from a path: ``a b/1`` becomes ``a_b-1``.

    Bytes that are not UTF-8 and control characters are percent-encoded, as in addresses.
    """
    parts = (part for part in path.parts if part not in ("..", "~", path.anchor))
    plain = "-".join(re.sub(r"\s+", "_", normalize("NFC", part)) for part in parts)
    return re.sub(r"[\x00-\x1f\x7f\udc80-\udcff]", lambda match: f"%{ord(match[0]) & 0xFF:02X}", plain)


def _as_path(name: str, where: str) -> Path:
    """Returns the path that a list means; ``file:`` addresses are paths, too.

    Raises:
        DataError: it is an address of another kind.
    """
    if name.lower().startswith("file:"):
        address = urlsplit(name)
        if address.netloc in ("", "localhost"):
            return Path(unquote(address.path))
    if _ADDRESS.match(name):
        raise DataError(where, f"names the address {name}, and nothing is fetched", "download it and name the file")
    return Path(os.path.expanduser(name))  # noqa: PTH111 - pathlib's raises for an unknown user


def _found(folder: Path, path: Path) -> tuple[Path, Path]:
    """Returns where a file is, and its name: as written, or with slashes for the backslashes of Windows.

    It is looked for from the folder of the list on, then in the folders for audio there; if it is in none, the first
    place is returned.
    """
    spellings = [path]
    if "\\" in str(path):
        spellings.append(Path(PureWindowsPath(path).as_posix()))
    places = [folder, *(folder / name for name in _FOLDERS)]
    candidates = [(place / spelling, spelling) for place in places for spelling in spellings]
    return next((each for each in candidates if any(map(os.path.exists, _forms(each[0])))), candidates[0])


def _forms(path: Path) -> Iterator[str]:
    """Yields a path as written and in both Unicode normal forms, one of which the disk may use."""
    for form in (str(path), normalize("NFC", str(path)), normalize("NFD", str(path))):
        if "\0" not in form:
            yield form


def missing_columns(header: Iterable[str]) -> str | None:
    """Returns the first of "audio" and "text" that a header lacks; None if it has both."""
    names = set(header)
    return next((wanted for wanted in ("audio", "text") if not names & set(COLUMNS[wanted])), None)
