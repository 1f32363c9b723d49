import pytest
import torch
import torchaudio
from torchaudio.compliance import kaldi

from asr.features.mel import cepstral_transform, mel_filters, povey_window


@pytest.mark.parametrize(
    ("num_mels", "fft_length", "sample_rate", "low", "high"),
    [(23, 512, 16000, 20.0, 8000.0), (80, 512, 16000, 20.0, 7600.0), (23, 256, 8000, 100.0, 4000.0)],
)
def test_filters_equal_torchaudio(num_mels, fft_length, sample_rate, low, high):
    expected, _ = kaldi.get_mel_banks(num_mels, fft_length, sample_rate, low, high, 100.0, -500.0, 1.0)
    filters = mel_filters(num_mels, fft_length, sample_rate, low, high)
    assert torch.equal(filters[:-1], expected.T)
    assert (filters[-1] == 0).all()


def test_filters_share_each_frequency_between_neighbours():
    filters = mel_filters(10, 1024, 16000, 100.0, 7000.0)
    peaks = filters.argmax(0)
    assert torch.allclose(filters.sum(1)[peaks[0] + 1 : peaks[-1]], torch.ones(1), atol=1e-4)


def test_window_is_0_at_its_edges():
    window = povey_window(400)
    assert window[0] == 0
    assert abs(window[-1]) < 1e-6
    assert torch.allclose(window, window.flip(0), atol=1e-6)
    assert window.max() <= 1


def test_cepstra_without_lifter_are_an_orthonormal_cosine_transform():
    transform = cepstral_transform(40, 40)
    lifter = 1 + 11 * torch.sin(torch.pi * torch.arange(40) / 22)
    plain = transform / lifter
    assert torch.allclose(plain, torchaudio.functional.create_dct(40, 40, "ortho"), atol=1e-5)
    assert torch.allclose(plain.T @ plain, torch.eye(40), atol=1e-4)
