from __future__ import annotations

import numpy as np
import pytest

from asr.errors import UsageError
from asr.lm.kneser_ney import estimate
from asr.lm.storage import load_ngram, save_ngram


@pytest.mark.parametrize("order", [1, 3])
def test_npz_is_the_model_bit_for_bit(tmp_path, make_text, order):
    model = estimate([*make_text(0), ["ä", "語"]], order)
    save_ngram(model, tmp_path / "m.npz")
    again = load_ngram(tmp_path / "m.npz")
    assert (again.vocabulary, again.num_ngrams) == (model.vocabulary, model.num_ngrams)
    for name in ("arc_offsets", "arc_labels", "arc_log_probs", "arc_next_states", "backoffs", "backoff_states"):
        np.testing.assert_array_equal(getattr(again, name), getattr(model, name))
        assert getattr(again, name).dtype == getattr(model, name).dtype


def test_the_name_says_the_form(tmp_path, make_text):
    model = estimate(make_text(0), 2)
    save_ngram(model, tmp_path / "m.arpa.gz")
    assert load_ngram(tmp_path / "m.arpa.gz").num_ngrams == model.num_ngrams
    with pytest.raises(
        UsageError, match=r"m\.bin: the name does not say the form; let it end in \.arpa, \.arpa\.gz or"
    ):
        save_ngram(model, tmp_path / "m.bin")
