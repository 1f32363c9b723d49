"""Times of words against hand-worked examples."""

from __future__ import annotations

import pytest

from asr.decoding.hypothesis import Span
from asr.scoring.word_times import TimeErrors, time_errors


def test_only_words_that_are_right_are_compared() -> None:
    ref = [Span(text, 0.5 * place, 0.5 * place + 0.5, 1.0) for place, text in enumerate("ABCA")]
    times = [(0.25, 0.5), (0.5, 1.0), (1.0, 1.25), (1.25, 2.5), (3.0, 4.0)]
    hyp = [Span(text, start, end, 1.0) for text, (start, end) in zip("AXYAB", times, strict=True)]
    found = time_errors([ref, []], [hyp, [Span("A", 0.0, 1.0, 1.0)]])
    assert found == TimeErrors(4, (0.25, -0.25), (0.0, 0.5))
    assert found + found == TimeErrors(8, (0.25, -0.25) * 2, (0.0, 0.5) * 2)


def test_the_table_has_milliseconds() -> None:
    starts = tuple(0.01 * place for place in range(-1, 10))
    lines = TimeErrors(20, starts, (0.5,)).to_text().splitlines()
    assert lines[1].split() == ["starts", "11", "20", "40", "80", "40"]
    assert lines[2].split() == ["ends", "1", "20", "500", "500", "500"]
    assert TimeErrors(20, (), ()).to_text().splitlines()[1].split() == ["starts", "0", "20", "-", "-", "-"]


def test_there_must_be_a_hypothesis_for_each_reference() -> None:
    with pytest.raises(ValueError, match="as many"):
        time_errors([[]], [])
