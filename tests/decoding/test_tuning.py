import itertools

import pytest

from asr.decoding.tuning import climb, tune


def test_finds_the_least_error_and_tries_each_pair_once() -> None:
    asked: list[tuple[float, float]] = []

    def error_rate(weight: float, score: float) -> float:
        asked.append((weight, score))
        return abs(weight - 0.6) + abs(score - 1.0)

    best = tune(error_rate, [0.2, 0.4, 0.6, 0.8], [-1.0, 1.0, 2.0])
    assert (best.lm_weight, best.token_score, best.error_rate) == (0.6, 1.0, 0.0)
    assert len(asked) == len(set(asked)) == len(best.tried)
    assert [pair[:2] for pair in best.tried] == asked
    assert (0.0, 0.0) in asked


def test_of_equal_ones_the_smaller_weight_is_taken() -> None:
    best = tune(lambda _weight, _score: 0.25, [0.5, 1.0], [-1.0, 1.0])
    assert (best.lm_weight, best.token_score) == (0.0, 0.0)


def test_a_model_that_only_harms_is_left_out() -> None:
    best = tune(lambda weight, score: 0.1 + weight + abs(score), [0.5, 1.0], [-1.0, 1.0])
    assert (best.lm_weight, best.token_score, best.error_rate) == (0.0, 0.0, 0.1)


def test_follows_weight_and_score_that_rise_together() -> None:
    def error_rate(weight: float, score: float) -> float:
        return (score - 5 * weight) ** 2 + (weight - 0.3) ** 2

    best = tune(error_rate, [0.1, 0.2, 0.3, 0.4], [-0.5, 0.5, 1.0, 1.5, 2.0])
    assert (best.lm_weight, best.token_score) == (0.3, 1.5)


GRID = ((0.0, 0.2, 0.4, 0.6, 0.8), (-2.0, -1.0, 0.0, 1.0, 2.0), (0.0, 1.0, 2.0, 3.0))


@pytest.mark.parametrize("goal", list(itertools.product(GRID[0][::2], GRID[1][::2], GRID[2])))
def test_climbs_to_the_goal_from_anywhere(goal: tuple[float, ...]) -> None:
    asked: list[tuple[float, ...]] = []

    def error_rate(point: tuple[float, ...]) -> float:
        asked.append(point)
        return sum((here - there) ** 2 for here, there in zip(point, goal, strict=True))

    for start in ((0.6, 0.0, 1.0), (0.0, 2.0, 3.0)):
        asked.clear()
        tried = climb(error_rate, GRID, start)
        assert list(tried) == asked, "each point once"
        assert min(tried, key=lambda point: tried[point]) == goal
        assert len(asked) < 100 == len(GRID[0]) * len(GRID[1]) * len(GRID[2])


def test_climbs_along_weights_that_rise_together() -> None:
    tried = climb(lambda point: 10 * abs(point[0] - point[1]) + abs(point[0] - 3), [range(5), range(5)], (0, 0))
    assert min(tried, key=lambda point: tried[point]) == (3, 3)


def test_stays_where_nothing_is_better() -> None:
    tried = climb(lambda _point: 0.5, [(0.0, 1.0), (0.0, 1.0)], (0.0, 0.0))
    assert min(tried, key=lambda point: tried[point]) == (0.0, 0.0)
    assert climb(lambda _point: 0.5, [(0.0,), (1.0,)], (0.0, 1.0)) == {(0.0, 1.0): 0.5}
