import math

import torch

from asr.augmentation.levels import add_at_ratio, energies, own_samples


def test_ratio_is_exact_over_the_own_samples_and_padding_stays():
    lengths = torch.tensor([500, 37, 1, 0])
    waveforms, noise = torch.randn(4, 500), 7 * torch.randn(4, 500)
    is_own = own_samples(waveforms, lengths)
    assert is_own.sum(1).tolist() == lengths.tolist()
    noisy = add_at_ratio(waveforms, noise, is_own, torch.full((4,), 3.0), torch.ones(4, dtype=torch.bool))
    assert torch.equal(noisy[~is_own], waveforms[~is_own])
    ratios = 10 * (energies(waveforms, is_own) / energies(noisy - waveforms, is_own)).log10()
    assert torch.allclose(ratios[:3], torch.tensor(3.0), atol=1e-3)


def test_nothing_is_added_without_noise_or_choice():
    waveforms, is_own = torch.randn(2, 9), torch.ones(2, 9, dtype=torch.bool)
    noise, ratios = torch.ones(2, 9), torch.zeros(2)
    changed = add_at_ratio(waveforms, noise, is_own, ratios, torch.tensor([True, False]))
    assert not torch.equal(changed[0], waveforms[0])
    assert torch.equal(changed[1], waveforms[1])
    assert torch.equal(add_at_ratio(waveforms, 0 * noise, is_own, ratios, ratios == 0), waveforms)
    assert math.isfinite(float(changed.sum()))
