"""Files of transcripts and alignments, one for each recording, and their names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unicodedata import normalize

from asr.files import check_writable, fitting, written_whole
from asr.locking import leftovers
from asr.transcription.inputs import Recording, real_path

_DEAD = 2.0  # seconds after which nobody is writing an unfinished file any more


@dataclass
class OutputFolder:
    """A folder with one file for each recording.

    Attributes:
        folder: the folder, which is made when the first file is written.
        suffix: suffix of the files, without the dot.
        num_replaced: number of written files that replaced others.
    """

    folder: Path
    suffix: str
    num_replaced: int = 0

    def path_of(self, name: str | Path) -> Path:
        """Returns the file of the recording with this name."""
        path = self.folder / f"{name}.{self.suffix}"
        return path.with_name(fitting(path.name))

    def left_to_do(self, recordings: Sequence[Recording]) -> list[Recording]:
        """Returns the recordings that have no file, and removes what killed writers left of theirs.

        Files appear whole or not at all: a file that exists is finished.

        Args:
            recordings: recordings with the names of their files.
        """
        left = [recording for recording in recordings if not self.path_of(recording.name).exists()]
        for folder in sorted({self.path_of(recording.name).parent for recording in left}):
            for path in leftovers(folder / f"*.{self.suffix}", older_than=_DEAD):
                path.unlink(missing_ok=True)
        return left

    def check(self, recordings: Sequence[Recording]) -> None:
        """Checks that the file of the first recording can be written, before it is made.

        Raises:
            DataError: it cannot be.
        """
        check_writable(self.path_of(recordings[0].name))

    def write(self, name: str | Path, text: str) -> None:
        """Writes the file of the recording with this name.

        Raises:
            DataError: the file cannot be written.
        """
        path = self.path_of(name)
        self.num_replaced += path.exists()
        with written_whole(path) as beside:
            beside.write_text(text, encoding="utf-8", errors="surrogateescape")


def with_output_names(recordings: Sequence[Recording]) -> list[Recording]:
    """Returns recordings with the names that :func:`output_names` finds for them."""
    names = output_names(recordings)
    return [replace(recording, name=name) for recording, name in zip(recordings, names, strict=True)]


def output_names(recordings: Sequence[Recording]) -> list[Path]:
    """Returns a name of its own for the transcript of each recording, without a suffix for the format.

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
    paths = [Path(real_path(recording.path)) for recording in recordings]
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
