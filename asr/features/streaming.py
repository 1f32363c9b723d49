"""The front end over streams: features come while the recording still goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import torch
from torch import Tensor

from asr.features.definitions import DELTA_WINDOW
from asr.features.frontend import FrontEnd
from asr.features.piecewise import beyond_block, static_by_piece

REMEMBERED_MS = 15000.0
"""Milliseconds of a stream over which features are normalised, where training normalises over utterances."""
_LEAST_MS = 1000.0  # milliseconds without which there are no such statistics


def is_streamed_exactly(frontend: FrontEnd) -> bool:
    """Says whether a stream has the features of the whole recording: whether normalisation needs nothing of it."""
    return frontend.cmvn in ("none", "global")


def waiting_frames(frontend: FrontEnd) -> int:
    """Returns the frames after each one for which its features wait."""
    return beyond_block(frontend) + DELTA_WINDOW * frontend.delta_order


@torch.inference_mode()
def streamed_features(frontend: FrontEnd, blocks: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yields the features of a stream, shape (*, feature_dim), of consecutive frames.

    With ``cmvn`` "global" or "none" they are those of the whole recording at once. With "utterance" and "speech", whose
    statistics a stream does not have yet, they are normalised over the last 15 seconds, or as many as have come, and
    the first ones wait for a second: running statistics, which training has not seen.

    Args:
        frontend: in evaluation mode.
        blocks: consecutive waveforms, shape (S,) each, of any lengths.

    Raises:
        ConfigError: ``cmvn`` is "global" and no statistics are set.
    """
    frontend.check_statistics()
    per_ms = frontend.sample_rate / 1000 / frontend.hop_length
    reach = DELTA_WINDOW * frontend.delta_order
    is_exact = is_streamed_exactly(frontend)
    remembered = reach if is_exact else round(REMEMBERED_MS * per_ms)
    least = 0 if is_exact else round(_LEAST_MS * per_ms)
    held, done = torch.empty(0, frontend.static_dim, device=frontend.window.device), 0
    for part in chain(static_by_piece(frontend, blocks), [None]):
        if part is not None:
            held = torch.cat([held, part])
        if part is not None and len(held) < least:
            continue
        end = len(held) - (0 if part is None else reach)
        if end > done:
            features = frontend.complete(held.unsqueeze(0), torch.tensor([len(held)], device=held.device))
            yield features[0, done:end]
            kept = max(0, end - remembered)
            held, done = held[kept:], end - kept
