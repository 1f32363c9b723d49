"""Where a language model plugs into the beam search."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class TokenScorer(Protocol):
    """Scores the next token of each of (B, K) growing sequences.

    A state is a tensor of whatever the scorer needs to know of each sequence, shape (B, K, ...); the search only hands
    it back. How likely a sequence is may depend on nothing but its tokens, for the search sums over all alignments.
    """

    def start(self, batch_size: int, beam_size: int, device: torch.device) -> Tensor:
        """Returns the states of B times K empty sequences."""
        ...

    def score(self, states: Tensor) -> Tensor:
        """Returns natural-log probabilities of each next token, (B, K, V); -inf forbids one, blank's is not read."""
        ...

    def advance(self, states: Tensor, sources: Tensor, token_ids: Tensor, is_extended: Tensor) -> Tensor:
        """Returns the states of the sequences that the search keeps.

        Args:
            states: what :meth:`start` or :meth:`advance` returned.
            sources: which of the K old sequences each new one comes from, shape (B, K).
            token_ids: the token it is extended by, shape (B, K).
            is_extended: whether it is extended at all; else it stays as it was, shape (B, K).
        """
        ...

    def finish(self, states: Tensor) -> Tensor:
        """Returns the natural-log probabilities that the sequences end here, (B, K); zeros without an end."""
        ...
