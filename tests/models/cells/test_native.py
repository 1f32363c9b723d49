"""Cells that are torch's own in a special case equal torch's own there: values, states and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from asr.models.cells.cell import RecurrentCell
from asr.models.cells.conv_lstm import ConvLSTM
from asr.models.cells.gated import VanillaGRU, VanillaRNN
from asr.models.cells.lstm import PeepholeLSTM, ProjectedLSTM, VanillaLSTM

INPUT_DIM, HIDDEN_DIM = 5, 6


def random_weights(module: nn.Module) -> nn.Module:
    torch.manual_seed(3)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.4)
    return module


def gradients(module: nn.Module, frames: Tensor) -> tuple[Tensor, Tensor, list[Tensor], dict[str, Tensor]]:
    frames = frames.clone().requires_grad_()
    output, state = module(frames)
    weights = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view_as(output)
    (output * weights).sum().backward()
    states = list(state) if isinstance(state, tuple) else [state]
    return output, frames.grad, states, {name: value.grad for name, value in module.named_parameters()}


def assert_equal(ours: nn.Module, theirs: nn.Module, frames: Tensor, tolerance: float) -> None:
    our_output, our_input, our_states, our_weights = gradients(ours, frames)
    output, input_gradient, states, weights = gradients(theirs, frames)
    assert torch.allclose(our_output, output, atol=tolerance)
    assert torch.allclose(our_input, input_gradient, atol=tolerance)
    for mine, other in zip(our_states, states, strict=True):
        assert torch.allclose(mine, other, atol=tolerance)
    for name, gradient in weights.items():
        assert torch.allclose(our_weights[name], gradient, atol=tolerance), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_peephole_lstm_with_peepholes_of_zero_is_the_lstm(dtype: torch.dtype) -> None:
    theirs = random_weights(nn.LSTM(INPUT_DIM, HIDDEN_DIM, batch_first=True)).to(dtype)
    ours = PeepholeLSTM(INPUT_DIM, HIDDEN_DIM).to(dtype)
    missing, unexpected = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert (missing, unexpected) == (["peephole_l0"], [])
    frames = torch.randn(4, 12, INPUT_DIM, dtype=dtype)
    assert_equal(ours, theirs, frames, 1e-6)
    assert ours.peephole_l0.grad.abs().min() > 0  # they will not stay zero
    with torch.no_grad():
        ours.peephole_l0.fill_(0.5)
    assert not torch.allclose(ours(frames)[0], theirs(frames)[0], atol=1e-3)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(VanillaLSTM, nn.LSTM), (VanillaGRU, nn.GRU), (VanillaRNN, nn.RNN)], ids=["lstm", "gru", "rnn"]
)
def test_own_form_equals_torchs_and_takes_its_weights(ours: type[RecurrentCell], theirs: type[nn.RNNBase]) -> None:
    native = random_weights(theirs(INPUT_DIM, HIDDEN_DIM, batch_first=True)).double()
    own = ours(INPUT_DIM, HIDDEN_DIM).double()
    own.load_state_dict(native.state_dict())
    assert_equal(own, native, torch.randn(4, 12, INPUT_DIM, dtype=torch.double), 1e-12)
    native.load_state_dict(own.state_dict())


def test_projected_lstm_equals_torchs_and_takes_its_weights() -> None:
    native = random_weights(nn.LSTM(INPUT_DIM, HIDDEN_DIM, batch_first=True, proj_size=3)).double()
    own = ProjectedLSTM(INPUT_DIM, HIDDEN_DIM, projection_dim=3).double()
    own.load_state_dict(native.state_dict())
    assert_equal(own, native, torch.randn(4, 12, INPUT_DIM, dtype=torch.double), 1e-12)


def test_convolutional_lstm_of_one_bin_and_kernel_1_is_the_peephole_lstm() -> None:
    peephole = random_weights(PeepholeLSTM(INPUT_DIM, HIDDEN_DIM)).double()
    with torch.no_grad():
        peephole.bias_hh_l0.zero_()
    convolutional = ConvLSTM(INPUT_DIM, HIDDEN_DIM, num_bins=1, kernel_size=1).double()
    convolutional.load_state_dict(
        {name: peephole.state_dict()[name].view_as(value) for name, value in convolutional.state_dict().items()}
    )
    frames = torch.randn(4, 12, INPUT_DIM, dtype=torch.double)
    ours, their = gradients(convolutional, frames), gradients(peephole, frames)
    assert torch.allclose(ours[0], their[0], atol=1e-12)
    assert torch.allclose(ours[1], their[1], atol=1e-12)
    for name, gradient in ours[3].items():
        assert torch.allclose(gradient, their[3][name].view_as(gradient), atol=1e-12), name
