from __future__ import annotations

import re
from itertools import islice

import numpy as np

from asr.corpora.synth.sentences import part_of, sentences


def draw(part: str, number: int, seed: int = 0) -> list[str]:
    return list(islice(sentences(part, np.random.default_rng(seed)), number))


def test_a_seed_gives_the_same_sentences() -> None:
    assert draw("train", 50) == draw("train", 50)
    assert draw("train", 50) != draw("train", 50, seed=1)


def test_parts_share_no_sentence_and_none_comes_twice() -> None:
    drawn = {part: draw(part, 700) for part in ("train", "dev", "test")}
    assert all(part_of(sentence) == part for part, spoken in drawn.items() for sentence in spoken)
    assert len({sentence for spoken in drawn.values() for sentence in spoken}) == 2100


def test_there_are_many_thousand() -> None:
    assert len(set(draw("train", 1000)) & set(draw("train", 1000, seed=1))) < 10


def test_sentences_are_plain_text_of_a_few_words() -> None:
    for sentence in draw("train", 500):
        assert re.fullmatch(r"[A-Z][A-Za-z', ]+[.?]", sentence)
        assert 3 <= len(sentence.split()) <= 24
        assert "  " not in sentence


def test_articles_fit_their_words() -> None:
    text = " ".join(draw("train", 3000)).lower()
    assert re.search(r"\ban (old|orange|awful|early|entire|ugly|oily|opposite)", text)
    assert re.search(r"\ba (usual|useful)", text)
    assert not re.search(r"\ba (old|orange|awful|early|entire|ugly|oily)\b|\ban (useful|usual)\b", text)
