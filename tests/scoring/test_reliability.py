"""Measures of confidences equal what is known of simple cases."""

from __future__ import annotations

import math

import numpy as np
import pytest

from asr.decoding.hypothesis import Hypothesis, Span
from asr.errors import DataError
from asr.scoring.confidences import measure_reliability
from asr.scoring.references import Reference
from asr.scoring.reliability import reliability
from asr.scoring.rules import PolicyRule
from asr.text.policy import get_policy

RULE = PolicyRule(get_policy("upper-no-punctuation"), "word")
GROUPS = np.array([0, 0, 1, 1])


def measured(confidences, right, groups=GROUPS):
    return reliability(np.array(confidences), np.array(right, dtype=np.float64), groups)


def test_known_cases() -> None:
    found = measured([0.95, 0.85, 0.15, 0.15], [1, 1, 0, 1])
    assert found.ece == pytest.approx((0.05 + 0.15 + 0.7) / 4)
    assert found.auc == pytest.approx(2.5 / 3)
    entropy = -(3 * math.log(0.75) + math.log(0.25))
    log_probs = math.log(0.95) + math.log(0.85) + math.log(0.85) + math.log(0.15)
    assert found.nce == pytest.approx(1 + log_probs / entropy)
    assert (found.num_words, found.num_right) == (4, 3)
    assert [each.num_words for each in found.bins] == [0, 2, 0, 0, 0, 0, 0, 0, 1, 1]
    assert found.bins[1].right == 0.5
    assert found.bins[1].confidence == pytest.approx(0.15)
    assert found.ece_interval is not None
    assert found.ece_interval[0] <= found.ece <= found.ece_interval[1]


def test_what_the_share_of_right_words_says_is_worth_nothing() -> None:
    found = measured([0.75] * 4, [1, 1, 0, 1])
    assert (found.ece, found.nce, found.auc) == (pytest.approx(0), pytest.approx(0), 0.5)
    sure = measured([1.0, 1.0, 0.0, 1.0], [1, 1, 0, 1])
    assert (sure.ece, sure.nce, sure.auc) == (0, pytest.approx(1, abs=1e-4), 1)
    wrong = measured([1.0, 1.0, 1.0, 1.0], [1, 1, 0, 1])
    assert wrong.nce is not None
    assert -6 < wrong.nce < -5, "a wrong word of confidence 1 costs much, not infinitely much"


def test_without_errors_or_speakers_some_measures_are_missing() -> None:
    found = measured([0.9, 0.9, 0.9, 0.8], [1, 1, 1, 1], np.zeros(4, dtype=np.int64))
    assert (found.nce, found.auc, found.ece_interval, found.nce_interval) == (None, None, None, None)
    assert found.line() == "ECE 0.125, NCE -, AUC -; 4 of 4 are right"


def hypothesis(**confidences: float) -> Hypothesis:
    words = tuple(Span(text, 0.0, 0.0, each) for text, each in confidences.items())
    return Hypothesis(" ".join(confidences), (), words, 0.0, 1.0)


def test_words_are_compared_under_the_policy() -> None:
    references = [Reference("u", "A b d", "eva", 1.0), Reference("v", "e", "ada", 1.0)]
    found = measure_reliability(references, {"u": hypothesis(a=0.9, b=0.8, c=0.3), "v": hypothesis(e=0.9)}, RULE, "h")
    assert (found.num_words, found.num_right) == (4, 3)
    assert found.ece == pytest.approx((0.2 + 0.2 + 0.3) / 4)
    assert found.to_text().splitlines()[1:] == [
        "confidence  words   mean  right",
        "0.3 to 0.4      1  0.300  0.000",
        "0.8 to 0.9      1  0.800  1.000",
        "0.9 to 1.0      2  0.900  1.000",
    ]


def test_hypotheses_without_words() -> None:
    with pytest.raises(DataError, match=r"h\.jsonl: has no words whose confidence could be measured"):
        measure_reliability([Reference("u", "A", None, 1.0)], {"u": hypothesis()}, RULE, "h.jsonl")
