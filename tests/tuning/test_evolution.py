"""An evolution strategy finds weights of few errors, within its number of evaluations."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from asr.tuning.evolution import Evolution
from asr.tuning.search import Grid, Weights

VALUES = ((0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0), (-3.0, -1.0, 1.0, 2.0, 4.0), (1.0, 2.0, 3.0, 4.0, 5.0, 6.0))
START = (0.6, 0.0, 1.0)
GOALS = ((1.1, 1.5, 2.4), (0.3, -1.2, 0.6), (1.7, 3.0, 4.5))


def search(method: Callable[..., Weights], grid: Grid, goal: Weights) -> tuple[float, list[Weights]]:
    """Returns the least error rate, and the points that were tried; rates are in steps of one error in 5,000."""
    tried: dict[Weights, float] = {}

    def error_rate(point: Weights) -> float:
        if point not in tried:
            lm, score, blank = (here - there for here, there in zip(point, goal, strict=True))
            rate = 0.13 + 0.04 * (lm - 0.2 * score) ** 2 + 0.006 * score**2 + 0.006 * (blank - lm) ** 2
            tried[point] = round(5000 * rate) / 5000
        return tried[point]

    return error_rate(method(grid, error_rate)), list(tried)


@pytest.mark.parametrize("goal", GOALS)
def test_is_as_good_as_the_walk_within_five_times_its_evaluations(goal: Weights) -> None:
    grid = Grid(VALUES, START)
    walked, trials = search(Grid.search, grid, goal)
    for seed in range(5):
        evolved, points = search(Evolution(5 * len(trials), seed).search, grid, goal)
        assert evolved <= walked
        assert len(points) <= 5 * len(trials)


def test_starts_where_the_walk_starts_and_stays_within_bounds() -> None:
    _, points = search(Evolution(150).search, Grid(VALUES, START), (2.5, 6.0, 8.0))
    assert points[:2] == [(0.0, 0.0, 0.0), START]
    assert len(points) == 150
    for place, values in enumerate(VALUES):
        column = [point[place] for point in points]
        assert min(0.0, *values) <= min(column) <= max(column) <= max(values)
        assert column == [round(value, 2) for value in column]


@pytest.mark.parametrize("number", [1, 2, 5, 11])
def test_tries_no_more_than_it_is_told(number: int) -> None:
    assert len(search(Evolution(number).search, Grid(VALUES, START), GOALS[0])[1]) == number


def test_a_seed_gives_the_same_trials() -> None:
    first, again, other = (search(Evolution(40, seed).search, Grid(VALUES, START), GOALS[0])[1] for seed in (1, 1, 2))
    assert first == again != other


def test_a_weight_without_values_stays_0() -> None:
    for grid in (Grid(((), VALUES[1], VALUES[2]), start=(0.0, 0.0, 1.0)), Grid(((), VALUES[1], ()))):
        _, points = search(Evolution(30).search, grid, GOALS[0])
        assert {point[0] for point in points} == {0.0}
        assert len(points) == 30
    assert search(Evolution(30).search, Grid(((), (), ())), GOALS[0])[1] == [(0.0, 0.0, 0.0)]


def test_going_without_is_tried_and_of_equal_ones_the_smaller_weights_are_taken() -> None:
    assert Evolution(40).search(Grid(VALUES, START), lambda _point: 0.25) == (0.0, 0.0, 0.0)
    assert Evolution(40).search(Grid(VALUES), lambda point: 0.1 + point[0] + abs(point[1])) == (0.0, 0.0, 0.0)


def test_ends_when_nothing_is_new() -> None:
    grid = Grid(((0.02,),), start=(0.0,))
    tried: list[Weights] = []

    def error_rate(point: Weights) -> float:
        tried.append(point)
        return point[0]

    assert Evolution(1000).search(grid, error_rate) == (0.0,)
    assert len(tried) == len(set(tried)) <= 3
