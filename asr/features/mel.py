"""Windows, mel filters and cepstra, as defined by Kaldi."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_CEPSTRAL_LIFTER = 22.0


def povey_window(window_length: int) -> Tensor:
    """Returns the Hann window to the power 0.85, which is 0 at both edges, shape (window_length,).

    **Source**: Kaldi, ``feat/feature-window.cc``, window type "povey".
    """
    return torch.hann_window(window_length, periodic=False).pow(0.85)


def mel_filters(num_mels: int, fft_length: int, sample_rate: int, low_freq: float, high_freq: float) -> Tensor:
    """Returns triangular filters, equally wide on the mel scale ``1127 ln(1 + f / 700)``.

    A filter that covers no FFT bin is a column of zeros.

    Args:
        num_mels: number of filters.
        fft_length: samples of the Fourier transform, even.
        sample_rate: Hz.
        low_freq: lower edge of the first filter in Hz.
        high_freq: upper edge of the last filter in Hz.

    Returns:
        Weights of the power spectrum, shape (fft_length / 2 + 1, num_mels); 0 at the Nyquist frequency.

    **Source**: Kaldi, ``feat/mel-computations.cc``, in float32 and in its order: rounding affects narrow filters.
        Equal to ``torchaudio.compliance.kaldi.get_mel_banks`` to the bit.

    Example:
        >>> mel_filters(23, 512, 16000, 20.0, 8000.0).shape
        torch.Size([257, 23])
    """
    hertz = sample_rate / fft_length * torch.arange(fft_length // 2)
    mels = (1127.0 * (1.0 + hertz / 700.0).log()).unsqueeze(1)
    low, high = (1127.0 * math.log(1.0 + edge / 700.0) for edge in (low_freq, high_freq))
    width = (high - low) / (num_mels + 1)
    number = torch.arange(num_mels)
    left, centre, right = (low + (number + place) * width for place in (0.0, 1.0, 2.0))
    filters = torch.minimum((mels - left) / (centre - left), (right - mels) / (right - centre)).clamp(min=0.0)
    return torch.nn.functional.pad(filters, (0, 0, 0, 1))


def cepstral_transform(num_mels: int, num_ceps: int) -> Tensor:
    """Returns the orthonormal cosine transform with Kaldi's lifter of 22, shape (num_mels, num_ceps).

    ``log_mels @ cepstral_transform`` are the cepstra; the first, C0, is ``sum(log_mels) / sqrt(num_mels)``.

    **Source**: Kaldi, ``matrix/matrix-functions.cc`` (ComputeDctMatrix) and ``feat/mel-computations.cc``
        (ComputeLifterCoeffs).

    Example:
        >>> cepstral_transform(23, 13).shape
        torch.Size([23, 13])
    """
    order = torch.arange(num_ceps)
    angles = math.pi / num_mels * (torch.arange(num_mels) + 0.5).unsqueeze(1) * order
    transform = angles.cos() * math.sqrt(2.0 / num_mels)
    transform[:, 0] = math.sqrt(1.0 / num_mels)
    lifter = 1.0 + 0.5 * _CEPSTRAL_LIFTER * (math.pi * order / _CEPSTRAL_LIFTER).sin()
    return transform * lifter


def level_transforms(cepstra: Tensor | None, use_energy: bool) -> tuple[Tensor | None, Tensor | None]:
    """Returns the transforms of static values to log energies and back.

    Args:
        cepstra: transform of log-mel energies to cepstra, shape (num_mels, num_ceps); None without cepstra.
        use_energy: whether the log energy replaces C0.

    Returns:
        The transforms, shapes (F, L) and (L, F): of cepstra to smoothed log-mel energies or, if C0 is replaced, to the
        log energy alone; None for both if static values are log energies themselves.

    Example:
        >>> to_levels, from_levels = level_transforms(cepstral_transform(23, 13), use_energy=False)
        >>> torch.allclose(to_levels @ from_levels, torch.eye(13), atol=1e-5)
        True
    """
    if cepstra is None:
        return None, None
    if use_energy:
        energy = torch.eye(cepstra.shape[1])[:, :1]
        return energy, energy.T
    return torch.linalg.pinv(cepstra), cepstra
