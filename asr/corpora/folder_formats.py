"""How people keep their own speech: JSON lines, Kaldi's data directory, text beside audio."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from asr.audio.folders import files_below
from asr.audio.kinds import AUDIO_SUFFIXES, MEDIA_SUFFIXES
from asr.corpora.checks import Problem, note
from asr.corpora.listing import Listed
from asr.corpora.rows import COLUMNS, Naming, Row, derived_id, make_row, number
from asr.errors import DataError
from asr.files import open_text
from asr.records import describe_json, is_unicode, parse_json

MANIFEST_SUFFIXES = (".csv", ".tsv", ".jsonl", ".jsonl.gz", ".json", ".json.gz")

logger = logging.getLogger(__name__)

_NAMED = 5  # files that a line of the log names

_NEMO_AUDIO = "audio_filepath"
_INCOMPLETE = "add it or leave the utterance out"
_OBJECTS = "each line must be one, in braces, or the whole file a list of them"
_ARCHIVE = re.compile(r".*\.ark:[0-9]+(?:\[.*\])?")  # Kaldi's file of many recordings
_BLANK = " \t\r\n\f\v"  # to Kaldi
_BLANKS = re.compile(f"[{_BLANK}]+")
_READ = frozenset(column for columns in COLUMNS.values() for column in columns)


def read_objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the objects of a JSON file, one per line or in a list, each with its place for errors.

    Raises:
        DataError: the file cannot be read, or holds something else.
    """
    with open_text(path) as lines:
        for number_of_line, line in enumerate(lines, start=1):
            if line.lstrip().startswith("[") and number_of_line == 1:
                whole = parse_json(line + lines.read(), path, _OBJECTS)
                for place, item in enumerate(whole if isinstance(whole, list) else [], start=1):
                    yield f"{path}: object {place}", _object(item, f"{path}: object {place}")
            elif line.strip():
                where = f"{path}:{number_of_line}"
                yield where, _object(_parsed(line, where), where)


def _parsed(line: str, where: str) -> Any:
    try:
        return parse_json(line, where, _OBJECTS)
    except DataError as error:
        raise DataError(where, error.found.replace("is not JSON", "is not a JSON object"), error.remedy) from None


def _object(item: Any, where: str) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise DataError(where, f"is not a JSON object but {describe_json(item)}", _OBJECTS)
    return item


def read_json_lines(path: Path, problems: list[Problem] | None = None) -> Iterator[Row]:
    """Reads JSON objects, one per line or in a list, with the names of :data:`asr.corpora.rows.COLUMNS`.

    With ``audio_filepath`` it is NeMo's manifest, whose ``offset`` and ``duration`` name a part of the file.

    Args:
        path: the list.
        problems: utterances whose text is not a string are added here and left out; None raises.

    Raises:
        DataError: a line is no object, names no audio, or has another value of the wrong type; with the line.
    """
    naming = Naming(path)
    for where, item in read_objects(path):
        fields = {name.strip().lower(): value for name, value in item.items()}
        if len(fields) < len(item):
            raise DataError(where, "has a name twice, in small and capital letters", "keep one of them")
        wrong = _no_text(fields)
        row = {
            name: _as_text(name, value, where)
            for name, value in fields.items()
            if (name in _READ or name == "duration") and name != wrong
        }
        if row.get("duration") and _NEMO_AUDIO in row and not row.get("end"):
            start = naming.values(row)["start"]
            begin = number(start, "start", where) if start.strip() else 0.0
            row["end"] = repr(begin + number(row["duration"], "duration", where))
        made = make_row(naming.values(row), path, where)
        if wrong is None:
            yield made
            continue
        found = f"{wrong} is {describe_json(fields[wrong])}, not a string"
        note(Problem(made.listed.utterance_id, where, "no-text", found), problems, "write the words in quotes")


def _no_text(fields: Mapping[str, Any]) -> str | None:
    """Returns the name of a text that is no string; null is an empty text, and a whole number its digits."""
    for name in COLUMNS["text"]:
        value = fields.get(name)
        is_digits = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not is_digits and not (isinstance(value, str) and is_unicode(value)):
            return name
    return None


