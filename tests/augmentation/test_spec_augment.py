import pytest
import torch

from asr.augmentation.spec_augment import SpecAugment
from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.features.random import utterance_seed


def seeds(count, epoch=0):
    return torch.tensor([utterance_seed(0, epoch, str(row)) for row in range(count)])


def masking(*settings, delta_order=0):
    """A function that masks."""
    augment = SpecAugment(FrontEnd(delta_order=delta_order), *settings)
    return lambda *batch: augment(*batch)[0]


def masked(augment, features, lengths, seeds):
    """Frames and bins that were hidden, from features without zeros."""
    result = augment(features, lengths, seeds)
    assert ((result == 0) | (result == features)).all()
    frames = (result == 0).all(2) & (torch.arange(features.shape[1]) < lengths.unsqueeze(1))
    return result, frames


def test_time_masks_stay_within_their_share_of_the_utterance():
    augment = masking(5, 1000, 0.2, 0, 0)
    lengths = torch.arange(1, 401)
    _, frames = masked(augment, torch.ones(400, 400, 3), lengths, seeds(400))
    hidden = frames.sum(1)
    assert (hidden <= 0.2 * lengths).all()
    assert (hidden > 0.12 * lengths).any()
    assert (hidden[:24] == 0).all()  # a fifth of 24 frames, divided by five masks, is less than a frame


def test_a_time_mask_is_never_wider_than_it_may_be():
    _, frames = masked(masking(1, 7, 1.0, 0, 0), torch.ones(3000, 50, 2), torch.full((3000,), 50), seeds(3000))
    widths, counts = frames.sum(1).unique(return_counts=True)
    assert widths.tolist() == list(range(8))
    assert (counts > 3000 / 8 * 0.8).all()  # all widths are equally likely
    covered = frames.sum(0)
    assert (covered[7:-7] > 0.8 * covered.max()).all()  # and so are the places
    assert covered[0] > 0
    assert covered[-1] > 0


def test_masks_lie_in_the_utterance():
    lengths = torch.tensor([30] * 500)
    result = masking(2, 40, 1.0, 0, 0)(torch.ones(500, 90, 2), lengths, seeds(500))
    assert (result[:, 30:] == 1).all()
    assert (result[:, :30] == 0).any()


def test_bands_of_frequency():
    result = masking(0, 0, 0.0, 1, 4)(torch.ones(2000, 3, 10), torch.full((2000,), 3), seeds(2000))
    hidden = (result == 0).all(1)
    assert torch.equal(hidden, (result == 0).any(1))
    assert hidden.sum(1).unique().tolist() == [0, 1, 2, 3, 4]
    assert hidden.any(0).all()


def test_a_band_wider_than_the_features():
    result = masking(0, 0, 0.0, 1, 99)(torch.ones(500, 3, 4), torch.full((500,), 3), seeds(500))
    assert (result == 0).all(1).sum(1).unique().tolist() == [0, 1, 2, 3, 4]


def test_groups_are_masked_alike():
    augment = masking(1, 5, 0.5, 2, 4, delta_order=2)
    result = augment(torch.ones(20, 30, 36), torch.full((20,), 30), seeds(20))
    first, second, third = result.split(12, dim=2)
    assert torch.equal(first, second)
    assert torch.equal(first, third)


def test_masks_do_not_depend_on_the_batch():
    augment = masking(2, 40, 0.3, 2, 8)
    features, lengths = torch.randn(6, 100, 20), torch.tensor([100, 80, 60, 99, 7, 50])
    together = augment(features, lengths, seeds(6))
    order = torch.tensor([4, 2, 5, 0, 1, 3])
    assert torch.equal(augment(features[order], lengths[order], seeds(6)[order]), together[order])
    for row, length in enumerate(lengths.tolist()):
        alone = augment(features[row : row + 1, :length], lengths[row : row + 1], seeds(6)[row : row + 1])
        assert torch.equal(alone[0], together[row, :length])


def test_masks_follow_from_the_seeds():
    augment = masking(2, 40, 0.3, 2, 8)
    features, lengths = torch.ones(6, 100, 20), torch.full((6,), 100)
    first = augment(features, lengths, seeds(6))
    assert torch.equal(first, augment(features, lengths, seeds(6)))
    assert not torch.equal(first, augment(features, lengths, seeds(6, epoch=1)))


def test_nothing_happens_outside_training():
    features, lengths = torch.randn(2, 50, 80), torch.tensor([50, 20])
    for augment in (SpecAugment(FrontEnd(), 2, 40, 1.0, 2, 8).eval(), SpecAugment(FrontEnd(), 0, 40, 1.0, 0, 8)):
        same, same_lengths = augment(features, lengths, seeds(2))
        assert same is features
        assert same_lengths is lengths


@pytest.mark.parametrize("settings", [(-1, 1, 0.1, 1, 1), (1, 1, 1.1, 1, 1)])
def test_impossible_settings(settings):
    with pytest.raises(ConfigError, match="SpecAugment: a count is negative or the fraction is not in"):
        SpecAugment(FrontEnd(), *settings)
