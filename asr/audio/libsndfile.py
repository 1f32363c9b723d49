"""libsndfile, the only place that knows it: decoding and encoding."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import soundfile

from asr.audio.access import View
from asr.audio.layout import Piece
from asr.audio.sound import NotReadableError, Samples, Sound, joined, truncated
from asr.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_WARM_UP = 1 << 15  # samples that MP3 is decoded before a segment: its frames use bits of many before them
_OPUS_COMPRESSION = 0.93  # of one channel (1 - this) * 250 + 6 kbit/s


class _Decoder(soundfile.SoundFile):  # type: ignore[misc]
    """A file that soundfile reads in one direction: it seeks after every read otherwise, which not all codecs can."""

    def seekable(self) -> bool:
        return False


class LibsndfileSound(Sound):
    """Recordings that follow one another in a file, decoded by libsndfile.

    Args:
        path: what errors name.
        file: open for reading.
        source: the same, or its path, which libsndfile reads faster.
        pieces: the recordings; none for the file as it is.

    Raises:
        NotReadableError: libsndfile does not read it.
        DataError: the recordings are not of one sample rate and number of channels.
    """

    def __init__(self, path: Path, file: BinaryIO, source: Path | BinaryIO, pieces: Sequence[Piece]) -> None:
        """Opens the first recording."""
        self._file, self._source, self._pieces = file, source, list(pieces) or [Piece(())]
        self._index = 0
        self._decoder = self._open(self._pieces[0])
        rate, channels, frames = self._decoder.samplerate, self._decoder.channels, self._decoder.frames
        for piece in self._pieces[1:]:
            with self._open(piece) as other:
                if (other.samplerate, other.channels) != (rate, channels):
                    found = (
                        f"was joined from recordings with {rate} Hz and {channels} channels, and with "
                        f"{other.samplerate} Hz and {other.channels} channels"
                    )
                    raise DataError(path, found, "take it apart, or convert the parts to one kind first")
                frames += other.frames
        is_counted = all(piece.is_counted for piece in self._pieces)
        super().__init__(path, rate, channels, frames if is_counted else None)
        self._left = self._decoder.frames

    def close(self) -> None:
        """Closes the decoder."""
        self._decoder.close()

    def _open(self, piece: Piece) -> _Decoder:
        source: Path | BinaryIO | View | bytes = self._source
        if piece.parts:
            source = View(self._file, piece.parts, piece.claimed_size)
        elif isinstance(source, Path):
            source = os.fsencode(source)  # whatever bytes its name has
        else:
            self._file.seek(0)
        try:
            return _Decoder(source)
        except soundfile.LibsndfileError as error:
            raise NotReadableError((error.error_string or "unknown format").rstrip(".")) from None

    def _read(self, count: int) -> Samples:
        blocks: list[Samples] = []
        while count > 0:
            piece = self._pieces[self._index]
            wanted = min(count, self._left)
            samples = self._decode(wanted)
            if len(samples) < wanted and piece.is_counted:
                found = f"{self._left:,} more samples are there by its header, {len(samples):,} were read"
                raise truncated(self.path, found)
            blocks.append(samples)
            count -= len(samples)
            self._left -= len(samples)
            if (len(samples) < wanted or not self._left) and not self._next_piece():
                break
        return joined(blocks, self.num_channels)

    def _next_piece(self) -> bool:
        if self._index + 1 == len(self._pieces):
            return False
        self._index += 1
        self._decoder.close()
        self._decoder = self._open(self._pieces[self._index])
        self._left = self._decoder.frames
        return True

    def _decode(self, count: int) -> Samples:
        with _errors(self.path):
            samples: Samples = self._decoder.read(count, dtype="float32", always_2d=True)
        return samples

    def _skip(self, count: int) -> int:
        if len(self._pieces) > 1 or not soundfile.SoundFile.seekable(self._decoder):
            return super()._skip(count)
        count = min(count, self._left)
        before = min(count, _WARM_UP) if self._decoder.format == "MP3" else 0
        try:
            self._decoder.seek(self.position + count - before)
            self._decode(before)
        except soundfile.LibsndfileError:  # DWVW says that it can seek, and cannot
            self._decoder.close()
            self._decoder = self._open(self._pieces[0])
            self._left = self._decoder.frames
            return super()._skip(self.position + count) - self.position
        self._left -= count
        return count


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except soundfile.LibsndfileError as error:
        reason = (error.error_string or f"libsndfile error {error.code}").rstrip(".")
        raise DataError(path, f"is damaged or truncated ({reason})", "copy or convert it again") from None


def write(path: Path, samples: NDArray[np.float32], sample_rate: int) -> None:
    """Writes a 16-bit WAV file.

    Raises:
        OSError: it cannot be written.
    """
    try:
        soundfile.write(path, samples, sample_rate, subtype="PCM_16", format="WAV")
    except soundfile.LibsndfileError as error:
        raise OSError(error.error_string) from None


def flac(samples: NDArray[np.int32], sample_rate: int) -> bytes:
    """Returns a FLAC file of 24 bits.

    Raises:
        ValueError: FLAC does not know so many channels or such a rate.
    """
    written = io.BytesIO()
    try:
        soundfile.write(written, samples, sample_rate, subtype="PCM_24", format="FLAC")
    except soundfile.LibsndfileError as error:
        raise ValueError(error.error_string) from None
    return written.getvalue()


def opus(samples: NDArray[np.float32], sample_rate: int) -> bytes:
    """Returns an Ogg Opus file of about 24 kbit/s.

    Raises:
        ValueError: Opus does not know such a rate.
    """
    written = io.BytesIO()
    try:
        soundfile.write(
            written, samples, sample_rate, format="OGG", subtype="OPUS", compression_level=_OPUS_COMPRESSION
        )
    except soundfile.LibsndfileError as error:
        raise ValueError(error.error_string) from None
    return written.getvalue()
