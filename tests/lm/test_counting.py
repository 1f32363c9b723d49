from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from asr.errors import DataError
from asr.lm.counting import Storage, count_ngrams
from asr.lm.rows import RowsInMemory
from asr.lm.vocabulary import Vocabulary


def whole(counts, order, block=7):
    return [np.concatenate(parts) for parts in zip(*counts.of_order(order, block), strict=True)]


def as_counter(counts, order, kind):
    words, *kinds = whole(counts, order)
    names = counts.vocabulary.words
    return Counter(
        {tuple(names[i] for i in row): n for row, n in zip(words.tolist(), kinds[kind].tolist(), strict=True)}
    )


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("memory", [1, 9_000, 1 << 30])
def test_counts_of_all_orders(make_text, order, memory):
    text = make_text(order)
    counts = count_ngrams(iter(text), order, storage=Storage(memory))
    assert isinstance(counts.rows, RowsInMemory) == (memory > 9_000 or (memory > 1 and order == 1))
    raw = {n: Counter() for n in range(1, order + 1)}
    for sentence in text:
        padded = ("<s>", *sentence, "</s>")
        for n in raw:
            raw[n].update(padded[i : i + n] for i in range(len(padded) - n + 1))
    del raw[1][("<s>",)]  # is never foreseen
    for n in raw:
        assert as_counter(counts, n, 0) == raw[n]
        if n == order:
            assert as_counter(counts, n, 1) == raw[n]
        else:
            before = Counter(ngram[1:] for ngram in raw[n + 1])
            starts = {ngram: count for ngram, count in raw[n].items() if ngram[0] == "<s>"}
            assert as_counter(counts, n, 1) == Counter({**before, **starts})


def test_many_different_words_need_several_keys():
    sentences = [[f"w{i}" for i in range(start, start + 400)] for start in range(0, 70_000, 400)]
    counts = count_ngrams(sentences * 2, 5, storage=Storage(9_000_000))  # 17 bits a word: three to a key
    words, raw, adjusted = whole(counts, 5, 1000)
    assert set(raw.tolist()) == set(adjusted.tolist()) == {2}
    assert len(words) == sum(400 + 2 - 4 for _ in sentences)
    inside = words[(words[:, 0] > 2) & (words[:, -1] > 2)]
    assert (inside[:, 1:] - inside[:, :-1] == 1).all()


def test_words_outside_a_vocabulary():
    vocabulary = Vocabulary.of(["z", "a"])
    closed = count_ngrams([["a", "b", "c"]], 2, vocabulary)
    assert closed.vocabulary == vocabulary
    assert as_counter(closed, 1, 0) == Counter({("<unk>",): 2, ("a",): 1, ("</s>",): 1})
    opened = count_ngrams([["a", "b", "c"]], 2, vocabulary, is_closed=False)
    assert opened.vocabulary.words == ("<unk>", "<s>", "</s>", "z", "a", "b", "c")


def test_bad_text():
    with pytest.raises(DataError, match="text: holds no sentences; give text"):
        count_ngrams([], 2)
    with pytest.raises(DataError, match="sentence 'a </s> b': '</s>' is among the words; remove it"):
        count_ngrams([["a", "</s>", "b"]], 2)
    with pytest.raises(ValueError, match=r"order must be positive. Found 0"):
        count_ngrams([["a"]], 0)
