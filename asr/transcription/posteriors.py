"""The posteriors of a whole recording, read and computed chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.utils.rnn import pad_sequence

from asr.audio.rates import Seconds, samples_to_seconds
from asr.audio.resampling import Waveform
from asr.audio.waveforms import stream
from asr.errors import DataError
from asr.models.acoustic import AcousticModel
from asr.models.averaged import AveragedModel
from asr.transcription.long_audio import Chunk, Cutting, cut

Scores = npt.NDArray[np.float64]

_BLOCK_SECONDS: Seconds = 10.0
_NEVER = -30.0  # natural-log posterior of all tokens but blank in a silence that was left out


@dataclass(frozen=True, eq=False)
class Posteriors:
    """The posteriors of a recording.

    Attributes:
        log_probs: natural-log posteriors in float32, shape (N, V). Each long silence, which is not read, is one
            frame of blank.
        starts: seconds from the start of the recording to each frame, shape (N,).
        duration: seconds of the recording.
    """

    log_probs: npt.NDArray[np.float32]
    starts: Scores
    duration: Seconds


def read_posteriors(
    model: AcousticModel | AveragedModel,
    path: Path,
    blank: int,
    *,
    channel: int | None = None,
    batch_seconds: Seconds = 160.0,
    num_workers: int = 1,
    cutting: Cutting | None = None,
    on_progress: Callable[[Seconds], None] | None = None,
) -> Posteriors:
    """Returns the posteriors of a recording of any length; an hour takes about 10 MB for letters.

    Args:
        model: in evaluation mode.
        path: audio file of any sample rate.
        blank: index of blank.
        channel: as for :func:`asr.audio.waveforms.stream`.
        batch_seconds: seconds of audio, including padding, that are read together.
        num_workers: batches computed at the same time.
        cutting: how long recordings are cut; the defaults if None.
        on_progress: called with the seconds of audio that have been read.

    Raises:
        DataError: the file cannot be read, or is shorter than a frame.
    """
    rate, told = model.frontend.sample_rate, 0.0
    tell = on_progress or (lambda _: None)
    blocks = _Blocks(stream(path, rate, _BLOCK_SECONDS, channel))
    pieces: list[_Piece] = []
    with ThreadPoolExecutor(num_workers) as workers:
        for pool in _pools(cut(blocks, rate, cutting), rate, batch_seconds * num_workers):
            for found in workers.map(lambda batch: _compute(model, batch), _batches(pool, num_workers)):
                pieces += found
            end = pool[-1].start + samples_to_seconds(len(pool[-1].waveform), rate)
            tell(end - told)
            told = end
    duration = samples_to_seconds(blocks.num_samples, rate)
    tell(duration - told)
    log_probs, starts = _join(pieces, model.frame_seconds, blank)
    if not len(starts):
        raise DataError(path, "is shorter than a frame", "give a recording with speech")
    if bool(np.isnan(log_probs).any()):
        raise DataError(path, "leads to posteriors that are not numbers", "the model or its input is broken")
    return Posteriors(log_probs, starts, duration)


class _Blocks:
    """Iterates over blocks of samples, shape (S,) each, and counts these."""

    def __init__(self, blocks: Iterable[Waveform]) -> None:
        self._blocks, self.num_samples = blocks, 0

    def __iter__(self) -> Iterator[Waveform]:
        for block in self._blocks:
            self.num_samples += len(block)
            yield block


def _pools(chunks: Iterable[Chunk], sample_rate: int, seconds: Seconds) -> Iterator[list[Chunk]]:
    """Yields groups of chunks with about this many seconds."""
    pool: list[Chunk] = []
    num_samples = 0
    for chunk in chunks:
        pool.append(chunk)
        num_samples += len(chunk.waveform)
        if num_samples >= seconds * sample_rate:
            yield pool
            pool, num_samples = [], 0
    if pool:
        yield pool


def _batches(pool: Sequence[Chunk], num_batches: int) -> list[Sequence[Chunk]]:
    size = -(-len(pool) // num_batches)
    return [pool[first : first + size] for first in range(0, len(pool), size)]


@dataclass(frozen=True, eq=False)
class _Piece:
    """The posteriors of a chunk, shape (N, V), its start, and its overlap with the previous chunk."""

    start: Seconds
    join: tuple[Seconds, Seconds] | None
    log_probs: npt.NDArray[np.float32]


@torch.inference_mode()
def _compute(model: AcousticModel | AveragedModel, chunks: Sequence[Chunk]) -> list[_Piece]:
    """Returns the posteriors of a batch of chunks, without those that are shorter than a frame."""
    lengths = torch.tensor([len(chunk.waveform) for chunk in chunks])
    is_long = model.encoder.output_lengths(model.frontend.frame_lengths(lengths)) > 0
    chosen = [chunk for chunk, long in zip(chunks, is_long.tolist(), strict=True) if long]
    if not chosen:
        return []
    device = next(model.parameters()).device
    waveforms = pad_sequence([torch.from_numpy(chunk.waveform) for chunk in chosen], batch_first=True)  # (B, S)
    log_probs, frames = model(waveforms.to(device), lengths[is_long].to(device))
    return [
        _Piece(chunk.start, chunk.join, rows[:length].numpy().copy())
        for chunk, rows, length in zip(chosen, log_probs.float().cpu(), frames.tolist(), strict=True)
    ]


def _join(pieces: Sequence[_Piece], frame_seconds: Seconds, blank: int) -> tuple[npt.NDArray[np.float32], Scores]:
    """Concatenates pieces, which share overlaps in halves, with a frame of blank for each silence between them."""
    rows: list[npt.NDArray[np.float32]] = []
    starts: list[Scores] = []
    limits = [sum(piece.join) / 2 if piece.join else -np.inf for piece in pieces]
    ends = [limit if limit > -np.inf else np.inf for limit in [*limits[1:], np.inf]]
    for piece, begin, end in zip(pieces, limits, ends, strict=False):
        times: Scores = piece.start + frame_seconds * np.arange(len(piece.log_probs), dtype=np.float64)
        is_own = (times + frame_seconds / 2 >= begin) & (times + frame_seconds / 2 < end)
        if not is_own.any():
            continue
        log_probs, times = piece.log_probs[is_own], times[is_own]
        now = starts[-1][-1] + frame_seconds if starts else 0.0
        if times[0] - now > frame_seconds:
            silence = np.full((1, log_probs.shape[1]), _NEVER, dtype=np.float32)
            silence[0, blank] = 0.0
            rows.append(silence)
            starts.append(np.array([now]))
        rows.append(log_probs)
        starts.append(times)
    if not rows:
        return np.empty((0, 0), dtype=np.float32), np.empty(0)
    return np.concatenate(rows), np.concatenate(starts)
