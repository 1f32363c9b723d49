"""The cross-entropy of words, without the scores of all words in memory, or against words drawn at random."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

_MOST_SCORES = {"cpu": 2**22, "cuda": 2**27}
"""Of one block of rows: what a cache holds, and what keeps a GPU busy."""


def summed_cross_entropy(hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """Returns the sum of ``F.cross_entropy(F.linear(hidden, weight, bias), targets, reduction="none")``.

    Rows are taken block by block, and the gradients of a block are computed while its scores are there; neither the
    scores of all rows nor their gradients are ever in memory. Under autocast products are in its precision, the rest in
    float32.

    Args:
        hidden: what scores are computed from, shape (M, E).
        weight: of the scores, shape (V, E).
        bias: of the scores, shape (V,); minus infinity for a word that never comes.
        targets: words, shape (M,).

    Returns:
        The sum in nats, shape (), float32.
    """
    total: Tensor = _SummedCrossEntropy.apply(hidden, weight, bias, targets)  # type: ignore[no-untyped-call, unused-ignore]
    return total


def chances(counts: Tensor, num_samples: int) -> Tensor:
    """Returns how likely each word is to be drawn for :func:`sampled_cross_entropy`, shape (V,).

    They rise with the counts, and are 1 for the most frequent words.

    Args:
        counts: how often each word occurs, shape (V,); 0 is taken for 1.
        num_samples: words that are drawn at a time on average, above 0; all where there are no more.

    Example:
        >>> chances(torch.tensor([6.0, 2.0, 1.0, 1.0]), 2)
        tensor([1.0000, 0.5000, 0.2500, 0.2500])
    """
    chance = torch.ones(len(counts), dtype=torch.float64)
    if num_samples >= len(counts):
        return chance.float()
    weights = counts.double().clamp(min=1.0)
    is_sure = torch.zeros(len(counts), dtype=torch.bool)
    while True:  # at most V times; each makes words sure whose chance would be 1 or more
        share = (num_samples - int(is_sure.sum())) / weights[~is_sure].sum()
        chance = torch.where(is_sure, 1.0, weights * share)
        if not bool(((chance >= 1) & ~is_sure).any()):
            return chance.float()
        is_sure |= chance >= 1


def sampled_cross_entropy(hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, chances: Tensor) -> Tensor:
    """Returns what :func:`summed_cross_entropy` does, estimated from some of the words; for training.

    Each word is drawn or not, by itself, once for all rows, and its exponentiated score is divided by its chance: the
    sum over all words, by which each row is normalised, is right in the mean.

    **Source**: Bengio & Senécal 2003, "Quick training of probabilistic neural nets by importance sampling", and Horvitz
    & Thompson 1952, whose estimator draws without repeats.

    Args:
        hidden: what scores are computed from, shape (M, E).
        weight: of the scores, shape (V, E).
        bias: of the scores, shape (V,).
        targets: words, shape (M,).
        chances: of words to be drawn, from :func:`chances`, shape (V,).

    Returns:
        The sum in nats, shape (), float32.
    """
    drawn = (torch.rand_like(chances) < chances).nonzero()[:, 0]  # (S,)
    offset = bias.index_select(0, drawn).float() - chances[drawn].log()
    scores = F.linear(hidden, weight.index_select(0, drawn)).float() + offset  # (M, S)
    scores = scores.masked_fill(drawn == targets[:, None], -torch.inf)  # the target itself counts once, for sure
    said = (hidden.float() * weight.index_select(0, targets)).sum(1) + bias.index_select(0, targets)
    return (torch.logaddexp(scores.logsumexp(1), said) - said).sum()


class _SummedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
        device = hidden.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype
        learns = any(ctx.needs_input_grad)
        total = hidden.new_zeros((), dtype=torch.float32)
        gradients = [torch.empty_like(hidden), torch.zeros_like(weight), torch.zeros_like(bias)] if learns else []
        with torch.autocast(device, enabled=False):
            rounded, offset = weight.to(dtype), bias.to(dtype)
            rows = max(1, _MOST_SCORES.get(device, 2**27) // len(weight))
            for first in range(0, len(hidden), rows):
                block, words = hidden[first : first + rows].to(dtype), targets[first : first + rows, None]
                probs = torch.softmax(F.linear(block, rounded, offset), dim=1, dtype=torch.float32)  # (R, V)
                said = probs.gather(1, words)
                total -= said.clamp(min=torch.finfo(said.dtype).tiny).log().sum()
                if learns:
                    by_score = probs.scatter_(1, words, said - 1).to(dtype)
                    gradients[0][first : first + rows] = by_score @ rounded
                    gradients[1] += by_score.T @ block
                    gradients[2] += by_score.sum(0, dtype=torch.float32)
        ctx.save_for_backward(*gradients)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, arriving: Tensor) -> tuple[Tensor | None, ...]:
        return (*(arriving.to(each.dtype) * each for each in ctx.saved_tensors), None)
