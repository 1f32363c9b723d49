import math

import numpy as np
import pytest
import soundfile
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from asr.errors import ConfigError, DataError
from asr.features.random import utterance_seed
from asr.features.recorded_noise import AddRecordedNoise


def seeds(count, epoch=0):
    return torch.tensor([utterance_seed(0, epoch, str(row)) for row in range(count)])


@pytest.fixture
def noises(tmp_path):
    """Two recordings, one of them short, in which every sample says where it lies."""
    for name, samples in (("rising", np.linspace(0.1, 0.5, 5000)), ("falling", np.linspace(-0.1, -0.5, 300))):
        soundfile.write(tmp_path / f"{name}.wav", samples, 16000, subtype="FLOAT")
    (tmp_path / "noises.txt").write_text("rising.wav\nfalling.wav\n", encoding="utf-8")
    return str(tmp_path / "noises.txt")


@pytest.mark.parametrize("snr", [-5.0, 0.0, 20.0])
def test_the_ratio_is_exact_over_the_utterance(noises, snr):
    lengths = torch.tensor([16000, 4001, 100, 1])
    waveforms = 0.1 * torch.randn(4, 16000)
    noisy = AddRecordedNoise(noises, (snr, snr))(waveforms, lengths, seeds(4))
    for row, length in enumerate(lengths.tolist()):
        clean, changed = waveforms[row, :length].double(), noisy[row, :length].double()
        assert abs(10 * math.log10(clean.square().sum() / (changed - clean).square().sum()) - snr) < 1e-2
        assert torch.equal(noisy[row, length:], waveforms[row, length:])


def test_noise_does_not_depend_on_the_batch(noises):
    add_noise = AddRecordedNoise(noises, (0.0, 10.0))
    lengths = torch.tensor([9000, 333, 1, 12000, 5000])
    waveforms = 0.1 * torch.randn(5, 12000)
    together = add_noise(waveforms, lengths, seeds(5))
    for row, length in enumerate(lengths.tolist()):
        alone = add_noise(waveforms[row : row + 1, :length], lengths[row : row + 1], seeds(5)[row : row + 1])
        assert torch.allclose(alone[0], together[row, :length], atol=1e-6)
    order = torch.tensor([4, 2, 0, 1, 3])
    assert torch.equal(add_noise(waveforms[order], lengths[order], seeds(5)[order]), together[order])
    assert not torch.allclose(together, add_noise(waveforms, lengths, seeds(5, epoch=1)), atol=1e-3)


def test_stretches_are_random_whole_and_repeated_where_the_recording_is_short(noises):
    count, length = 400, 1000
    waveforms = torch.randn(count, length)
    noise = AddRecordedNoise(noises, (0.0, 0.0))(waveforms, torch.full((count,), length), seeds(count)) - waveforms
    noise = noise / noise.abs().amax(1, keepdim=True)
    is_rising = noise.mean(1) > 0
    assert 0.4 < is_rising.float().mean() < 0.6
    assert (noise[is_rising].diff() > -1e-4).all(), "no jump: the stretch lies inside the recording"
    grown = noise[is_rising, 0]  # 0.1 / 0.18 for the first stretch, 0.42 / 0.5 for the last one
    assert 0.555 < grown.min() < 0.57
    assert 0.835 < grown.max() < 0.841
    falling = noise[~is_rising]
    assert torch.allclose(falling[:, 300:], falling[:, :-300], atol=1e-4)
    assert falling[:, :300].argmax(1).unique().numel() > 60, "they begin anywhere"


def test_range_and_probability(noises):
    lengths, waveforms = torch.full((1000,), 50), torch.randn(1000, 50)
    noisy = AddRecordedNoise(noises, (5.0, 15.0), probability=0.3)(waveforms, lengths, seeds(1000))
    is_changed = (noisy != waveforms).any(1)
    assert 0.25 < is_changed.float().mean() < 0.35
    noise = (noisy - waveforms)[is_changed]
    ratios = 10 * (waveforms[is_changed].square().sum(1) / noise.square().sum(1)).log10()
    assert 5 - 1e-2 < ratios.min() < 5.5
    assert 14.5 < ratios.max() < 15 + 1e-2


def test_nothing_happens_outside_training_and_to_silence(noises, tmp_path):
    waveforms, lengths = torch.randn(2, 500), torch.tensor([500, 20])
    assert AddRecordedNoise("nowhere.txt", (0, 10)).eval()(waveforms, lengths, seeds(2)) is waveforms
    assert AddRecordedNoise("nowhere.txt", (0, 10), probability=0.0)(waveforms, lengths, seeds(2)) is waveforms
    noisy = AddRecordedNoise(noises, (0.0, 0.0))(torch.zeros(3, 1000), torch.tensor([1000, 10, 0]), seeds(3))
    assert (noisy == 0).all()
    with pytest.raises(DataError, match=r"nowhere\.txt: no such file"):
        AddRecordedNoise("nowhere.txt", (0, 10))(waveforms, lengths, seeds(2))


def test_recordings_are_no_part_of_the_state(noises):
    add_noise = AddRecordedNoise(noises, (0, 10))
    add_noise(torch.randn(2, 500), torch.tensor([500, 20]), seeds(2))
    assert not add_noise.state_dict()
    assert not list(add_noise.buffers())


@pytest.mark.own_process
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_no_question_is_put_to_the_gpu(noises, device):
    add_noise = AddRecordedNoise(noises, (0, 10))
    add_noise.recordings.read()
    with FakeTensorMode(allow_non_fake_inputs=True):
        waveforms = torch.empty(4, 16000, device=device)
        lengths, numbers = (torch.empty(4, dtype=torch.int64, device=device) for _ in range(2))
        noisy = add_noise(waveforms, lengths, numbers)
    assert noisy.shape == (4, 16000)
    assert noisy.device.type == device


@pytest.mark.parametrize(("snr_db", "probability"), [((10, 0), 1.0), ((0, 10), 2.0), ((0,), 1.0)])
def test_impossible_settings(snr_db, probability):
    with pytest.raises(ConfigError, match="AddRecordedNoise: snr_db is"):
        AddRecordedNoise("noises.txt", snr_db, probability)
