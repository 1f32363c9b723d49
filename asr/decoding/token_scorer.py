"""Where a language model plugs into the beam search."""

from __future__ import annotations

from typing import Any, Protocol

import torch


class TokenScorer(Protocol):
    """Scores the next token of each of (B, K) growing sequences.

    States are whatever the scorer likes, for all B times K sequences at once; the search only hands them back. How
    likely a sequence is may depend on nothing but its tokens, for the search sums over all alignments of a sequence.
    """

    def start(self, batch_size: int, beam_size: int, device: torch.device) -> Any:
        """Gives the states of B times K empty sequences."""
        ...

    def score(self, states: Any) -> torch.Tensor:
        """Gives natural-log probabilities of each next token, (B, K, V); -inf forbids one, blank's is not read."""
        ...

    def advance(self, states: Any, sources: torch.Tensor, token_ids: torch.Tensor, is_extended: torch.Tensor) -> Any:
        """Gives the states of the sequences that the search keeps.

        Args:
            states: what ``start`` or ``advance`` gave.
            sources: which of the K old sequences each new one comes from, shape (B, K).
            token_ids: the token it is extended by, shape (B, K).
            is_extended: whether it is extended at all; else it stays as it was, shape (B, K).
        """
        ...

    def finish(self, states: Any) -> torch.Tensor:
        """Gives the natural-log probabilities that the sequences end here, (B, K); zeros if the scorer has no end."""
        ...