def _as_text(name: str, value: Any, where: str) -> str:
    """Returns a value as a table would have it.

    Raises:
        DataError: it is neither a string nor a number.
    """
    if value is None:
        return ""
    is_time = name in ("duration", *COLUMNS["start"], *COLUMNS["end"])
    is_number = isinstance(value, int) or (isinstance(value, float) and is_time)
    if isinstance(value, bool) or not (is_number or isinstance(value, str)):
        expected = "a number of seconds" if is_time else "a string"
        raise DataError(where, f"{name} is {describe_json(value)}, not {expected}", "correct it, or leave it out")
    if isinstance(value, str) and not (_is_file_name(value) if name in COLUMNS["audio"] else is_unicode(value)):
        raise DataError(where, f"{name} is {describe_json(value)}, half of a surrogate pair", "correct it")
    return str(value)


def _is_file_name(text: str) -> bool:
    """Whether a file may have that name; names that are not UTF-8 have surrogates for some of their bytes."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


def read_kaldi(folder: Path) -> Iterator[Row]:
    """Reads a Kaldi data directory: ``wav.scp``, ``text`` and, where they exist, ``utt2spk`` and ``segments``.

    Raises:
        DataError: a list is missing or damaged, names what another lacks, or an entry of ``wav.scp`` is a command.
    """
    recordings = {}
    for key, (where, location) in _kaldi_list(folder / "wav.scp").items():
        if location.endswith("|"):
            found = f"recording {key} is a command ({location!r}), and commands are not run"
            raise DataError(where, found, "run it, save its output as a file and put the file's path here")
        if _ARCHIVE.fullmatch(location):
            found = f"recording {key} is in a Kaldi archive ({location}), which is not read"
            raise DataError(where, found, "save it as an audio file, with Kaldi's wav-copy, and put its path here")
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
    """Reads a folder and its subfolders of ``x.wav`` (or another audio file) beside ``x.txt``.

    Args:
        folder: where to look.
        root: utterance ids are the paths below it, with ``-`` for ``/``.
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
            utterance_id = derived_id(stem.relative_to(root))
            note(Problem(utterance_id, str(path), "no-audio", "no audio beside it"), problems, _INCOMPLETE)
    for path in audio:
        utterance_id = derived_id(path.with_suffix("").relative_to(root))
        if path.with_suffix("") not in texts:
            note(Problem(utterance_id, str(path), "no-text", f"no {path.stem}.txt beside it"), problems, _INCOMPLETE)
            continue
        with open_text(texts[path.with_suffix("")]) as lines:
            yield Row(None, Listed(utterance_id, path, " ".join(lines.read().split())))


def _audio_alone(audio: list[Path]) -> list[Path]:
    """Returns the files except video or phone recordings that lie beside the same as WAV or the like."""
    plain = {path.with_suffix("") for path in audio if path.suffix.lower() not in MEDIA_SUFFIXES}
    sources = [path for path in audio if path.suffix.lower() in MEDIA_SUFFIXES and path.with_suffix("") in plain]
    if sources:
        names = ", ".join(path.name for path in sources[:_NAMED]) + (", …" if len(sources) > _NAMED else "")
        logger.warning("%d files are skipped: WAV or the like of the same name is beside them: %s", len(sources), names)
    left_aside = set(sources)
    return [path for path in audio if path not in left_aside]


def _kaldi_list(path: Path) -> dict[str, tuple[str, str]]:
    """Returns the place, as ``file:line``, and the rest of the line of each key."""
    entries: dict[str, tuple[str, str]] = {}
    with open_text(path) as lines:
        for number, line in enumerate(lines, start=1):
            key, value = (*_BLANKS.split(line.strip(_BLANK), maxsplit=1), "")[:2]
            if key in entries:
                raise DataError(f"{path}:{number}", f"{key} occurs already: {entries[key][0]}", "keep one of them")
            if key:
                entries[key] = (f"{path}:{number}", value)
    if not entries:
        raise DataError(path, "is empty", "make the data directory again")
    return entries


def _kaldi_segment(value: str, where: str) -> tuple[str, float, float | None]:
    fields = value.split()
    if len(fields) != 3:
        raise DataError(where, f"{len(fields) + 1} fields", "a line has four: utterance recording start end")
    start = number(fields[1], "start", where)
    if fields[2] == "-1":
        return fields[0], start, None
    end = number(fields[2], "end", where)
    if end <= start:
        raise DataError(where, f"ends at {end:g} s and starts at {start:g} s", "correct the times")
    return fields[0], start, end - start
