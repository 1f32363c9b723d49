"""Residual branches."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Residual(nn.Module):
    """Adds ``scale`` times a branch to its input; in training the branch may be skipped for whole utterances.

    **Source**: stochastic depth, Huang et al. 2016, with the branch divided by its probability to keep the mean.

    Args:
        branch: called with frames (B, N, D) and a mask (B, N); returns frames (B, N, D).
        scale: weight of the branch.
        skip_rate: share of utterances that skip the branch in training, below 1.

    Raises:
        ValueError: for a rate outside [0, 1).
    """

    def __init__(self, branch: nn.Module, scale: float = 1.0, skip_rate: float = 0.0) -> None:
        super().__init__()
        if not 0 <= skip_rate < 1:
            raise ValueError(f"the share of skipped branches must be in [0, 1). Found {skip_rate}")
        self.branch, self.scale, self.skip_rate = branch, scale, skip_rate

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        """Returns ``frames + scale * branch(frames, mask)``, shape (B, N, D)."""
        output = self.scale * self.branch(frames, mask)
        if self.training and self.skip_rate:
            kept = torch.rand(frames.size(0), 1, 1, device=frames.device) >= self.skip_rate
            output = output * kept / (1 - self.skip_rate)
        return frames + output  # type: ignore[no-any-return]


def skip_rates(last: float, num_layers: int) -> list[float]:
    """Returns the share of skipped branches of each layer, which grows with depth up to ``last``.

    **Source**: Huang et al. 2016, eq. 4.

    Example:
        >>> skip_rates(0.5, 4)
        [0.125, 0.25, 0.375, 0.5]
    """
    return [last * (layer + 1) / num_layers for layer in range(num_layers)]
