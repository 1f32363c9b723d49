"""Greedy decoding in NumPy: the likeliest token of every frame."""

from __future__ import annotations

import numpy as np

from asr.decoding.hypothesis import CONFIDENCE_ALPHA, Hypothesis, hypothesis_of
from asr.errors import DataError
from asr.portable.deltas import Floats
from asr.text.tokens import BLANK, TokenTable


def decode_greedily(log_probs: Floats, tokens: TokenTable, frame_seconds: float) -> Hypothesis:
    """Returns what :class:`asr.decoding.greedy.GreedyDecoder` returns.

    Args:
        log_probs: natural-log posteriors of an utterance, shape (N, V).
        tokens: names the V tokens; blank is token 0.
        frame_seconds: seconds from one frame to the next.

    Raises:
        DataError: log_probs are not numbers.
    """
    if np.isnan(log_probs).any():
        raise DataError("log_probs", "not a number", "the model or its input is broken")
    path = log_probs.argmax(axis=1)
    score = float(np.take_along_axis(log_probs, path[:, None], axis=1).sum(dtype=np.float64))
    first = np.flatnonzero((path != BLANK) & (path != np.concatenate(([BLANK], path[:-1]))))
    ends = np.flatnonzero((path != BLANK) & (path != np.concatenate((path[1:], [BLANK]))))
    sure = _frame_confidence(log_probs)
    least = [float(sure[begin : end + 1].min()) for begin, end in zip(first, ends, strict=True)]
    return hypothesis_of(path[first].tolist(), first.tolist(), ends.tolist(), least, score, tokens, frame_seconds)


def _frame_confidence(log_probs: Floats) -> Floats:
    """Returns how sure each frame is of its token; see :func:`asr.decoding.confidence.frame_confidence`."""
    others = log_probs[:, BLANK + 1 :]
    num_tokens = others.shape[1]
    if num_tokens < 2:
        return np.ones(len(log_probs), np.float32)
    with np.errstate(invalid="ignore"):  # a frame that is all blank to the last bit says nothing about its token
        shifted = others - others.max(axis=1, keepdims=True)
        shares = CONFIDENCE_ALPHA * (shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
        most = num_tokens ** (1 - CONFIDENCE_ALPHA)
        confidence = (most - np.exp(shares).sum(axis=1)) / (most - 1)
    return np.asarray(np.clip(np.nan_to_num(confidence, nan=0.0), 0.0, 1.0))
