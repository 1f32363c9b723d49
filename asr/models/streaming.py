"""Encoders over streams: log-probabilities come while the recording still goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import torch
from torch import Tensor

from asr.errors import ConfigError
from asr.models.acoustic import AcousticModel
from asr.models.branched import BranchedEncoder
from asr.models.cells.cell import State
from asr.models.encoder import LatencyControlledEncoder, RecurrentEncoder, StackedEncoder
from asr.models.latency import LatencyControlledStack
from asr.models.recurrent import RecurrentStack

MARGIN = 2
"""Encoder frames on either side that the convolutions of the subsampling see."""


def check_streaming(model: AcousticModel) -> None:
    """Refuses an encoder that has to hear a recording to its end, or is not known to need less.

    Raises:
        ConfigError: naming what can be read as a stream.
    """
    encoder = model.encoder
    if isinstance(encoder, BranchedEncoder):
        raise ConfigError("live", "a head with a last layer of its own cannot be read live", "take the main head")
    if isinstance(encoder, LatencyControlledEncoder):
        return
    remedy = "train with model=lstm_latency or model=lstm_unidirectional, or transcribe the whole recording"
    if not isinstance(encoder, RecurrentEncoder):
        found = f"{type(encoder).__name__} sees the frames around each one together, not one after another"
        raise ConfigError("live", found, remedy)
    if encoder.bidirectional:
        raise ConfigError("live", "this model reads each recording backwards too, from its end", remedy)


def waiting_frames(model: AcousticModel) -> int:
    """Returns the feature frames after the first of an output's for which it waits, at most."""
    encoder = model.encoder
    assert isinstance(encoder, StackedEncoder)
    stack = encoder.recurrent
    chunk = stack.chunk_frames + stack.context_frames if isinstance(stack, LatencyControlledStack) else 1
    return (chunk - 1) * encoder.time_stride + encoder.subsampling.reach[1]


@torch.inference_mode()
def streamed_log_probs(model: AcousticModel, features: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yields the log-probabilities of a stream, equal to those that :meth:`AcousticModel.classify` returns.

    Memory does not grow with the stream. A stack of one direction yields an encoder frame as soon as its features have
    come, a latency-controlled one a chunk as soon as its right context has.

    Args:
        model: in evaluation mode; one that :func:`check_streaming` accepts.
        features: normalised features of consecutive frames, shape (*, F) each.

    Yields:
        Natural-log posteriors of consecutive encoder frames, shape (*, V).
    """
    encoder = model.encoder
    assert isinstance(encoder, StackedEncoder)
    frames, stack = _subsampled(encoder, features), encoder.recurrent
    encoded = _by_chunk(stack, frames) if isinstance(stack, LatencyControlledStack) else _one_way(stack, frames)
    for each in encoded:
        yield model.classify_encoded(each[0])


def _subsampled(encoder: StackedEncoder, features: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yields subsampled frames, shape (1, *, D), as soon as all features that they see have come."""
    stride, held, done = encoder.time_stride, None, 0  # encoder frames that have been yielded, of those held
    for part in chain(features, [None]):
        if part is not None:
            held = part if held is None else torch.cat([held, part])
        if held is None:
            return
        beyond = 0 if part is None else encoder.subsampling.reach[1]
        ready = (len(held) - beyond - 1) // stride + 1
        if ready > done:
            lengths = torch.tensor([len(held)], device=held.device)
            output, _ = encoder.subsampling(held.unsqueeze(0), lengths)
            yield output[:, done:ready]
            kept = max(0, ready - MARGIN)
            held, done = held[kept * stride :], ready - kept


def _one_way(stack: RecurrentStack, frames: Iterable[Tensor]) -> Iterator[Tensor]:
    states: list[State | None] = [None] * len(stack.layers)
    for part in frames:
        outputs, states[:] = stack.advance(part, states)
        yield outputs[-1]


def _by_chunk(stack: LatencyControlledStack, frames: Iterable[Tensor]) -> Iterator[Tensor]:
    own, width = stack.chunk_frames, stack.chunk_frames + stack.context_frames
    states: list[State | None] = [None] * len(stack.layers)
    held: Tensor | None = None
    for part in chain(frames, [None]):
        if part is not None:
            held = part if held is None else torch.cat([held, part], dim=1)
        while held is not None and held.size(1) >= (width if part is not None else 1):
            output, states[:] = stack.read_chunk(held[:, :width], min(own, held.size(1)), states)
            yield output
            held = held[:, own:]
