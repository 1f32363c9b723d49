"""How Lhotse reads audio: with :mod:`asr.audio`, so that training can read whatever preparation accepted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from lhotse.audio.backend import LibsndfileBackend, LibsndfileCompatibleAudioInfo
from numpy.typing import NDArray

from asr.audio.waveforms import probe, read_segment

MISMATCH = 0.1
"""Seconds by which a file may be shorter or longer than its manifest says: MP3 decoders differ by that much."""

_IN_TAR = ".tar/"  # in paths of members, which Lhotse itself takes out of the archive


class Backend(LibsndfileBackend):  # type: ignore[misc]
    """Reads whatever :func:`asr.audio.waveforms.read` does; writes with libsndfile."""

    def read_audio(
        self,
        path_or_fd: Any,
        offset: float = 0.0,
        duration: float | None = None,
        force_opus_sampling_rate: int | None = None,  # noqa: ARG002 - Lhotse's
    ) -> tuple[NDArray[np.float32], int]:
        """Reads a segment of a file, or of one in memory: all its channels, shape (C, S), and their rate.

        Opus is decoded at the rate of its header, whatever Lhotse asks for.

        Raises:
            DataError: the file cannot be read, or the segment reaches beyond its end.
        """
        if isinstance(path_or_fd, str | Path):
            if _IN_TAR in str(path_or_fd):
                samples, rate = super().read_audio(path_or_fd, offset, duration)
                return np.asarray(samples, np.float32), int(rate)
            whole, rate = read_segment(path_or_fd, offset, duration)
        else:
            whole, rate = read_segment("audio in memory", offset, duration, path_or_fd.read())
        return whole.T, rate

    def info(
        self,
        path_or_fd: Any,
        force_opus_sampling_rate: int | None = None,  # noqa: ARG002 - Lhotse's
    ) -> LibsndfileCompatibleAudioInfo:
        """Returns what a file holds, as :func:`asr.audio.waveforms.probe` finds it.

        Raises:
            DataError: it cannot be read.
        """
        if not isinstance(path_or_fd, str | Path) or _IN_TAR in str(path_or_fd):
            return super().info(path_or_fd)
        found = probe(path_or_fd)
        return LibsndfileCompatibleAudioInfo(
            found.num_channels, found.num_samples, found.sample_rate, found.duration, video=None
        )
