"""The ways in which people keep their own speech: tables, JSON lines, Kaldi's data directory, text beside audio."""

from __future__ import annotations

import csv
import logging
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TextIO
from unicodedata import normalize

from asr.audio import AUDIO_SUFFIXES, MEDIA_SUFFIXES
from asr.audio.folders import files_below
from asr.corpora.checks import Problem
from asr.corpora.listing import Listed
from asr.corpora.manifests import read_jsonl
from asr.errors import DataError
from asr.files import open_text

MANIFEST_SUFFIXES = (".csv", ".tsv", ".jsonl", ".jsonl.gz", ".json", ".json.gz")

logger = logging.getLogger(__name__)

_NAMED = 5  # files that are named in a line of log

_COLUMNS = {
    "audio": ("audio", "path", "audio_filepath", "file"),
    "text": ("text", "transcript", "sentence"),
    "id": ("id", "utterance_id"),
    "speaker": ("speaker", "speaker_id", "client_id"),
    "split": ("split",),
    "start": ("start", "offset"),
    "end": ("end",),
    "language": ("language", "lang", "locale"),
}
_NEMO_AUDIO = "audio_filepath"


class Row(NamedTuple):
    """An utterance and the split that its list names, None if it names none."""

    split: str | None
    listed: Listed


def read_table(path: Path) -> Iterator[Row]:
    """Reads a table with a header: CSV with commas, semicolons or tabs, or TSV, in which quotes mean nothing.

    Columns: ``audio`` (or ``path``, ``audio_filepath``, ``file``), ``text`` (or ``transcript``, ``sentence``), and
    where they are there ``id, speaker, split, start, end, language``; others are not read. Times are in seconds.

    Raises:
        DataError: a column is missing or a row is not as the header says, with its line.
    """
    with open_text(path) as lines:
        reader = _reader(path, lines)
        header = [name.strip().lower() for name in reader.fieldnames or ()]
        reader.fieldnames = header
        for wanted in ("audio", "text"):
            if not set(_COLUMNS[wanted]) & set(header):
                found = f"no column {' or '.join(_COLUMNS[wanted])} in the header: {', '.join(header) or 'nothing'}"
                raise DataError(f"{path}:1", found, "name the columns in the first line")
        try:
            for row in reader:
                where = f"{path}:{reader.line_num}"
                if None in row or None in row.values():
                    found = f"has {'more' if None in row else 'fewer'} fields than the header's {len(header)}"
                    raise DataError(where, found, "quote fields that hold the delimiter")
                yield _row(row, path, where)
        except csv.Error as error:
            raise DataError(f"{path}:{reader.reader.line_num}", f"is not CSV ({error})", "correct the line") from None


def read_json_lines(path: Path) -> Iterator[Row]:
    """Reads one JSON object a line, with the names of :func:`read_table`.

    With ``audio_filepath`` it is NeMo's manifest, whose ``offset`` and ``duration`` say what part of the file is meant.

    Raises:
        DataError: a line is no object or names no audio, with its line.
    """
    for number, item in read_jsonl(path):
        where = f"{path}:{number}"
        row = {key.lower(): "" if value is None else str(value) for key, value in item.items()}
        if row.get("duration") and _NEMO_AUDIO in row and not row.get("end"):
            row["end"] = repr((_seconds(row, "start", where) or 0.0) + _number(row["duration"], "duration", where))
        yield _row(row, path, where)


def read_kaldi(folder: Path) -> Iterator[Row]:
    """Reads a Kaldi data directory: ``wav.scp``, ``text``, and where they are there ``utt2spk`` and ``segments``.

    Raises:
        DataError: a list is missing or damaged, names what another does not have, or an entry of ``wav.scp`` is a
            command.
    """
    recordings = {}
    for key, (where, location) in _kaldi_list(folder / "wav.scp").items():
        if location.endswith("|"):
            found = f"recording {key} is a command ({location!r}), and commands are not run"
            raise DataError(where, found, "run it, keep what it gives as a file and put the file's path here")
        recordings[key] = folder / location
    texts = _kaldi_list(folder / "text")
    speakers = _kaldi_list(folder / "utt2spk") if (folder / "utt2spk").exists() else {}
    segments: Mapping[str, tuple[str, str]] = {key: ("", key) for key in recordings}
    if (folder / "segments").exists():
        segments = _kaldi_list(folder / "segments")
    for key in texts:
        if key not in segments:
            source = "segments" if (folder / "segments").exists() else "wav.scp"
            raise DataError(texts[key][0], f"utterance {key} is not in {source}", "run Kaldi's utils/fix_data_dir.sh")
    for key, (where, value) in segments.items():
        recording, start, duration = _kaldi_segment(value, where) if where else (key, 0.0, None)
        if recording not in recordings:
            raise DataError(where, f"recording {recording!r} is not in wav.scp", "run Kaldi's utils/fix_data_dir.sh")
        text, speaker = texts.get(key, ("", ""))[1], speakers.get(key, ("", None))[1]
        yield Row(None, Listed(key, recordings[recording], text, speaker, None, start, duration, recording))


