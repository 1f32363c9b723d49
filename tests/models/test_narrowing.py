"""Hidden units leave with all their weights, and those that did nothing are not missed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.models.acoustic import AcousticModel, HeadSize
from asr.models.encoder import RecurrentEncoder
from asr.models.feedforward import FeedForwardEncoder
from asr.models.narrowing import narrow
from asr.text.writing import MAIN

WIDE, NARROW = 12, 7


def model(hidden_dim: int = WIDE, heads: dict[str, HeadSize] | None = None, **sizes: Any) -> AcousticModel:
    torch.manual_seed(0)
    frontend = FrontEnd(num_mels=8)
    encoder = RecurrentEncoder(frontend.feature_dim, hidden_dim, **{"num_layers": 2, **sizes})
    network = AcousticModel(frontend, encoder, 5, heads).eval()
    for name, weight in network.named_parameters():
        if "peephole" in name:
            torch.nn.init.normal_(weight)
    return network


def silence(network: AcousticModel, units: list[int]) -> None:
    """Makes units of all layers and directions do nothing: their gates, and what is made of them, are zero."""
    for name, weight in network.named_parameters():
        if "recurrent.layers" in name or ".layer.layers" in name:
            if "peephole" in name:
                weight.data[:, units] = 0
                continue
            weight.data.view(-1, WIDE, *weight.shape[1:])[:, units] = 0
            if "weight_hh" in name:
                weight.data[:, units] = 0


def heard(network: AcousticModel) -> list[Tensor]:
    features, lengths = torch.randn(3, 20, 8, generator=torch.Generator().manual_seed(1)), torch.tensor([20, 9, 15])
    found, _ = network.classify_heads(features, lengths)
    return [found[name][-1][row, :length] for name in found for row, length in enumerate(lengths.tolist())]


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "lstm_no_forget", "lstm_coupled", "lstm_peephole"])
@pytest.mark.parametrize(("bidirectional", "residual"), [(True, False), (False, False), (True, True)])
def test_units_that_do_nothing_are_not_missed(cell: Any, bidirectional: bool, residual: bool) -> None:
    sizes = {"cell": cell, "bidirectional": bidirectional, "residual": residual, "num_layers": 3}
    heads = {"char": HeadSize(6), "own": HeadSize(4, own_layer=True)}
    wide, small = model(heads=heads, **sizes), model(NARROW, heads=heads, **sizes)
    silence(wide, [0, 4, 5, 9, 11])
    small.load_state_dict(narrow(wide, NARROW))
    for one, other in zip(heard(wide), heard(small), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_units_with_the_largest_weights_stay() -> None:
    wide = model(num_layers=1, bidirectional=False)
    bias = wide.encoder.recurrent.layers[0].ahead.bias_ih_l0  # type: ignore[attr-defined]
    bias.data[3 * WIDE + 8] = 50.0  # output gate of unit 8
    wide.output.weight.data[2, 3] = -50.0  # what the output makes of unit 3
    state = narrow(wide, 2)
    assert torch.equal(state["output.weight"], wide.output.weight[:, [3, 8]])
    assert float(state["encoder.recurrent.layers.0.ahead.bias_ih_l0"][3 * 2 + 1]) == 50.0


def test_norms_lose_the_same_units() -> None:
    wide, small = model(layer_norm=True), model(NARROW, layer_norm=True)
    for norm in wide.encoder.recurrent.norms:  # type: ignore[attr-defined]
        norm.bias.data = torch.arange(2.0 * WIDE)
    state = narrow(wide, NARROW)
    small.load_state_dict(state)
    first, second = (state[f"encoder.recurrent.norms.{number}.bias"].long() for number in range(2))
    assert int((first < WIDE).sum()) == NARROW
    read = "encoder.recurrent.layers.1.ahead.weight_ih_l0"
    kept = wide.state_dict()[read].view(4, WIDE, -1)[:, second[:NARROW]][:, :, first]
    assert torch.equal(state[read], kept.flatten(0, 1))


def test_layers_that_are_added_to_one_another_lose_the_same_units() -> None:
    wide = model(num_layers=3, bidirectional=False, residual=True)
    for number, unit in enumerate((3, 8, 10)):
        wide.get_parameter(f"encoder.recurrent.layers.{number}.ahead.bias_ih_l0").data[unit] = 50.0
    state = narrow(wide, 3)
    assert torch.equal(state["output.weight"], wide.state_dict()["output.weight"][:, [3, 8, 10]])
    biases = [state[f"encoder.recurrent.layers.{number}.ahead.bias_ih_l0"][:3] for number in range(3)]
    assert [int(bias.argmax()) for bias in biases] == [0, 1, 2]


def test_all_units_stay_where_they_are() -> None:
    wide = model()
    assert all(torch.equal(value, wide.state_dict()[name]) for name, value in narrow(wide, WIDE).items())


@pytest.mark.parametrize("hidden_dim", [WIDE + 1, 0])
def test_it_has_no_more_units_than_it_has(hidden_dim: int) -> None:
    with pytest.raises(ConfigError, match=f"has {WIDE} hidden units, not {hidden_dim}; keep 1 to {WIDE} of them"):
        narrow(model(), hidden_dim)


def test_other_networks_are_refused() -> None:
    with pytest.raises(ConfigError, match="would add the 8 values that it reads to what its first layer makes of them"):
        narrow(model(residual=True), 4)
    with pytest.raises(ConfigError, match="units of lstm_projected cannot be removed one by one; narrow one of gru,"):
        narrow(model(cell="lstm_projected"), NARROW)
    frontend = FrontEnd(num_mels=8)
    with pytest.raises(ConfigError, match="FeedForwardEncoder: has no stack of recurrent layers alone"):
        narrow(AcousticModel(frontend, FeedForwardEncoder(8, 16, 2, 1, 16), 5), NARROW)


def test_heads_share_the_units_that_they_read() -> None:
    heads = {"char": HeadSize(6)}
    wide = model(heads=heads, num_layers=1, bidirectional=False)
    wide.get_parameter("heads.char.output.weight").data[0, 10] = 50.0
    state = narrow(wide, 1)
    assert float(state["heads.char.output.weight"][0, 0]) == 50.0
    assert torch.equal(state["output.weight"], wide.output.weight[:, [10]])
    assert MAIN not in state
