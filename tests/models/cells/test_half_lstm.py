"""The backward pass of torch's LSTM in bfloat16 against float64, and where it is taken."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from asr.models.cells import half_lstm as half
from asr.models.recurrent import RecurrentLayer, RecurrentStack, reversal_index
from asr.runs.precision import has_half

D, H = 24, 32


def lacks_half() -> bool:
    """Whether torch's LSTM cannot run in bfloat16: with AVX2 alone, never where trainings take it."""
    if has_half():
        return False
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            nn.LSTM(D, H, batch_first=True)(torch.zeros(1, 1, D))
    except RuntimeError:
        return True
    return False


pytestmark = pytest.mark.skipif(lacks_half(), reason="torch's LSTM has no bfloat16 on this processor")


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[nn.Module]:
    """Takes the path on any processor and for small layers; returns the modules that took it."""
    monkeypatch.setattr(half, "MIN_HIDDEN_DIM", 1)
    monkeypatch.setattr(half, "has_tiles", lambda: True)
    modules: list[nn.Module] = []

    def noted(module: nn.LSTM, frames: Tensor) -> Tensor:
        modules.append(module)
        return half.half_lstm(module, frames)

    monkeypatch.setattr("asr.models.recurrent.half_lstm", noted)
    return modules


def in_half() -> torch.autocast:
    return torch.autocast("cpu", dtype=torch.bfloat16)


def drawn(batch_size: int = 5, num_frames: int = 40) -> Tensor:
    return torch.randn(batch_size, num_frames, D)


def made() -> nn.LSTM:
    torch.manual_seed(4)
    return nn.LSTM(D, H, batch_first=True)


def gradients(module: nn.Module, run: Callable[[Tensor], Tensor], frames: Tensor, weights: Tensor) -> list[Tensor]:
    """Returns output, gradient of the input and gradients of the weights, all float64."""
    frames = frames.clone().requires_grad_()
    module.zero_grad()
    output = run(frames)
    (output * weights.to(output.dtype)).sum().backward()
    found = [output.detach(), frames.grad, *(parameter.grad for parameter in module.parameters())]
    return [value.double() for value in found]


def errors(found: list[Tensor], exact: list[Tensor]) -> list[float]:
    return [float((one - other).norm() / other.norm()) for one, other in zip(found, exact, strict=True)]


def test_gradients_are_as_exact_as_torchs() -> None:
    module, frames, weights = made(), drawn(), torch.randn(5, 40, H)
    exact = nn.LSTM(D, H, batch_first=True).double()
    exact.load_state_dict(module.state_dict())
    reference = gradients(exact, lambda given: exact(given)[0], frames.double(), weights)
    with in_half():
        ours = gradients(module, lambda given: half.half_lstm(module, given), frames, weights)
        theirs = gradients(module, lambda given: module(given)[0], frames, weights)
    assert torch.equal(ours[0], theirs[0])
    for our_error, their_error in zip(errors(ours, reference), errors(theirs, reference), strict=True):
        assert our_error < max(0.01, 1.2 * their_error)


def test_types_of_gradients_and_input_without_gradient() -> None:
    module, frames = made(), drawn()
    with in_half():
        output = half.half_lstm(module, frames)
        assert output.dtype == torch.bfloat16
        output.sum().backward()
        expected = {name: value.grad.clone() for name, value in module.named_parameters()}
        module.zero_grad()
        given = frames.bfloat16().requires_grad_()
        half.half_lstm(module, given).sum().backward()
    assert given.grad.dtype == torch.bfloat16
    for name, value in module.named_parameters():
        assert value.grad.dtype == torch.float32
        assert torch.equal(value.grad, expected[name]), name
    assert module.bias_ih_l0.grad.data_ptr() != module.bias_hh_l0.grad.data_ptr()


@pytest.mark.parametrize("num_frames", [1, 2])
def test_one_utterance_of_few_frames(num_frames: int) -> None:
    module, frames, weights = made(), drawn(1, num_frames), torch.randn(1, num_frames, H)
    exact = gradients(module, lambda given: module(given)[0], frames, weights)
    with in_half():
        ours = gradients(module, lambda given: half.half_lstm(module, given), frames, weights)
    for found, other in zip(ours, exact, strict=True):
        assert torch.allclose(found, other, rtol=0.02, atol=0.02)


