"""Evolution strategies: steps in opposite pairs, and what the ranks of their losses say about the way down."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor


def antithetic_noise(num_pairs: int, dim: int, generator: Generator, dtype: torch.dtype = torch.float32) -> Tensor:
    """Returns standard normal steps and then the same ones backwards, shape (2 * num_pairs, dim).

    What is even in a step cancels out of the estimate of a slope.

    **Source**: Salimans et al. 2017, "Evolution strategies as a scalable alternative to reinforcement learning",
    https://arxiv.org/abs/1703.03864, section 2, after Brockhoff et al. 2010.

    Args:
        num_pairs: pairs of opposite steps.
        dim: numbers of a step.
        generator: where they are drawn from.
        dtype: of the steps.
    """
    ahead = torch.randn(num_pairs, dim, generator=generator, dtype=dtype)
    return torch.cat([ahead, -ahead])


def rank_utilities(losses: Tensor) -> Tensor:
    """Returns what each loss is worth by its rank alone: from 1/2 for the lowest to -1/2 for the highest, 0 in sum.

    Equal losses share their ranks, so that a flat stretch pulls nowhere; a loss that is no number is the highest.

    **Source**: fitness shaping of Wierstra et al. 2014, "Natural evolution strategies", with the centred ranks of
    Salimans et al. 2017.

    Args:
        losses: shape (P,), P of 2 or more.

    Returns:
        Utilities, shape (P,), float64.

    Example:
        >>> rank_utilities(torch.tensor([5.0, 0.1, float("nan"), 0.3, 0.3])).tolist()
        [-0.25, 0.5, -0.5, 0.125, 0.125]
    """
    losses = losses.double().nan_to_num(nan=math.inf, posinf=math.inf, neginf=-math.inf)
    others = losses[:, None]
    ranks = (others > losses).double().sum(dim=1) + ((others == losses).double().sum(dim=1) - 1) / 2
    return 0.5 - ranks / (len(losses) - 1)
