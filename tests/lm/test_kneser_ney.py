from __future__ import annotations

import logging
import math

import numpy as np
import pytest

from asr.errors import ConfigError
from asr.lm.counting import Storage, count_ngrams
from asr.lm.kneser_ney import FALLBACK, Discounts, estimate, estimate_from_counts
from asr.lm.perplexity import measure_perplexity
from asr.lm.vocabulary import Vocabulary
from tests.lm.definition import KneserNey

# Worked by hand, order 2. The text, 10 sentences:
#
#   a b (x4)    a c (x3)    a d (x2)    a e    and    b    is not there: <s> is always followed by a.
#
# Bigrams and counts:  <s> a 10   a b 4   a c 3   a d 2   a e 1   b </s> 4   c </s> 3   d </s> 2   e </s> 1.
# Counts of counts:    t1 = 2 (a e, e </s>)   t2 = 2   t3 = 2   t4 = 2.
# Y = t1 / (t1 + 2 t2) = 2 / 6 = 1/3;   D1 = 1 - 2/3 = 1/3,   D2 = 2 - 3/3 = 1,   D3+ = 3 - 4/3 = 5/3.
# Unigrams, how many different words come before: a 1 (<s>), b c d e 1 each (a), </s> 4 (b c d e); in all 9.
# Counts of counts: t1 = 5, t2 = 0: no discounts; 1/2, 1, 3/2 are taken.
# What is taken off in all: 5/2 + 3/2 = 4; gamma = 4/9, shared by V - 1 = 7 (<unk> </s> a b c d e): 4/63 each.
# p(a) = p(b) = ... = (1 - 1/2)/9 + 4/63 = 7.5/63;   p(</s>) = (4 - 3/2)/9 + 4/63 = 21.5/63;   p(<unk>) = 4/63.
#   The sum is (5 * 7.5 + 21.5 + 4)/63 = 1.
# After <s>: total 10, gamma = (5/3)/10 = 1/6;   p(a | <s>) = (10 - 5/3)/10 + p(a)/6 = 5/6 + 1.25/63.
# After a:   total 10, gamma = (5/3 + 5/3 + 1 + 1/3)/10 = 7/15;
#            p(b | a) = (4 - 5/3)/10 + 7/15 p(b) = 7/30 + 3.5/63;   p(<unk> | a) = 7/15 * 4/63 = 28/945.
# After b:   total 4, gamma = 5/12;   p(</s> | b) = 7/12 + 5/12 * 21.5/63.
TEXT = [["a", "b"]] * 4 + [["a", "c"]] * 3 + [["a", "d"]] * 2 + [["a", "e"]]
P_A_START, P_B_A, P_END_B = 5 / 6 + 1.25 / 63, 7 / 30 + 3.5 / 63, 7 / 12 + 5 / 12 * 21.5 / 63


def prob(model, word, *context):
    ids = model.vocabulary.ids
    state = 0
    for each in context:
        state = model.lookup(state, ids[each])[1]
    return math.exp(model.lookup(state, ids[word])[0])


def test_a_small_text_by_hand(caplog):
    estimated = estimate_from_counts(count_ngrams(TEXT, 2))
    unigrams, bigrams = estimated.discounts
    assert bigrams.counts_of_counts == (2, 2, 2, 2)
    assert bigrams.values == pytest.approx((1 / 3, 1, 5 / 3), abs=1e-12)
    assert (bigrams.is_estimated, unigrams.is_estimated) == (True, False)
    assert unigrams.counts_of_counts == (5, 0, 0, 1)
    assert unigrams.values == FALLBACK
    assert estimated.num_counted == (7, 9)
    model = estimated.model
    assert model.num_ngrams == (8, 9)
    expected = {"a": 7.5, "b": 7.5, "c": 7.5, "d": 7.5, "e": 7.5, "</s>": 21.5, "<unk>": 4}
    assert {word: round(63 * prob(model, word), 9) for word in expected} == expected
    assert prob(model, "<s>") < 1e-98
    assert prob(model, "a", "<s>") == pytest.approx(P_A_START, abs=1e-12)
    assert prob(model, "b", "a") == pytest.approx(P_B_A, abs=1e-12)
    assert prob(model, "<unk>", "a") == pytest.approx(28 / 945, abs=1e-12)
    assert prob(model, "</s>", "b") == pytest.approx(P_END_B, abs=1e-12)
    found = measure_perplexity(model, [["a", "b"], ["a", "q"]])
    # after the unknown q the state is empty: p(</s>) = 21.5/63
    known = [P_A_START, P_B_A, P_END_B, P_A_START, 21.5 / 63]
    assert found.without_oovs == pytest.approx(math.prod(known) ** (-1 / 5), abs=1e-9)
    assert found.with_oovs == pytest.approx((math.prod(known) * 28 / 945) ** (-1 / 6), abs=1e-9)
    assert (found.num_sentences, found.num_words, found.oovs) == (2, 4, {"q": 1})


