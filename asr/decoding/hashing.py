"""Numbers that stand for what a search holds, such as prefixes; different things share one as good as never."""

from __future__ import annotations

import torch

HASH_FACTOR = 0x5851F42D4C957F2D
"""An odd number, by which a prefix's number is multiplied before that of what follows is added. By it, numbers that are
near each other come to differ in their highest bits, too."""
NOBODY, DEAD = 0x13198A2E03707344, 0x24A4093822299F31
"""The numbers of what the empty prefix grew from, which is nothing, and of places in the beam that hold no prefix."""


def random_numbers(count: int, seed: int) -> torch.Tensor:
    """Gives 64-bit numbers that look random, always the same ones, shape (count,)."""
    return torch.randint(-(2**63), 2**63 - 1, (count,), generator=torch.Generator().manual_seed(seed))


def locate(numbers: torch.Tensor, wanted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Finds where in its row each wanted number is, and whether it is there.

    Args:
        numbers: shape (B, K).
        wanted: shape (B, K).

    Returns:
        Places, any where there is none, and whether there is one, both (B, K).
    """
    ordered, slots = numbers.sort(dim=1)
    place = torch.searchsorted(ordered, wanted).clamp_(max=numbers.shape[1] - 1)
    return slots.gather(1, place), ordered.gather(1, place) == wanted
