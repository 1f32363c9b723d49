"""Rescoring equals the sum written out, for every hypothesis by itself."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from asr.decoding.hypothesis import Hypothesis
from asr.decoding.rescoring import measure_nbest, measure_nbest_by_ear, rescore
from asr.errors import DataError
from asr.lm.kneser_ney import estimate
from asr.lm.ngram import NGramModel
from asr.text.policy import get_policy
from asr.text.tokens import TokenTable

VERBATIM = get_policy("verbatim")


@pytest.fixture(scope="module")
def model() -> NGramModel:
    generator = np.random.default_rng(3)
    return estimate([list(generator.choice(list("ABCD"), generator.integers(1, 6))) for _ in range(60)], 2)


def random_nbests(count: int) -> list[list[Hypothesis]]:
    generator = np.random.default_rng(4)
    nbests = []
    for _ in range(count):
        texts = [
            " ".join(generator.choice(list("ABCDX"), generator.integers(0, 7))) for _ in range(generator.integers(1, 6))
        ]
        scores = sorted(generator.normal(-5.0, 3.0, len(texts)), reverse=True)
        nbests.append([Hypothesis(text, (), (), score, 1.0) for text, score in zip(texts, scores, strict=True)])
    return nbests


@pytest.mark.parametrize(("weight", "word_score"), list(itertools.product([0.0, 0.4, 2.0], [-1.0, 0.0, 1.5])))
def test_equals_brute_force(model: NGramModel, weight: float, word_score: float) -> None:
    nbests = random_nbests(30)
    found = rescore(nbests, measure_nbest(nbests, model, VERBATIM, unknown_score=-3.0), weight, word_score)
    for nbest, rescored in zip(nbests, found, strict=True):
        expected = {
            id(each): each.score
            + weight * (model.log_prob(each.text.split()) - 3.0 * each.text.split().count("X"))
            + word_score * len(each.text.split())
            for each in nbest
        }
        order = sorted(nbest, key=lambda each: -expected[id(each)])
        assert [each.text for each in rescored] == [each.text for each in order]
        assert [each.score for each in rescored] == pytest.approx([expected[id(each)] for each in order])


def test_without_weight_nothing_changes(model: NGramModel) -> None:
    nbests = random_nbests(20)
    assert rescore(nbests, measure_nbest(nbests, model, VERBATIM), 0.0) == nbests


def test_texts_go_through_the_policy_of_the_model(model: NGramModel) -> None:
    upper, lower = ([[Hypothesis(text, (), (), 0.0, 1.0)]] for text in ("A B", "a, b"))
    policy = get_policy("upper-no-punctuation")
    assert measure_nbest(upper, model, policy).added == measure_nbest(lower, model, policy).added
    with pytest.raises(DataError, match="is among the words"):
        measure_nbest([[Hypothesis("A </s>", (), (), 0.0, 1.0)]], model, VERBATIM)


def test_by_ear_equals_the_sum_over_all_paths() -> None:
    tokens = TokenTable.build(["A B"], "char")  # <blank> A B |
    generator = torch.Generator().manual_seed(5)
    posteriors = [torch.randn(frames, 4, generator=generator).log_softmax(dim=1) for frames in (4, 3)]
    nbests = [
        [Hypothesis(text, (), (), 0.0, 1.0) for text in texts] for texts in (["a b", "A", "", "AA"], ["B", "AAB"])
    ]
    found = measure_nbest_by_ear(nbests, posteriors, tokens, get_policy("upper-no-punctuation"))
    for row, (nbest, log_probs) in enumerate(zip(nbests, posteriors, strict=True)):
        sums: dict[str, float] = {}
        for path in itertools.product(range(4), repeat=len(log_probs)):
            text = tokens.decode([token for token, _ in itertools.groupby(path) if token])
            heard = [token for token, _ in itertools.groupby(path) if token]
            if heard == tokens.encode(text):  # no | at an end, nor two in a row
                score = sum(float(log_probs[frame, token]) for frame, token in enumerate(path))
                sums[text] = sums.get(text, 0.0) + math.exp(score)
        expected = [math.log(sums[each.text.upper()]) if each.text.upper() in sums else -1e6 for each in nbest]
        assert found.added[row, : len(nbest)].tolist() == pytest.approx(expected)
    assert found.added[1, 1] == -1e6, "two frames and a blank between them cannot be three tokens in three frames"
    assert torch.isfinite(found.combined(0.0, 0.0)[1, :2]).all()
    (silent,) = measure_nbest_by_ear([[Hypothesis("", (), (), 0.0, 1.0)]], posteriors[:1], tokens, VERBATIM).added
    assert silent.tolist() == pytest.approx([float(posteriors[0][:, 0].sum())])
    texts = [Hypothesis(text, (), (), 0.0, 1.0) for text in ("", "A")]
    assert measure_nbest_by_ear([texts], [posteriors[0][:0]], tokens, VERBATIM).added.tolist() == [[0.0, -1e6]]
    with pytest.raises(DataError, match="'C' not in the table"):
        measure_nbest_by_ear([[Hypothesis("C", (), (), 0.0, 1.0)]], posteriors[:1], tokens, VERBATIM)