def test_gradients_depend_neither_on_padding_nor_on_the_batch(taken: list[nn.Module]) -> None:
    torch.manual_seed(0)
    layer, frames, lengths = RecurrentLayer(D, H), drawn(3, 30), torch.tensor([30, 17, 4])
    valid = torch.arange(30) < lengths.unsqueeze(1)
    weights = torch.randn(3, 30, 2 * H) * valid.unsqueeze(2)

    def run(given: Tensor, rows: slice, num_frames: int) -> list[Tensor]:
        index = reversal_index(lengths[rows], num_frames)
        with in_half():
            return gradients(layer, lambda each: layer(each, index), given, weights[rows, :num_frames])

    together = run(frames, slice(0, 3), 30)
    assert taken == [layer.back, layer.ahead]
    changed = run(frames.masked_fill(~valid.unsqueeze(2), 7.0), slice(0, 3), 30)
    alone = [run(frames[row : row + 1, :length], slice(row, row + 1), length) for row, length in enumerate(lengths)]
    for row, length in enumerate(lengths):
        assert torch.allclose(together[1][row, :length], alone[row][1][0], rtol=0.02, atol=0.02)
    assert torch.equal(together[1] * valid.unsqueeze(2), changed[1] * valid.unsqueeze(2))
    assert not together[1][~valid].any()
    for number in range(2, len(together)):
        assert torch.equal(together[number], changed[number])
        summed = sum(each[number] for each in alone)
        assert float((together[number] - summed).norm() / summed.norm()) < 0.01


def test_taken_in_training_in_bfloat16_alone(taken: list[nn.Module], monkeypatch: pytest.MonkeyPatch) -> None:
    layer, frames, index = RecurrentLayer(D, H), drawn(), reversal_index(torch.full((5,), 40), 40)
    layer(frames, index)
    with torch.autocast("cpu", dtype=torch.float16):
        assert not half.takes_half(layer.ahead, frames)
    with in_half():
        layer.eval()(frames, index)
        with torch.no_grad():
            layer.train()(frames, index)
        RecurrentLayer(D, H, "gru")(frames, index)
        RecurrentLayer(D, H, "lstm_peephole")(frames, index)
        assert not half.takes_half(layer.ahead, frames.to("meta"))
        monkeypatch.setattr(half, "MAX_ROWS", 4)
        layer(frames, index)
        monkeypatch.setattr(half, "MAX_ROWS", 5)
        monkeypatch.setattr(half, "MIN_HIDDEN_DIM", H + 1)
        layer(frames, index)
        monkeypatch.setattr(half, "MIN_HIDDEN_DIM", H)
        monkeypatch.setattr(half, "has_tiles", lambda: False)
        layer(frames, index)
        assert not taken
        monkeypatch.setattr(half, "has_tiles", lambda: True)
        layer(frames, index)
    assert taken == [layer.back, layer.ahead]
    assert isinstance(half.has_tiles(), bool)


def test_weights_must_not_change_before_the_backward_pass() -> None:
    module = made()
    with in_half():
        output = half.half_lstm(module, drawn())
    with torch.no_grad():
        module.weight_hh_l0.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


def test_training_reaches_the_same_loss(taken: list[nn.Module], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each frame has to be told by the sign of the sum of the first values of it and its neighbours."""
    torch.manual_seed(1)
    frames, lengths = drawn(8, 10), torch.full((8,), 10)
    near = nn.functional.pad(frames[..., 0], (1, 1))
    wanted = (near[:, :-2] + near[:, 1:-1] + near[:, 2:] > 0).long()

    def train() -> float:
        torch.manual_seed(2)
        stack, head = RecurrentStack(D, H, 1), nn.Linear(2 * H, 2)
        optimiser = torch.optim.Adam([*stack.parameters(), *head.parameters()], lr=0.02)
        for _ in range(15):
            optimiser.zero_grad()
            with in_half():
                scores = head(stack(frames, lengths))
            loss = nn.functional.cross_entropy(scores.float().flatten(0, 1), wanted.flatten())
            loss.backward()
            optimiser.step()
        return loss.item()

    ours, count = train(), len(taken)
    monkeypatch.setattr(half, "has_tiles", lambda: False)
    theirs = train()
    assert count == len(taken) == 2 * 15
    assert ours < 0.1
    assert ours == pytest.approx(theirs, abs=0.03)
