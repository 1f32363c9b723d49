"""Truncated back-propagation through time: full back-propagation in one chunk, and a loop by hand in several."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.models.acoustic import AcousticModel, HeadSize
from asr.models.cells.choice import Cell
from asr.models.encoder import RecurrentEncoder
from asr.models.recurrent import RecurrentStack, cut_gradients

CELLS: list[Cell] = ["lstm", "gru", "rnn", "lstm_peephole", "lstm_layer_norm", "lstm_projected"]
LENGTHS = torch.tensor([23, 17, 4])


def encoder(bptt_frames: int, **options: Any) -> RecurrentEncoder:
    torch.manual_seed(0)
    return RecurrentEncoder(6, 8, 2, bidirectional=False, bptt_frames=bptt_frames, **options)


def ctc_gradients(model: AcousticModel, features: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Returns the CTC loss of a batch with dropout, and the gradients of all weights."""
    torch.manual_seed(5)
    heads, lengths = model.classify_heads(features, LENGTHS)
    loss = sum(
        nn.functional.ctc_loss(
            rows[-1].transpose(0, 1), torch.tensor([1, 2, 1, 3, 2]), lengths, torch.tensor([3, 1, 1])
        )
        for rows in heads.values()
    )
    assert isinstance(loss, Tensor)
    return loss, list(torch.autograd.grad(loss, list(model.parameters())))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("options", [{}, {"conv_channels": 2, "time_stride": 2}], ids=["stacked", "convolved"])
def test_a_chunk_as_long_as_the_utterance_is_full_back_propagation_bit_for_bit(
    cell: Cell, options: dict[str, Any]
) -> None:
    features = torch.randn(3, 23, 6, generator=torch.Generator().manual_seed(1))
    found = []
    for bptt_frames in (0, 23, 1000):
        own = encoder(bptt_frames, cell=cell, dropout=0.3, layer_norm=True, residual=True, **options)
        model = AcousticModel(FrontEnd(num_mels=6, cmvn="none"), own, 5, {"char": HeadSize(4, own_layer=True)})
        torch.manual_seed(2)
        for head in (model.output, model.heads["char"]):
            for parameter in head.parameters():
                nn.init.normal_(parameter, std=0.3)
        found.append(ctc_gradients(model, features))
    for loss, gradients in found[1:]:
        assert torch.equal(loss, found[0][0])
        assert all(torch.equal(*pair) for pair in zip(gradients, found[0][1], strict=True))


@pytest.mark.parametrize("cell", CELLS)
def test_chunks_equal_a_loop_that_cuts_by_hand(cell: Cell) -> None:
    stack = RecurrentStack(6, 8, 2, cell, bidirectional=False, layer_norm=True, bptt_frames=5).double()
    frames = torch.randn(3, 23, 6, dtype=torch.double)
    with torch.no_grad():
        known = stack(frames, LENGTHS)
    known.requires_grad_()
    loss = known.square().cumsum(dim=1).tanh().sum()  # of the whole utterance, not of its frames one by one
    (gradient,) = torch.autograd.grad(loss, known)
    states, sums = [None, None], [torch.zeros_like(each) for each in stack.parameters()]
    for first in range(0, 23, 5):
        outputs, after = stack.advance(frames[:, first : first + 5], states)
        states = [cut_gradients(state) for state in after]
        found = torch.autograd.grad(outputs[-1], list(stack.parameters()), gradient[:, first : first + 5])
        sums = [total + each for total, each in zip(sums, found, strict=True)]
    output = stack(frames, LENGTHS)
    assert torch.allclose(output, known)
    truncated = torch.autograd.grad(output.square().cumsum(dim=1).tanh().sum(), list(stack.parameters()))
    assert all(torch.allclose(*pair) for pair in zip(truncated, sums, strict=True))
    stack.bptt_frames = 0
    full = torch.autograd.grad(stack(frames, LENGTHS).square().cumsum(dim=1).tanh().sum(), list(stack.parameters()))
    assert not all(torch.allclose(*pair, rtol=1e-2) for pair in zip(full, sums, strict=True))


def test_gradients_end_where_a_chunk_begins_and_padding_leaks_into_nothing() -> None:
    stack = RecurrentStack(6, 8, 2, bidirectional=False, bptt_frames=5)
    frames = torch.randn(3, 23, 6, requires_grad=True)
    (gradient,) = torch.autograd.grad(stack(frames, LENGTHS)[0, 12].sum(), frames)
    assert gradient[0].abs().sum(dim=1).nonzero().flatten().tolist() == [10, 11, 12]
    padded = frames.detach().clone()
    padded[1, 17:] = 9.0
    assert torch.equal(stack(padded, LENGTHS)[1, :17], stack(frames, LENGTHS)[1, :17])


def test_gradients_are_whole_outside_training_also_of_weights_that_are_put_in_for_a_call() -> None:
    stack = RecurrentStack(6, 8, 2, bidirectional=False, bptt_frames=5).eval()
    frames, scale = torch.randn(3, 23, 6), torch.tensor(1.5, requires_grad=True)
    weights = {name: weight.detach() for name, weight in stack.named_parameters()}

    def gradient(bptt_frames: int) -> Tensor:
        stack.bptt_frames = bptt_frames
        scaled = weights | {"layers.0.ahead.weight_hh_l0": weights["layers.0.ahead.weight_hh_l0"] * scale}
        output = functional_call(stack, scaled, (frames, LENGTHS))
        return torch.autograd.grad(output.square().sum(), scale)[0]

    assert torch.equal(gradient(5), gradient(0))


@pytest.mark.parametrize("cell", ["lstm", "lstm_peephole"])
def test_memory_between_the_passes_does_not_grow_with_the_layers(cell: Cell) -> None:
    def kept(num_layers: int, bptt_frames: int) -> int:
        stack = RecurrentStack(16, 16, num_layers, cell, bidirectional=False, bptt_frames=bptt_frames)
        sizes: list[int] = []

        def pack(tensor: Tensor) -> Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            stack(torch.randn(1, 200, 16), torch.tensor([200]))
        return sum(sizes)

    assert kept(4, bptt_frames=0) > 4 * 200 * 16
    assert kept(4, bptt_frames=20) == kept(1, bptt_frames=20) <= 200 * 16


def test_what_cannot_be_cut_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"bptt_frames 9: a backward direction .*; set bidirectional to false"):
        RecurrentEncoder(6, 8, 2, bptt_frames=9)
    with pytest.raises(ConfigError, match="ligru normalises over the frames of whole utterances"):
        encoder(9, cell="ligru")
    with pytest.raises(ConfigError, match="bptt_frames -1: is negative"):
        encoder(-1)
