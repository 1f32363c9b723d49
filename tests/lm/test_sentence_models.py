"""Sentences scored in batches equal sentences scored one by one, and frequent words are chosen."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from asr.lm.perplexity import measure_perplexity
from asr.lm.recurrent import RecurrentLM
from asr.lm.sentence_models import RecurrentSentenceModel
from asr.lm.vocabulary import BEGIN, END, SPECIAL, Vocabulary, choose_vocabulary

VOCABULARY = Vocabulary.of(list("ABCD"))
SENTENCES = [["A"], [], ["B", "C", "?"], ["D"] * 20, ["A", "A"], ["C", "B"], ["B", "C", "A", "A"], ["A"], ["D"] * 19]


def network() -> RecurrentLM:
    torch.manual_seed(1)
    model = RecurrentLM(len(VOCABULARY), 6, 6, 1).eval()
    for parameter in model.parameters():
        torch.nn.init.uniform_(parameter, -1.0, 1.0)
    return model


@pytest.mark.parametrize("batch_words", [1, 7, 1000])
def test_equals_one_sentence_at_a_time_in_any_batches(batch_words: int) -> None:
    model = RecurrentSentenceModel(network(), VOCABULARY, batch_words)
    encoded = [VOCABULARY.encode(sentence) for sentence in SENTENCES]
    found = model.word_log_probs(encoded)
    for ids, log_probs in zip(encoded, found, strict=True):
        with torch.no_grad():
            table, _ = model.network(torch.tensor([[BEGIN, *ids]]))
        expected = [float(table[0, place, word]) for place, word in enumerate([*ids, END])]
        np.testing.assert_allclose(log_probs, expected, atol=1e-5)
    assert model.word_log_probs([]) == []


def test_perplexity_is_measured_as_that_of_an_ngram_model() -> None:
    model = RecurrentSentenceModel(network(), VOCABULARY)
    found = measure_perplexity(model, SENTENCES)
    total = sum(float(row.sum()) for row in model.word_log_probs([VOCABULARY.encode(words) for words in SENTENCES]))
    assert found.with_oovs == pytest.approx(math.exp(-total / (sum(map(len, SENTENCES)) + len(SENTENCES))))
    assert found.num_oovs == 1


def test_the_vocabulary_is_chosen_by_count_then_by_name_or_given() -> None:
    text = [["B", "A", "<unk>"], ["C", "A", "B"], ["D", "C", "C"]]
    vocabulary, num_unknown = choose_vocabulary(text, min_count=2)
    assert (vocabulary.words, num_unknown) == ((*SPECIAL, "C", "A", "B"), 1)
    vocabulary, num_unknown = choose_vocabulary(text, min_count=1, max_words=2)
    assert (vocabulary.words, num_unknown) == ((*SPECIAL, "C", "A"), 2)
    vocabulary, num_unknown = choose_vocabulary(text, min_count=9, words=["Z", "B"])
    assert (vocabulary.words, num_unknown) == ((*SPECIAL, "Z", "B"), 3)
