"""FFmpeg through PyAV, the only place that knows it: m4a, WebM, wma, amr and video, with the extra ``media``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from asr.audio.access import Range, View
from asr.audio.rates import samples_to_seconds
from asr.audio.sound import NotReadableError, Samples, Sound, joined, truncated
from asr.dependencies import load_error
from asr.errors import DataError

_FORMATS = (  # that hold audio themselves: lists of other files, and what is fetched from elsewhere, are not opened
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dss,dts,dtshd,eac3,flac,flv,loas,matroska,mov,mp3,mpc,mpc8,"
    "mpeg,mpegts,nistsphere,ogg,oma,qcp,rm,shn,tak,tta,voc,w64,wav,wv,xwma"
)
_STATES_LENGTH = frozenset(
    ("mov", "wav", "w64", "aiff", "au", "caf", "ape", "tta", "wv", "nistsphere")
)  # others have an estimate
_SLACK = 0.25  # seconds that may be missing at the end: an encoder's last packets


class MissingError(Exception):
    """PyAV is not installed, or does not load; the text says why."""


class MediaSound(Sound):
    """The audio of a file, at its own rate and with its own channels, as FFmpeg decodes it.

    What an encoder put before the first sample is left out where the file says so, as FFmpeg does it. Packets are
    joined: what their times leave out is not filled.

    Args:
        path: what errors name.
        file: open for reading.

    Raises:
        MissingError: PyAV is not there.
        NotReadableError: FFmpeg does not read it.
        DataError: the file holds no audio.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        """Opens the audio stream that FFmpeg takes for the best."""
        self._errors = _import().FFmpegError
        view = View(file, [Range(0, file.seek(0, os.SEEK_END))])
        try:
            self._container = _import().open(view, options={"format_whitelist": _FORMATS})
        except (self._errors, ValueError) as error:
            raise NotReadableError(_reason(error)) from None
        self._stream = self._container.streams.best("audio")
        if self._stream is None and any(stream.type == "audio" for stream in self._container.streams):
            self._container.close()
            raise NotReadableError("it knows no decoder for its audio")
        if self._stream is None:
            others = " and ".join(sorted({stream.type for stream in self._container.streams}))
            self._container.close()
            raise DataError(path, f"holds no audio, only {others or 'nothing'}", "leave it out")
        self._reason = "it knows no decoder for its audio"
        self._blocks = self._decode()
        first = next(self._blocks, None)
        if first is None:
            self._container.close()
            raise NotReadableError(self._reason)
        super().__init__(path, self._rate, first.shape[1], None)
        self._waiting = first

    def close(self) -> None:
        """Closes the file."""
        self._container.close()

    def _read(self, count: int) -> Samples:
        blocks = [self._waiting[:count]]
        found = len(blocks[0])
        self._waiting = self._waiting[count:]
        while found < count and (block := next(self._blocks, None)) is not None:
            blocks.append(block[: count - found])
            self._waiting = block[count - found :]
            found += len(blocks[-1])
        return joined(blocks, self.num_channels)

    def _decode(self) -> Iterator[Samples]:
        """Yields the samples of frames, shape (S, C)."""
        kind: tuple[int, int] | None = None
        done, is_broken = 0, False
        for frame in self._frames():
            if isinstance(frame, str):
                self._reason, is_broken = frame, kind is not None  # a stream that was cut may begin with half a packet
                continue
            samples = _to_samples(frame)
            if kind is None:
                self._rate = frame.sample_rate
            kind = kind or (frame.sample_rate, samples.shape[1])
            if is_broken:
                found = f"is damaged after {samples_to_seconds(done, kind[0]):.2f} s ({self._reason})"
                raise DataError(self.path, found, "copy or convert it again")
            if (frame.sample_rate, samples.shape[1]) != kind:
                now = f"{frame.sample_rate} Hz and {samples.shape[1]}"
                found = f"changes from {kind[0]} Hz and {kind[1]} channels to {now}"
                raise DataError(self.path, found, "convert it to one kind, for example with ffmpeg")
            done += len(samples)
            yield samples
        stated = self._stated_seconds()
        if kind is not None and stated - samples_to_seconds(done, kind[0]) > _SLACK:
            seconds = samples_to_seconds(done, kind[0])
            raise truncated(self.path, f"{stated:.2f} s are there by its header, {seconds:.2f} s were read")

    def _frames(self) -> Iterator[Any]:
        """Yields frames, and where a packet cannot be decoded the reason."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except self._errors as error:
                yield _reason(error)
                return
            if packet is None:
                return
            try:
                yield from packet.decode()
            except self._errors as error:
                yield _reason(error)
            except (ValueError, AttributeError):  # PyAV has no decoder for the stream
                return

    def _stated_seconds(self) -> float:
        """Returns how long the audio is by the file's own header; 0 where it does not say."""
        formats = set(self._container.format.name.split(","))
        if formats & _STATES_LENGTH and self._stream.duration is not None:
            return float(self._stream.duration * self._stream.time_base)
        if "matroska" in formats:
            stated = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", self._stream.metadata.get("DURATION", ""))
            if stated:
                hours, minutes, seconds = map(float, stated.groups())
                return 3600 * hours + 60 * minutes + seconds
            if self._container.duration and all(stream.type == "audio" for stream in self._container.streams):
                return float(self._container.duration) / 1e6
        return 0.0


def _import() -> Any:
    try:
        import av
    except Exception as error:  # a library that is broken may raise anything while it is imported
        lacking = load_error(error)
        if lacking is None:
            raise
        raise MissingError(lacking.found) from None
    return av


def _reason(error: Exception) -> str:
    log = getattr(error, "log", None)
    return str(log[2] if log else getattr(error, "strerror", None) or error).strip().rstrip(".")


def _to_samples(frame: Any) -> Samples:
    """Returns the samples of a frame as floats, shape (S, C), between -1 and 1 where it holds integers."""
    if frame.format.name in ("s64", "s64p"):  # which PyAV converts to no array
        values = np.stack([np.frombuffer(plane, np.int64) for plane in frame.planes])
        values = values[:, : frame.samples * frame.layout.nb_channels // len(frame.planes)]
    else:
        values = frame.to_ndarray()  # (C, S) where planar, else (1, S * C)
    values = values.T if frame.format.is_planar else values.reshape(-1, frame.layout.nb_channels)
    if values.dtype.kind == "u":
        return np.asarray((values.astype(np.float32) - 128) / 128, np.float32)
    scale = 2.0 ** (8 * values.dtype.itemsize - 1) if values.dtype.kind == "i" else 1.0
    with np.errstate(all="ignore"):  # samples that are no numbers are refused elsewhere
        return np.asarray(values / scale, np.float32)
