"""Differences of features over time, in NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asr.features.definitions import DELTA_WINDOW, difference_weights

Floats = NDArray[np.float32]


def add_deltas(features: Floats, order: int) -> Floats:
    """Appends the first to ``order``-th differences to each frame: (T, F) -> (T, F * (order + 1)).

    The same as :func:`asr.features.deltas.add_deltas` of one utterance.

    Example:
        >>> add_deltas(np.arange(7, dtype=np.float32)[:, None], 1)[3].tolist()
        [3.0, 1.0]
    """
    num_frames, reach = len(features), DELTA_WINDOW * order
    extended = np.pad(features, ((reach, reach), (0, 0)), mode="edge")
    parts = [features]
    for n in range(1, order + 1):
        start = reach - DELTA_WINDOW * n
        weighted = (
            np.float32(weight) * extended[start + place : start + place + num_frames]
            for place, weight in enumerate(difference_weights(n))
        )
        parts.append(np.sum(list(weighted), axis=0, dtype=np.float32))
    return np.concatenate(parts, axis=1)
