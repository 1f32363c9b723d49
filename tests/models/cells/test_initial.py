from __future__ import annotations

import math
from typing import get_args

import pytest
import torch

from asr.errors import ConfigError
from asr.models.cells.choice import Cell, CellOptions, make_cell
from asr.models.cells.initial import KEEP_GATES, PRODUCT_GAINS

HIDDEN_DIM = 400


def biases(name: Cell, **initial: float | None) -> tuple[torch.Tensor, ...]:
    """Returns the biases of each gate; torch's two are one sum."""
    torch.manual_seed(0)
    cell = make_cell(name, 8, HIDDEN_DIM, CellOptions(**initial))
    second = getattr(cell, "bias_hh_l0", None)
    return (cell.bias_ih_l0.data + (0.0 if second is None else second.data)).split(HIDDEN_DIM)


@pytest.mark.parametrize("name", KEEP_GATES)
def test_forget_bias(name: Cell) -> None:
    keep = KEEP_GATES[name]
    for asked, wanted in ((None, keep.bias), (2.5, 2.5)):
        gates = biases(name, forget_bias=asked)
        assert [gate.unique().tolist() for gate in gates] == [
            [keep.sign * wanted] if number == keep.position else [0.0] for number in range(len(gates))
        ]
    assert keep.bias == (1.0 if "lstm" in name else 0.0)


@pytest.mark.parametrize("name", KEEP_GATES)
def test_chrono_draws_time_scales_up_to_the_longest(name: Cell) -> None:
    keep, gates = KEEP_GATES[name], biases(name, chrono_steps=101)
    scales = (keep.sign * gates[keep.position]).exp()
    assert 1.0 <= scales.min() < 5.0
    assert 96.0 < scales.max() <= 100.0
    assert scales.mean().item() == pytest.approx(50.5, abs=5)  # uniform in [1, 100]
    for number, gate in enumerate(gates):
        if number == keep.entry:
            assert torch.equal(gate, -gates[keep.position])
        elif number != keep.position:
            assert not gate.any()


@pytest.mark.parametrize("name", get_args(Cell))
def test_uniform_weights(name: Cell) -> None:
    torch.manual_seed(0)
    cell = make_cell(name, 8, 64, CellOptions(num_bins=4, init_range=0.1))
    drawn = torch.cat([value.flatten() for key, value in cell.named_parameters() if not key.startswith("gain")])
    assert drawn.min().item() == pytest.approx(-0.1, abs=1e-3)
    assert drawn.max().item() == pytest.approx(0.1, abs=1e-3)
    assert drawn.std().item() == pytest.approx(0.1 / math.sqrt(3), rel=0.05)
    gains = {key: value.unique().tolist() for key, value in cell.named_parameters() if key.startswith("gain")}
    products = PRODUCT_GAINS.get(name, 1.0)
    assert gains == {key: [1.0 if key.startswith("gain_memory") else products] for key in gains}


def test_forget_bias_beside_uniform_weights() -> None:
    drawn = biases("lstm", init_range=0.1, forget_bias=2.0)
    assert drawn[1].mean().item() == pytest.approx(2.0, abs=0.1)
    assert abs(drawn[0].mean()) < 0.1


@pytest.mark.parametrize("name", get_args(Cell))
def test_recurrent_weights_are_orthogonal_for_each_gate(name: Cell) -> None:
    cell = make_cell(name, 8, 16, CellOptions(num_bins=2))
    rows = 8 if name == "conv_lstm" else 16
    for gate in cell.weight_hh_l0.flatten(1).split(rows):
        gram = gate.T @ gate if gate.size(1) < rows else gate @ gate.T
        gain = {"lstm_no_forget": 0.25, "lstm_peephole_cell": 0.25}.get(name, 1.0)
        assert torch.allclose(gram, gain**2 * torch.eye(len(gram)), atol=1e-5)


def test_the_same_draws_as_ever() -> None:
    torch.manual_seed(5)
    cell = make_cell("lstm", 3, 4)
    torch.manual_seed(5)
    weight = torch.nn.init.xavier_uniform_(torch.nn.LSTM(3, 4).weight_ih_l0)
    assert torch.equal(cell.weight_ih_l0, weight)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("rnn", {"forget_bias": 1.0}, "has no gate that keeps"),
        ("lstm_no_forget", {"chrono_steps": 10}, "has no gate that keeps"),
        ("lstm", {"chrono_steps": 10, "forget_bias": 1.0}, "both set the same bias"),
        ("lstm", {"chrono_steps": 2}, "chrono_steps is 2; take 3 or more"),
        ("lstm", {"init_range": -0.1}, "init_range is -0.1"),
    ],
)
def test_settings_without_a_meaning(name: Cell, settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_cell(name, 4, 6, CellOptions(**settings))


def test_gradients_of_the_layer_norm_lstm_do_not_explode() -> None:
    """With gains of 1 they grow a hundredfold and more in 200 frames."""
    torch.manual_seed(0)
    cell = make_cell("lstm_layer_norm", 16, 128).double()
    inputs = torch.randn(8, 201, 16, dtype=torch.float64, requires_grad=True)
    last = cell(inputs)[0][:, -1]
    direction = torch.nn.functional.normalize(torch.randn_like(last), dim=1)
    (gradient,) = torch.autograd.grad((last * direction).sum(), inputs)
    norms = gradient.norm(dim=2).log().mean(dim=0).exp()
    assert 0.1 < norms[0] / norms[200] < 10
