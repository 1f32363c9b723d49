"""The posteriors of whole recordings, exact: layer by layer, with activations on disk."""

from __future__ import annotations

import errno
import os
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asr.audio.rates import Seconds, samples_to_seconds
from asr.audio.resampling import Waveform
from asr.errors import DataError
from asr.features.piecewise import PiecewiseFeatures, static_by_piece
from asr.files import temporary_folder
from asr.models.acoustic import AcousticModel
from asr.models.piecewise import PIECE, log_probs_by_piece
from asr.text.tokens import TokenTable
from asr.transcription.heard import cut_at_blanks
from asr.transcription.long_audio import Chunk, Cutting

OpenBlocks = Callable[[], Iterable[Waveform]]
"""Opens a recording, and returns its consecutive waveforms, shape (S,) each; may be called repeatedly."""
_FLOAT = 4  # bytes


class SpilledRows:
    """Rows of float32 in a file without a name, which vanishes with the object and with the process.

    It lies in the folder for temporary files, such as ``$TMPDIR``.

    Args:
        width: of a row, D.
        device: where rows are returned.

    Raises:
        DataError: there is no such folder that can be written to.
    """

    def __init__(self, width: int, device: torch.device | str = "cpu") -> None:
        self.width, self._device = width, device
        self._folder = temporary_folder()
        self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 - lives as long as the object
        weakref.finalize(self, self._file.close)

    def read(self, first: int, last: int) -> Tensor:
        """Returns rows that have been written, from ``first`` to before ``last``, shape (*, D)."""
        rows = np.empty((last - first, self.width), np.float32)
        view, place = _bytes(rows), first * self.width * _FLOAT
        while view:
            count = os.preadv(self._file.fileno(), [view], place)
            if not count:
                raise ValueError(f"rows {first} to {last} have not been written")
            view, place = view[count:], place + count
        return torch.from_numpy(rows).to(self._device)

    def write(self, first: int, rows: Tensor) -> None:
        """Writes rows, shape (*, D), from row ``first`` on.

        Raises:
            DataError: the disk is full.
        """
        values = rows.detach().float().cpu().contiguous().numpy()
        view, place = _bytes(values), first * self.width * _FLOAT
        try:
            while view:
                count = os.pwrite(self._file.fileno(), view, place)
                view, place = view[count:], place + count
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            found = f"has no room for the activations of this recording ({error.strerror})"
            raise DataError(self._folder, found, "set TMPDIR to a folder on a larger disk") from None


def _bytes(values: NDArray[np.float32]) -> memoryview:
    return values.data.cast("B") if values.size else memoryview(b"")


@torch.inference_mode()
def exact_log_probs(
    models: Sequence[AcousticModel], open_blocks: OpenBlocks, on_progress: Callable[[Seconds], None] | None = None
) -> Iterator[Tensor]:
    """Yields the log-probabilities of a whole recording piece by piece, as if it were one tensor.

    Statistics for normalisation are those of the whole recording, and each layer reads all of it before the next one
    does. Memory does not grow with the layers or with their width; it holds some bytes for each frame.

    Args:
        models: at least one, in evaluation mode, on one device; the log-probabilities of several are averaged.
        open_blocks: opens the recording at the models' rate.
        on_progress: called with seconds of audio, in all those of the recording.

    Yields:
        Natural-log posteriors of consecutive frames, shape (*, V).

    Raises:
        ConfigError: an encoder cannot be run piece by piece.
        DataError: the recording cannot be read, or the disk is full.
    """
    tell = None if on_progress is None else lambda seconds: on_progress(seconds / len(models))
    heard = [_log_probs(model, open_blocks, tell) for model in models]
    if len(heard) == 1:
        yield from heard[0]
        return
    device, ends = models[0].output.weight.device, [0]
    stored = [SpilledRows(model.output.out_features, device) for model in models]
    for rows, parts in zip(stored, heard, strict=True):
        ends = [0]
        for part in parts:
            rows.write(ends[-1], part)
            ends.append(ends[-1] + len(part))
    for first, last in pairwise(ends):
        mean = torch.stack([rows.read(first, last) for rows in stored]).mean(dim=0)
        yield mean.log_softmax(dim=1)


def _log_probs(
    model: AcousticModel, open_blocks: OpenBlocks, on_progress: Callable[[Seconds], None] | None
) -> Iterator[Tensor]:
    frontend, device, num_frames = model.frontend, model.output.weight.device, 0
    static = SpilledRows(frontend.static_dim, device)
    for part in static_by_piece(frontend, map(torch.from_numpy, open_blocks())):
        static.write(num_frames, part)
        num_frames += len(part)
    features = PiecewiseFeatures(frontend, static, num_frames)
    duration = samples_to_seconds(num_frames * frontend.hop_length, frontend.sample_rate)
    tell = None if on_progress is None else lambda share: on_progress(share * duration)
    new_rows = partial(SpilledRows, device=device)
    yield from log_probs_by_piece(model, features, num_frames, new_rows, PIECE, tell)


def exact_chunks(
    models: Sequence[AcousticModel],
    tokens: TokenTable,
    open_blocks: OpenBlocks,
    cutting: Cutting | None = None,
    on_progress: Callable[[Seconds], None] | None = None,
) -> Iterator[Chunk]:
    """Yields the parts of a recording between pauses, with the log-probabilities of :func:`exact_log_probs`.

    Args besides those of :func:`exact_log_probs`:
        tokens: the table of the models' outputs.
        cutting: how long parts are.

    Yields:
        Chunks that follow one another, with all samples of the recording.
    """
    cutting = cutting or Cutting()
    frame_seconds, rate = models[0].frame_seconds, models[0].frontend.sample_rate
    stride = models[0].encoder.time_stride * models[0].frontend.hop_length
    log_probs = exact_log_probs(models, open_blocks, on_progress)
    pieces = cut_at_blanks(log_probs, tokens, frame_seconds, cutting.min_chunk, cutting.max_chunk)
    samples, previous = _Samples(open_blocks()), next(pieces, None)
    if previous is None:
        yield Chunk(0.0, samples.take(None), log_probs=np.empty((0, len(tokens)), np.float32))
    while previous is not None:
        following = next(pieces, None)
        waveform = samples.take(None if following is None else (following.first - previous.first) * stride)
        start = samples_to_seconds(previous.first * stride, rate)
        yield Chunk(start, waveform, log_probs=previous.log_probs.float().cpu().numpy())
        previous = following


class _Samples:
    """The samples of a recording, taken one after another."""

    def __init__(self, blocks: Iterable[Waveform]) -> None:
        self._blocks, self._held = iter(blocks), np.empty(0, np.float32)

    def take(self, count: int | None) -> Waveform:
        """Returns the next samples, shape (count,), or all that are left."""
        held = [self._held]
        num_held = len(self._held)
        while count is None or num_held < count:
            block = next(self._blocks, None)
            if block is None:
                break
            held.append(block)
            num_held += len(block)
        joined = np.concatenate(held)
        count = len(joined) if count is None else count
        self._held = joined[count:]
        return joined[:count]
