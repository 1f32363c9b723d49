from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from asr.augmentation.band import LimitBand
from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.features.random import utterance_seed

QUIET = (-200.0, -200.0)  # no floor


def seeds(count: int, epoch: int = 0) -> Tensor:
    return torch.tensor([utterance_seed(0, epoch, str(row)) for row in range(count)])


def tones(hertz: list[float], num_samples: int = 8000) -> Tensor:
    """One tone a row, at 16 kHz."""
    return 0.1 * (2 * math.pi / 16000 * torch.tensor(hertz)[:, None] * torch.arange(num_samples)).sin()


def levels(waveforms: Tensor) -> Tensor:
    """dB relative to the tones, away from the ends."""
    return 20 * (waveforms[:, 1000:-1000].square().mean(1).sqrt() * math.sqrt(2) / 0.1).log10()


def test_low_frequencies_pass_as_they_are_and_high_ones_do_not() -> None:
    heard = tones([200.0, 2000.0, 3200.0, 3600.0, 5000.0, 7500.0])
    passed, lengths = LimitBand(FrontEnd(), (3400.0, 3400.0), QUIET)(heard, torch.full((6,), 8000), seeds(6))
    assert lengths.tolist() == [8000] * 6
    assert torch.allclose(passed[:3, 1000:-1000], heard[:3, 1000:-1000], atol=1e-4), "neither delay nor gain"
    assert (levels(passed)[3:] < -60).all()


def test_the_cutoff_is_half_as_loud_and_cutoffs_fill_their_range() -> None:
    at_cutoff = LimitBand(FrontEnd(), (4000.0, 4000.0), QUIET)(tones([4000.0]), torch.tensor([8000]), seeds(1))[0]
    assert levels(at_cutoff).item() == pytest.approx(-6.02, abs=0.1)
    noise = torch.randn(300, 2000, generator=torch.Generator().manual_seed(0))
    passed, _ = LimitBand(FrontEnd(), (2000.0, 8000.0), QUIET)(noise, torch.full((300,), 2000), seeds(300))
    octaves = 1 + (passed.square().mean(1) / noise.square().mean(1)).log2() + 1  # above 2 kHz: the share that passes
    assert octaves.min() < 0.2
    assert octaves.max() > 1.8
    assert octaves.mean().item() == pytest.approx(1.0, abs=0.1), "uniform in the logarithm"


def test_the_floor_is_as_loud_as_drawn_and_white() -> None:
    heard = tones([500.0] * 200)
    passed, _ = LimitBand(FrontEnd(), (3000.0, 3000.0), (-60.0, -30.0))(heard, torch.full((200,), 8000), seeds(200))
    spectra = torch.fft.rfft(passed[:, 1000:7400]).abs().square()  # 200 periods away from the ends; 2.5 Hz apart
    floors = 10 * (spectra[:, 2000:].mean(1) * 3200 / spectra.sum(1)).log10()
    assert floors.min() < -58.5
    assert floors.max() > -31.5
    assert floors.mean().item() == pytest.approx(-45.0, abs=2.0)
    assert (10 * (spectra[:, 400:1100].mean(1) / spectra[:, 2000:].mean(1)).log10()).abs().mean() < 0.5


def test_neither_the_batch_nor_padding_matters() -> None:
    limit = LimitBand(FrontEnd(), (3000.0, 7000.0))
    waveforms, lengths = 0.1 * torch.randn(3, 16000), torch.tensor([9000, 333, 16000])
    together, _ = limit(waveforms, lengths, seeds(3))
    for row, length in enumerate(lengths.tolist()):
        alone, _ = limit(waveforms[row : row + 1, :length], lengths[row : row + 1], seeds(3)[row : row + 1])
        assert torch.allclose(alone[0], together[row, :length], atol=1e-6)
        assert torch.equal(together[row, length:], waveforms[row, length:])


def test_each_epoch_has_other_cutoffs_and_some_utterances_stay() -> None:
    waveforms, lengths = torch.randn(1000, 60), torch.full((1000,), 60)
    limit = LimitBand(FrontEnd(), (2000.0, 4000.0), probability=0.3)
    first, second = (limit(waveforms, lengths, seeds(1000, epoch))[0] for epoch in range(2))
    is_changed = (first != waveforms).any(1)
    assert 0.25 < is_changed.float().mean() < 0.35
    assert not torch.equal(is_changed, (second != waveforms).any(1))


def test_nothing_happens_outside_training_and_to_silence() -> None:
    waveforms, lengths = torch.randn(2, 500), torch.tensor([500, 20])
    limit = LimitBand(FrontEnd(), (3400.0, 3400.0))
    assert (limit(torch.zeros(2, 500), lengths, seeds(2))[0] == 0).all()
    assert limit(torch.zeros(2, 0), torch.tensor([0, 0]), seeds(2))[0].shape == (2, 0)
    assert limit(torch.ones(1, 1), torch.tensor([1]), seeds(1))[0].shape == (1, 1)
    for idle in (limit.eval(), LimitBand(FrontEnd(), (3400.0, 3400.0), probability=0.0)):
        assert idle(waveforms, lengths, seeds(2))[0] is waveforms


@pytest.mark.own_process
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_no_question_is_put_to_the_gpu(device: str) -> None:
    limit = LimitBand(FrontEnd(), (3000.0, 7000.0))
    with FakeTensorMode(allow_non_fake_inputs=True):
        waveforms = torch.empty(4, 16000, device=device)
        lengths, numbers = (torch.empty(4, dtype=torch.int64, device=device) for _ in range(2))
        passed, _ = limit(waveforms, lengths, numbers)
        assert passed.shape == (4, 16000)
        assert passed.device.type == device


@pytest.mark.parametrize(
    ("cutoff_hz", "floor_db", "probability", "line"),
    [
        ((5000.0, 3000.0), QUIET, 1.0, "LimitBand, cutoff_hz: is [5000.0, 3000.0]; give the lowest"),
        (
            (0.0, 3000.0),
            QUIET,
            1.0,
            "LimitBand, cutoff_hz: is [0.0, 3000.0]; give Hz above 0, up to 8000, half the sample rate",
        ),
        ((3000.0, 9000.0), QUIET, 1.0, "LimitBand, cutoff_hz: is [3000.0, 9000.0]; give Hz above 0, up to 8000"),
        ((3000.0, 5000.0), (-40.0, -90.0), 1.0, "LimitBand, floor_db: is [-40.0, -90.0]; give the lowest"),
        ((3000.0, 5000.0), QUIET, 1.5, "LimitBand, probability: is 1.5; give a number in 0..1"),
    ],
)
def test_impossible_settings(
    cutoff_hz: tuple[float, float], floor_db: tuple[float, float], probability: float, line: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        LimitBand(FrontEnd(), cutoff_hz, floor_db, probability)
    assert line in str(caught.value)
