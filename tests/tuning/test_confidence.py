"""Tuned confidences are probabilities on utterances like those that they were tuned on."""

from __future__ import annotations

import numpy as np
import pytest

from asr.decoding.hypothesis import Hypothesis, Span
from asr.decoding.settings import ConfidenceSettings
from asr.errors import DataError
from asr.scoring.rules import PolicyRule
from asr.text.policy import get_policy
from asr.tuning.confidence import SCALES, ConfidenceDev
from asr.tuning.logistic import fit_logistic

RULE = PolicyRule(get_policy("verbatim"), "word")
Lists = dict[str, list[Hypothesis]]


def ignore(name: str, rate: float) -> None:
    """Hears of no trial."""


def spoken(text: str, score: float, confidence: float) -> Hypothesis:
    words = tuple(Span(word, place, place + 0.5, confidence) for place, word in enumerate(text.split()))
    return Hypothesis(text, (), words, score, confidence)


def drawn(count: int, sharpness: float) -> tuple[Lists, dict[str, str], list[float]]:
    """Draws one-word utterances whose first hypothesis is right with some probability, its posterior at one scale."""
    generator = np.random.default_rng(0)
    shares = generator.uniform(0.5, 1.0, count).tolist()
    texts = ["a" if generator.uniform() < share else "b" for share in shares]
    lists = {
        f"u{number}": [spoken("a", sharpness * np.log(share), 0.9), spoken("b", sharpness * np.log(1 - share), 0.9)]
        for number, share in enumerate(shares)
    }
    return lists, {f"u{number}": text for number, text in enumerate(texts)}, shares


@pytest.mark.parametrize("sharpness", [0.25, 4.0])
def test_confidences_are_the_probabilities_of_right_words(sharpness: float) -> None:
    lists, transcripts, shares = drawn(300, sharpness)
    dev = ConfidenceDev(lists, transcripts, RULE)
    settings = dev.tune(ignore).settings
    assert (settings.nbest, settings.risk_scale) == (2, 0.0)
    assert settings.entropy_weight == 0.0, "it does not vary"

    def distance(settings: ConfidenceSettings) -> float:
        sure = [each[0].confidence for each in dev.apply(settings).values()]
        return float(np.abs(np.subtract(sure, shares)).mean())

    assert distance(settings) < 0.05 < 0.1 < distance(ConfidenceSettings(2, 1.0, 0.0, 1.0, 0.0))


def test_the_fewest_expected_errors_are_chosen_where_that_helps() -> None:
    nbest = [spoken("w x", -1.0, 0.9), spoken("a b", -1.2, 0.8), spoken("a c", -1.3, 0.7)]
    helped = ConfidenceDev({"u": nbest, "v": nbest}, {"u": "a b", "v": "a d"}, RULE).tune(ignore)
    assert helped.settings.risk_scale in SCALES
    assert (helped.outcome.counts.errors, helped.outcome.without.errors) == (1, 4)
    better = ConfidenceDev({"u": nbest, "v": nbest}, {"u": "w x", "v": "w d"}, RULE).tune(ignore)
    assert better.settings.risk_scale == 0.0


def test_single_hypotheses_are_calibrated_by_the_confidence_of_the_decoder() -> None:
    lists = {f"u{number}": [spoken("a", -1.0, 0.6 if number % 2 else 0.9)] for number in range(40)}
    transcripts = {f"u{number}": "b" if number % 4 == 1 else "a" for number in range(40)}
    settings = ConfidenceDev(lists, transcripts, RULE).tune(ignore).settings
    assert (settings.nbest, settings.scale, settings.posterior_weight) == (1, 1.0, 0.0)
    assert settings.entropy_weight > 0
    found = ConfidenceDev(lists, transcripts, RULE).apply(settings)
    assert [found[name][0].confidence for name in ("u0", "u1")] == pytest.approx([1.0, 0.5], abs=0.06)


def test_no_words() -> None:
    with pytest.raises(DataError, match="have no words to be sure of"):
        ConfidenceDev({"u": [spoken("", -1.0, 1.0)]}, {"u": "a"}, RULE).tune(ignore)


def test_weights_do_not_fall_below_zero() -> None:
    evidence = np.array([[1.0, 1.0, 0.5], [1.0, -1.0, 0.5], [1.0, 1.0, 0.5], [1.0, 0.0, 0.5]])
    weights, loss = fit_logistic(evidence, np.array([0.0, 1.0, 1.0, 1.0]), [1, 2])
    assert weights[1:].tolist() == [0.0, 0.0]
    assert 0 < loss < 4 * np.log(2)


def test_a_fit_is_a_minimum() -> None:
    generator = np.random.default_rng(2)
    evidence = np.concatenate([np.ones((200, 1)), generator.normal(size=(200, 2))], axis=1)
    right = (generator.uniform(size=200) < 1 / (1 + np.exp(-evidence @ [1.0, 2.0, 0.5]))).astype(np.float64)
    weights, _ = fit_logistic(evidence, right, [1, 2])
    slope = evidence.T @ (1 / (1 + np.exp(-evidence @ weights)) - right) + 0.1 * weights
    assert np.abs(slope).max() < 1e-3
    assert weights == pytest.approx([1.0, 2.0, 0.5], abs=0.6)
