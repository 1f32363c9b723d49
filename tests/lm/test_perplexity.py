from __future__ import annotations

import pytest

from asr.errors import DataError
from asr.lm import perplexity
from asr.lm.kneser_ney import estimate
from asr.lm.perplexity import measure_perplexity


def test_sums_over_sentences_and_leaves_out_unknown_words(make_text, monkeypatch):
    model = estimate(make_text(0), 3)
    text = [*make_text(1, num_sentences=20), ["a", "x", "y", "x"]]
    found = measure_perplexity(model, iter(text))
    assert found.log_prob == pytest.approx(sum(model.log_prob(sentence) for sentence in text))
    assert (found.num_sentences, found.num_words) == (21, sum(map(len, text)))
    assert found.oovs == {"x": 2, "y": 1}
    assert (found.num_oovs, found.oov_rate) == (3, 3 / found.num_words)
    assert found.without_oovs < found.with_oovs
    monkeypatch.setattr(perplexity, "_BATCH", 2)
    assert measure_perplexity(model, text).log_prob == pytest.approx(found.log_prob)


def test_a_uniform_model():
    # one word, never counted more than the others: order 1 over a, </s> and <unk>, each seen once but <unk>
    model = estimate([["a"]], 1)
    # 2 counts of 1, 1/2 off each: gamma = 1/2 shared by 3; p(a) = p(</s>) = 1/4 + 1/6 = 5/12, p(<unk>) = 1/6
    found = measure_perplexity(model, [["a", "b"]])
    assert found.with_oovs == pytest.approx((5 / 12 * 1 / 6 * 5 / 12) ** (-1 / 3))
    assert found.without_oovs == pytest.approx(12 / 5)
    assert found.log10_prob == pytest.approx(-1.53857, abs=1e-5)


def test_no_words():
    with pytest.raises(DataError, match="text: holds no words; give text with one sentence a line"):
        measure_perplexity(estimate([["a"]], 1), [])
