"""Recordings with their texts, which are named in turn, or are in a folder or a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from asr.errors import DataError, UsageError
from asr.files import numbered_lines
from asr.transcription.inputs import Recording, find_recordings
from asr.transcription.outputs import with_output_names

_ENDINGS = (".txt", ".lab")


@dataclass(frozen=True)
class Pair:
    """A recording and its text.

    Attributes:
        recording: the audio file.
        where: file of the text, with the line if it is a list; empty if there is no text.
        text: the text if it is in a list.
    """

    recording: Recording
    where: str
    text: str | None = None

    def check(self) -> None:
        """Looks whether text and recording open.

        Raises:
            AsrError: one does not.
        """
        self.lines()
        self.recording.check()

    def lines(self) -> list[str]:
        """Returns the lines of the text.

        Raises:
            DataError: there is no text, or the file cannot be read.
        """
        if not self.where:
            raise DataError(self.recording.path, "has no text", "name one like it, or leave the recording out")
        return [self.text] if self.text is not None else [line for _, line in numbered_lines(self.where)]


@dataclass(frozen=True)
class Pairs:
    """The recordings with their texts.

    Attributes:
        pairs: one for each recording, in order.
        num_unused: texts that belong to no recording.
    """

    pairs: list[Pair]
    num_unused: int


def with_names(pairs: Sequence[Pair]) -> list[Pair]:
    """Returns pairs whose recordings have the names that :func:`asr.transcription.outputs.output_names` finds."""
    recordings = with_output_names([pair.recording for pair in pairs])
    return [replace(pair, recording=recording) for pair, recording in zip(pairs, recordings, strict=True)]


def find_pairs(files: Sequence[str], texts: str | None) -> Pairs:
    """Returns recordings with their texts.

    Args:
        files: without ``texts``, audio files each followed by its text; with it, audio files and folders of them.
        texts: a folder whose texts have the paths of the recordings below the named folders, with the suffix
            ``.txt`` or ``.lab``; or a list with lines of a recording, a tab and its text, as ``asr transcribe`` prints
            them. The list names recordings by path or by path below the named folder, with or without suffix.

    Raises:
        UsageError: the last audio file has no text, or a folder is named without ``texts``.
        DataError: the list cannot be read, or a folder has no audio.
    """
    if texts is None:
        return Pairs(_alternating(files), 0)
    recordings = find_recordings(files).recordings
    path = Path(texts)
    known = _in_folder(path) if path.is_dir() else _in_list(path)
    pairs = [_pair(recording, known) for recording in recordings]
    return Pairs(pairs, len({where for where, _ in known.values()} - {pair.where for pair in pairs}))


def _alternating(files: Sequence[str]) -> list[Pair]:
    if len(files) % 2:
        raise UsageError(files[-1], "has no text after it", "name audio and text in turn, or give --texts")
    for name in files:
        if Path(name).is_dir():
            raise UsageError(name, "is a folder", "give --texts FOLDER with the texts, and --out-dir")
    pairs = zip(files[::2], files[1::2], strict=True)
    return [Pair(Recording(Path(audio), Path(Path(audio).name)), text) for audio, text in pairs]


def _pair(recording: Recording, known: Mapping[str, tuple[str, str | None]]) -> Pair:
    for name in (recording.path, recording.name):
        for key in (str(name), str(name.with_suffix(""))):
            if key in known:
                return Pair(recording, *known[key])
    return Pair(recording, "")


def _in_folder(folder: Path) -> dict[str, tuple[str, str | None]]:
    """Returns the texts of a folder by their paths below it, without suffix."""
    known: dict[str, tuple[str, str | None]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _ENDINGS:
            known.setdefault(str(path.relative_to(folder).with_suffix("")), (str(path), None))
    return known


def _in_list(path: Path) -> dict[str, tuple[str, str | None]]:
    """Returns the texts of a list by the names of the recordings.

    Raises:
        DataError: the list cannot be read, a line has no tab, or a recording occurs twice.
    """
    known: dict[str, tuple[str, str | None]] = {}
    for number, line in numbered_lines(path):
        name, tab, text = line.rstrip("\r\n").partition("\t")
        if not line.strip():
            continue
        where = f"{path}:{number}"
        if not tab:
            raise DataError(where, "has no tab", "write a recording, a tab and its text in each line")
        if name in known:
            raise DataError(where, f"{name} is in it twice", "keep one of the two lines")
        known[name] = (where, text)
    return known
