"""N-best lists that another model has scored: put in order, and scored by words or by ear."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

from asr.checkpoints.language import LoadedLanguageModel
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.rescoring import NBestScores
from asr.lm.recurrent import RecurrentLM
from asr.lm.vocabulary import Vocabulary
from asr.scoring.counts import ErrorCounts
from asr.scoring.rules import PolicyRule
from asr.text.policy import get_policy
from asr.text.tokens import TokenTable
from asr.tuning.dev import Dev
from asr.tuning.scored_lists import ScoredLists, score_by_ear, score_by_words

WORDS = PolicyRule(get_policy("verbatim"), "word")
LISTS = {"u": [Hypothesis(text, (), (), 0.0, 1.0) for text in ("A", "AB")]}


def hypotheses(*texts: str) -> list[Hypothesis]:
    return [Hypothesis(text, (), (), -float(place), 1.0) for place, text in enumerate(texts)]


def test_lists_are_put_in_order_and_their_least_errors_counted() -> None:
    lists = {"u": hypotheses("a x", "a b", "y"), "v": hypotheses("x", "c d")}
    added = torch.tensor([[-9.0, -1.0, -9.0], [-1.0, -9.0, 0.0]], dtype=torch.float64)
    own = torch.tensor([[0.0, -1.0, -2.0], [0.0, -1.0, -torch.inf]], dtype=torch.float64)
    words = torch.tensor([[2.0, 2.0, 1.0], [1.0, 2.0, 0.0]], dtype=torch.float64)
    source = ScoredLists(lists, NBestScores(own, added, words))
    best = Dev(source, {"u": "a b", "v": "e"}, WORDS).tune(lambda _name, _rate: None)
    assert (best.weights, best.outcome.counts) == ((0.15, 0.0), ErrorCounts(hits=2, substitutions=1))
    assert best.outcome.oracle == ErrorCounts(hits=2, substitutions=1)
    assert [each.text for each in source.read(best.weights)["u"]] == ["a b", "a x", "y"]
    assert list(source.part(["v"]).attempt((0.0, 5.0)).values()) == [[lists["v"][1]]]


def test_unknown_words_of_the_training_text_share_their_probability() -> None:
    vocabulary = Vocabulary.of(["A"])
    network = RecurrentLM(len(vocabulary), 4, 4, 1, 0.0, False).eval()
    language = LoadedLanguageModel(
        network=network, vocabulary=vocabulary, num_unknown_types=7, policy=WORDS.policy, sizes={}
    )
    shared, given = score_by_words(LISTS, language), score_by_words(LISTS, language, -1.0)
    assert (shared.unknown_score, given.unknown_score) == (pytest.approx(-math.log(7)), -1.0)
    difference = (given.source.scores.added - shared.source.scores.added).squeeze(0).tolist()
    assert difference == pytest.approx([0.0, math.log(7) - 1.0])
    assert shared.policy is WORDS.policy


def test_posteriors_come_in_any_order() -> None:
    tokens = TokenTable.build(["AB"], "char")
    loaded = SimpleNamespace(tokens=tokens, policy=WORDS.policy)
    log_probs = torch.full((2, 3, len(tokens)), -9.0)
    log_probs[0, :, 0], log_probs[1, 0, 1], log_probs[1, 1, 2] = -0.1, -0.1, -0.1
    scored = score_by_ear(LISTS, loaded, [(["other", "u"], log_probs, torch.tensor([3, 2]))])
    one, both = scored.source.scores.added.squeeze(0).tolist()
    assert both == pytest.approx(-0.2)
    assert one < -8
