"""A tiny language model, to prove the place where one plugs in."""

from __future__ import annotations

import torch


class Bigram:
    """A bigram model over tokens with a start and an end; its state is the last token, blank (0) at the start."""

    def __init__(self, num_tokens: int, seed: int, forbidden: tuple[tuple[int, int], ...] = ()) -> None:
        generator = torch.Generator().manual_seed(seed)
        scores = torch.randn(num_tokens, num_tokens, generator=generator, dtype=torch.float64)
        for before, after in forbidden:
            scores[before, after] = -torch.inf
        self.table = scores.log_softmax(dim=1)  # column 0 is the end of the sequence

    def start(self, batch_size, beam_size, device):
        return torch.zeros(batch_size, beam_size, dtype=torch.int64, device=device)

    def score(self, states):
        return self.table[states]

    def advance(self, states, sources, token_ids, is_extended):
        return torch.where(is_extended, token_ids, states.gather(1, sources))

    def finish(self, states):
        return self.table[states, 0]

    def log_prob(self, sequence: tuple[int, ...]) -> float:
        return sum(
            self.table[before, after].item() for before, after in zip((0, *sequence), (*sequence, 0), strict=True)
        )
