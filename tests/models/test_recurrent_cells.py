"""Every cell in a stack: padding, batches and checkpoints."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from asr.errors import ConfigError
from asr.models.cells.choice import Cell, CellOptions
from asr.models.encoder import RecurrentEncoder
from asr.models.recurrent import RecurrentLayer, RecurrentStack, reversal_index

CELLS = get_args(Cell)
OPTIONS = CellOptions(zoneout=0.1, recurrent_dropout=0.2, num_bins=4)


def stack_of(name: Cell, options: CellOptions = OPTIONS) -> RecurrentStack:
    torch.manual_seed(0)
    stack = RecurrentStack(8, 16, num_layers=2, cell=name, options=options)
    for key, parameter in stack.named_parameters():
        if "peephole" in key:
            nn.init.normal_(parameter, std=0.3)
    return stack


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-10)], ids=["32", "64"])
@pytest.mark.parametrize("name", CELLS)
def test_a_batch_of_16_gives_what_16_batches_of_1_give(name: Cell, dtype: torch.dtype, tolerance: float) -> None:
    stack = stack_of(name).to(dtype)
    lengths = torch.randint(1, 25, (16,), generator=torch.Generator().manual_seed(1))
    frames = torch.randn(16, int(lengths.max()), 8, dtype=dtype)
    stack(frames, lengths)  # gives the light GRU statistics
    stack.eval()
    with torch.inference_mode():
        together = stack(frames, lengths)
        for row, length in enumerate(lengths.tolist()):
            alone = stack(frames[row : row + 1, :length], lengths[row : row + 1])
            assert torch.allclose(alone[0], together[row, :length], atol=tolerance)


@pytest.mark.parametrize("name", CELLS)
def test_padding_leaks_into_nothing_in_training(name: Cell) -> None:
    stack, lengths = stack_of(name), torch.tensor([9, 5, 1])
    valid = torch.arange(9) < lengths.unsqueeze(1)
    clean = torch.randn(3, 9, 8)
    results = []
    for padding in (0.0, 7.0):
        frames = torch.where(valid.unsqueeze(2), clean, padding).requires_grad_()
        torch.manual_seed(4)
        stack.zero_grad()
        output = stack(frames, lengths)[valid]
        output.square().sum().backward()
        assert not frames.grad[~valid].any()
        results.append([output, frames.grad, *(value.grad.clone() for value in stack.parameters())])
    for one, other in zip(*results, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("name", CELLS)
def test_one_way_never_looks_ahead(name: Cell) -> None:
    layer = RecurrentLayer(8, 16, name, bidirectional=False, options=CellOptions(num_bins=4)).eval()
    frames, index = torch.randn(1, 8, 8), reversal_index(torch.tensor([8]), 8)
    changed = frames.clone()
    changed[:, 5:] = 9.0
    assert torch.allclose(layer(frames, index)[:, :5], layer(changed, index)[:, :5], atol=1e-7)
    assert not torch.allclose(layer(frames, index)[:, 5:], layer(changed, index)[:, 5:], atol=1e-2)


def test_bins_keep_their_place_through_a_layer_of_two_directions() -> None:
    layer = RecurrentLayer(8, 16, "conv_lstm", options=CellOptions(num_bins=4, kernel_size=1))
    frames, index = torch.randn(1, 3, 8, requires_grad=True), reversal_index(torch.tensor([3]), 3)
    output = layer(frames, index).view(1, 3, 4, 8)  # 4 bins of 4 channels ahead and 4 back
    (gradient,) = torch.autograd.grad(output[:, :, 1].sum(), frames)
    assert gradient.view(3, 4, 2).abs().sum((0, 2)).nonzero().tolist() == [[1]]
    ahead, _ = layer.ahead(frames)
    assert torch.equal(output[..., :4].flatten(2), ahead)


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn"])
def test_names_of_weights_are_those_of_old_checkpoints(name: Cell) -> None:
    stack = RecurrentStack(8, 6, num_layers=1, cell=name)
    kinds = [f"{kind}_{way}_l0" for kind in ("weight", "bias") for way in ("ih", "hh")]
    assert list(stack.state_dict()) == [f"layers.0.{way}.{kind}" for way in ("ahead", "back") for kind in kinds]


def test_first_layer_of_another_kind() -> None:
    encoder = RecurrentEncoder(80, 40, 3, front_cell="conv_lstm", time_stride=4, conv_channels=2, kernel_size=5)
    names = [type(layer.ahead).__name__ for layer in encoder.recurrent.layers]
    assert names == ["ConvLSTM", "LSTM", "LSTM"]
    assert encoder.recurrent.layers[0].ahead.weight_hh_l0.shape == (8, 2, 5)  # 20 bins of 2 channels
    encoded, lengths = encoder(torch.randn(2, 30, 80), torch.tensor([30, 9]))
    assert encoded.shape == (2, 8, 80)
    assert lengths.tolist() == [8, 3]


def test_encoder_hands_its_options_on() -> None:
    torch.manual_seed(0)
    encoder = RecurrentEncoder(
        *(8, 6, 1), cell="lstm_projected", projection_dim=2, zoneout=0.1, recurrent_dropout=0.2, chrono_steps=50
    )
    cell = encoder.recurrent.layers[0].back
    assert (cell.zoneout, cell.recurrent_dropout, encoder.output_dim) == (0.1, 0.2, 4)
    assert cell.bias_ih_l0[6:12].max() > 2.0
    uniform = RecurrentEncoder(8, 6, 1, init_range=0.1, forget_bias=3.0).recurrent.layers[0].ahead
    assert uniform.weight_hh_l0.abs().max() <= 0.1
    assert (uniform.bias_ih_l0[6:12] == 3.0).all()


def test_convolution_over_stacked_frames_is_refused() -> None:
    with pytest.raises(ConfigError, match="conv_lstm needs frequency bins"):
        RecurrentEncoder(80, 40, 2, cell="conv_lstm")


def half_precision_gradients(stack: RecurrentStack, frames: Tensor, lengths: Tensor) -> list[Tensor]:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        stack(frames, lengths).float().square().mean().backward()
    return [value.grad for value in stack.parameters()]


@pytest.mark.parametrize("name", [name for name in CELLS if name not in ("lstm", "gru", "rnn")])
def test_half_precision_trains(name: Cell) -> None:
    gradients = half_precision_gradients(stack_of(name), torch.randn(2, 6, 8), torch.tensor([6, 4]))
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert any(gradient.any() for gradient in gradients)