def test_the_fallback_says_so(caplog):
    with caplog.at_level(logging.WARNING):
        estimate(TEXT, 2)
    line = "order 1: 5, 0, 0, 1 n-grams occur 1, 2, 3, 4 times, too few to estimate discounts; 0.5, 1.0, 1.5 are used"
    assert caplog.messages == [line]


@pytest.mark.parametrize("counts", [[0, 1, 1, 1], [4, 0, 1, 1], [4, 2, 1, 0], [1, 1, 100, 1]])
def test_degenerate_counts_of_counts(counts):
    assert Discounts.of(counts) == Discounts(FALLBACK, tuple(counts), is_estimated=False)


@pytest.mark.parametrize("prune", [[0], [0, 0, 1], [0, 1], [0, 1, 3], [0, 0, 10_000], [0, 10_000]])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_equals_the_definition(make_text, order, prune):
    text = make_text(order, num_sentences=120)
    prune = prune[:order]
    estimated = estimate_from_counts(count_ngrams(text, order), prune)
    thresholds = prune + [prune[-1]] * (order - len(prune))
    reference = KneserNey(text, order, [each.values for each in estimated.discounts], thresholds)
    for sentence in [*make_text(99, num_sentences=10), ["zz", "a", "zz"], []]:
        words = [word if word in reference.words else "<unk>" for word in sentence]
        assert estimated.model.log_prob(sentence) == pytest.approx(reference.log_prob(words), abs=1e-9)
    if any(thresholds):
        counted = [sum(count > t for count in reference.raw[n].values()) for n, t in enumerate(thresholds, start=1)]
        expected = [count for count in counted[1:] if count]
        assert list(estimated.model.num_ngrams[1:]) == expected


@pytest.mark.parametrize("prune", [(), (0, 0, 1)])
def test_probabilities_after_a_thousand_histories_sum_to_one(make_text, prune):
    model = estimate(make_text(0, num_words=20), 3, Vocabulary.of(["never", "a"]), is_closed=False, prune=prune)
    random = np.random.default_rng(0)
    words = np.delete(np.arange(len(model.vocabulary)), 1)
    states = np.full(1000, model.start_state)
    for _ in range(5):
        moves = random.random(1000) < 0.8
        states = np.where(moves, model.next_states(states, random.choice(words, 1000)), states)
    log_probs, _ = model.lookup(states[:, None], words[None, :])
    assert np.abs(np.exp(log_probs).sum(axis=1) - 1).max() < 1e-6
    assert len(set(states.tolist())) > 50


def test_words_that_never_came_share_with_unknown_ones():
    model = estimate(TEXT, 2, Vocabulary.of(["never"]), is_closed=False)
    assert prob(model, "never") == prob(model, "<unk>") == pytest.approx(4 / 9 / 8)
    closed = estimate(TEXT, 2, Vocabulary.of("abc"))
    assert prob(closed, "<unk>", "a") > prob(closed, "b", "a") / 2  # d and e were counted as <unk>


def test_the_last_threshold_holds_above_and_the_text_decides_the_order(make_text):
    text = make_text(4)
    assert estimate(text, 4, prune=[0, 1]).num_ngrams == estimate(text, 4, prune=[0, 1, 1, 1]).num_ngrams
    assert estimate(text, 3, prune=[0, 0, 10_000]).order == 2


@pytest.mark.parametrize("prune", [[1], [0, 2, 1], [0, 0, 0, 0]])
def test_wrong_thresholds(prune):
    with pytest.raises(ConfigError, match=r"prune: .* for 3 orders; give up to 3 numbers that ascend from 0"):
        estimate(TEXT, 3, prune=prune)


@pytest.mark.parametrize("prune", [(), (0, 0, 1), (0, 1, 1, 2)])
@pytest.mark.parametrize("memory", [1, 30_000])
def test_the_model_is_the_same_whatever_the_memory(make_text, tmp_path, memory, prune):
    text = make_text(5, num_sentences=200)
    whole, split = (
        estimate_from_counts(count_ngrams(text, 4, storage=storage), prune)
        for storage in (Storage(), Storage(memory, tmp_path))
    )
    assert (split.discounts, split.num_counted) == (whole.discounts, whole.num_counted)
    assert split.model.num_ngrams == whole.model.num_ngrams
    for name in ("arc_offsets", "arc_labels", "arc_log_probs", "arc_next_states", "backoffs", "backoff_states"):
        assert np.array_equal(getattr(split.model, name), getattr(whole.model, name))
    assert not list(tmp_path.iterdir())
