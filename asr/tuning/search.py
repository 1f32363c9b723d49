"""Search for the weights with the fewest errors."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Weights = tuple[float, ...]
ErrorRate = Callable[[Weights], float]
"""Returns the error rate on dev for a point."""


@dataclass(frozen=True)
class Grid:
    """Weights to choose from.

    Attributes:
        values: values of each weight; 0 is always among them.
        start: a value of each weight, from which a walk starts; None if there is time to try all likely values.
    """

    values: tuple[tuple[float, ...], ...]
    start: Weights | None = None

    def search(self, error_rate: ErrorRate) -> Weights:
        """Returns the weights with the lowest error rate.

        Without a start, each value of the first weight is tried with 0 for the others, then each value of the second
        with the best of the first, and so on; from there the search moves to the best neighbour until none is better.
        Neighbours differ in several weights at once: a language model favours short sequences and a score per token
        compensates for it, so both rise together. Among equal points the smaller first weight wins, then the others
        nearer to 0. All weights 0, which is no language model, is always tried, so the result is never worse on dev.

        With a start, each weight in turn is moved while that lowers the error rate; if no single move does, two weights
        are moved at a time. The search ends at a point that no move improves, which need not be the best of all.

        Args:
            error_rate: returns the error rate on dev for a point; called repeatedly for the same point.

        Example:
            >>> Grid(((0.25, 0.5, 1.0), (1.0,))).search(lambda point: abs(point[0] - 0.5) + abs(point[1] - 1.0))
            (0.5, 1.0)
            >>> walk = Grid((tuple(range(5)), tuple(range(5))), start=(0, 0))
            >>> walk.search(lambda point: abs(point[0] - 3) + abs(point[1] - point[0]))
            (3, 3)
        """
        values = [sorted({0.0, *each}) for each in self.values]
        return _scan(error_rate, values) if self.start is None else _climb(error_rate, values, self.start)


Search = Callable[[Grid, ErrorRate], Weights]
"""Returns the weights with the lowest error rate that it finds."""


def preference(point: Weights) -> Weights:
    """Returns a key by which the lowest of equally good points is taken: smaller first weight, others nearer to 0."""
    return (point[0], *map(abs, point[1:]))


def _scan(error_rate: ErrorRate, values: Sequence[Sequence[float]]) -> Weights:
    tried: dict[Weights, None] = {}

    def attempt(points: Sequence[Weights]) -> Weights:
        tried.update(dict.fromkeys(points))
        return min(tried, key=lambda point: (error_rate(point), *preference(point)))

    best: Weights = (0.0,) * len(values)
    for place, choices in enumerate(values):
        best = attempt([(*best[:place], value, *best[place + 1 :]) for value in choices])
    around: list[Weights] = []
    while best not in around[:1]:
        around = [best, *itertools.product(*map(_beside, values, best))]
        best = attempt(around)
    return best


def _beside(values: Sequence[float], value: float) -> Sequence[float]:
    place = values.index(value)
    return values[max(0, place - 1) : place + 2]


def _climb(error_rate: ErrorRate, values: Sequence[Sequence[float]], start: Weights) -> Weights:
    best, best_rate = start, error_rate(start)
    count = 1  # of weights moved at a time
    while count <= 2:
        before = best
        for places in itertools.combinations(range(len(start)), count):
            for directions in itertools.product((1, -1), repeat=count):
                while (moved := _moved(best, places, directions, values)) is not None:
                    rate = error_rate(moved)
                    if rate >= best_rate:
                        break
                    best, best_rate = moved, rate
        count = count + 1 if best == before else 1
    return best


def _moved(
    point: Weights, places: Sequence[int], directions: Sequence[int], values: Sequence[Sequence[float]]
) -> Weights | None:
    """Returns the neighbour in these directions, or None at the edge of the grid."""
    moved = list(point)
    for place, direction in zip(places, directions, strict=True):
        index = values[place].index(point[place]) + direction
        if not 0 <= index < len(values[place]):
            return None
        moved[place] = values[place][index]
    return tuple(moved)
