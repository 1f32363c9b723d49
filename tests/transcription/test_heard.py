from __future__ import annotations

import pytest
import torch

from asr.transcription.heard import cut_at_blanks
from asr.transcription.transcript import join
from tests.transcription.paths import FRAME, TOKENS, greedy, posteriors


@pytest.mark.parametrize("size", [1, 7, 50, 1000])
def test_pieces_are_read_as_the_whole(size: int) -> None:
    rows = posteriors("A..B.|...C.......D|....AA..B...." * 20)
    pieces = list(cut_at_blanks(rows.split(size), TOKENS, FRAME, 0.5, 1.5))
    assert torch.equal(torch.cat([piece.log_probs for piece in pieces]), rows)
    assert [piece.first for piece in pieces[1:]] == torch.tensor([len(p.log_probs) for p in pieces]).cumsum(0).tolist()[
        :-1
    ]
    assert all(25 <= len(piece.log_probs) <= 75 for piece in pieces[:-1])
    whole, parts = greedy(rows), join([greedy(piece.log_probs).shift(piece.first * FRAME) for piece in pieces])
    assert parts.text == whole.text
    assert [(word.text, round(word.start, 6)) for word in parts.words] == [
        (word.text, round(word.start, 6)) for word in whole.words
    ]
    assert parts.confidence == pytest.approx(whole.confidence)


def test_a_word_that_does_not_end_is_cut_late() -> None:
    pieces = list(cut_at_blanks([posteriors("A....B...." * 100)], TOKENS, FRAME, 0.5, 1.5))
    assert [len(piece.log_probs) for piece in pieces] == [301, 300, 399]


def test_nothing() -> None:
    assert list(cut_at_blanks([], TOKENS, FRAME, 0.5, 1.5)) == []
