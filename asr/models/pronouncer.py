"""The pronunciation model: letters of a word to log-probabilities of its phones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from asr.models.recurrent import RecurrentStack
from asr.text.tokens import TokenTable


def pad_letters(words: Sequence[str], letters: TokenTable) -> tuple[Tensor, Tensor]:
    """Returns the letter ids of words, padded with 0, shape (B, L), and their numbers, shape (B,).

    Raises:
        DataError: a letter is not in the table.

    Example:
        >>> pad_letters(["AB", "B"], TokenTable.build(["A B"], "char"))
        (tensor([[1, 2],
                [2, 0]]), tensor([2, 1]))
    """
    spelled = [torch.tensor(letters.encode(word, where=word)) for word in words]
    return pad_sequence(spelled, batch_first=True), torch.tensor([len(ids) for ids in spelled])


class Pronouncer(nn.Module):
    """Deep bidirectional LSTM over the letters of a word, trained with CTC: grapheme to phoneme.

    Each letter has several frames because words such as "W" and "X" have more phones than letters.

    **Source**: Rao et al. 2015, "Grapheme-to-phoneme conversion using long short-term memory recurrent neural
    networks". They repeat letters before the layers; here the output layer computes all frames of a letter, at a
    fraction of the cost.

    Args:
        num_letters: letters including the padding symbol, whose id is 0.
        num_tokens: V, phones including the blank.
        letter_dim: width of a letter's embedding.
        hidden_dim: units in each direction of each layer.
        num_layers: layers.
        frames_per_letter: R, frames for each letter.
        dropout: share of values dropped after each layer.
    """

    def __init__(
        self,
        num_letters: int,
        num_tokens: int,
        letter_dim: int,
        hidden_dim: int,
        num_layers: int,
        frames_per_letter: int,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.num_tokens, self.frames_per_letter = num_tokens, frames_per_letter
        self.embedding = nn.Embedding(num_letters, letter_dim)
        self.layers = RecurrentStack(
            letter_dim, hidden_dim, num_layers, dropout=dropout, layer_norm=True, residual=True
        )
        self.output = nn.Linear(self.layers.output_dim, frames_per_letter * num_tokens)

    def forward(self, letters: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the posteriors of words; the content of padding does not affect them.

        Args:
            letters: letter ids, shape (B, L).
            lengths: letters of each word, shape (B,).

        Returns:
            Natural-log posteriors, shape (B, R L, V), and the frames of each word, shape (B,).
        """
        hidden = self.layers(self.embedding(letters), lengths)  # (B, L) -> (B, L, D)
        logits = self.output(hidden).view(len(letters), -1, self.num_tokens)  # (B, L, R V) -> (B, R L, V)
        return logits.float().log_softmax(dim=-1), lengths * self.frames_per_letter
