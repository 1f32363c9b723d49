"""Finds weights of a search on a dev set, on posteriors that are computed once."""

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


def climb(
    error_rate: Callable[[tuple[float, ...]], float], choices: Sequence[Sequence[float]], start: tuple[float, ...]
) -> dict[tuple[float, ...], float]:
    """Walks to a point of least error among the neighbours of a grid, for searches of many weights that take long.

    From the start each weight in turn is moved while that makes the error less; where no single one does, two at a time
    are, for weights that rise together. It ends where no move makes it less: with luck, at the least of all.

    Args:
        error_rate: gives the error rate on dev for a point.
        choices: the values of each weight, rising.
        start: one of them for each.

    Returns:
        The points that were tried, with their error rates, in the order of trying; of the best ones the first is where
        the walk ended.

    Example:
        >>> tried = climb(lambda point: abs(point[0] - 3) + abs(point[1] - point[0]), [range(5), range(5)], (0, 0))
        >>> min(tried, key=tried.get)
        (3, 3)
    """
    tried = {start: error_rate(start)}
    best = start

    def improves(moved: tuple[float, ...]) -> bool:
        if moved not in tried:
            tried[moved] = error_rate(moved)
        return tried[moved] < tried[best]

    count = 1  # of the weights that are moved at a time
    while count <= 2:
        before = best
        for places in itertools.combinations(range(len(start)), count):
            for directions in itertools.product((1, -1), repeat=count):
                while (moved := _moved(best, places, directions, choices)) is not None and improves(moved):
                    best = moved
        count = count + 1 if best == before else 1
    return tried


def _moved(
    point: tuple[float, ...], places: Sequence[int], directions: Sequence[int], choices: Sequence[Sequence[float]]
) -> tuple[float, ...] | None:
    """Gives the neighbour in these directions, None where the grid ends."""
    moved = list(point)
    for place, direction in zip(places, directions, strict=True):
        values = choices[place]
        index = values.index(point[place]) + direction
        if not 0 <= index < len(values):
            return None
        moved[place] = values[index]
    return tuple(moved)
