from typing import Any

import pytest
import torch
from torch import Tensor

from asr.augmentation.vocal_tract import VocalTractPerturbation
from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.features.mel import mel_filters

SEEDS = torch.arange(1, 6)


def make_warp(max_factor: float, **frontend: Any) -> VocalTractPerturbation:
    return VocalTractPerturbation(FrontEnd(**frontend), max_factor)


def stretch(warp: VocalTractPerturbation, features: Tensor, seeds: Tensor) -> Tensor:
    return warp(features, torch.full((len(features),), features.shape[1]), seeds)[0]


def test_a_linear_spectrum_is_read_at_the_frequency_divided_by_the_factor() -> None:
    warp = make_warp(1.2)
    mels = 1127.0 * torch.log1p(warp.centres / 700.0)
    stretched = stretch(warp, mels.expand(5, 3, 80), SEEDS)
    read = 700.0 * torch.expm1(stretched / 1127.0)  # the frequency each bin was read at
    factors = (warp.centres / read)[:, 0, 10:40]
    assert torch.allclose(factors, factors[:, :1].expand(-1, 30), rtol=1e-3)
    assert ((factors[:, 0] > 1 / 1.2 - 1e-3) & (factors[:, 0] < 1.2 + 1e-3)).all()
    assert factors[:, 0].unique().numel() == 5
    assert (read.diff(dim=2) >= 0).all()  # the order of the bins stays


def test_the_centres_are_those_of_the_filters() -> None:
    peaks = mel_filters(23, 4096, 16000, 20.0, 8000.0).argmax(dim=0) * 16000 / 4096
    centres = make_warp(1.1, num_mels=23).centres
    assert torch.allclose(peaks, centres, atol=16000 / 4096)


def test_depends_on_the_seed_alone() -> None:
    features = torch.randn(5, 7, 80)
    warp = make_warp(1.15)
    together = stretch(warp, features, SEEDS)
    alone = torch.cat([stretch(warp, features[row : row + 1], SEEDS[row : row + 1]) for row in range(5)])
    assert torch.equal(together, alone)
    assert not torch.equal(together, features)


def test_groups_are_stretched_alike() -> None:
    features = torch.randn(5, 7, 80)
    both = stretch(make_warp(1.15, delta_order=1), features.repeat(1, 1, 2), SEEDS)
    assert torch.equal(both[..., :80], both[..., 80:])
    assert torch.equal(both[..., :80], stretch(make_warp(1.15), features, SEEDS))


def test_only_acts_in_training() -> None:
    features = torch.randn(1, 7, 80)
    assert stretch(make_warp(1.15).eval(), features, SEEDS[:1]) is features
    assert stretch(make_warp(1.0), features, SEEDS[:1]) is features


def test_names_what_cannot_be() -> None:
    with pytest.raises(ConfigError, match=r"max_factor: is 0\.9; give 1 or more"):
        make_warp(0.9)
    for settings in ({"use_energy": True}, {"kind": "mfcc"}):
        with pytest.raises(
            ConfigError, match="VocalTractPerturbation: the front end computes features other than log-mel"
        ):
            make_warp(1.1, **settings)
