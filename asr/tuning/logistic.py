"""Logistic regression whose weights may be kept from falling below 0."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]
_PENALTY = 0.1
"""Half of this times the sum of the squared weights is added to the loss: without errors, weights would be infinite."""
_MOST_STEPS, _MOST_HALVES = 100, 40
_ENOUGH = 1e-10  # smaller gains end the search


def fit_logistic(evidence: _Floats, is_right: _Floats, at_least_zero: Sequence[int]) -> tuple[_Floats, float]:
    """Returns the weights of the least penalised cross entropy, and the latter in nats.

    Weights that would be below 0 and may not be are 0, and so are those of evidence that does not vary.

    Args:
        evidence: shape (W, F).
        is_right: 1 or 0, shape (W,).
        at_least_zero: numbers of the weights that may not be below 0.

    Returns:
        Weights, shape (F,), and the loss.

    Example:
        >>> weights, _ = fit_logistic(np.array([[1.0, -1.0], [1.0, 1.0]] * 50), np.array([0.0, 1.0] * 50), [1])
        >>> weights.round(1).tolist()
        [0.0, 3.3]
    """
    used = [place for place in range(evidence.shape[1]) if place not in at_least_zero or np.ptp(evidence[:, place]) > 0]
    while True:
        found, loss = _minimise(evidence[:, used], is_right)
        below = {place: weight for place, weight in zip(used, found, strict=True) if place in at_least_zero}
        worst = min(below, key=below.__getitem__, default=None)
        if worst is None or below[worst] >= 0:
            break
        used.remove(worst)
    weights = np.zeros(evidence.shape[1])
    weights[used] = found
    return weights, loss


def _minimise(evidence: _Floats, is_right: _Floats) -> tuple[_Floats, float]:
    """Takes Newton's steps, halved where they go too far; the loss is convex."""
    weights = np.zeros(evidence.shape[1])
    loss = _loss(evidence, is_right, weights)
    for _ in range(_MOST_STEPS):
        probabilities = 1.0 / (1.0 + np.exp(-evidence @ weights))
        slope = evidence.T @ (probabilities - is_right) + _PENALTY * weights
        curvature = evidence.T @ (evidence * (probabilities * (1.0 - probabilities))[:, None])
        step = np.linalg.solve(curvature + _PENALTY * np.eye(len(weights)), slope)
        for _ in range(_MOST_HALVES):
            if (better := _loss(evidence, is_right, weights - step)) <= loss:
                break
            step = step / 2
        else:
            break
        gain, weights, loss = loss - better, weights - step, better
        if gain < _ENOUGH:
            break
    return weights, loss


def _loss(evidence: _Floats, is_right: _Floats, weights: _Floats) -> float:
    odds = evidence @ weights
    return float((np.logaddexp(0.0, odds) - is_right * odds).sum() + _PENALTY / 2 * (weights @ weights))
