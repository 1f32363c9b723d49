from __future__ import annotations

import math
import random

import numpy as np
import pytest

from asr.errors import DataError
from asr.lm.arpa import read_arpa, write_arpa
from asr.lm.kneser_ney import estimate
from tests.lm.definition import BackOff


@pytest.mark.parametrize("seed", range(4))
def test_equals_the_recursive_definition_on_random_models(tmp_path, make_arpa, seed):
    path = make_arpa(tmp_path / "random.arpa", seed)
    model, reference = read_arpa(path), BackOff(path)
    ids = model.vocabulary.ids
    generator = random.Random(seed)
    for _ in range(200):
        history = tuple(generator.choices(reference.words, k=generator.randrange(6)))
        state = 0
        for word in history:
            state = int(model.next_states(state, ids[word]))
        for word in reference.words:
            if word != "<s>":
                assert model.lookup(state, ids[word])[0] == pytest.approx(reference.log_prob(word, history), abs=1e-9)


def test_a_sentence_begins_and_ends(make_text, tmp_path):
    model = estimate(make_text(1), 3)
    write_arpa(model, tmp_path / "m.arpa")
    reference = BackOff(tmp_path / "m.arpa")
    text = ("<s>", "a", "b", "unheard", "</s>")
    known = ("<s>", "a", "b", "<unk>", "</s>")
    expected = sum(reference.log_prob(known[i], known[:i]) for i in range(1, 5))
    assert model.log_prob(text[1:-1]) == pytest.approx(expected, abs=1e-5)
    assert model.log_prob([]) == pytest.approx(reference.log_prob("</s>", ("<s>",)), abs=1e-5)
    with pytest.raises(DataError, match="'<s>' is among the words"):
        model.log_prob(["<s>", "a"])


def test_states_that_act_alike_are_one(make_text):
    model = estimate(make_text(2), 3)
    entered = set(model.arc_next_states.tolist()) | set(model.backoff_states.tolist())
    has_arcs = np.diff(model.arc_offsets) > 0
    assert all(state == 0 or has_arcs[state] or model.backoffs[state] for state in entered)
    assert len(entered) < model.num_states
    assert model.next_states(0, model.vocabulary.ids["</s>"]) == 0


def test_batches_do_not_matter(make_text):
    model = estimate(make_text(3), 3)
    encoded = [model.vocabulary.encode(sentence) for sentence in make_text(4, num_sentences=30)]
    together = model.word_log_probs(encoded)
    assert [len(each) for each in together] == [len(sentence) + 1 for sentence in encoded]
    for sentence, log_probs in zip(encoded, together, strict=True):
        assert np.array_equal(model.word_log_probs([sentence])[0], log_probs)
    assert all(math.isfinite(value) for row in together for value in row)
