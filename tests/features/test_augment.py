import itertools
import math

import pytest
import torch

from asr.errors import ConfigError
from asr.features.augment import NOISE_KINDS, AddNoise, SpecAugment
from asr.features.random import utterance_seed


def seeds(count, epoch=0):
    return torch.tensor([utterance_seed(0, epoch, str(row)) for row in range(count)])


def masked(augment, features, lengths, seeds):
    """Frames and bins that were hidden, from features without zeros."""
    result = augment(features, lengths, seeds)
    assert ((result == 0) | (result == features)).all()
    frames = (result == 0).all(2) & (torch.arange(features.shape[1]) < lengths.unsqueeze(1))
    return result, frames


def test_time_masks_stay_within_their_share_of_the_utterance():
    augment = SpecAugment(5, 1000, 0.2, 0, 0)
    lengths = torch.arange(1, 401)
    _, frames = masked(augment, torch.ones(400, 400, 3), lengths, seeds(400))
    hidden = frames.sum(1)
    assert (hidden <= 0.2 * lengths).all()
    assert (hidden > 0.12 * lengths).any()
    assert (hidden[:24] == 0).all()  # a fifth of 24 frames, divided by five masks, is less than a frame


def test_a_time_mask_is_never_wider_than_it_may_be():
    _, frames = masked(SpecAugment(1, 7, 1.0, 0, 0), torch.ones(3000, 50, 2), torch.full((3000,), 50), seeds(3000))
    widths, counts = frames.sum(1).unique(return_counts=True)
    assert widths.tolist() == list(range(8))
    assert (counts > 3000 / 8 * 0.8).all()  # all widths are equally likely
    covered = frames.sum(0)
    assert (covered[7:-7] > 0.8 * covered.max()).all()  # and so are the places
    assert covered[0] > 0
    assert covered[-1] > 0


def test_masks_lie_in_the_utterance():
    lengths = torch.tensor([30] * 500)
    result = SpecAugment(2, 40, 1.0, 0, 0)(torch.ones(500, 90, 2), lengths, seeds(500))
    assert (result[:, 30:] == 1).all()
    assert (result[:, :30] == 0).any()


def test_bands_of_frequency():
    result = SpecAugment(0, 0, 0.0, 1, 4)(torch.ones(2000, 3, 10), torch.full((2000,), 3), seeds(2000))
    hidden = (result == 0).all(1)
    assert torch.equal(hidden, (result == 0).any(1))
    assert hidden.sum(1).unique().tolist() == [0, 1, 2, 3, 4]
    assert hidden.any(0).all()


def test_a_band_wider_than_the_features():
    result = SpecAugment(0, 0, 0.0, 1, 99)(torch.ones(500, 3, 4), torch.full((500,), 3), seeds(500))
    assert (result == 0).all(1).sum(1).unique().tolist() == [0, 1, 2, 3, 4]


def test_groups_are_masked_alike():
    augment = SpecAugment(1, 5, 0.5, 2, 4, num_groups=3)
    result = augment(torch.ones(20, 30, 36), torch.full((20,), 30), seeds(20))
    first, second, third = result.split(12, dim=2)
    assert torch.equal(first, second)
    assert torch.equal(first, third)
    with pytest.raises(ConfigError, match="num_groups: 35 features are not 3 groups"):
        augment(torch.ones(1, 30, 35), torch.tensor([30]), seeds(1))


def test_masks_do_not_depend_on_the_batch():
    augment = SpecAugment(2, 40, 0.3, 2, 8)
    features, lengths = torch.randn(6, 100, 20), torch.tensor([100, 80, 60, 99, 7, 50])
    together = augment(features, lengths, seeds(6))
    order = torch.tensor([4, 2, 5, 0, 1, 3])
    assert torch.equal(augment(features[order], lengths[order], seeds(6)[order]), together[order])
    for row, length in enumerate(lengths.tolist()):
        alone = augment(features[row : row + 1, :length], lengths[row : row + 1], seeds(6)[row : row + 1])
        assert torch.equal(alone[0], together[row, :length])


def test_masks_follow_from_the_seeds():
    augment = SpecAugment(2, 40, 0.3, 2, 8)
    features, lengths = torch.ones(6, 100, 20), torch.full((6,), 100)
    first = augment(features, lengths, seeds(6))
    assert torch.equal(first, augment(features, lengths, seeds(6)))
    assert not torch.equal(first, augment(features, lengths, seeds(6, epoch=1)))


