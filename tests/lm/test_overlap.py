from __future__ import annotations

import numpy as np
import pytest

from asr.errors import DataError
from asr.lm.overlap import measure_overlap


def test_equals_sets_of_ngrams(make_text):
    text = make_text(1, num_words=9, longest=15)
    utterances = {f"u{number}": words for number, words in enumerate(make_text(2, 40, num_words=12, longest=12))}
    for order in (1, 2, 4, 20):
        ngrams = {tuple(words[i : i + order]) for words in text for i in range(len(words) - order + 1)}
        found = measure_overlap(utterances, iter(text), order)
        shared = {
            name: [tuple(words[i : i + order]) in ngrams for i in range(len(words) - order + 1)]
            for name, words in utterances.items()
        }
        assert found.num_ngrams == sum(map(len, shared.values()))
        assert found.num_shared == sum(map(sum, shared.values()))
        assert found.num_short == sum(not each for each in shared.values())
        assert found.utterances == tuple(name for name, each in shared.items() if each and np.mean(each) >= 0.5)


def test_verdicts():
    utterances = {"u": list("abcd"), "v": list("efgh")}
    assert measure_overlap(utterances, [["a", "b"]], 3).verdict == (
        "independent: the text shares 0 of 4 3-grams (0.00 %) and no utterance"
    )
    assert measure_overlap(utterances, [["z", "e", "f", "g"]], 3).verdict == (
        "NOT independent: the text shares 1 of 4 3-grams (25.00 %) and 1 of 2 utterances (v)"
    )
    assert measure_overlap(utterances, [["a"]], 9).verdict == "unknown: no utterance has 9 words"
    assert not measure_overlap({"u": list("abcdefgh")}, [["a", "b", "c"]], 3).is_independent  # 1 of 6: too much
    with pytest.raises(DataError, match="test set: has no utterances"):
        measure_overlap({}, [["a"]])
