from __future__ import annotations

from typing import get_type_hints

import pytest
import torch
from torch import nn

from asr.errors import ConfigError
from asr.models.cells.choice import Cell, CellKeywords, CellOptions, make_cell
from asr.models.cells.gated import LiGRU


def test_encoders_take_every_option_but_the_number_of_bins() -> None:
    assert get_type_hints(CellKeywords) == {k: v for k, v in get_type_hints(CellOptions).items() if k != "num_bins"}


@pytest.mark.parametrize(("name", "native"), [("lstm", nn.LSTM), ("gru", nn.GRU), ("rnn", nn.RNN)])
def test_torchs_own_wherever_it_has_the_unit(name: Cell, native: type[nn.RNNBase]) -> None:
    assert type(make_cell(name, 4, 6)) is native
    assert type(make_cell(name, 4, 6, CellOptions(zoneout=0.1))) is not native


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lstm", CellOptions(projection_dim=3), "cell lstm: takes no projection_dim"),
        ("lstm_projected", CellOptions(projection_dim=6), "projection_dim is 6 and hidden_dim 6"),
        ("conv_lstm", CellOptions(num_bins=4), "hidden_dim 6 is not a multiple of the 4 frequency bins"),
        ("conv_lstm", CellOptions(num_bins=2, kernel_size=2), "kernel_size 2 is even"),
    ],
)
def test_options_without_a_meaning(name: Cell, options: CellOptions, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_cell(name, 4, 6, options)


def test_printed_form_names_the_noise() -> None:
    assert repr(make_cell("lstm_peephole", 4, 6)) == "PeepholeLSTM(4, 6)"
    noisy = make_cell("gru", 4, 6, CellOptions(zoneout=0.1))
    assert repr(noisy) == "VanillaGRU(4, 6, zoneout=0.1, recurrent_dropout=0.0)"


def test_light_gru_averages_the_statistics_of_valid_frames() -> None:
    torch.manual_seed(0)
    cell = make_cell("ligru", 4, 3)
    assert isinstance(cell, LiGRU)
    frames, valid = torch.randn(2, 6, 4), torch.arange(6) < torch.tensor([[6], [3]])
    products = frames[valid] @ cell.weight_ih_l0.T
    cell(frames, valid=valid)
    assert torch.allclose(cell.running_mean, 0.05 * products.mean(0), atol=1e-6)
    assert torch.allclose(cell.running_variance, 0.95 + 0.05 * products.var(0), atol=1e-6)
    for _ in range(300):
        cell(frames, valid=valid)
    unbiased = products.var(0)
    assert torch.allclose(cell.running_variance, unbiased, rtol=1e-4)
    statistics = cell.running_mean.clone()
    cell.eval()(frames, valid=valid)
    assert torch.equal(cell.running_mean, statistics)


def test_light_gru_survives_a_single_frame() -> None:
    cell = make_cell("ligru", 4, 3)
    output, state = cell(torch.randn(1, 1, 4))
    assert output.shape == state.shape == (1, 1, 3)
    assert output.isfinite().all()
