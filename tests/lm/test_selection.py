from __future__ import annotations

import numpy as np

from asr.lm.selection import score_sentences, selected, train_pair


def test_sentences_of_the_same_kind_are_selected(make_text):
    like, same, other = make_text(1), make_text(1, num_sentences=400)[300:], make_text(2)
    text = [words for pair in zip(same, other[:100], strict=True) for words in pair] + other[100:]
    models = train_pair(like, text, 2, len(text))
    scores = score_sentences(models, text)
    lengths = np.array([len(words) for words in text], dtype=np.int32)
    kept = list(selected(text, lengths, scores, 0.2))
    assert 0.15 < sum(map(len, kept)) / lengths.sum() <= 0.2
    assert np.mean([words in same for words in kept]) > 0.9
    assert scores[0] == np.float32(
        (models[1].word_log_probs([models[1].vocabulary.encode(text[0])])[0].mean())
        - models[0].log_prob(text[0]) / (len(text[0]) + 1)
    )
