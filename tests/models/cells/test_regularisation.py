"""Zoneout and recurrent dropout: what is drawn, when, and how often."""

from __future__ import annotations

from itertools import pairwise
from typing import get_args

import pytest
import torch

from asr.errors import ConfigError
from asr.models.cells.choice import Cell, CellOptions, make_cell
from asr.models.recurrent import RecurrentLayer, reversal_index

CELLS = get_args(Cell)


@pytest.mark.parametrize("name", CELLS)
def test_one_mask_for_each_call_of_each_direction(name: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    layer = RecurrentLayer(8, 64, name, options=CellOptions(recurrent_dropout=0.25, num_bins=4))
    masks = []
    for cell in (layer.ahead, layer.back):
        mask = cell.mask
        monkeypatch.setattr(cell, "mask", lambda *given, mask=mask: masks.append(mask(*given)) or masks[-1])
    frames, index = torch.randn(3, 5, 8), reversal_index(torch.tensor([5, 4, 2]), 5)
    layer(frames, index)
    layer(frames, index)
    assert len(masks) == 4
    for mask in masks:
        assert mask.numel() == 3 * (32 if name == "lstm_projected" else 64)  # none for each frame
        assert torch.allclose(mask.unique(), torch.tensor([0.0, 4 / 3]))
        assert (mask == 0).float().mean().item() == pytest.approx(0.25, abs=0.1)
    assert not any(torch.equal(one, other) for one, other in pairwise(masks))
    layer.eval()
    assert torch.equal(layer(frames, index), layer(frames, index))
    assert masks[4:] == [None] * 4


@pytest.mark.parametrize("name", CELLS)
def test_zoneout_keeps_as_many_values_as_asked(name: Cell) -> None:
    torch.manual_seed(0)
    cell = make_cell(name, 8, 64, CellOptions(zoneout=0.3, num_bins=4))
    output = cell(torch.randn(4, 50, 8))[0]
    kept = output[:, 1:] == output[:, :-1]
    moved = ((output[:, 1:] != 0) | (output[:, :-1] != 0)).float()  # the light GRU rests at zero too
    assert float((kept * moved).sum() / moved.sum()) == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn"])
def test_checkpoints_run_with_and_without(name: Cell) -> None:
    plain, noisy = make_cell(name, 4, 6), make_cell(name, 4, 6, CellOptions(recurrent_dropout=0.5))
    noisy.load_state_dict(plain.state_dict())
    frames = torch.randn(2, 7, 4)
    assert not torch.allclose(noisy(frames)[0], plain(frames)[0], atol=1e-3)
    assert torch.allclose(noisy.eval()(frames)[0], plain(frames)[0], atol=1e-6)


@pytest.mark.parametrize("options", [CellOptions(zoneout=1.0), CellOptions(recurrent_dropout=-0.1)])
def test_probabilities_that_cannot_be(options: CellOptions) -> None:
    with pytest.raises(ConfigError, match="take a probability from 0 to below 1"):
        make_cell("lstm", 4, 6, options)
