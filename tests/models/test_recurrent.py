import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from asr.models.cells.choice import Cell, make_cell
from asr.models.recurrent import RecurrentLayer, RecurrentStack, reversal_index, reverse

NATIVE = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


def test_reversal_is_its_own_inverse_and_leaves_padding() -> None:
    frames, lengths = torch.randn(3, 7, 2), torch.tensor([7, 4, 1])
    index = reversal_index(lengths, 7)
    turned = reverse(frames, index)
    assert torch.equal(reverse(turned, index), frames)
    for row, length in enumerate(lengths.tolist()):
        assert torch.equal(turned[row, :length], frames[row, :length].flip(0))
        assert torch.equal(turned[row, length:], frames[row, length:])


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_equals_packed_bidirectional_layer_in_values_and_gradients(cell: Cell) -> None:
    torch.manual_seed(1)
    layer = RecurrentLayer(5, 6, cell)
    packed = NATIVE[cell](5, 6, batch_first=True, bidirectional=True)
    directions = {"": layer.ahead, "_reverse": layer.back}
    for suffix, module in directions.items():
        assert module is not None
        for name, value in module.named_parameters():
            getattr(packed, name + suffix).data.copy_(value.data)
    frames, lengths = torch.randn(4, 9, 5), torch.tensor([9, 7, 4, 1])
    ours_in, theirs_in = (frames.clone().requires_grad_() for _ in range(2))
    sequence = pack_padded_sequence(theirs_in, lengths, batch_first=True)
    theirs, _ = pad_packed_sequence(packed(sequence)[0], batch_first=True)
    ours = layer(ours_in, reversal_index(lengths, 9))
    weights = torch.randn_like(theirs) * (torch.arange(9) < lengths.unsqueeze(1)).unsqueeze(2)
    assert torch.allclose(ours * (weights != 0), theirs * (weights != 0), atol=1e-6)
    (ours * weights).sum().backward()
    (theirs * weights).sum().backward()
    assert torch.allclose(ours_in.grad, theirs_in.grad, atol=1e-6)
    for suffix, module in directions.items():
        for name, value in module.named_parameters():
            assert torch.allclose(value.grad, getattr(packed, name + suffix).grad, atol=1e-5), name + suffix


def test_initial_weights() -> None:
    cell = make_cell("lstm", 3, 8)
    biases = (cell.bias_ih_l0 + cell.bias_hh_l0).split(8)
    assert [bias.unique().tolist() for bias in biases] == [[0.0], [1.0], [0.0], [0.0]]
    for gate in cell.weight_hh_l0.split(8):
        assert torch.allclose(gate @ gate.T, torch.eye(8), atol=1e-5)


def test_options_of_the_stack() -> None:
    torch.manual_seed(0)
    frames, lengths = torch.randn(2, 6, 8), torch.tensor([6, 3])
    one_way = RecurrentStack(8, 8, num_layers=2, bidirectional=False, residual=True)
    assert one_way.output_dim == 8
    plain = RecurrentStack(8, 8, num_layers=2, bidirectional=False)
    plain.load_state_dict(one_way.state_dict())
    first = frames + plain.layers[0](frames, reversal_index(lengths, 6))
    assert torch.allclose(one_way(frames, lengths), first + plain.layers[1](first, reversal_index(lengths, 6)))
    normed = RecurrentStack(8, 8, num_layers=2, layer_norm=True)(frames, lengths)
    assert torch.allclose(normed.mean(dim=2), torch.zeros(2, 6), atol=1e-5)


def test_one_way_never_looks_ahead() -> None:
    stack = RecurrentStack(4, 5, num_layers=2, bidirectional=False)
    frames, lengths = torch.randn(1, 8, 4), torch.tensor([8])
    changed = frames.clone()
    changed[:, 5:] = 9.0
    assert torch.equal(stack(frames, lengths)[:, :5], stack(changed, lengths)[:, :5])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("cell", ["lstm", "gru", "lstm_peephole", "lstm_layer_norm"])
def test_directions_side_by_side_on_a_gpu_equal_one_after_the_other(cell: Cell) -> None:
    torch.manual_seed(3)
    stack = RecurrentStack(32, 64, 3, cell).double()
    lengths = torch.randint(1, 200, (16,))
    frames = torch.randn(16, 200, 32, dtype=torch.float64)
    ways = []
    for device in ("cpu", *["cuda"] * 5):
        stack.to(device).zero_grad()
        given = frames.detach().clone().to(device).requires_grad_()
        output = stack(given, lengths.to(device))
        (output * (torch.arange(200) < lengths[:, None])[..., None].to(device)).square().sum().backward()
        ways.append([value.grad.cpu().clone() for value in (given, *stack.parameters())])
    for way in ways[1:]:
        for one, other in zip(ways[0], way, strict=True):
            assert torch.allclose(one, other, rtol=1e-9, atol=1e-9)
