"""Files of transcripts, a file for each recording, and what they are called."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from unicodedata import normalize

from asr.files import fitting, written_whole
from asr.transcription.formats import Format
from asr.transcription.inputs import Recording, real_path
from asr.transcription.transcript import Transcript


def write_files(transcripts: Iterable[Transcript], form: Format, folder: Path, suffix: str) -> int:
    """Writes a file for each transcript, named after it, and returns how many files were replaced.

    Args:
        transcripts: with the names that :func:`named` gives them.
        form: how to write them.
        folder: which need not be there yet.
        suffix: of the files, without a dot.

    Raises:
        DataError: a file cannot be written.
    """
    num_replaced = 0
    for transcript in transcripts:
        name = folder / f"{transcript.name}.{suffix}"
        path = name.with_name(fitting(name.name))
        num_replaced += path.exists()
        with written_whole(path) as beside:
            beside.write_text(form.document(transcript), encoding="utf-8", errors="surrogateescape")
    return num_replaced


def named(transcripts: Iterable[Transcript], recordings: Sequence[Recording]) -> Iterator[Transcript]:
    """Yields transcripts of some of the recordings, with the names that :func:`output_names` finds for these."""
    names = dict(zip((recording.path for recording in recordings), output_names(recordings), strict=True))
    return (replace(transcript, name=str(names[transcript.path])) for transcript in transcripts)


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
