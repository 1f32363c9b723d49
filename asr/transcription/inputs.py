"""What someone names to be transcribed: files and folders, to a list of recordings and names for their transcripts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.errors import DataError

# fmt: off
AUDIO_SUFFIXES = frozenset({
    ".wav", ".wave", ".flac", ".mp3", ".mp2", ".ogg", ".oga", ".opus", ".sph", ".nist", ".aif", ".aiff", ".aifc",
    ".au", ".snd", ".caf", ".w64", ".rf64", ".voc", ".ircam", ".sf", ".avr", ".htk", ".mpc", ".paf", ".pvf",
    ".sds", ".svx", ".iff", ".wve", ".xi",
})
# fmt: on
"""How names of audio files end, in folders: the formats of libsndfile but headerless and MATLAB files."""


@dataclass(frozen=True)
class Recording:
    """An audio file to transcribe.

    Attributes:
        path: the file, as it was named or found.
        name: its path below the folder that was named; of a file that was named itself, its name.
    """

    path: Path
    name: Path


def find_recordings(inputs: Sequence[str | Path]) -> tuple[list[Recording], int]:
    """Gives the recordings that files and folders name, each once.

    Folders are searched with all folders in them, in the order of names; what begins with a dot is left aside. A file
    that is named is taken, whatever it is called: whether it can be read is found out when it is.

    Args:
        inputs: files and folders.

    Returns:
        The recordings in order, and how many were named more than once.

    Raises:
        DataError: a folder holds no audio files.
    """
    found: dict[Path, Recording] = {}
    num_named = 0
    for named in map(Path, inputs):
        recordings = list(_in_folder(named)) if named.is_dir() else [Recording(named, Path(named.name))]
        if not recordings:
            endings = "no file in it ends in .wav, .flac, .mp3, .ogg, .opus, .sph or another audio format's letters"
            raise DataError(named, f"holds no audio: {endings}", "check the folder, or name the files")
        num_named += len(recordings)
        for recording in recordings:
            found.setdefault(recording.path.resolve(), recording)
    return list(found.values()), num_named - len(found)


def _in_folder(folder: Path) -> Iterator[Recording]:
    seen = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        real = Path(place).resolve()
        if real in seen:  # a link to a folder above
            folders.clear()
            continue
        seen.add(real)
        for name in sorted(files):
            if Path(name).suffix.lower() in AUDIO_SUFFIXES and not name.startswith("."):
                path = Path(place, name)
                yield Recording(path, path.relative_to(folder))


def output_names(recordings: Sequence[Recording]) -> list[Path]:
    """Gives each recording a name of its own for its transcript, without a suffix for the format.

    The first of these under which no two are the same, capitals or not: its path below the folder that was named,
    without the suffix; the same with the suffix; its path below the folder that all recordings share, with it.

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
    paths = [recording.path.resolve() for recording in recordings]
    shared = os.path.commonpath([path.parent for path in paths])
    return [path.relative_to(shared) for path in paths]


def _are_distinct(names: Sequence[Path]) -> bool:
    return len({str(name).casefold() for name in names}) == len(names)
