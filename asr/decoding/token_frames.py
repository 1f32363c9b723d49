"""The posteriors of a batch as a beam search reads them: frame by frame, the likeliest tokens apart."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class TokenFrames:
    """What the search reads of the posteriors, frame by frame.

    Attributes:
        log_probs: natural-log posteriors, N tensors of shape (B, V).
        best_ids: the C likeliest tokens but blank, likeliest first if they are sorted, N tensors of shape (B, C).
        best_log_probs: their posteriors, N tensors of shape (B, C).
        ranks: place of every token among these C, C if it is not there, N tensors of shape (B, V).
    """

    log_probs: tuple[torch.Tensor, ...]
    best_ids: tuple[torch.Tensor, ...]
    best_log_probs: tuple[torch.Tensor, ...]
    ranks: tuple[torch.Tensor, ...]

    @classmethod
    def of(cls, log_probs: torch.Tensor, blank: int, num_best: int, is_sorted: bool = False) -> TokenFrames:
        """Finds the likeliest tokens of every frame.

        Args:
            log_probs: natural-log posteriors, shape (B, N, V).
            blank: index of blank.
            num_best: C, at most V - 1.
            is_sorted: whether the likeliest come first, of equal ones the one that is first in the table.
        """
        by_frame = log_probs.transpose(0, 1).contiguous()  # (B, N, V) -> (N, B, V)
        others = torch.cat([by_frame[..., :blank], by_frame[..., blank + 1 :]], dim=-1)
        if is_sorted:
            best, ids = others.sort(dim=-1, descending=True, stable=True)
            best, ids = best[..., :num_best].contiguous(), ids[..., :num_best]
        else:
            best, ids = others.topk(num_best, dim=-1, sorted=False)
        ids = ids + (ids >= blank).long()
        ranks = torch.full(by_frame.shape, num_best, device=ids.device)
        ranks.scatter_(2, ids, torch.arange(num_best, device=ids.device).expand(ids.shape))
        return cls(by_frame.unbind(), ids.unbind(), best.unbind(), ranks.unbind())
