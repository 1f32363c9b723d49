"""Recombination: of hypotheses that nothing to come can tell apart, only the best go on."""

from __future__ import annotations

import math

import torch


def best_of_each(
    scores: torch.Tensor, classes: torch.Tensor, count: int, per_class: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    """Gives the best scores, no more than so many of each class.

    Source: the N best of each state, their pasts kept apart, are Schwartz and Chow, "The N-best algorithm: an efficient
    and exact procedure for finding the N most likely sentence hypotheses", 1990.

    Args:
        scores: -inf for what cannot be, shape (B, C).
        classes: integers, equal for those of one class, shape (B, C).
        count: K, at most C.
        per_class: how many of a class may stay.

    Returns:
        Scores, best first, -inf where there are not enough, and their places among the C, both (B, K).

    Example:
        >>> scores, places = best_of_each(torch.tensor([[1.0, 4.0, 3.0, 2.0]]), torch.tensor([[7, 7, 7, 8]]), 3)
        >>> scores.tolist(), places[:, :2].tolist()
        ([[4.0, 2.0, -inf]], [[1, 3]])
    """
    scores, order = scores.sort(dim=1, descending=True, stable=True)
    classes, by_class = classes.gather(1, order).sort(dim=1, stable=True)
    is_behind = torch.zeros_like(classes, dtype=torch.bool)
    is_behind[:, per_class:] = classes[:, per_class:] == classes[:, :-per_class]
    scores = scores.masked_fill(torch.zeros_like(is_behind).scatter(1, by_class, is_behind), -math.inf)
    scores, choice = scores.topk(count, dim=1)
    return scores, order.gather(1, choice)
