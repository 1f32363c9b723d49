"""What someone names to be transcribed: files and folders, to a list of recordings and names for their transcripts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize

from asr.audio.folders import files_below
from asr.audio.kinds import AUDIO_SUFFIXES
from asr.errors import DataError


@dataclass(frozen=True)
class Recording:
    """An audio file to transcribe.

    Attributes:
        path: the file, as it was named or found.
        name: its path below the folder that was named; of a file that was named itself, its name.
    """

    path: Path
    name: Path


@dataclass(frozen=True)
class Found:
    """What files and folders hold.

    Attributes:
        recordings: in order, each once.
        num_repeated: how many were named more than once.
        left_aside: files in folders that are no audio by their names.
    """

    recordings: list[Recording]
    num_repeated: int
    left_aside: list[Path]


def find_recordings(inputs: Sequence[str | Path]) -> Found:
    """Finds the recordings that files and folders name, each once.

    Folders are searched as :func:`asr.audio.folders.files_below` does it. A file that is named is taken, whatever it is
    called: whether it can be read is found out when it is.

    Args:
        inputs: files and folders.

    Raises:
        DataError: the only folder that is named holds no audio files.
    """
    found: dict[str, Recording] = {}
    left_aside: list[Path] = []
    num_named = 0
    for named in map(Path, inputs):
        is_folder = os.path.isdir(named)  # noqa: PTH112 - of a Path it raises what a name too long or with a NUL does
        recordings = list(_in_folder(named, left_aside)) if is_folder else [Recording(named, Path(named.name))]
        if not recordings and len(inputs) > 1:
            recordings = [Recording(named, Path(named.name))]  # one failure among others, told in its turn
        if not recordings:
            endings = "no file in it ends in .wav, .flac, .mp3, .m4a, .ogg or another audio format's letters"
            raise DataError(named, f"holds no audio: {endings}", "check the folder, or name the files")
        num_named += len(recordings)
        for recording in recordings:
            found.setdefault(_real(recording.path), recording)
    return Found(list(found.values()), num_named - len(found), left_aside)


def _in_folder(folder: Path, left_aside: list[Path]) -> Iterator[Recording]:
    for path in files_below(folder):
        if path.suffix.lower() in AUDIO_SUFFIXES or path.is_dir():  # a folder that may not be read
            yield Recording(path, path.relative_to(folder))
        else:
            left_aside.append(path)


def _real(path: Path) -> str:
    try:
        return os.path.realpath(path)
    except ValueError:  # a NUL in its name, of which opening it will complain
        return str(Path.cwd() / path)


def output_names(recordings: Sequence[Recording]) -> list[Path]:
    """Gives each recording a name of its own for its transcript, without a suffix for the format.

    The first of these under which no two are the same, capitals or not and however Unicode spells them: its path below
    the folder that was named, without the suffix; the same with the suffix; its path below the folder that all
    recordings share, with it, and with a number where that is still the same.

    Example:
        >>> output_names([Recording(Path("x/a.wav"), Path("a.wav")), Recording(Path("x/a.mp3"), Path("a.mp3"))])
        [PosixPath('a.wav'), PosixPath('a.mp3')]
    """
    names = [recording.name.with_suffix("") for recording in recordings]
    if _are_distinct(names):
        return names
    names = [recording.name for recording in recordings]
    if _are_distinct(names):
        return names
    paths = [Path(_real(recording.path)) for recording in recordings]
    shared = os.path.commonpath([path.parent for path in paths])
    names = [path.relative_to(shared) for path in paths]
    taken: dict[str, Path] = {}
    for name in names:
        number, distinct = 1, name
        while _folded(distinct) in taken:
            number += 1
            distinct = name.with_name(f"{name.name}-{number}")
        taken[_folded(distinct)] = distinct
    return list(taken.values())


def _are_distinct(names: Sequence[Path]) -> bool:
    return len({_folded(name) for name in names}) == len(names)


def _folded(name: Path) -> str:
    return normalize("NFC", str(name)).casefold()
