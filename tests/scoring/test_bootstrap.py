from __future__ import annotations

import numpy as np

from asr.scoring.bootstrap import bootstrap_difference, bootstrap_interval
from asr.scoring.counts import ErrorCounts


def test_same_seed_same_interval():
    groups = [ErrorCounts(hits=90 - 5 * k, substitutions=10 + 5 * k) for k in range(10)]
    assert bootstrap_interval(groups, seed=1) == bootstrap_interval(groups, seed=1)
    assert bootstrap_interval(groups, seed=1) != bootstrap_interval(groups, seed=2)


def test_holds_the_rate_and_narrows_with_more_speakers():
    generator = np.random.default_rng(0)

    def width(number: int) -> float:
        errors = generator.binomial(100, 0.2, size=number)
        groups = [ErrorCounts(hits=int(100 - e), deletions=int(e)) for e in errors]
        low, high = bootstrap_interval(groups)
        assert low <= sum(groups, ErrorCounts()).rate <= high
        return high - low

    assert width(400) < width(40) < width(10)


def test_is_close_to_the_normal_interval_for_many_equal_groups():
    errors = np.random.default_rng(1).binomial(50, 0.3, size=300)
    low, high = bootstrap_interval([ErrorCounts(hits=int(50 - e), substitutions=int(e)) for e in errors])
    half = 1.96 * (errors / 50).std() / np.sqrt(300)
    assert abs((high - low) / 2 - half) < 0.1 * half


def test_one_group_tells_nothing():
    assert bootstrap_interval([]) is None
    assert bootstrap_interval([ErrorCounts(hits=5)]) is None
    assert bootstrap_interval([ErrorCounts(insertions=1)] * 3) is None


def test_groups_without_reference_tokens_do_not_break_it():
    interval = bootstrap_interval([ErrorCounts(hits=9, deletions=1), ErrorCounts(insertions=1)])
    assert interval is not None
    assert np.isfinite(interval).all()


def test_difference_of_systems_that_err_alike_is_sure_although_speakers_differ():
    errors = np.random.default_rng(0).integers(10, 60, size=(24, 1))
    num_ref = np.full(24, 200)
    assert bootstrap_difference(errors, errors, num_ref) == (0.0, 0.0, 0.0)
    low, high, share = bootstrap_difference(errors, errors - 4, num_ref)
    np.testing.assert_allclose([low, high, share], [-0.02, -0.02, 1.0])


def test_difference_is_close_to_the_normal_interval():
    generator = np.random.default_rng(1)
    first, second = generator.binomial(50, 0.3, size=(300, 1)), generator.binomial(50, 0.25, size=(300, 1))
    low, high, share = bootstrap_difference(first, second, np.full(300, 50))
    half = 1.96 * ((second - first) / 50).std() / np.sqrt(300)
    assert abs((high - low) / 2 - half) < 0.1 * half
    assert low < (second.sum() - first.sum()) / 15000 < high < 0
    assert share > 0.99


def test_runs_that_differ_widen_the_difference():
    errors = np.full((20, 1), 30)
    seeds = np.array([[24, 30, 36]] * 20)
    low, high, _ = bootstrap_difference(errors, seeds, np.full(20, 100))
    assert low < -0.03 < 0.03 < high
    assert bootstrap_difference(errors, np.full((20, 3), 30), np.full(20, 100)) == (0.0, 0.0, 0.0)


def test_difference_of_one_group_tells_nothing():
    assert bootstrap_difference(np.array([[3]]), np.array([[2]]), np.array([9])) is None
    assert bootstrap_difference(np.array([[3], [1]]), np.array([[2], [1]]), np.array([0, 0])) is None
