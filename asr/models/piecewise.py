"""Encoders over recordings of any length: layer by layer, and each layer piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from asr.errors import ConfigError
from asr.features.piecewise import Rows
from asr.models.acoustic import AcousticModel
from asr.models.branched import BranchedEncoder
from asr.models.cells.cell import State
from asr.models.encoder import LatencyControlledEncoder, RecurrentEncoder
from asr.models.feedforward import FeedForwardEncoder
from asr.models.recurrent import RecurrentLayer, RecurrentStack, run_cell
from asr.models.streaming import MARGIN, streamed_log_probs

PIECE = 2048
"""Encoder frames that are computed at a time."""

NewRows = Callable[[int], Rows]
"""Returns an empty matrix of a width."""
Features = Callable[[int, int], Tensor]
"""Returns the features of frames from a first to before a last one, shape (T, F)."""


def check_piecewise(model: AcousticModel) -> None:
    """Refuses an encoder that cannot be run piece by piece.

    Raises:
        ConfigError: it sees all frames at once, or is that of a head with a last layer of its own.
    """
    if isinstance(model.encoder, BranchedEncoder):
        found = "a head with a last layer of its own cannot be run piece by piece"
        raise ConfigError("encoder", found, "transcribe in chunks, or with the main head")
    if not isinstance(model.encoder, RecurrentEncoder | LatencyControlledEncoder | FeedForwardEncoder):
        found = f"each frame of {type(model.encoder).__name__} sees all others, so it cannot be run piece by piece"
        raise ConfigError("encoder", found, "transcribe in chunks, or take a recurrent encoder without attention")


@torch.inference_mode()
def log_probs_by_piece(
    model: AcousticModel,
    features: Features,
    num_frames: int,
    new_rows: NewRows,
    piece: int = PIECE,
    on_progress: Callable[[float], None] | None = None,
) -> Iterator[Tensor]:
    """Yields the log-probabilities of a whole recording, equal to those that :meth:`AcousticModel.classify` returns.

    A layer in two directions first reads the recording from its end, then from its start; states go from piece to
    piece. Rows exist of one layer's input and one direction at a time, and of its output where its width is another.

    Args:
        model: in evaluation mode, on its device.
        features: normalised features of the recording.
        num_frames: feature frames, T.
        new_rows: makes space for activations.
        piece: encoder frames computed at a time.
        on_progress: called with shares of the work that have been done, in all 1.

    Yields:
        Natural-log posteriors of consecutive encoder frames, shape (*, V), N rows in all.

    Raises:
        ConfigError: see :func:`check_piecewise`.
    """
    check_piecewise(model)
    encoder = model.encoder
    assert isinstance(encoder, RecurrentEncoder | LatencyControlledEncoder | FeedForwardEncoder)
    length = int(encoder.output_lengths(torch.tensor([num_frames])))
    pieces = [(first, min(first + piece, length)) for first in range(0, length, piece)]
    if isinstance(encoder, LatencyControlledEncoder):
        stride, counted = encoder.time_stride, _Work(len(pieces), on_progress).count(pieces)
        yield from streamed_log_probs(
            model, (features(first * stride, min(last * stride, num_frames)) for first, last in counted)
        )
        return
    layers = [] if isinstance(encoder, FeedForwardEncoder) else list(encoder.recurrent.layers)
    work = _Work(len(pieces) * (1 + bool(layers) + sum(1 + (layer.back is not None) for layer in layers)), on_progress)
    if isinstance(encoder, FeedForwardEncoder):
        for first, last in work.count(pieces):
            yield model.classify_encoded(_local(encoder, features, num_frames, first, last))
        return
    rows = new_rows(encoder.subsampling.output_dim)
    for first, last in work.count(pieces):
        rows.write(first, _subsampled(encoder, features, num_frames, first, last))
    for number in range(len(layers)):
        rows = _run_layer(encoder.recurrent, number, rows, pieces, new_rows, work)
    for first, last in work.count(pieces):
        yield model.classify_encoded(rows.read(first, last))


class _Work:
    """Pieces that are still to be computed, over all layers."""

    def __init__(self, num_pieces: int, on_progress: Callable[[float], None] | None) -> None:
        self._share, self._tell = 1 / max(1, num_pieces), on_progress

    def count(self, pieces: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Yields first and last frames, and tells when each has been computed."""
        for each in pieces:
            yield each
            if self._tell is not None:
                self._tell(self._share)


def _subsampled(encoder: RecurrentEncoder, features: Features, num_frames: int, first: int, last: int) -> Tensor:
    """Returns the subsampled frames from ``first`` to before ``last``, shape (N, D)."""
    frames, begin = _with_margin(encoder.time_stride, features, num_frames, first, last, MARGIN)
    output, _ = encoder.subsampling(frames, torch.tensor([frames.size(1)], device=frames.device))
    return output[0, first - begin : last - begin]  # type: ignore[no-any-return]


def _local(encoder: FeedForwardEncoder, features: Features, num_frames: int, first: int, last: int) -> Tensor:
    """Returns encoded frames from ``first`` to before ``last`` of an encoder that sees a limited context, (N, D)."""
    frames, begin = _with_margin(encoder.time_stride, features, num_frames, first, last, encoder.context + MARGIN)
    output, _ = encoder(frames, torch.tensor([frames.size(1)], device=frames.device))
    return output[0, first - begin : last - begin]  # type: ignore[no-any-return]


def _with_margin(
    stride: int, features: Features, num_frames: int, first: int, last: int, margin: int
) -> tuple[Tensor, int]:
    """Returns the features of encoder frames and of those around them, shape (1, T, F), and the first encoder frame."""
    begin = max(0, first - margin)
    return features(begin * stride, min(num_frames, (last + margin) * stride)).unsqueeze(0), begin


def _run_layer(
    stack: RecurrentStack,
    number: int,
    rows: Rows,
    pieces: Sequence[tuple[int, int]],
    new_rows: NewRows,
    work: _Work,
) -> Rows:
    """Returns the output of a layer, in place of its input where widths are the same."""
    layer = stack.layers[number]
    assert isinstance(layer, RecurrentLayer)
    after = rows if layer.output_dim == rows.width else new_rows(layer.output_dim)
    back = None if layer.back is None else new_rows(layer.output_dim // 2)
    if layer.back is not None and back is not None:
        state: State | None = None
        for first, last in work.count(pieces[::-1]):
            output, state = run_cell(layer.back, rows.read(first, last).flip(0).unsqueeze(0), state)
            back.write(first, output[0].flip(0))
    state = None
    for first, last in work.count(pieces):
        frames = rows.read(first, last).unsqueeze(0)
        output, state = run_cell(layer.ahead, frames, state)
        if back is not None:
            output = layer.join(output, back.read(first, last).unsqueeze(0))
        after.write(first, stack.connect(number, frames, output)[0])
    return after
