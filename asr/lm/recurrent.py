"""The recurrent language model: words to log-probabilities of the next words."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asr.lm.vocabulary import BEGIN

State = tuple[Tensor, Tensor]
"""Outputs and cells of all layers after the latest word, each of shape (num_layers, B, hidden_dim)."""

_RANGE = 0.1


class RecurrentLM(nn.Module):
    """LSTM layers between an embedding of words and a softmax over all words but ``<s>``.

    **Source**: Zaremba et al. 2014 for dropout between layers only; Press & Wolf 2017 and Inan et al. 2017 for weights
    shared by embedding and output.

    Args:
        vocabulary_size: words including the three symbols, V.
        embedding_dim: width of a word's embedding.
        hidden_dim: units of a layer.
        num_layers: layers.
        dropout: share of values dropped before, between and after the layers.
        tie_weights: whether embedding and output share their weights.
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_dim: int,
        hidden_dim: int,
        num_layers: int,
        dropout: float = 0.0,
        tie_weights: bool = True,
    ) -> None:
        super().__init__()
        self.vocabulary_size, self.hidden_dim, self.num_layers = vocabulary_size, hidden_dim, num_layers
        self.embedding = nn.Embedding(vocabulary_size, embedding_dim)
        between = dropout if num_layers > 1 else 0.0
        self.layers = nn.LSTM(embedding_dim, hidden_dim, num_layers, batch_first=True, dropout=between)
        self.narrowing = nn.Linear(hidden_dim, embedding_dim) if hidden_dim != embedding_dim else nn.Identity()
        self.output = nn.Linear(embedding_dim, vocabulary_size)
        self.dropout = nn.Dropout(dropout)
        nn.init.uniform_(self.embedding.weight, -_RANGE, _RANGE)
        nn.init.uniform_(self.output.weight, -_RANGE, _RANGE)
        nn.init.zeros_(self.output.bias)
        if tie_weights:
            self.output.weight = self.embedding.weight
        never = torch.zeros(vocabulary_size)
        never[BEGIN] = -math.inf
        self._never: Tensor
        self.register_buffer("_never", never, persistent=False)

    def forward(self, word_ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Returns the log-probabilities of the word after each word; later words and padding do not affect them.

        Args:
            word_ids: ids with ``<s>`` at the beginning of a sentence, shape (B, L).
            state: after earlier words; None if there are none.

        Returns:
            Natural-log probabilities, shape (B, L, V), and the state after the last word.
        """
        hidden, state = self.read(word_ids, state)
        return self.logits(hidden).log_softmax(dim=-1), state

    def read(self, word_ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Returns the input of :meth:`logits`, shape (B, L, embedding_dim), and the state; see :meth:`forward`."""
        hidden, state = self.layers(self.dropout(self.embedding(word_ids)), state)  # (B, L) -> (B, L, H)
        return self.dropout(self.narrowing(hidden)), state

    def logits(self, hidden: Tensor) -> Tensor:
        """Returns the scores of all words before the softmax, shape (..., embedding_dim) -> (..., V)."""
        return F.linear(hidden, *self.scoring())

    def scoring(self) -> tuple[Tensor, Tensor]:
        """Returns weight and bias of :meth:`logits`, shapes (V, embedding_dim) and (V,)."""
        return self.output.weight, self.output.bias + self._never
