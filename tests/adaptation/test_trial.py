from __future__ import annotations

import pytest

from asr.adaptation.trial import Outcome, to_table
from asr.scoring.counts import ErrorCounts


def counts(*errors: int) -> list[ErrorCounts]:
    return [ErrorCounts(hits=10 - each, substitutions=each) for each in errors]


def test_a_part_is_kept_if_it_makes_fewer_errors_and_how_surely_is_told() -> None:
    sure = Outcome("scales", "48", counts(3, 4, 3, 5, 3, 4), counts(1, 2, 1, 2, 2, 1))
    assert sure.is_kept
    assert sure.difference[1] < 0
    assert sure.p_value < 0.01
    unsure = Outcome("scales", "48", counts(3, 4, 3, 5), counts(2, 5, 3, 4))
    assert unsure.is_kept
    assert unsure.difference[0] < 0 < unsure.difference[1]
    assert unsure.p_value > 0.3
    assert not Outcome("scales", "48", counts(3, 4), counts(4, 3)).is_kept


def test_one_recording_has_no_interval_and_what_is_not_tried_is_not_kept() -> None:
    one = Outcome("n-gram", "weight 0.1", counts(3), counts(2))
    assert (one.is_kept, one.difference, one.p_value) == (True, None, None)
    none = Outcome("n-gram", "no model", counts(3, 2), None)
    assert (none.is_kept, none.difference, none.p_value) == (False, None, None)


def test_the_table_has_a_line_for_each_part() -> None:
    outcomes = [
        Outcome("hot words", "2, score 0.5 per letter", counts(3, 3), counts(3, 3)),
        Outcome("n-gram", "the model has no n-gram model", counts(3, 3), None),
        Outcome("scales", "48, passes 3", counts(3), counts(1)),
    ]
    assert to_table(outcomes) == [
        "part       WER before  after    difference (95 %)  p",
        "hot words  30.00 %     30.00 %  +0.00 to +0.00     1.000  left out   2, score 0.5 per letter",
        "n-gram     30.00 %                                        not tried  the model has no n-gram model",
        "scales     30.00 %     10.00 %  one recording             kept       48, passes 3",
    ]


@pytest.mark.parametrize(("before", "after"), [(counts(0), counts(0)), (counts(1, 2), counts(1, 2))])
def test_no_change_is_no_gain(before: list[ErrorCounts], after: list[ErrorCounts]) -> None:
    assert not Outcome("scales", "", before, after).is_kept
