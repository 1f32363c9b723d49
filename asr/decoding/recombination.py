"""Recombination: of hypotheses that nothing to come can tell apart, only the best go on."""

from __future__ import annotations

import math

import torch

from asr.decoding.hashing import HASH_FACTOR


def best_of_each(
    scores: torch.Tensor, classes: torch.Tensor, count: int, per_class: int = 1, among: int | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Gives the best scores, no more than so many of each class.

    Source: the N best of each state, their pasts kept apart, are Schwartz and Chow, "The N-best algorithm: an efficient
    and exact procedure for finding the N most likely sentence hypotheses", 1990.

    Args:
        scores: -inf for what cannot be, shape (B, C).
        classes: integers, equal for those of one class, shape (B, C).
        count: K, at most C.
        per_class: how many of a class may stay.
        among: how many of the best scores are looked at; None for all.

    Returns:
        Scores, best first, -inf where there are not enough, and their places among the C, both (B, K).

    Example:
        >>> scores, places = best_of_each(torch.tensor([[1.0, 4.0, 3.0, 2.0]]), torch.tensor([[7, 7, 7, 8]]), 3)
        >>> scores.tolist(), places[:, :2].tolist()
        ([[4.0, 2.0, -inf]], [[1, 3]])
    """
    among = scores.shape[1] if among is None else min(among, scores.shape[1])
    scores, order = scores.topk(among, dim=1)
    # One number sorts by class and then by rank, which stands in the lowest bits of the scrambled class: of a thousand
    # different classes two are taken for one in one of 10^10 rows.
    ranks = torch.arange(among, device=scores.device)
    bits = among.bit_length()
    keys, _ = ((classes.gather(1, order) * HASH_FACTOR >> bits << bits) + ranks).sort(dim=1)
    is_behind = torch.zeros_like(keys, dtype=torch.bool)
    is_behind[:, per_class:] = keys[:, per_class:] >> bits == keys[:, :-per_class] >> bits
    by_class = keys & ((1 << bits) - 1)
    scores = scores.masked_fill(torch.zeros_like(is_behind).scatter(1, by_class, is_behind), -math.inf)
    scores, choice = scores.topk(count, dim=1)
    return scores, order.gather(1, choice)
