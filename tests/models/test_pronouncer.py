"""The pronunciation model: frames for each letter, and padding that touches nothing."""

from __future__ import annotations

import torch

from asr.models.pronouncer import Pronouncer, pad_letters
from asr.text.tokens import TokenTable

LETTERS = TokenTable.build(["ABCD"], "char")


def test_each_letter_gives_frames_and_padding_changes_none() -> None:
    torch.manual_seed(0)
    model = Pronouncer(len(LETTERS), 7, letter_dim=4, hidden_dim=5, num_layers=2, frames_per_letter=3).eval()
    words = ["ABCD", "B", "DA"]
    with torch.no_grad():
        log_probs, lengths = model(*pad_letters(words, LETTERS))
        assert log_probs.shape == (3, 12, 7)
        assert lengths.tolist() == [12, 3, 6]
        torch.testing.assert_close(log_probs.exp().sum(dim=2), torch.ones(3, 12))
        for row, word in enumerate(words):
            alone, _ = model(*pad_letters([word], LETTERS))
            torch.testing.assert_close(log_probs[row : row + 1, : 3 * len(word)], alone)
    assert not torch.allclose(log_probs[0, 0], log_probs[0, 1]), "frames of a letter are alike"
