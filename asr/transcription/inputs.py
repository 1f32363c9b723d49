"""Files, folders, lists of these and stdin to transcribe, as a list of recordings."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from asr.audio.folders import files_below
from asr.audio.kinds import AUDIO_SUFFIXES
from asr.errors import AsrError, DataError
from asr.files import numbered_lines

STDIN = "-"
"""Name of the recording that comes from stdin."""

_NAMED = 5  # files named in a remark at most


@dataclass(frozen=True)
class Recording:
    """An audio file to transcribe.

    Attributes:
        path: the file, as named or found.
        name: path relative to the named folder; for a file that was named itself, its file name.
        stored: content of a recording that is not a file, which messages call ``path``; None for a file.
        where: line of the list that names it, for messages; empty if none does.
    """

    path: Path
    name: Path
    stored: bytes | None = None
    where: str = ""

    def check(self) -> None:
        """Looks whether it opens.

        Raises:
            AsrError: the reason why not, as :meth:`failure` tells it.
        """
        from asr.audio.waveforms import peek  # not before it is needed: it loads NumPy

        try:
            peek(self.path, self.stored)
        except AsrError as error:
            raise self.failure(error) from None

    def failure(self, error: AsrError) -> AsrError:
        """Returns the reason why it cannot be read, with the line of the list that names it."""
        return DataError(f"{self.where}: {error.where}", error.found, error.remedy) if self.where else error


@dataclass(frozen=True)
class Named:
    """A named file or folder.

    Attributes:
        path: the file or folder, or ``-`` for stdin.
        where: line of the list that names it; empty for an argument.
    """

    path: str
    where: str = ""


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

    def remarks(self) -> list[str]:
        """Returns what was dropped, one line each."""
        remarks = []
        if self.num_repeated:
            remarks.append(f"{self.num_repeated} files are named more than once and are transcribed once")
        if self.left_aside:
            names = ", ".join(path.name for path in self.left_aside[:_NAMED])
            more = ", …" if len(self.left_aside) > _NAMED else ""
            remarks.append(f"{len(self.left_aside)} files are skipped, not being audio by name: {names}{more}")
        return remarks


def read_list(path: str | Path) -> list[Named]:
    """Reads a list of files and folders, one path per line; blank lines are ignored.

    Args:
        path: a text file; its paths are relative to the current folder.

    Raises:
        DataError: the list cannot be read, is empty, or a line of it is no path.
    """
    named = []
    for number, line in numbered_lines(path):
        name, where = line.rstrip("\r\n"), f"{path}:{number}"
        if "\0" in name or name.strip() == STDIN:
            raise DataError(where, f"{name[:40]!r} is no path", "give a list of paths, one a line")
        if name.strip():
            named.append(Named(name, where))
    if not named:
        raise DataError(path, "names no file", "give a list of paths, one a line")
    return named


def find_recordings(inputs: Sequence[str | Path | Named], stdin: bytes = b"") -> Found:
    """Finds the recordings in files and folders, each once.

    Folders are searched by :func:`asr.audio.folders.files_below`. A file that is named itself is taken whatever its
    name; whether it can be read is found out later.

    Args:
        inputs: files and folders; ``-`` for stdin.
        stdin: content of stdin.

    Raises:
        DataError: the only named folder has no audio files.
    """
    found: dict[str, Recording] = {}
    left_aside: list[Path] = []
    num_named = 0
    for each in inputs:
        named = each if isinstance(each, Named) else Named(str(each))
        path = Path(named.path)
        is_folder = os.path.isdir(path)  # noqa: PTH112 - of a Path it raises what a name too long or with a NUL does
        itself = Recording(path, Path(path.name), where=named.where)
        if named.path == STDIN:
            found.setdefault(STDIN, Recording(Path(STDIN), Path("stdin"), stdin))
            num_named += 1
            continue
        recordings = list(_in_folder(path, left_aside)) if is_folder else [itself]
        if not recordings and len(inputs) > 1:
            recordings = [itself]  # one failure among others, reported in its turn
        if not recordings:
            endings = "no file in it ends in .wav, .flac, .mp3, .m4a, .ogg or another audio format's letters"
            raise DataError(path, f"holds no audio: {endings}", "check the folder, or name the files")
        num_named += len(recordings)
        for recording in recordings:
            found.setdefault(real_path(recording.path), recording)
    return Found(list(found.values()), num_named - len(found), left_aside)


class Input(Protocol):
    """What can be looked at before it is read."""

    def check(self) -> None:
        """Raises an :class:`AsrError` if it cannot be read."""


def unreadable(inputs: Iterable[Input]) -> list[AsrError]:
    """Returns why each input cannot be read, if that is so of all; looks no further than one that can."""
    errors = []
    for each in inputs:
        try:
            each.check()
        except AsrError as error:
            errors.append(error)
        else:
            return []
    return errors


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
