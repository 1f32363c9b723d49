from __future__ import annotations

import numpy as np
import pytest

from asr.errors import DataError, UsageError
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


def damaged(model, path, **changes):
    save_ngram(model, path)
    with np.load(path) as file:
        arrays = dict(file) | changes
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    with pytest.raises(DataError) as raised:
        load_ngram(path)
    return str(raised.value).removeprefix(f"{path}: ").partition(";")[0]


def test_damaged_files(tmp_path, make_text):
    model, path = estimate(make_text(0), 2), tmp_path / "m.npz"
    apart = "is damaged: its arrays do not belong together"
    assert damaged(model, path, arc_labels=model.arc_labels[1:]) == apart
    assert damaged(model, path, arc_labels=model.arc_labels + 1) == apart
    assert damaged(model, path, backoff_states=model.backoff_states + 1) == apart
    assert damaged(model, path, arc_next_states=model.arc_next_states + model.num_states) == apart
    assert damaged(model, path, arc_offsets=model.arc_offsets[::-1]) == apart
    assert damaged(model, path, num_ngrams=np.array([3, 4])) == apart
    assert damaged(model, path, format=np.frombuffer(b"other", np.uint8)) == "is no n-gram model of this program"
    assert damaged(model, path, backoffs=None).startswith("cannot be read (KeyError")
    assert damaged(model, path, words=np.array([object()])).startswith("cannot be read (ValueError")
    path.write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(DataError, match=r"m.npz: cannot be read .*; make it with: asr lm convert"):
        load_ngram(path)
    with pytest.raises(DataError, match=r"none.npz: no such file; check the path"):
        load_ngram(tmp_path / "none.npz")