def test_nothing_happens_outside_training():
    features, lengths = torch.randn(2, 50, 8), torch.tensor([50, 20])
    assert SpecAugment(2, 40, 1.0, 2, 8).eval()(features, lengths, seeds(2)) is features
    assert SpecAugment(0, 40, 1.0, 0, 8)(features, lengths, seeds(2)) is features
    waveforms = torch.randn(2, 500)
    assert AddNoise((0, 10)).eval()(waveforms, torch.tensor([500, 20]), seeds(2)) is waveforms
    assert AddNoise((0, 10), probability=0.0)(waveforms, torch.tensor([500, 20]), seeds(2)) is waveforms


def snr_of(waveform, noisy):
    noise = (noisy - waveform).double()
    return 10 * math.log10(waveform.double().square().sum() / noise.square().sum())


@pytest.mark.parametrize("kind", NOISE_KINDS)
@pytest.mark.parametrize("snr", [-5.0, 0.0, 20.0])
def test_the_ratio_is_exact_over_the_utterance(kind, snr):
    lengths = torch.tensor([16000, 4001, 100, 1])
    waveforms = 0.1 * torch.randn(4, 16000)
    noisy = AddNoise((snr, snr), (kind,))(waveforms, lengths, seeds(4))
    for row, length in enumerate(lengths.tolist()):
        assert abs(snr_of(waveforms[row, :length], noisy[row, :length]) - snr) < 1e-3
        assert torch.equal(noisy[row, length:], waveforms[row, length:])


def test_ratios_fill_their_range():
    waveforms = torch.randn(300, 800)
    noisy = AddNoise((5.0, 15.0), ("white",))(waveforms, torch.full((300,), 800), seeds(300))
    ratios = [snr_of(clean, changed) for clean, changed in zip(waveforms, noisy, strict=True)]
    assert 5 - 1e-3 < min(ratios) < 5.5
    assert 14.5 < max(ratios) < 15 + 1e-3


def test_probability():
    waveforms = torch.randn(1000, 50)
    noisy = AddNoise((5.0, 15.0), ("white",), probability=0.3)(waveforms, torch.full((1000,), 50), seeds(1000))
    share = (noisy != waveforms).any(1).float().mean()
    assert 0.25 < share < 0.35


def test_noise_does_not_depend_on_the_batch():
    add_noise = AddNoise((0.0, 10.0))
    lengths = torch.tensor([16000, 9000, 333, 12000, 1, 5000])
    waveforms = 0.1 * torch.randn(6, 16000)
    together = add_noise(waveforms, lengths, seeds(6))
    for row, length in enumerate(lengths.tolist()):
        alone = add_noise(waveforms[row : row + 1, :length], lengths[row : row + 1], seeds(6)[row : row + 1])
        assert torch.allclose(alone[0], together[row, :length], atol=1e-6)
    assert torch.equal(together, add_noise(waveforms, lengths, seeds(6)))
    assert not torch.allclose(together, add_noise(waveforms, lengths, seeds(6, epoch=1)), atol=1e-3)


def test_silence_and_padding_stay_as_they_are():
    noisy = AddNoise((0.0, 0.0))(torch.zeros(3, 1000), torch.tensor([1000, 10, 0]), seeds(3))
    assert (noisy == 0).all()
    assert AddNoise((0.0, 0.0))(torch.zeros(2, 0), torch.tensor([0, 0]), seeds(2)).shape == (2, 0)


def spectrum_of(kind):
    waveforms = torch.randn(8, 64000)
    noise = AddNoise((0.0, 0.0), (kind,))(waveforms, torch.full((8,), 64000), seeds(8)) - waveforms
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
        (lambda: SpecAugment(-1, 1, 0.1, 1, 1), "SpecAugment"),
        (lambda: SpecAugment(1, 1, 1.1, 1, 1), "SpecAugment"),
        (lambda: AddNoise((0, 10), ("brown",)), "AddNoise, kinds: is ['brown']; take some of white, pink, babble"),
        (lambda: AddNoise((0, 10), ()), "AddNoise, kinds"),
        (lambda: AddNoise((10, 0)), "AddNoise: snr_db is [10, 0]"),
        (lambda: AddNoise((0, 10), probability=2.0), "probability 2.0"),
    ],
)
def test_impossible_settings(make, line):
    with pytest.raises(ConfigError) as caught:
        make()
    assert line in str(caught.value)
