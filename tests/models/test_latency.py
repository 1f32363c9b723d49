"""The latency-controlled stack: all chunks at once equal a loop over chunks, and the full stack where they see all."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.models.acoustic import AcousticModel, HeadSize
from asr.models.cells.cell import State
from asr.models.cells.choice import Cell, CellOptions
from asr.models.encoder import LatencyControlledEncoder, RecurrentEncoder
from asr.models.latency import LatencyControlledStack
from asr.models.recurrent import RecurrentStack

CELLS = [cell for cell in get_args(Cell) if cell != "ligru"]
LENGTHS = torch.tensor([23, 17, 5, 1])


def stack_of(chunk: int, context: int, cell: Cell = "lstm", **options: Any) -> LatencyControlledStack:
    torch.manual_seed(0)
    options = {"layer_norm": True, "residual": True} | options
    units = CellOptions(num_bins=2 if cell == "conv_lstm" else 1, zoneout=0.1, init_range=0.5)
    return LatencyControlledStack(6, 6, 3, chunk, context, cell, options=units, **options).double().eval()


def batch() -> Tensor:
    return torch.randn(4, 23, 6, dtype=torch.double, generator=torch.Generator().manual_seed(1))


def lstm_by_hand(stack: LatencyControlledStack, frames: Tensor) -> Tensor:
    """Returns what a stack of plain LSTMs makes of one utterance, (T, D), chunk by chunk as the paper has it."""
    states: list[Any] = [None] * len(stack.layers)
    heard = []
    for first in range(0, len(frames), stack.chunk_frames):
        own = frames[first : first + stack.chunk_frames]
        seen = frames[first : first + stack.chunk_frames + stack.context_frames].unsqueeze(0)
        for number, layer in enumerate(stack.layers):
            ahead, _ = layer.ahead(seen, states[number])  # from the chunk before over chunk and context
            _, states[number] = layer.ahead(seen[:, : len(own)], states[number])  # whose state is not kept
            back, _ = layer.back(seen.flip(1))
            seen = torch.cat([ahead, back.flip(1)], dim=2)
        heard.append(seen[0, : len(own)])
    return torch.cat(heard)


@pytest.mark.parametrize(("chunk", "context"), [(4, 3), (5, 0), (1, 2), (3, 7), (23, 4), (40, 40)])
def test_all_chunks_at_once_equal_a_loop_over_chunks(chunk: int, context: int) -> None:
    torch.manual_seed(0)
    stack = LatencyControlledStack(6, 6, 3, chunk, context).double()
    frames = batch()
    output = stack(frames, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        assert torch.allclose(output[row, :length], lstm_by_hand(stack, frames[row, :length]), atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_equals_the_chunks_of_a_stream(cell: Cell) -> None:
    stack, frames = stack_of(4, 3, cell), batch()
    with torch.no_grad():
        output = stack(frames, LENGTHS)
        for row, length in enumerate(LENGTHS.tolist()):
            states: list[State | None] = [None] * 3
            for first in range(0, length, 4):
                block = frames[row : row + 1, first : min(first + 7, length)]
                own = min(4, length - first)
                heard, states[:] = stack.read_chunk(block, own, states)
                assert torch.allclose(heard[0], output[row, first : first + own], atol=1e-10)


@pytest.mark.parametrize("cell", CELLS)
def test_a_context_as_long_as_the_utterance_is_the_full_stack_in_values_and_gradients(cell: Cell) -> None:
    units = CellOptions(num_bins=2 if cell == "conv_lstm" else 1, init_range=0.5)
    controlled = LatencyControlledStack(6, 6, 3, 4, 23, cell, layer_norm=True, residual=True, options=units).double()
    full = RecurrentStack(6, 6, 3, cell, layer_norm=True, residual=True, options=units).double()
    full.load_state_dict(controlled.state_dict())
    frames, valid = batch(), (torch.arange(23) < LENGTHS.unsqueeze(1)).unsqueeze(2)
    found = []
    for stack in (controlled, full):
        output = stack(frames, LENGTHS) * valid
        found.append((output, *torch.autograd.grad(output.tanh().cumsum(dim=1).sum(), list(stack.parameters()))))
    assert all(torch.allclose(*pair, atol=1e-9) for pair in zip(*found, strict=True))


def test_padding_leaks_into_nothing_and_no_output_sees_beyond_its_context() -> None:
    stack, frames = stack_of(4, 3), batch().requires_grad_()
    alone = stack(frames[1:2, :17], LENGTHS[1:2])
    assert torch.allclose(alone[0], stack(frames, LENGTHS)[1, :17], atol=1e-12)
    (gradient,) = torch.autograd.grad(stack(frames, LENGTHS)[0, 9].sum(), frames)
    assert gradient[0].abs().sum(dim=1).nonzero().flatten().tolist() == list(range(15))  # chunk 8..11, context 12..14
    (gradient,) = torch.autograd.grad(stack(frames, LENGTHS)[1, 16].sum(), frames)
    assert gradient[1].abs().sum(dim=1).nonzero().flatten().tolist() == list(range(17))


def test_lower_layers_are_those_of_a_lower_stack() -> None:
    stack, frames = stack_of(4, 3), batch()
    outputs = stack.outputs(frames, LENGTHS)
    assert [tuple(each.shape) for each in outputs] == [(4, 23, 12)] * 3
    assert torch.allclose(stack.outputs(frames, LENGTHS, 2)[1], outputs[1])


@pytest.mark.parametrize("options", [{}, {"conv_channels": 2, "time_stride": 4}], ids=["stacked", "convolved"])
def test_the_encoder_takes_the_weights_of_the_full_one(options: dict[str, Any]) -> None:
    full = RecurrentEncoder(6, 6, 2, **options)
    controlled = LatencyControlledEncoder(6, 6, 2, 5, 30, **options)
    controlled.load_state_dict(full.state_dict())
    features = batch().float()
    expected, lengths = full(features, LENGTHS)
    output, own_lengths = controlled(features, LENGTHS)
    assert torch.equal(lengths, own_lengths)
    for row, length in enumerate(lengths.tolist()):
        assert torch.allclose(output[row, :length], expected[row, :length], atol=1e-6)


def test_what_it_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="chunk_frames is 0 and context_frames 3"):
        LatencyControlledEncoder(6, 6, 2, 0, 3)
    with pytest.raises(ConfigError, match="ligru normalises over whole utterances"):
        LatencyControlledEncoder(6, 6, 2, 4, 3, cell="ligru")
    encoder = LatencyControlledEncoder(6, 6, 2, 4, 3)
    with pytest.raises(ConfigError, match="leave own_layer out"):
        AcousticModel(FrontEnd(num_mels=6), encoder, 5, {"char": HeadSize(4, own_layer=True)})
    assert isinstance(AcousticModel(FrontEnd(num_mels=6), encoder, 5, {"char": HeadSize(4)}).heads, nn.ModuleDict)
