"""Finds the weights of a language model on a dev set, on posteriors that are computed once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Tuned:
    """The best weights that were tried.

    Attributes:
        lm_weight: of the language model.
        token_score: natural-log score added per token.
        error_rate: on the dev set, as a fraction.
        tried: every pair that was tried, with its error rate, in the order of trying.
    """

    lm_weight: float
    token_score: float
    error_rate: float
    tried: tuple[tuple[float, float, float], ...]


def tune(
    error_rate: Callable[[float, float], float], lm_weights: Sequence[float], token_scores: Sequence[float]
) -> Tuned:
    """Finds the weights of least error.

    Each weight is tried with no token score, then each token score with the best of them, and from there the search
    goes on to the best of the eight pairs around, until none is better: a model favours short sequences, and a score
    per token makes up for it, so both rise together. Of equal ones the smaller weight, then the token score nearer to
    0, is taken; weight 0 with score 0, which is no language model, is always among them: what is found is on this dev
    set never worse than going without.

    Args:
        error_rate: gives the error rate on dev for a weight and a token score.
        lm_weights: weights to try, rising.
        token_scores: token scores to try.

    Example:
        >>> tune(lambda weight, score: abs(weight - 0.5) + abs(score - 1.0), [0.25, 0.5, 1.0], [0.0, 1.0]).lm_weight
        0.5
    """
    tried: dict[tuple[float, float], float] = {}

    def attempt(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
        for pair in pairs:
            if pair not in tried:
                tried[pair] = error_rate(*pair)
        return min(tried, key=lambda pair: (tried[pair], pair[0], abs(pair[1])))

    weights, scores = sorted({0.0, *lm_weights}), sorted({0.0, *token_scores})
    weight, _ = attempt([(weight, 0.0) for weight in weights])
    best = attempt([(weight, score) for score in scores])
    around: list[tuple[float, float]] = []
    while best not in around[:1]:
        around = [best, *itertools.product(_beside(weights, best[0]), _beside(scores, best[1]))]
        best = attempt(around)
    return Tuned(*best, tried[best], tuple((*pair, rate) for pair, rate in tried.items()))


def _beside(values: Sequence[float], value: float) -> Sequence[float]:
    place = values.index(value)
    return values[max(0, place - 1) : place + 2]
