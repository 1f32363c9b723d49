"""Where tokens begin and end between the frames that show them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from asr.decoding.forced.boundaries import BoundaryRule


def times(rule: BoundaryRule, *frames: tuple[int, int]) -> list[list[float]]:
    """Applies a rule to frames of 0.25 s in a recording of 15 s."""
    first, last = np.array(frames).reshape(-1, 2).T
    return rule.apply(0.25 * first, 0.25 * last + 0.25, 15.0).tolist()


def test_a_token_has_its_share_of_the_time_between_and_no_more_than_its_limit() -> None:
    frames = (2, 3), (6, 6), (20, 20)
    assert times(BoundaryRule(0.0, 9.0, 0.0), *frames) == [[0.0, 1.0], [1.5, 1.75], [5.0, 5.25]]
    assert times(BoundaryRule(1.0, 9.0, 9.0), *frames) == [[0.0, 1.0], [1.0, 1.75], [1.75, 14.25]]
    assert times(BoundaryRule(0.5, 0.5, 0.125), *frames) == [[0.0, 1.125], [1.25, 1.875], [4.5, 5.375]]
    assert times(BoundaryRule(0.0, 0.0, 0.0, shift=-0.75), *frames) == [[0.0, 0.25], [0.75, 1.0], [4.25, 4.5]]


def test_nothing_has_no_times() -> None:
    assert times(BoundaryRule()) == []


@given(st.lists(st.integers(0, 59), unique=True), st.floats(0, 1), st.floats(0, 2), st.floats(0, 2))
def test_tokens_stay_in_order_and_do_not_overlap(frames: list[int], share: float, lead: float, trail: float) -> None:
    found = times(BoundaryRule(share, lead, trail), *((frame, frame) for frame in sorted(frames)))
    flat = [time for pair in found for time in pair]
    assert all(one <= two + 1e-9 for one, two in pairwise(flat))
