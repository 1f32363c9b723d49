from __future__ import annotations

import numpy as np
import pytest

from asr.errors import DataError
from asr.lm.kneser_ney import estimate
from asr.lm.normalising import normalised
from asr.lm.perplexity import measure_perplexity
from asr.lm.pruning import EntropyPruning
from asr.lm.tree import build_tree
from asr.lm.vocabulary import END


@pytest.fixture(params=[(), (0, 1)])
def model(make_text, request):
    return estimate(make_text(3), 3, prune=request.param)


def table(model):
    """Returns the probability of every word after every state, shape (S, V)."""
    words = np.arange(len(model.vocabulary))
    return np.exp(model.lookup(np.arange(model.num_states)[:, None], words)[0])


def check_sums(model):
    assert np.abs(table(model).sum(axis=1) - 1).max() < 1e-9


def history_probs(model):
    """Returns how likely the words of each state are the last ones, by powers of the matrix of transitions."""
    words = np.arange(len(model.vocabulary))
    states = np.arange(model.num_states)
    after = np.where(words == END, model.start_state, model.lookup(states[:, None], words)[1])
    moves = np.zeros((model.num_states, model.num_states))
    np.add.at(moves, (np.repeat(states, len(words)), after.ravel()), table(model).ravel())
    found = np.linalg.matrix_power((np.eye(len(moves)) + moves) / 2, 4096)[model.start_state]
    for state in reversed(states[1:]):
        found[model.backoff_states[state]] += found[state]
    return found


def test_weights_of_a_smoothed_model_come_back(model):
    words = model.ngrams()
    assert [len(each) for each in words] == list(model.num_ngrams)
    tree, _ = build_tree(len(model.vocabulary), words[1:])
    again = normalised(model.vocabulary, tree, model.arc_log_probs)
    assert np.array_equal(again.arc_next_states, model.arc_next_states)
    assert again.backoffs == pytest.approx(model.backoffs, abs=1e-9)


def test_the_worth_of_an_ngram_is_the_relative_entropy_without_it(model):
    found = EntropyPruning(model)
    probs, histories = table(model), history_probs(model)
    assert histories[0] == pytest.approx(1)
    firsts = np.cumsum(model.num_ngrams)
    for place in (firsts[-2] + np.random.default_rng(0).choice(model.num_ngrams[-1], 25)).tolist():
        keep = np.arange(len(found.worth)) != place
        kept = [
            words[keep[first : first + len(words)]] for words, first in zip(model.ngrams()[1:], firsts, strict=False)
        ]
        other = normalised(model.vocabulary, build_tree(len(model.vocabulary), kept)[0], model.arc_log_probs[keep])
        state = model.arc_contexts[place]
        is_left = other.arc_offsets[state + 1] > other.arc_offsets[state]
        after = table(other)[state if is_left else other.backoff_states[state]]
        entropy = histories[state] * (probs[state] * np.log(probs[state] / after)).sum()
        assert found.worth[place] == pytest.approx(entropy, rel=0.02, abs=1e-8)


def test_the_worth_of_a_context_is_that_of_its_longer_ngrams(model):
    worth = EntropyPruning(model).worth
    contexts = model.arc_contexts[model.num_ngrams[0] :]
    assert (worth[contexts - 1] >= worth[model.num_ngrams[0] :]).all()


def test_pruned_models_have_the_ngrams_that_are_worth_most_and_sum_to_one(model, make_text):
    pruning = EntropyPruning(model)
    text = make_text(3, num_sentences=600)[300:]
    before = measure_perplexity(model, text).with_oovs
    smaller = []
    for threshold in (1e-5, 1e-3, 1e-2):
        pruned = pruning.at(threshold)
        assert sum(pruned.num_ngrams) == (pruning.worth >= threshold).sum()
        check_sums(pruned)
        smaller.append((sum(pruned.num_ngrams), measure_perplexity(pruned, text).with_oovs / before))
    assert smaller[0][0] > smaller[1][0] > smaller[2][0]
    assert 0.95 < smaller[0][1] < 1.001 < smaller[2][1]
    assert pruning.at(0).num_ngrams == model.num_ngrams


def test_to_a_number_and_to_a_size(model):
    pruning, most = EntropyPruning(model), sum(model.num_ngrams)
    for number in (most, most - 20, most // 2):
        assert number - 3 <= sum(pruning.to_number(number).num_ngrams) <= number

    def size_of(pruned):
        return 1000 + 3 * sum(pruned.num_ngrams)

    limit = 1000 + 3 * most // 2
    assert 0.95 * limit < size_of(pruning.to_size(limit, size_of)) <= limit
    assert pruning.to_size(10**9, size_of).num_ngrams == model.num_ngrams
    with pytest.raises(DataError, match=r"model: has 15 n-grams of order 1, which all stay; ask for 15 or more"):
        pruning.to_number(3)
    with pytest.raises(DataError, match=r"model: takes 1,045 bytes without any n-gram above order 1; allow for more"):
        pruning.to_size(1000, size_of)
