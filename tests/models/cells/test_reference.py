"""Values and gradients of every cell against its equations, frame by frame with plain autograd, in float64."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor

from asr.models.cells.cell import RecurrentCell
from asr.models.cells.choice import Cell, CellOptions, make_cell
from asr.models.cells.reference import STEPS, Noise, normed_inputs, unroll

INPUT_DIM, HIDDEN_DIM, NUM_BINS, LENGTHS = 6, 8, 2, (7, 4, 1)


def noisy_cell(name: str) -> RecurrentCell:
    """Returns a cell of our own with random weights; its zoneout and dropout are on in training."""
    torch.manual_seed(1)
    options = CellOptions(zoneout=0.3, recurrent_dropout=0.4, num_bins=NUM_BINS)
    cell = make_cell(name, INPUT_DIM, HIDDEN_DIM, options).double()
    for parameter in cell.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    return cell


def by_row(values: Tensor, name: str) -> Tensor:
    """Puts masks into the shape (..., B, H): (F, B, C) to (B, F * C)."""
    if name == "conv_lstm":
        return values.transpose(-3, -2).flatten(-2)
    return values.squeeze(-3) if name.startswith("lstm") else values


def record_noise(cell: RecurrentCell, name: str, monkeypatch: pytest.MonkeyPatch) -> Noise:
    """Lets a cell draw as it does, and keeps what it drew."""
    noise, zones, mask = Noise(), cell.zones, cell.mask

    def kept_zones(like: Tensor, *shape: int) -> Tensor | None:
        drawn = zones(like, *shape)
        noise.zones.extend([] if drawn is None else [by_row(drawn, name)])
        return drawn

    def kept_mask(like: Tensor, *shape: int) -> Tensor | None:
        drawn = mask(like, *shape)
        noise.mask = None if drawn is None else by_row(drawn, name)
        return drawn

    monkeypatch.setattr(cell, "zones", kept_zones)
    monkeypatch.setattr(cell, "mask", kept_mask)
    return noise


def expected(name: str, cell: RecurrentCell, frames: Tensor, valid: Tensor, noise: Noise) -> Tensor:
    weights = dict(cell.named_parameters())
    inputs = normed_inputs(weights, frames, valid) if name == "ligru" else frames
    return unroll(name, weights, inputs, HIDDEN_DIM, HIDDEN_DIM // (2 if name == "lstm_projected" else 1), noise).hidden


def test_every_cell_has_equations() -> None:
    assert set(STEPS) == set(get_args(Cell))


@pytest.mark.parametrize("regularised", [False, True])
@pytest.mark.parametrize("name", STEPS)
def test_values_and_gradients_are_those_of_the_equations(
    name: str, regularised: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = noisy_cell(name)
    if not regularised:
        cell.zoneout = cell.recurrent_dropout = 0.0
    noise = record_noise(cell, name, monkeypatch)
    valid = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS).unsqueeze(1)
    frames = torch.randn(*valid.shape, INPUT_DIM, dtype=torch.double, requires_grad=True)
    output = (cell(frames, valid=valid) if name == "ligru" else cell(frames))[0]
    wanted = expected(name, cell, frames, valid, noise)
    assert (noise.mask is not None) == bool(noise.zones) == regularised
    assert torch.allclose(output[valid], wanted[valid], atol=1e-12)
    weights = torch.randn_like(output) * valid.unsqueeze(2)
    names, inputs = ("frames", *dict(cell.named_parameters())), (frames, *cell.parameters())
    ours, theirs = (torch.autograd.grad((value * weights).sum(), inputs) for value in (output, wanted))
    for parameter, (mine, other) in zip(names, zip(ours, theirs, strict=True), strict=True):
        assert mine.abs().max() > 0, parameter
        assert torch.allclose(mine, other, atol=1e-10), parameter


@pytest.mark.parametrize("name", [name for name in STEPS if name != "ligru"])
def test_evaluation_has_no_mask_and_takes_the_mean_of_zoneout(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = noisy_cell(name).eval()
    noise = record_noise(cell, name, monkeypatch)
    frames = torch.randn(2, 5, INPUT_DIM, dtype=torch.double)
    output = cell(frames)[0]
    assert noise.mask is None
    assert all((zones == 0.3).all() for zones in noise.zones)
    assert torch.allclose(output, expected(name, cell, frames, torch.ones(2, 5, dtype=torch.bool), noise), atol=1e-12)


@pytest.mark.parametrize("name", [name for name in STEPS if name.startswith(("lstm", "conv"))])
def test_last_memory_has_a_gradient_too(name: str) -> None:
    cell = noisy_cell(name).eval()
    frames = torch.randn(2, 3, INPUT_DIM, dtype=torch.double, requires_grad=True)
    output, (hidden, memory) = cell(frames)
    assert torch.equal(hidden[0], output[:, -1])
    assert memory.shape == (1, 2, HIDDEN_DIM)
    (gradient,) = torch.autograd.grad(memory.sum(), frames)
    shifted = frames.detach().clone()
    shifted[0, 0, 0] += 1e-6
    slope = (cell(shifted)[1][1].sum() - memory.sum()) / 1e-6
    assert gradient[0, 0, 0].item() == pytest.approx(slope.item(), rel=1e-4)
