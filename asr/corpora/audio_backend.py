"""How Lhotse reads audio: by :mod:`asr.audio`, so that what was accepted when it was prepared is read in training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from lhotse.audio.backend import LibsndfileBackend, LibsndfileCompatibleAudioInfo
from numpy.typing import NDArray

from asr.audio.waveforms import probe, read_segment

MISMATCH = 0.1
"""Seconds by which a file may be shorter or longer than its manifest says: decoders of MP3 differ by so much."""

_IN_TAR = ".tar/"  # of paths of members, which Lhotse takes out of the archive itself


class Backend(LibsndfileBackend):  # type: ignore[misc]
    """Reads whatever :func:`asr.audio.waveforms.read` does; writes by libsndfile."""

    def read_audio(
        self,
        path_or_fd: Any,
        offset: float = 0.0,
        duration: float | None = None,
        force_opus_sampling_rate: int | None = None,  # noqa: ARG002 - Lhotse's
    ) -> tuple[NDArray[np.float32], int]:
        """Reads a segment with all its channels.

        Args:
            path_or_fd: an audio file, or one in memory.
            offset: seconds from its start.
            duration: seconds; None for the rest.
            force_opus_sampling_rate: not used: libsndfile decodes Opus at the rate of its header.

        Returns:
            Samples, shape (C, S), and their rate.

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
        """Finds out what a file holds, as :func:`asr.audio.waveforms.probe` does.

        Raises:
            DataError: it cannot be read.
        """
        if not isinstance(path_or_fd, str | Path) or _IN_TAR in str(path_or_fd):
            return super().info(path_or_fd)
        found = probe(path_or_fd)
        return LibsndfileCompatibleAudioInfo(
            found.num_channels, found.num_samples, found.sample_rate, found.duration, video=None
        )
