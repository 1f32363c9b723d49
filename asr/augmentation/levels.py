"""Energies of utterances in a padded batch, over each one's own samples."""

from __future__ import annotations

import torch
from torch import Tensor


def own_samples(waveforms: Tensor, lengths: Tensor) -> Tensor:
    """Gives which samples are an utterance's own and not padding.

    Args:
        waveforms: shape (B, S).
        lengths: samples of each utterance, shape (B,).

    Returns:
        Booleans, shape (B, S).

    Example:
        >>> own_samples(torch.zeros(2, 3), torch.tensor([3, 1])).int().tolist()
        [[1, 1, 1], [1, 0, 0]]
    """
    return torch.arange(waveforms.shape[1], device=waveforms.device) < lengths.to(waveforms.device).unsqueeze(1)


def energies(waveforms: Tensor, is_own: Tensor) -> Tensor:
    """Gives the sum of the squares of each utterance's own samples.

    Args:
        waveforms: shape (B, S).
        is_own: which samples count, shape (B, S).

    Returns:
        Shape (B,).

    Example:
        >>> energies(torch.tensor([[1.0, 2.0, 9.0]]), torch.tensor([[True, True, False]])).tolist()
        [5.0]
    """
    return waveforms.masked_fill(~is_own, 0.0).square().sum(1)


def add_at_ratio(waveforms: Tensor, noise: Tensor, is_own: Tensor, snr_db: Tensor) -> Tensor:
    """Adds noise so that the ratio of the energies is as wanted over each utterance's own samples.

    Args:
        waveforms: shape (B, S).
        noise: at any level, shape (B, S); where all that an utterance gets of it is 0, nothing is added.
        is_own: which samples are the utterance's own, shape (B, S).
        snr_db: signal-to-noise ratio of each utterance in dB, shape (B,).

    Returns:
        Waveforms, shape (B, S), with noise in the padding too.

    Example:
        >>> ones, both = torch.ones(1, 2), torch.tensor([[True, True]])
        >>> add_at_ratio(ones, 5 * ones, both, torch.tensor([20.0])).tolist()
        [[1.100000023841858, 1.100000023841858]]
    """
    signal, other = energies(waveforms, is_own), energies(noise, is_own)
    gains = (signal / (other * 10.0 ** (snr_db / 10))).sqrt()
    return waveforms + torch.where(other > 0, gains, 0.0).unsqueeze(1) * noise
