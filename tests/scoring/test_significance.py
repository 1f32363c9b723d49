from __future__ import annotations

import math

import numpy as np
import pytest

from asr.scoring.significance import matched_pairs


def test_worked_out_by_hand():
    outcome = matched_pairs([-2, 0, -1, 1, -3, -1])
    assert (outcome.num_pairs, outcome.num_different, outcome.mean) == (6, 5, -1.0)
    # squares of the deviations from the mean: 1 + 1 + 0 + 4 + 4 + 0 = 10, variance 2, standard error (2 / 6) ** 0.5
    assert outcome.z == pytest.approx(-(3**0.5))
    assert outcome.p_value == pytest.approx(0.083265, abs=1e-6)  # two-sided, of the normal distribution at 1.7321


def test_systems_that_are_alike_and_systems_that_differ_by_the_same_everywhere():
    assert matched_pairs([0, 0, 0]).p_value == 1.0
    outcome = matched_pairs([-1, -1, -1])
    assert (outcome.z, outcome.p_value) == (-math.inf, 0.0)
    assert matched_pairs([1]) is None


def test_is_symmetric():
    one, other = matched_pairs([1, 2, 0, -1]), matched_pairs([-1, -2, 0, 1])
    assert (one.z, one.p_value) == (-other.z, other.p_value)


def test_equal_systems_are_told_apart_as_often_as_the_level_says():
    generator = np.random.default_rng(0)
    differences = generator.poisson(5, size=(1000, 192)) - generator.poisson(5, size=(1000, 192))
    wrong = sum(matched_pairs(row.tolist()).p_value < 0.05 for row in differences)
    assert 30 <= wrong <= 70
