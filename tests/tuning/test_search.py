"""Weights of least error are found, with few trials, wherever they lie."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from asr.tuning.search import Grid, Weights

ErrorRate = Callable[[Weights], float]


def search(grid: Grid, error_rate: ErrorRate) -> tuple[Weights, list[Weights]]:
    """Returns what is found, and the points that were tried, in their order."""
    tried: dict[Weights, float] = {}

    def remembered(point: Weights) -> float:
        if point not in tried:
            tried[point] = error_rate(point)
        return tried[point]

    return grid.search(remembered), list(tried)


def test_finds_the_least_error_and_tries_going_without() -> None:
    grid = Grid(((0.2, 0.4, 0.6, 0.8), (-1.0, 1.0, 2.0)))
    best, tried = search(grid, lambda point: abs(point[0] - 0.6) + abs(point[1] - 1.0))
    assert best == (0.6, 1.0)
    assert tried[:5] == [(0.0, 0.0), (0.2, 0.0), (0.4, 0.0), (0.6, 0.0), (0.8, 0.0)]
    assert len(tried) < 5 * 4


def test_of_equal_ones_the_smaller_weight_is_taken() -> None:
    assert search(Grid(((0.5, 1.0), (-1.0, 1.0))), lambda _: 0.25)[0] == (0.0, 0.0)


def test_a_model_that_only_harms_is_left_out() -> None:
    best, _ = search(Grid(((0.5, 1.0), (-1.0, 1.0))), lambda point: 0.1 + point[0] + abs(point[1]))
    assert best == (0.0, 0.0)


def test_follows_weight_and_score_that_rise_together() -> None:
    grid = Grid(((0.1, 0.2, 0.3, 0.4), (-0.5, 0.5, 1.0, 1.5, 2.0)))
    best, _ = search(grid, lambda point: (point[1] - 5 * point[0]) ** 2 + (point[0] - 0.3) ** 2)
    assert best == (0.3, 1.5)


def test_a_weight_without_values_stays_0() -> None:
    best, tried = search(Grid(((), (1.0, 2.0), ())), lambda point: abs(point[1] - 2.0))
    assert best == (0.0, 2.0, 0.0)
    assert tried == [(0.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 2.0, 0.0)]


VALUES = ((0.0, 0.2, 0.4, 0.6, 0.8), (-2.0, -1.0, 0.0, 1.0, 2.0), (0.0, 1.0, 2.0, 3.0))


@pytest.mark.parametrize("goal", list(itertools.product(VALUES[0][::2], VALUES[1][::2], VALUES[2])))
def test_walks_to_the_goal_from_anywhere(goal: Weights) -> None:
    for start in ((0.6, 0.0, 1.0), (0.0, 2.0, 3.0)):
        best, tried = search(
            Grid(VALUES, start),
            lambda point: sum((here - there) ** 2 for here, there in zip(point, goal, strict=True)),
        )
        assert best == goal
        assert tried[0] == start
        assert len(tried) < 100 == len(VALUES[0]) * len(VALUES[1]) * len(VALUES[2])


def test_walks_along_weights_that_rise_together() -> None:
    rising = (0.0, 1.0, 2.0, 3.0, 4.0)
    grid = Grid((rising, rising), start=(0.0, 0.0))
    assert search(grid, lambda point: 10 * abs(point[0] - point[1]) + abs(point[0] - 3))[0] == (3.0, 3.0)


def test_stays_where_nothing_is_better() -> None:
    best, tried = search(Grid(((1.0,), (1.0,)), start=(0.0, 0.0)), lambda _: 0.5)
    assert (best, len(tried)) == ((0.0, 0.0), 4)
    assert search(Grid(((), (1.0,)), start=(0.0, 1.0)), lambda _: 0.5) == ((0.0, 1.0), [(0.0, 1.0), (0.0, 0.0)])
