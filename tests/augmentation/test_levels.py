import torch

from asr.augmentation.levels import add_at_ratio, energies, own_samples


def test_ratio_is_exact_over_the_own_samples():
    lengths = torch.tensor([500, 37, 1, 0])
    waveforms, noise = torch.randn(4, 500), 7 * torch.randn(4, 500)
    is_own = own_samples(waveforms, lengths)
    assert is_own.sum(1).tolist() == lengths.tolist()
    noisy = add_at_ratio(waveforms, noise, is_own, torch.full((4,), 3.0))
    ratios = 10 * (energies(waveforms, is_own) / energies(noisy - waveforms, is_own)).log10()
    assert torch.allclose(ratios[:3], torch.tensor(3.0), atol=1e-3)


def test_nothing_is_added_without_noise():
    waveforms, is_own, ratios = torch.randn(2, 9), torch.ones(2, 9, dtype=torch.bool), torch.zeros(2)
    noisy = add_at_ratio(waveforms, torch.tensor([[1.0], [0.0]]).expand(2, 9), is_own, ratios)
    assert not torch.equal(noisy[0], waveforms[0])
    assert torch.equal(noisy[1], waveforms[1])
