"""Random numbers that depend only on a seed and a position: the same in any batch, order, worker and device."""

from __future__ import annotations

import hashlib
import math

import torch
from torch import Tensor


def utterance_seed(seed: int, epoch: int, utterance_id: str) -> int:
    """Returns the seed of one utterance in one epoch, 0 <= seed < 2**63.

    Example:
        >>> utterance_seed(1, 0, "a") == utterance_seed(1, 0, "a") != utterance_seed(1, 1, "a")
        True
    """
    digest = hashlib.blake2b(f"{seed}/{epoch}/{utterance_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def uniform(seeds: Tensor, num: int, stream: int = 0) -> Tensor:
    """Returns ``num`` numbers for each seed, uniform in [0, 1); a larger ``num`` does not change the first ones.

    Args:
        seeds: int64, shape (B,).
        num: numbers for each seed.
        stream: a different one for each use, whose numbers are independent.

    Returns:
        float32 multiples of 2**-24, shape (B, num), equal on all devices.

    **Source**: splitmix64 (Steele, Lea & Flood 2014), read at any position of its sequence.

    Example:
        >>> torch.equal(uniform(torch.tensor([7]), 3), uniform(torch.tensor([5, 7]), 9)[1:, :3])
        True
    """
    return _fraction(_bits(seeds, num, stream), 40)


def integers(draws: Tensor, largest: Tensor) -> Tensor:
    """Turns numbers in [0, 1) into whole numbers from 0 to ``largest``, all equally likely."""
    return torch.minimum((draws * (largest + 1)).floor(), largest.to(draws.dtype))


def normal(seeds: Tensor, num: int, stream: int = 0) -> Tensor:
    """Returns ``num`` numbers for each seed, normal with mean 0 and deviation 1, at most 5.8 from 0.

    Args:
        seeds: int64, shape (B,).
        num: numbers for each seed; a larger value does not change the first ones.
        stream: a different one for each use, whose numbers are independent.

    Returns:
        float32, shape (B, num), equal on all devices up to rounding.

    **Source**: Box and Muller (1958), on :func:`uniform`'s sequence.
    """
    bits = _bits(seeds, (num + 1) // 2, stream)
    radius = (-2.0 * (_fraction(bits, 40) + 2.0**-25).log()).sqrt()
    angle = 2.0 * math.pi * _fraction(bits << 24, 40)
    return torch.stack((radius * angle.cos(), radius * angle.sin()), dim=2).flatten(1)[:, :num]


def _fraction(bits: Tensor, shift: int) -> Tensor:
    return _shift_right(bits, shift).float() * 2.0 ** (shift - 64)


def _bits(seeds: Tensor, num: int, stream: int) -> Tensor:
    keys = _mix(_mix(seeds + _signed(0x9E3779B97F4A7C15)) + _signed(stream * 0xD1B54A32D192ED03))
    return _mix(keys.unsqueeze(1) + _signed(0x9E3779B97F4A7C15) * torch.arange(1, num + 1, device=seeds.device))


def _mix(bits: Tensor) -> Tensor:
    """Scrambles 64 bits as splitmix64 does; int64 multiplication wraps around."""
    bits = (bits ^ _shift_right(bits, 30)) * _signed(0xBF58476D1CE4E5B9)
    bits = (bits ^ _shift_right(bits, 27)) * _signed(0x94D049BB133111EB)
    return bits ^ _shift_right(bits, 31)


def _shift_right(bits: Tensor, count: int) -> Tensor:
    """Shifts in zeros from the left, where ``>>`` of int64 would repeat the sign."""
    return (bits >> count) & ((1 << (64 - count)) - 1)


def _signed(bits: int) -> int:
    """Returns the int64 with the lowest 64 bits of a number."""
    return (bits + 2**63) % 2**64 - 2**63
