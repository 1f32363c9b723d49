"""Recordings that a user's own list names, read once and kept in memory: noise, and impulse responses of rooms."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from asr.audio.rates import Seconds
from asr.audio.waveforms import probe, read
from asr.errors import DataError
from asr.files import open_lines
from asr.records import describe_json, parse_json

logger = logging.getLogger(__name__)

_NUM_READERS = 4  # files that are read at a time
_PEAK = 32767.0  # of a recording, as it is kept
_AUDIO_KEYS = ("audio", "path", "audio_filepath", "file")
_JSON_SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".json.gz")
_FORM = "name one audio file a line, in a .jsonl file as an object with audio, and start and duration where it has them"


class Segment(NamedTuple):
    """A recording as a list names it.

    Attributes:
        where: the list and the line.
        path: the audio file.
        start: seconds from the start of the file.
        duration: seconds; None for the rest of the file.
    """

    where: str
    path: Path
    start: Seconds = 0.0
    duration: Seconds | None = None


def read_list(manifest: str | Path) -> list[Segment]:
    """Returns what a list names; the audio is not looked at.

    A list is a text of paths, one a line and relative to the list, or in ``.jsonl`` and ``.jsonl.gz`` one object a
    line: with ``audio`` (or ``path``, ``audio_filepath``, ``file``) and where they are there ``start`` (or ``offset``),
    ``duration`` or ``end`` in seconds; NeMo's manifests are such. Lhotse's recordings and cuts are read too, with
    relative paths taken from the working folder, as Lhotse does.

    Raises:
        DataError: the list cannot be read or is empty, or a line names no audio file, with the line.
    """
    path = Path(manifest)
    is_json = path.name.lower().endswith(_JSON_SUFFIXES)
    segments = [
        _parse_object(line, f"{path}:{number}", path.parent)
        if is_json
        else Segment(f"{path}:{number}", path.parent / line)
        for number, line in enumerate(_lines(path), start=1)
        if line
    ]
    if not segments:
        raise DataError(path, "names no recordings", _FORM)
    return segments


@dataclass(frozen=True, eq=False)
class Bank:
    """Recordings, concatenated; R of them, each scaled to the same peak.

    Attributes:
        samples: of all of them, int16.
        starts: where each begins, shape (R,).
        lengths: samples of each, shape (R,).
        longest: the largest of the lengths.
    """

    samples: Tensor
    starts: Tensor
    lengths: Tensor
    longest: int

    @classmethod
    def of(cls, recordings: list[Tensor]) -> Bank:
        """Returns the bank of these int16 recordings, shape (S,) each; there is at least one."""
        lengths = torch.tensor([len(samples) for samples in recordings])
        return cls(torch.cat(recordings), lengths.cumsum(0) - lengths, lengths, int(lengths.max()))

    def to(self, device: torch.device) -> Bank:
        """Returns the same bank on a device."""
        if self.samples.device == device:
            return self
        return Bank(self.samples.to(device), self.starts.to(device), self.lengths.to(device), self.longest)

    def choose(self, draws: Tensor) -> Tensor:
        """Maps numbers in [0, 1) to recordings, all equally likely: (B,) -> (B,)."""
        return (draws.double() * len(self.lengths)).long()

    def cut(self, chosen: Tensor, offsets: Tensor, num_samples: int) -> Tensor:
        """Returns stretches of recordings, which are repeated cyclically.

        Args:
            chosen: a recording for each row, shape (B,).
            offsets: first sample, shape (B,).
            num_samples: length of the stretches.

        Returns:
            float32 between -1 and 1, shape (B, num_samples).
        """
        places = torch.arange(num_samples, device=self.samples.device) + offsets.unsqueeze(1)
        places = self.starts[chosen].unsqueeze(1) + places % self.lengths[chosen].unsqueeze(1)
        return self.samples[places].float() / _PEAK


class Recordings:
    """The recordings of a list, read on first use at the latest.

    They are not buffers of the module that uses them: checkpoints do not hold them, loading one does not need the
    files, and the copies of weight averaging share them.

    Args:
        manifest: the list, as :func:`read_list` takes it.
        sample_rate: Hz; files at another rate are resampled.
        prepare: called with each waveform, shape (S,), after it is read.
        is_single_channel: whether files with several channels are refused; otherwise their mean is used.
    """

    def __init__(
        self,
        manifest: str,
        sample_rate: int,
        prepare: Callable[[Tensor], Tensor] | None = None,
        is_single_channel: bool = False,
    ) -> None:
        """Stores the settings without opening a file."""
        self.manifest, self.sample_rate = manifest, sample_rate
        self._prepare, self._is_single_channel = prepare, is_single_channel
        self._bank: Bank | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> Recordings:
        """Shares the recordings, which never change."""
        return self

    def read(self) -> Bank:
        """Reads the files once.

        Raises:
            DataError: the list or a file cannot be read, or a file is silent; with list, line and file.
        """
        if self._bank is None:
            segments = read_list(self.manifest)
            with ThreadPoolExecutor(_NUM_READERS) as pool:
                self._bank = Bank.of(list(pool.map(self._read_segment, segments)))
            hours = len(self._bank.samples) / self.sample_rate / 3600
            logger.info("%s: %s recordings, %.2f hours", self.manifest, f"{len(segments):,}", hours)
        return self._bank

    def on(self, device: torch.device) -> Bank:
        """Moves the recordings to a device and returns them."""
        self._bank = self.read().to(device)
        return self._bank

    def _read_segment(self, segment: Segment) -> Tensor:
        try:
            if self._is_single_channel and (channels := probe(segment.path).num_channels) > 1:
                remedy = f"keep one, for example with: ffmpeg -i {segment.path.name} -af pan='mono|c0=c0' one.wav"
                raise DataError(segment.path, f"has {channels} channels", remedy)
            waveform = read(segment.path, sample_rate=self.sample_rate, start=segment.start, duration=segment.duration)
        except DataError as error:
            raise DataError(segment.where, f"{error.where}: {error.found}", error.remedy) from None
        peak = float(waveform.abs().max())
        if peak == 0:
            raise DataError(segment.where, f"{segment.path}: is silent", "take it out of the list")
        prepared = waveform if self._prepare is None else self._prepare(waveform)
        return (prepared * (_PEAK / peak)).round().to(torch.int16)


def _lines(path: Path) -> Iterator[str]:
    if not path.exists():
        raise DataError(path, "no such file", f"check the path, or write the list: {_FORM}")
    if path.is_dir():
        remedy = f"list its files, for example with: find {path.absolute()} -name '*.wav' > list.txt"
        raise DataError(path, "is a folder, not a list of audio files", remedy)
    with open_lines(path) as lines:
        try:
            yield from (line.decode("utf-8-sig").strip() for line in lines)
        except UnicodeDecodeError:
            raise DataError(path, "is not UTF-8 text, so not a list of audio files", _FORM) from None


def _parse_object(line: str, where: str, folder: Path) -> Segment:
    try:
        item = parse_json(line, where, _FORM)
    except DataError as error:
        raise DataError(where, error.found.replace("is not JSON", "is not a JSON object"), error.remedy) from None
    if not isinstance(item, dict):
        raise DataError(where, f"is not a JSON object but {describe_json(item)}", _FORM)
    recording = item.get("recording", item)
    if isinstance(recording, dict) and "sources" in recording:
        path = _lhotse_file(recording, where)
    else:
        path = folder / next((item[key] for key in _AUDIO_KEYS if isinstance(item.get(key), str)), "")
        if path == folder:
            raise DataError(where, "names no audio file", _FORM)
    start = _seconds(item, "start", where) or _seconds(item, "offset", where) or 0.0
    duration, end = _seconds(item, "duration", where), _seconds(item, "end", where)
    if duration is None and end is not None:
        duration = end - start
    return Segment(where, path, start, duration)


def _lhotse_file(recording: dict[str, Any], where: str) -> Path:
    sources = recording["sources"]
    source = sources[0] if isinstance(sources, list) and len(sources) == 1 else {}
    is_file = isinstance(source, dict) and source.get("type") == "file" and isinstance(source.get("source"), str)
    if not is_file or recording.get("transforms"):
        found = "its recording is not a single unchanged file"
        raise DataError(where, found, "list recordings whose only source is a file, without transforms")
    return Path(source["source"])


def _seconds(item: dict[str, Any], key: str, where: str) -> Seconds | None:
    value = item.get(key)
    if value is None:
        return None
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        raise DataError(where, f"{key} is {describe_json(value)}, not a number of seconds", "correct the line")
    return seconds
