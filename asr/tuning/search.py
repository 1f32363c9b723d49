"""The search for weights of least error."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Weights = tuple[float, ...]
ErrorRate = Callable[[Weights], float]


@dataclass(frozen=True)
class Grid:
    """Weights to choose from.

    Attributes:
        values: those of each weight; 0 is among them whether it is named or not.
        start: where a walk begins, a value of each weight; None where there is time to try all that are likely.
    """

    values: tuple[tuple[float, ...], ...]
    start: Weights | None = None

    def search(self, error_rate: ErrorRate) -> Weights:
        """Finds weights of least error.

        Without a start, each value of the first weight is tried with 0 for the others, then each of the second with the
        best of the first, and so on; from there the search goes on to the best of the points around, until none is
        better: a model favours short sequences, and a score per token makes up for it, so both rise together. Of equal
        points the smaller first weight, then the others nearer to 0, are taken; all weights 0, which is no language
        model, is always tried: what is found is on this dev set never worse than going without.

        With a start, each weight in turn is moved from there while that makes the error less; where no single one does,
        two at a time are, for weights that rise together. It ends where no move makes it less: with luck, at the least
        of all.

        Args:
            error_rate: gives the error rate on dev for a point; is asked for the same one again.

        Example:
            >>> Grid(((0.25, 0.5, 1.0), (1.0,))).search(lambda point: abs(point[0] - 0.5) + abs(point[1] - 1.0))
            (0.5, 1.0)
            >>> walk = Grid((tuple(range(5)), tuple(range(5))), start=(0, 0))
            >>> walk.search(lambda point: abs(point[0] - 3) + abs(point[1] - point[0]))
            (3, 3)
        """
        values = [sorted({0.0, *each}) for each in self.values]
        return _scan(error_rate, values) if self.start is None else _climb(error_rate, values, self.start)


def _scan(error_rate: ErrorRate, values: Sequence[Sequence[float]]) -> Weights:
    tried: dict[Weights, None] = {}

    def attempt(points: Sequence[Weights]) -> Weights:
        tried.update(dict.fromkeys(points))
        return min(tried, key=lambda point: (error_rate(point), point[0], *map(abs, point[1:])))

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
    count = 1  # of the weights that are moved at a time
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
    """Returns the neighbour in these directions, None where the grid ends."""
    moved = list(point)
    for place, direction in zip(places, directions, strict=True):
        index = values[place].index(point[place]) + direction
        if not 0 <= index < len(values[place]):
            return None
        moved[place] = values[place][index]
    return tuple(moved)
