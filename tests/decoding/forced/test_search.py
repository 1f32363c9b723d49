"""Texts that are not quite what is said, short and long."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from asr.decoding.forced import search
from asr.decoding.forced.anchors import Match, find_cuts, find_matches
from asr.decoding.forced.graph import WrittenWord
from asr.decoding.forced.heard import Heard
from asr.decoding.forced.search import ForcedAlignment, align_words
from asr.decoding.forced.viterbi import Penalties
from asr.errors import DataError

SPACE, NUM_TOKENS = 9, 10


def written(*spellings: tuple[int, ...]) -> list[WrittenWord]:
    return [WrittenWord("x", (spelling,)) for spelling in spellings]


def said(words: list[WrittenWord], errors: float = 0.0, seed: int = 0) -> np.ndarray:
    """Returns the posteriors of words: each token in one of three frames, a space between words; some tokens wrong."""
    rng = np.random.default_rng(seed)
    path = []
    for word in words:
        for token in word.spellings[0]:
            shown = int(rng.integers(1, SPACE)) if rng.random() < errors else token
            path += [0, shown, 0]
        path += [SPACE, 0]
    scores = np.full((len(path), NUM_TOKENS), -6.0) + rng.uniform(0, 1, size=(len(path), NUM_TOKENS))
    scores[np.arange(len(path)), path] = 0.0
    return (scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))).astype(np.float32)


def sentences(num_words: int, seed: int) -> list[WrittenWord]:
    rng = np.random.default_rng(seed)
    return written(*(tuple(rng.integers(1, SPACE, size=rng.integers(2, 8)).tolist()) for _ in range(num_words)))


def missing(found: ForcedAlignment) -> list[int]:
    return [place for place, tokens in enumerate(found.words) if not tokens]


def test_frames_of_each_token() -> None:
    words = written((1, 2), (2, 2))
    found = align_words(said(words), words, 0, SPACE)
    assert [[(each.token, each.first, each.last) for each in tokens] for tokens in found.words] == [
        [(1, 1, 1), (2, 4, 4)],
        [(2, 9, 9), (2, 12, 12)],
    ]
    assert found.unwritten == ()


def test_a_word_that_is_not_said_is_found_anywhere() -> None:
    words = sentences(6, 0)
    for place in range(6):
        found = align_words(said(words[:place] + words[place + 1 :]), words, 0, SPACE)
        assert missing(found) == [place]
        assert found.unwritten == ()


def test_speech_that_is_not_in_the_text_is_found_anywhere() -> None:
    words = sentences(6, 1)
    for place in range(6):
        found = align_words(said(words), words[:place] + words[place + 1 :], 0, SPACE, Penalties(6.0, 2.0, 2.0))
        assert missing(found) == []
        (stretch,) = found.unwritten
        assert tuple(each.token for each in stretch if each.token != SPACE) == words[place].spellings[0]
        before, after = found.words[:place], found.words[place:]
        assert all(tokens[-1].last < stretch[0].first for tokens in before)
        assert all(stretch[-1].last < tokens[0].first for tokens in after)


def test_a_long_text_is_cut_into_parts_and_found_as_if_it_were_not() -> None:
    words = sentences(100, 2)
    spoken = words[:30] + sentences(10, 3) + words[30:60] + words[70:]
    log_probs = said(spoken, errors=0.05)
    whole = align_words(log_probs, words, 0, SPACE, cut_cells=1 << 40)
    parts = align_words(log_probs, words, 0, SPACE, cut_cells=1 << 12)
    assert parts.words == whole.words
    assert parts.unwritten == whole.unwritten
    assert parts.score == pytest.approx(whole.score, abs=1e-2)
    assert set(range(60, 70)) <= set(missing(parts)) <= set(range(57, 73))
    (longest,) = [each for each in parts.unwritten if len(each) > 10]
    assert sum(tokens[-1].last < longest[0].first for tokens in parts.words[:60]) in (29, 30, 31)


def test_parts_are_small_where_the_model_hears_well(monkeypatch: pytest.MonkeyPatch) -> None:
    words, sizes = sentences(100, 4), []
    find_path = search.find_path
    monkeypatch.setattr(search, "find_path", lambda *told: sizes.append(len(told[0])) or find_path(*told))
    log_probs = said(words)
    align_words(log_probs, words, 0, SPACE, cut_cells=1 << 10)
    assert sum(sizes) == len(log_probs)
    assert max(sizes) < 200


def test_what_cannot_be_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    words = sentences(20, 5)
    with pytest.raises(DataError, match="text: holds no words"):
        align_words(said(words), [], 0, SPACE)
    with pytest.raises(DataError, match=r"has \d+ tokens and the recording 9 frames; check that it belongs"):
        align_words(said(words)[:9], words, 0, SPACE)
    monkeypatch.setattr(search, "_MOST_CELLS", 1000)
    with pytest.raises(DataError, match="recognises next to nothing"):
        align_words(said(words), sentences(20, 6), 0, SPACE, cut_cells=100)


def test_of_matches_that_cross_the_longer_stays_and_no_repeat_is_one() -> None:
    assert find_matches([5, 6, 7, 8, 1, 2, 3], [1, 2, 3, 5, 6, 7, 8], 3) == [Match(ref=0, hyp=3, length=4)]
    assert find_matches([1, 2, 1, 2], [1, 2], 2) == []
    assert find_matches([1], [1, 2], 2) == []


def test_cuts_are_between_words_and_apart() -> None:
    words = sentences(40, 7)
    log_probs = said(words)
    heard = Heard.of(log_probs, 0, SPACE)
    cuts = find_cuts(words, heard, 8, 50)
    assert len(cuts) > 5
    starts = np.cumsum([0, *(len(word.spellings[0]) for word in words)])
    for one, two in pairwise(cuts):
        assert two.frame - one.frame >= 50
    for cut in cuts:
        assert heard.last[starts[cut.word] - 1] < cut.frame <= heard.first[starts[cut.word]]
