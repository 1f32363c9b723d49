"""Gates and memory by the equations: they make the layer's own output."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from asr.models.cells.choice import CellOptions, make_cell
from asr.models.cells.tracing import has_carousel, trace

CAROUSELS = ("lstm", "lstm_no_forget", "lstm_coupled", "lstm_peephole", "lstm_peephole_cell", "lstm_layer_norm")


@pytest.mark.parametrize("zoneout", [0.0, 0.3])
@pytest.mark.parametrize("name", [*CAROUSELS, "lstm_projected", "conv_lstm"])
def test_a_traced_layer_gives_its_own_output(name: str, zoneout: float) -> None:
    torch.manual_seed(0)
    cell = make_cell(name, 6, 8, CellOptions(num_bins=2, zoneout=zoneout)).eval()
    for parameter in cell.parameters():
        nn.init.normal_(parameter, std=0.6)
    frames = torch.randn(9, 6)
    output, (_, memory) = cell(frames[None])
    traced = trace(cell, frames)
    assert torch.allclose(traced.hidden, output[0], atol=1e-5)
    assert torch.allclose(traced.memory[-1], memory.view(-1), atol=1e-5)
    for gate in (traced.entry, traced.forget, traced.opening):
        assert gate.shape == (9, 8)
        assert ((gate >= 0) & (gate <= 1)).all()
    if (
        zoneout == 0.0 and name == "lstm"
    ):  # the carousel: what comes in by the input gate is what forgetting leaves room for
        kept = traced.forget[1:] * traced.memory[:-1]
        assert ((traced.memory[1:] - kept).abs() <= traced.entry[1:] + 1e-6).all()
    assert torch.equal(traced.reversed().memory[0], traced.memory[-1])


def test_cells_without_a_carousel_have_no_gates_to_show() -> None:
    assert not any(has_carousel(make_cell(name, 6, 8)) for name in ("rnn", "gru", "ligru"))
    assert has_carousel(make_cell("lstm", 6, 8))
