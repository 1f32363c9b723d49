import itertools
import math

import pytest
import torch

from asr.augmentation.noise import NOISE_KINDS, AddNoise, Noise
from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.features.random import utterance_seed


def seeds(count, epoch=0):
    return torch.tensor([utterance_seed(0, epoch, str(row)) for row in range(count)])


def noising(*settings, **more):
    """A function that adds noise."""
    add_noise = AddNoise(FrontEnd(), *settings, **more)
    return lambda *batch: add_noise(*batch)[0]


def test_nothing_happens_outside_training():
    waveforms = torch.randn(2, 500)
    for add_noise in (AddNoise(FrontEnd(), (0, 10)).eval(), AddNoise(FrontEnd(), (0, 10), probability=0.0)):
        assert add_noise(waveforms, torch.tensor([500, 20]), seeds(2))[0] is waveforms


def snr_of(waveform, noisy):
    noise = (noisy - waveform).double()
    return 10 * math.log10(waveform.double().square().sum() / noise.square().sum())


@pytest.mark.parametrize("kind", NOISE_KINDS)
@pytest.mark.parametrize("snr", [-5.0, 0.0, 20.0])
def test_the_ratio_is_exact_over_the_utterance(kind, snr):
    lengths = torch.tensor([16000, 4001, 100, 1])
    waveforms = 0.1 * torch.randn(4, 16000)
    noisy = noising((snr, snr), (kind,))(waveforms, lengths, seeds(4))
    for row, length in enumerate(lengths.tolist()):
        assert abs(snr_of(waveforms[row, :length], noisy[row, :length]) - snr) < 1e-3
        assert torch.equal(noisy[row, length:], waveforms[row, length:])


def test_ratios_fill_their_range():
    waveforms = torch.randn(300, 800)
    noisy = noising((5.0, 15.0), ("white",))(waveforms, torch.full((300,), 800), seeds(300))
    ratios = [snr_of(clean, changed) for clean, changed in zip(waveforms, noisy, strict=True)]
    assert 5 - 1e-3 < min(ratios) < 5.5
    assert 14.5 < max(ratios) < 15 + 1e-3


def test_probability():
    waveforms = torch.randn(1000, 50)
    noisy = noising((5.0, 15.0), ("white",), probability=0.3)(waveforms, torch.full((1000,), 50), seeds(1000))
    share = (noisy != waveforms).any(1).float().mean()
    assert 0.25 < share < 0.35


def test_noise_does_not_depend_on_the_batch():
    add_noise = noising((0.0, 10.0))
    lengths = torch.tensor([16000, 9000, 333, 12000, 1, 5000])
    waveforms = 0.1 * torch.randn(6, 16000)
    together = add_noise(waveforms, lengths, seeds(6))
    for row, length in enumerate(lengths.tolist()):
        alone = add_noise(waveforms[row : row + 1, :length], lengths[row : row + 1], seeds(6)[row : row + 1])
        assert torch.allclose(alone[0], together[row, :length], atol=1e-6)
    assert torch.equal(together, add_noise(waveforms, lengths, seeds(6)))
    assert not torch.allclose(together, add_noise(waveforms, lengths, seeds(6, epoch=1)), atol=1e-3)


def test_silence_and_padding_stay_as_they_are():
    noisy = noising((0.0, 0.0))(torch.zeros(3, 1000), torch.tensor([1000, 10, 0]), seeds(3))
    assert (noisy == 0).all()
    assert noising((0.0, 0.0))(torch.zeros(2, 0), torch.tensor([0, 0]), seeds(2)).shape == (2, 0)


class Silence(Noise):
    choice = (5, 1)

    def make(self, lengths, seeds, num_samples):
        return torch.zeros(len(lengths), num_samples)


def test_noise_that_is_silent_adds_nothing():
    waveforms = torch.randn(2, 9)
    assert torch.equal(Silence((0.0, 0.0), 1.0)(waveforms, torch.tensor([9, 4]), seeds(2))[0], waveforms)


def spectrum_of(kind):
    waveforms = torch.randn(8, 64000)
    noise = noising((0.0, 0.0), (kind,))(waveforms, torch.full((8,), 64000), seeds(8)) - waveforms
    power = torch.fft.rfft(noise).abs().square().mean(0)
    hertz = torch.linspace(0, 8000, len(power))

    def level(low, high):
        return 10 * math.log10(power[(hertz >= low) & (hertz < high)].mean())

    return level, noise


def test_colours_of_noise():
    white, _ = spectrum_of("white")
    assert abs(white(100, 1000) - white(4000, 8000)) < 0.5
    pink, _ = spectrum_of("pink")
    octaves = [pink(low, 2 * low) for low in (125, 250, 500, 1000, 2000, 4000)]
    falls = [first - second for first, second in itertools.pairwise(octaves)]
    assert all(abs(fall - 3) < 0.7 for fall in falls)
    babble, noise = spectrum_of("babble")
    assert babble(100, 500) - babble(1000, 2000) > 5
    assert babble(1000, 2000) - babble(4000, 8000) > 10
    levels = noise.unfold(1, 800, 800).square().mean(2).log10().std(1)
    assert (levels > 0.15).all()  # it swells and fades


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: noising((0, 10), ("brown",)), "AddNoise, kinds: is ['brown']; take some of white, pink, babble"),
        (lambda: noising((0, 10), ()), "AddNoise, kinds"),
        (lambda: noising((10, 0)), "AddNoise, snr_db: is [10, 0]; give the lowest and the highest"),
        (lambda: noising((0, 10), probability=2.0), "AddNoise, probability: is 2.0; give a number in 0..1"),
    ],
)
def test_impossible_settings(make, line):
    with pytest.raises(ConfigError) as caught:
        make()
    assert line in str(caught.value)
