"""What is filled up for a graph changes no value and no gradient; on a GPU neither does the graph."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import get_args

import pytest
import torch
from torch import Tensor

from asr.models.cells import graphs
from asr.models.cells.choice import Cell, CellOptions, make_cell

OWN = [cell for cell in get_args(Cell) if cell not in ("lstm", "gru", "rnn")]
NOISY = [*OWN, "lstm", "gru", "rnn"]  # with zoneout, those that have a module of torch's are ours, too


class PlainCache:
    """Runs functions as they are, on copies."""

    def run(self, kind: Hashable, function: Callable[..., dict[str, Tensor]], tensors: dict[str, Tensor]) -> object:
        assert hash(kind) == hash(kind)
        return function({name: value.clone() for name, value in tensors.items()})


def values(cell: torch.nn.Module, frames: Tensor, with_state: bool) -> list[Tensor]:
    """Returns outputs, states and all gradients of a cell."""
    torch.manual_seed(7)
    cell.zero_grad()
    given = frames.clone().requires_grad_()
    output, state = cell(given)
    states = [state] if isinstance(state, Tensor) else list(state)
    loss = (output * torch.linspace(-1, 1, output.numel()).view_as(output).to(output)).sum()
    if with_state:
        loss = loss + states[-1].square().sum()
    loss.backward()
    gradients = [parameter.grad.clone() for parameter in cell.parameters() if parameter.grad is not None]
    return [output.detach(), *(each.detach() for each in states), given.grad, *gradients]


@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.parametrize("shape", [(3, 37), (4, 32), (1, 1)])
@pytest.mark.parametrize(("cell", "noise"), [(cell, 0.0) for cell in OWN] + [(cell, 0.2) for cell in NOISY])
def test_rounded_sizes_give_the_same(
    cell: Cell, noise: float, shape: tuple[int, int], with_state: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    options = CellOptions(zoneout=noise, recurrent_dropout=noise, num_bins=2)
    module, frames = make_cell(cell, 6, 8, options).double(), torch.randn(*shape, 6, dtype=torch.float64)
    plain = values(module, frames, with_state)
    monkeypatch.setattr(graphs, "takes_graphs", lambda tensor: True)
    monkeypatch.setattr(graphs, "graph_cache", lambda device: PlainCache())
    for one, other in zip(plain, values(module, frames, with_state), strict=True):
        assert torch.allclose(one, other, rtol=1e-12, atol=1e-12)


def test_nothing_is_filled_up_on_a_cpu() -> None:
    assert not graphs.takes_graphs(torch.zeros(1))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("cell", OWN)
def test_graphs_on_a_gpu_give_the_same_again_and_again(cell: Cell) -> None:
    torch.manual_seed(1)
    module = make_cell(cell, 16, 32, CellOptions(num_bins=2)).double()
    inputs = [
        torch.randn(*shape, 16, dtype=torch.float64) for shape in ((5, 40), (7, 64), (5, 40), (6, 50), (2, 90)) * 2
    ]
    module.eval()  # the light GRU's running averages stay
    plain = [values(module, frames, with_state=False) for frames in inputs]
    module.cuda()
    for expected, frames in zip(plain, inputs, strict=True):
        for one, other in zip(expected, values(module, frames.cuda(), with_state=False), strict=True):
            assert torch.allclose(one, other.cpu(), rtol=1e-9, atol=1e-9)
