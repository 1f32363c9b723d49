"""Which weights pruning clears, and which it leaves alone."""

from __future__ import annotations

import pytest
import torch

from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.models.acoustic import AcousticModel, HeadSize
from asr.models.encoder import RecurrentEncoder
from asr.models.sparsity import cleared_share, largest_weights, layer_weights, random_weights


def model() -> AcousticModel:
    frontend = FrontEnd(num_mels=20)
    encoder = RecurrentEncoder(frontend.feature_dim, 16, 2)
    return AcousticModel(frontend, encoder, 600, {"char": HeadSize(500, own_layer=True)})


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.95])
def test_the_largest_stay_in_each_matrix(sparsity: float) -> None:
    weights = {"a": torch.randn(40, 30), "b": 100 * torch.randn(10, 200)}
    masks = largest_weights(weights, sparsity)
    for name, weight in weights.items():
        kept, cleared = weight[masks[name]].abs(), weight[~masks[name]].abs()
        assert len(cleared) == round(sparsity * weight.numel())
        assert not len(cleared) or float(kept.min()) >= float(cleared.max())


def test_equal_weights_leave_in_order() -> None:
    mask = largest_weights({"a": torch.ones(2, 4)}, 0.5)["a"]
    assert mask.tolist() == [[True] * 4, [False] * 4]


def test_random_ones_are_as_many_and_depend_on_the_seed() -> None:
    weights = {"a": torch.randn(40, 30), "b": torch.randn(10, 200)}
    first, again, other = (random_weights(weights, 0.8, seed) for seed in (1, 1, 2))
    for name, mask in first.items():
        assert int((~mask).sum()) == round(0.8 * mask.numel())
        assert torch.equal(mask, again[name])
        assert not torch.equal(mask, other[name])
        assert not torch.equal(mask, largest_weights(weights, 0.8)[name])


def test_output_layers_and_vectors_stay_dense() -> None:
    names = set(layer_weights(model()))
    assert "encoder.recurrent.layers.1.back.weight_hh_l0" in names
    assert "heads.char.layer.layers.0.ahead.weight_ih_l0" in names
    assert not any(name.endswith("output.weight") or "bias" in name for name in names)


def test_the_share_of_zeros_is_counted() -> None:
    network = model()
    assert cleared_share(network) < 0.001
    masks = largest_weights(layer_weights(network), 0.75)
    for name, weight in layer_weights(network).items():
        weight.mul_(masks[name])
    assert cleared_share(network) == pytest.approx(0.75, abs=0.001)


@pytest.mark.parametrize("sparsity", [-0.1, 1.0, 80.0])
def test_a_share_is_below_one(sparsity: float) -> None:
    with pytest.raises(ConfigError, match=r"sparsity: is .*; take a share of the weights from 0 to below 1"):
        largest_weights({}, sparsity)