def read_pairs(folder: Path, root: Path, problems: list[Problem] | None) -> Iterator[Row]:
    """Reads a folder, and folders in it, of ``x.wav`` (or another audio file) beside ``x.txt``.

    Args:
        folder: where to look.
        root: utterance ids are paths below it, with ``-`` for ``/``.
        problems: files without their counterpart are added here; None raises.

    Raises:
        DataError: there is no audio file, or a text file is not UTF-8.
    """
    files = sorted(files_below(folder))
    audio = _audio_alone([path for path in files if path.suffix.lower() in AUDIO_SUFFIXES])
    if not audio:
        expected = "give a folder of x.wav beside x.txt, a Kaldi data directory, or a CSV or JSONL file"
        raise DataError(folder, f"holds no audio files among its {len(files)}" if files else "is empty", expected)
    beside = {path.with_suffix("") for path in audio}
    texts = {path.with_suffix(""): path for path in files if path.suffix.lower() == ".txt"}
    for stem, path in texts.items():
        if stem not in beside:
            _report(problems, Problem(_derived_id(stem.relative_to(root)), str(path), "no-audio", "no audio beside it"))
    for path in audio:
        utterance_id = _derived_id(path.with_suffix("").relative_to(root))
        if path.with_suffix("") not in texts:
            _report(problems, Problem(utterance_id, str(path), "no-text", f"no {path.stem}.txt beside it"))
            continue
        with open_text(texts[path.with_suffix("")]) as lines:
            yield Row(None, Listed(utterance_id, path, " ".join(lines.read().split())))


def _audio_alone(audio: list[Path]) -> list[Path]:
    """Returns the files without those of video or of a phone beside which the same lies as WAV or the like."""
    plain = {path.with_suffix("") for path in audio if path.suffix.lower() not in MEDIA_SUFFIXES}
    sources = [path for path in audio if path.suffix.lower() in MEDIA_SUFFIXES and path.with_suffix("") in plain]
    if sources:
        names = ", ".join(path.name for path in sources[:_NAMED]) + (", …" if len(sources) > _NAMED else "")
        logger.warning(
            "%d files are left aside, as WAV or the like of that name is beside them: %s", len(sources), names
        )
    left_aside = set(sources)
    return [path for path in audio if path not in left_aside]


def _report(problems: list[Problem] | None, problem: Problem) -> None:
    if problems is None:
        raise DataError(problem.path, problem.found, "add it or leave the utterance out")
    problems.append(problem)


def _reader(path: Path, lines: TextIO) -> csv.DictReader[str]:
    if path.suffix == ".tsv":
        return csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    header = lines.readline()
    lines.seek(0)
    return csv.DictReader(lines, delimiter=max(",;\t", key=header.count), strict=True)


def _row(row: Mapping[str, str], path: Path, where: str) -> Row:
    values = {
        name: next((row[column] for column in columns if column in row), "") for name, columns in _COLUMNS.items()
    }
    audio = values["audio"].strip()
    if not audio:
        raise DataError(where, f"names no audio: no {' or '.join(_COLUMNS['audio'])}", "add the path of the audio file")
    start, end = _seconds(values, "start", where), _seconds(values, "end", where)
    if end is not None and end <= (start or 0.0):
        raise DataError(where, f"ends at {end:g} s and starts at {start or 0:g} s", "correct the times")
    part = "" if start is None and end is None else f"-{round(1000 * (start or 0)):07d}"
    listed = Listed(
        utterance_id=values["id"].strip() or _derived_id(Path(audio).with_suffix("")) + part,
        audio=path.parent / _at_home(Path(audio)),
        text=values["text"],
        speaker=values["speaker"].strip() or None,
        language=values["language"].strip() or None,
        start=start or 0.0,
        duration=None if end is None else end - (start or 0.0),
    )
    return Row(values["split"].strip() or None, listed)


def _at_home(path: Path) -> Path:
    """Puts a home directory in the place of ``~``; one of nobody stays, and is not found."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def _seconds(values: Mapping[str, str], name: str, where: str) -> float | None:
    columns = [column for column in _COLUMNS[name] if column in values]
    text = values[columns[0]].strip() if columns else ""
    return _number(text, name, where) if text else None


def _number(text: str, name: str, where: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise DataError(where, f"{name} is {text!r}", "give seconds from 0, such as 1.25")
    return number


def _derived_id(path: Path) -> str:
    """Makes an utterance id of a path: ``a b/1`` becomes ``a_b-1``.

    Bytes that are not UTF-8 are written with a percent sign, as in addresses, and so are control characters.
    """
    parts = (part for part in path.parts if part not in ("..", "~", path.anchor))
    plain = "-".join(re.sub(r"\s+", "_", normalize("NFC", part)) for part in parts)
    return re.sub(r"[\x00-\x1f\x7f\udc80-\udcff]", lambda match: f"%{ord(match[0]) & 0xFF:02X}", plain)


def _kaldi_list(path: Path) -> dict[str, tuple[str, str]]:
    """Gives for each key its place, as ``file:line``, and the rest of its line."""
    entries: dict[str, tuple[str, str]] = {}
    with open_text(path) as lines:
        for number, line in enumerate(lines, start=1):
            key, _, value = line.strip().partition(" ") if "\t" not in line else line.strip().partition("\t")
            if key in entries:
                raise DataError(f"{path}:{number}", f"{key} is there already: {entries[key][0]}", "keep one of them")
            if key:
                entries[key] = (f"{path}:{number}", value.strip())
    if not entries:
        raise DataError(path, "is empty", "make the data directory again")
    return entries


def _kaldi_segment(value: str, where: str) -> tuple[str, float, float | None]:
    fields = value.split()
    if len(fields) != 3:
        raise DataError(where, f"{len(fields) + 1} fields", "a line has four: utterance recording start end")
    start = _number(fields[1], "start", where)
    if fields[2] == "-1":
        return fields[0], start, None
    end = _number(fields[2], "end", where)
    if end <= start:
        raise DataError(where, f"ends at {end:g} s and starts at {start:g} s", "correct the times")
    return fields[0], start, end - start
