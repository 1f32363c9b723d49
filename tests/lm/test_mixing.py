from __future__ import annotations

import numpy as np
import pytest

from asr.errors import DataError
from asr.lm.kneser_ney import estimate
from asr.lm.mixing import find_weights, mix
from asr.lm.perplexity import measure_perplexity
from asr.lm.vocabulary import Vocabulary

WEIGHTS = (0.3, 0.7)


@pytest.fixture
def models(make_text):
    return [
        estimate(make_text(1), 3, Vocabulary.of("zyabcd"), is_closed=False),
        estimate(make_text(2, num_words=9), 2, Vocabulary.of("cbaz"), is_closed=False),
    ]


def prob(model, words):
    ids = model.vocabulary.encode(words)
    state = 0
    for word in ids[:-1]:
        state = model.next_states(state, word)
    return np.exp(model.lookup(state, ids[-1])[0]) if ids[-1] else 0.0


def test_every_ngram_has_the_mixed_probability_and_histories_sum_to_one(models):
    mixed = mix(models, WEIGHTS)
    assert set(mixed.vocabulary.words) == set(models[0].vocabulary.words) | set(models[1].vocabulary.words)
    names = np.array(mixed.vocabulary.words)
    rows = [row for words in mixed.ngrams() for row in words if not {1, 2} & set(row.tolist()) and row[-1]]
    assert len(rows) > 100
    for row in rows[:: len(rows) // 100]:
        expected = sum(weight * prob(model, names[row]) for weight, model in zip(WEIGHTS, models, strict=True))
        assert prob(mixed, names[row]) == pytest.approx(expected, rel=1e-9)
    words = np.arange(len(names))
    sums = np.exp(mixed.lookup(np.arange(mixed.num_states)[:, None], words)[0]).sum(axis=1)
    assert np.abs(sums - 1).max() < 1e-9


def test_one_model_mixed_with_itself_is_the_model(models):
    mixed = mix([models[0]] * 2, WEIGHTS)
    assert mixed.num_ngrams == models[0].num_ngrams
    assert mixed.arc_log_probs == pytest.approx(models[0].arc_log_probs, abs=1e-9)
    assert mixed.backoffs == pytest.approx(models[0].backoffs, abs=1e-9)


def test_the_weights_are_those_that_predict_best(models, make_text):
    dev = make_text(1, num_sentences=40) + make_text(2, num_sentences=20, num_words=9)
    found = find_weights(models, dev)
    assert sum(found.values) == pytest.approx(1)
    assert found.num_unknown == 0
    assert found.num_predicted == sum(len(words) + 1 for words in dev)
    best = measure_perplexity(mix(models, found.values), dev).with_oovs
    assert found.perplexities[2] == pytest.approx(best, rel=0.02)
    assert found.perplexities[2] < min(found.perplexities[:2])
    for first in (found.values[0] - 0.1, found.values[0] + 0.1):
        assert measure_perplexity(mix(models, (first, 1 - first)), dev).with_oovs > best


def test_words_that_none_knows_are_left_out(models):
    assert find_weights(models, [["a", "qq", "b"]]).num_unknown == 1
    with pytest.raises(DataError, match="dev text: none of its 1 words is known to a model; give text like the speech"):
        find_weights(models, [["qq"]])
    with pytest.raises(DataError, match="dev text: none of its 0 words is known to a model"):
        find_weights(models, [])
