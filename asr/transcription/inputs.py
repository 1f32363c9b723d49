"""Files and folders to transcribe, as a list of recordings."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.audio import AUDIO_SUFFIXES, Seconds
from asr.audio.folders import files_below
from asr.errors import AsrError, DataError


@dataclass(frozen=True)
class Recording:
    """An audio file to transcribe.

    Attributes:
        path: the file, as named or found.
        name: path relative to the named folder; for a file that was named itself, its file name.
    """

    path: Path
    name: Path


@dataclass(frozen=True)
class Found:
    """The recordings in files and folders.

    Attributes:
        recordings: the recordings in order, each once.
        num_repeated: number of repetitions that were dropped.
        left_aside: files in folders whose names are not those of audio.
    """

    recordings: list[Recording]
    num_repeated: int
    left_aside: list[Path]


def find_recordings(inputs: Sequence[str | Path]) -> Found:
    """Finds the recordings in files and folders, each once.

    Folders are searched by :func:`asr.audio.folders.files_below`. A file that is named itself is taken whatever its
    name; whether it can be read is found out later.

    Args:
        inputs: files and folders.

    Raises:
        DataError: the only named folder has no audio files.
    """
    found: dict[str, Recording] = {}
    left_aside: list[Path] = []
    num_named = 0
    for named in map(Path, inputs):
        is_folder = os.path.isdir(named)  # noqa: PTH112 - of a Path it raises what a name too long or with a NUL does
        recordings = list(_in_folder(named, left_aside)) if is_folder else [Recording(named, Path(named.name))]
        if not recordings and len(inputs) > 1:
            recordings = [Recording(named, Path(named.name))]  # one failure among others, reported in its turn
        if not recordings:
            endings = "no file in it ends in .wav, .flac, .mp3, .m4a, .ogg or another audio format's letters"
            raise DataError(named, f"holds no audio: {endings}", "check the folder, or name the files")
        num_named += len(recordings)
        for recording in recordings:
            found.setdefault(real_path(recording.path), recording)
    return Found(list(found.values()), num_named - len(found), left_aside)


def _in_folder(folder: Path, left_aside: list[Path]) -> Iterator[Recording]:
    for path in files_below(folder):
        if path.suffix.lower() in AUDIO_SUFFIXES or path.is_dir():  # a folder that cannot be read
            yield Recording(path, path.relative_to(folder))
        else:
            left_aside.append(path)


def real_path(path: Path) -> str:
    """Returns the path that a file has without links, also of a name that no file can have."""
    try:
        return os.path.realpath(path)
    except ValueError:  # a NUL in its name; opening it will fail
        return str(Path.cwd() / path)


def survey(recordings: Sequence[Recording], sample_rate: int) -> tuple[Seconds | None, int]:
    """Returns the seconds of audio in all recordings, and how many of these have another rate in Hz.

    Recordings that cannot be read count as nothing. The seconds are None where only decoding tells how long one is.
    """
    from asr.audio import peek  # and numpy, which a command's help does without

    seconds, is_known, num_others = 0.0, True, 0
    for recording in recordings:
        try:
            rate, num_samples = peek(recording.path)
        except AsrError:
            continue  # reported in its turn
        seconds += (num_samples or 0) / rate
        is_known &= num_samples is not None
        num_others += rate != sample_rate
    return seconds if is_known else None, num_others
