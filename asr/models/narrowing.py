"""Narrower recurrent stacks: hidden units are removed with all their weights, and the network is smaller for real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from asr.errors import ConfigError
from asr.models.acoustic import AcousticModel
from asr.models.cells.choice import CELLS
from asr.models.encoder import RecurrentEncoder
from asr.models.recurrent import RecurrentLayer, RecurrentStack

_DENSE = frozenset({"lstm", "gru", "rnn", "lstm_no_forget", "lstm_coupled", "lstm_peephole"})
_INPUT, _RECURRENT, _BIASES, _PEEPHOLES = "weight_ih_l0", "weight_hh_l0", ("bias_ih_l0", "bias_hh_l0"), "peephole_l0"


def narrow(model: AcousticModel, hidden_dim: int) -> dict[str, Tensor]:
    """Returns the weights of a model with fewer hidden units in each direction of each layer.

    A unit leaves with its gates, its recurrent products and all that the next layers make of it. Those with the
    smallest norm of all these weights leave; of units with equal norms the last ones. Where layers are added to one
    another (residual connections), a unit leaves all of them at once, by the norm of its weights in all; a connection
    around the first layer, which reads as many values as it makes, ends there, and fine-tuning has to make up for it.

    **Source**: Wen et al. 2018, "Learning intrinsic sparse structures within LSTM", for what belongs to a unit; here
    without the group lasso in training.

    Args:
        model: an acoustic model with a :class:`RecurrentEncoder`.
        hidden_dim: units to keep, H'.

    Returns:
        The state of a model that differs in ``hidden_dim`` alone, by name.

    Raises:
        ConfigError: the model has fewer units or is of a kind whose units cannot be removed one by one.
    """
    encoder = model.encoder
    where = f"encoder {type(encoder).__name__}"
    if type(encoder) is not RecurrentEncoder:
        raise ConfigError(where, "has no stack of recurrent layers alone", "leave the number of hidden units out")
    own = {
        f"heads.{name}.layer.": head.layer
        for name, head in model.heads.items()
        if isinstance(head.layer, RecurrentStack)
    }
    for stack in (encoder.recurrent, *own.values()):
        _check(stack, hidden_dim, where)
    _check_first(encoder.recurrent, hidden_dim, where)
    state = {name: value.detach() for name, value in model.state_dict().items()}
    outputs = ["output.weight"] + [f"heads.{name}.output.weight" for name in model.heads]
    shared = [name for name in outputs if f"{name.removesuffix('output.weight')}layer." not in own]
    layers = _layers(encoder.recurrent, "encoder.recurrent.")
    branches = {prefix: _layers(stack, prefix)[0] for prefix, stack in own.items()}
    readers = [*(layer.inputs for layer in layers[1:]), shared]
    if len(layers) > 1:
        readers[-2] = [*readers[-2], *(name for branch in branches.values() for name in branch.inputs)]
    groups = [_Group([layer], names) for layer, names in zip(layers, readers, strict=True)]
    groups += [
        _Group([branch], [f"{prefix.removesuffix('layer.')}output.weight"]) for prefix, branch in branches.items()
    ]
    if encoder.recurrent.residual:
        groups = [_Group([*layers, *branches.values()], [name for group in groups for name in group.readers])]
    for group in groups:
        group.narrow(state, hidden_dim)
    return {name: value.clone() for name, value in state.items()}


@dataclass(frozen=True)
class _Layer:
    """The names of one layer's weights.

    Attributes:
        cells: of each direction, up to the names of its weights.
        norm: of the norm after it, likewise.
    """

    cells: Sequence[str]
    norm: str

    @property
    def inputs(self) -> list[str]:
        return [f"{cell}{_INPUT}" for cell in self.cells]


@dataclass(frozen=True)
class _Group:
    """Layers that keep the same units: one, or all that residual connections add to one another.

    Attributes:
        layers: the layers.
        readers: the matrices that read their outputs.
    """

    layers: Sequence[_Layer]
    readers: Sequence[str]

    def narrow(self, state: dict[str, Tensor], hidden_dim: int) -> None:
        """Removes units from the weights of the layers and from the columns of the readers."""
        kept, columns, first = [], [], 0
        for cells in zip(*(layer.cells for layer in self.layers), strict=True):  # of one direction
            width = state[cells[0] + _RECURRENT].size(1)
            places = first + torch.arange(width)
            norms = torch.stack(
                [_squared_norms(state, cell) for cell in cells]
                + [state[name][:, places].square().sum(0) for name in self.readers]
            ).sum(0)
            kept.append(norms.sort(descending=True, stable=True).indices[:hidden_dim].sort().values)
            columns.append(places[kept[-1]])
            first += width
        joined = torch.cat(columns)
        for layer in self.layers:
            for cell, units in zip(layer.cells, kept, strict=True):
                _keep(state, cell, units)
            for name in (f"{layer.norm}weight", f"{layer.norm}bias"):
                if name in state:
                    state[name] = state[name][joined]
        for name in self.readers:
            state[name] = state[name][:, joined]


def _layers(stack: RecurrentStack, prefix: str) -> list[_Layer]:
    found = []
    for number, layer in enumerate(stack.layers):
        assert isinstance(layer, RecurrentLayer)
        directions = ("ahead",) if layer.back is None else ("ahead", "back")
        cells = [f"{prefix}layers.{number}.{direction}." for direction in directions]
        found.append(_Layer(cells, f"{prefix}norms.{number}."))
    return found


def _check(stack: RecurrentStack, hidden_dim: int, where: str) -> None:
    for layer in stack.layers:
        for cell in (module for module in layer.children() if isinstance(module, nn.Module)):
            kind = CELLS[type(cell)]
            if kind not in _DENSE:
                found = f"units of {kind} cannot be removed one by one"
                raise ConfigError(where, found, f"narrow one of {', '.join(sorted(_DENSE))}")
            width = cell.get_parameter(_RECURRENT).size(1)
            if not 0 < hidden_dim <= width:
                raise ConfigError(where, f"has {width} hidden units, not {hidden_dim}", f"keep 1 to {width} of them")


def _check_first(stack: RecurrentStack, hidden_dim: int, where: str) -> None:
    """Refuses what would make a residual connection around the first layer, where there was none."""
    first = stack.layers[0]
    assert isinstance(first, RecurrentLayer)
    num_read, width = (first.ahead.get_parameter(name).size(1) for name in (_INPUT, _RECURRENT))
    output_dim = first.output_dim // width * hidden_dim
    if stack.residual and num_read == output_dim != first.output_dim:
        found = f"would add the {num_read} values that it reads to what its first layer makes of them"
        raise ConfigError(where, found, "keep one hidden unit more or less")


def _by_gate(state: Mapping[str, Tensor], name: str, width: int) -> Tensor:
    """Returns weights as (gates, units, *)."""
    weight = state[name]
    return weight.view(-1, width, *weight.shape[1:])


def _squared_norms(state: Mapping[str, Tensor], cell: str) -> Tensor:
    """Returns what the weights of each unit of a cell sum up to, squared, shape (H,), readers left out."""
    width = state[cell + _RECURRENT].size(1)
    norms = state[cell + _RECURRENT].square().sum(0)
    for name in (_INPUT, _RECURRENT):
        norms = norms + _by_gate(state, cell + name, width).square().sum((0, 2))
    for name in (*_BIASES, _PEEPHOLES):
        if cell + name in state:
            norms = norms + state[cell + name].view(-1, width).square().sum(0)
    return norms


def _keep(state: dict[str, Tensor], cell: str, kept: Tensor) -> None:
    width = state[cell + _RECURRENT].size(1)
    for name in (_INPUT, _RECURRENT, *_BIASES):
        rows = _by_gate(state, cell + name, width)[:, kept]
        state[cell + name] = rows.reshape(-1, *rows.shape[2:])
    state[cell + _RECURRENT] = state[cell + _RECURRENT][:, kept]
    if cell + _PEEPHOLES in state:
        state[cell + _PEEPHOLES] = state[cell + _PEEPHOLES][:, kept]
