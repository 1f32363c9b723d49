"""Expected errors and posteriors of words equal the sums over a list, written out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from asr.decoding.hypothesis import Hypothesis, Span
from asr.decoding.list_posteriors import ListPosteriors
from asr.decoding.settings import ConfidenceSettings
from asr.decoding.word_confidence import choose
from asr.scoring.counts import count_errors

SHORT = "a b c", "a c", "x b c", "a b", "", "a a b c"


def hypothesis(text: str, score: float, confidence: float = 0.8) -> Hypothesis:
    words = tuple(Span(word, place, place + 0.5, confidence) for place, word in enumerate(text.split()))
    return Hypothesis(text, words, words, score, confidence if words else 1.0)


def listed(seed: int) -> list[Hypothesis]:
    scores = -np.sort(np.random.default_rng(seed).exponential(2.0, len(SHORT)))
    texts = np.random.default_rng(seed).permutation(SHORT)
    return [hypothesis(str(text), float(score)) for text, score in zip(texts, scores, strict=True)]


@pytest.mark.parametrize("scale", [0.1, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("seed", range(4))
def test_the_least_risk_equals_enumeration(scale: float, seed: int) -> None:
    nbest = listed(seed)
    powers = [math.exp(scale * each.score) for each in nbest]
    texts = [each.text for each in nbest]
    risks = [
        sum(
            power / sum(powers) * count_errors([said], [text], "word")[0].errors
            for power, said in zip(powers, texts, strict=True)
        )
        for text in texts
    ]
    found = ListPosteriors(nbest)
    assert found.expected_errors(scale).tolist() == pytest.approx(risks)
    assert found.least_risk(scale) == risks.index(min(risks))
    assert (
        choose([nbest], ConfidenceSettings(6, 1.0, 0.0, 1.0, 0.0, scale))[0][0].text == texts[found.least_risk(scale)]
    )


def test_the_fewest_expected_errors_may_not_have_the_highest_score() -> None:
    nbest = [hypothesis("w x", math.log(0.4)), hypothesis("a b", math.log(0.3)), hypothesis("a c", math.log(0.3))]
    found = ListPosteriors(nbest)
    assert found.expected_errors(1.0).tolist() == pytest.approx([1.2, 1.1, 1.1])
    assert found.least_risk(1.0) == 1


def test_a_word_has_the_mass_of_the_hypotheses_that_hold_it_in_its_place() -> None:
    nbest = [hypothesis("a b c", math.log(0.5)), hypothesis("b c", math.log(0.3)), hypothesis("a x c", math.log(0.2))]
    found = ListPosteriors(nbest)
    assert found.word_posteriors(0, 1.0).tolist() == pytest.approx([0.7, 0.8, 1.0])
    assert found.word_posteriors(2, 1.0).tolist() == pytest.approx([0.7, 0.2, 1.0])
    assert found.word_posteriors(0, 0.0).tolist() == pytest.approx([2 / 3, 2 / 3, 1.0])
    doubled = [hypothesis("a a", math.log(0.6)), hypothesis("a", math.log(0.4))]
    assert ListPosteriors(doubled).word_posteriors(0, 1.0).tolist() == pytest.approx([1.0, 0.6]), "the nearer one"


def test_words_become_as_sure_as_the_settings_say() -> None:
    nbest = [hypothesis("a b", math.log(0.75), 0.9), hypothesis("a", math.log(0.25), 0.5)]
    ((found,),) = choose([nbest], ConfidenceSettings(2, 1.0, 0.1, 1.0, 0.5))
    odds = [0.1 + math.log(0.9999 / 0.0001) + 0.5 * math.log(9), 0.1 + math.log(3) + 0.5 * math.log(9)]
    expected = [1 / (1 + math.exp(-each)) for each in odds]
    assert [word.confidence for word in found.words] == pytest.approx(expected)
    assert found.confidence == pytest.approx(expected[1])
    assert (found.text, found.score, found.tokens) == ("a b", nbest[0].score, nbest[0].tokens)
    assert [(word.start, word.end) for word in found.words] == [(0, 0.5), (1, 1.5)]


def test_nothing_recognised_is_sure() -> None:
    ((found,),) = choose([[hypothesis("", -1.0)]], ConfidenceSettings(2, 1.0, 0.0, 1.0, 1.0, 0.5))
    assert (found.text, found.words, found.confidence) == ("", (), 1.0)
