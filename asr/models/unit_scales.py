"""Scales of hidden units, which are folded into the weights that read them: the network keeps its form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from asr.errors import ConfigError
from asr.models.acoustic import AcousticModel, Head
from asr.models.encoder import StackedEncoder
from asr.models.feedforward import FeedForward
from asr.models.recurrent import RecurrentLayer, RecurrentStack


@dataclass(frozen=True)
class ScaledUnits:
    """The hidden units of a layer, whose outputs can be scaled.

    Attributes:
        name: of the module that they belong to.
        num_units: how many they are, U.
        folds: names of the weights that take the scales, each with the dimension, of size U, that they multiply.
    """

    name: str
    num_units: int
    folds: tuple[tuple[str, int], ...]


def find_units(model: AcousticModel) -> list[ScaledUnits]:
    """Returns the hidden units of each layer that can be scaled without another network.

    They are the outputs of recurrent layers, after their layer norm, and the inner units of feed-forward blocks.
    Without a layer norm the next layer, or the output, reads the scaled units; where it reads what is added to them as
    well, as beside residual connections, they cannot be scaled in this way.

    Raises:
        ConfigError: there are none.
    """
    names = {module: name for name, module in model.named_modules()}
    found = [units for module in names if isinstance(module, RecurrentStack) for units in _of_stack(model, module)]
    for module, name in names.items():
        if isinstance(module, FeedForward):
            found.append(ScaledUnits(name, module.narrow.in_features, ((f"{name}.narrow.weight", 1),)))
    if not found:
        found_none = "has no layers whose units could be scaled: no layer norm, and not an LSTM or GRU alone"
        raise ConfigError(f"encoder {type(model.encoder).__name__}", found_none, "train it with layer_norm=true")
    return found


def fold(weights: Mapping[str, Tensor], units: Sequence[ScaledUnits], scales: Sequence[Tensor]) -> dict[str, Tensor]:
    """Returns the weights that units with these scales change, by name.

    Args:
        weights: of the network, by name.
        units: what is scaled.
        scales: of each of them, shape (U,); 1 changes nothing.
    """
    folded: dict[str, Tensor] = {}
    for each, scale in zip(units, scales, strict=True):
        for name, dim in each.folds:
            weight = folded.get(name, weights[name])
            folded[name] = weight * scale.reshape([-1 if place == dim else 1 for place in range(weight.dim())])
    return folded


def _of_stack(model: AcousticModel, stack: RecurrentStack) -> Iterator[ScaledUnits]:
    """Yields the units of the layers of a stack."""
    names = {module: name for name, module in model.named_modules()}
    for number, (layer, norm) in enumerate(zip(stack.layers, stack.norms, strict=True)):
        assert isinstance(layer, RecurrentLayer)
        if isinstance(norm, nn.LayerNorm):
            folds = [(f"{names[norm]}.{part}", 0) for part in ("weight", "bias")]
        elif stack.residual:
            continue
        elif number + 1 < len(stack.layers):
            folds = _read_by(stack.layers[number + 1], names)
        else:
            folds = _read_at_last(model, stack)
        if number + 2 == len(stack.layers) and folds and not isinstance(norm, nn.LayerNorm):
            folds = [*folds, *(each for own in _own_layers(model) for each in _read_by(own, names))]
        if folds:
            yield ScaledUnits(names[layer], layer.output_dim, tuple(folds))


def _read_by(layer: nn.Module, names: Mapping[nn.Module, str]) -> list[tuple[str, int]]:
    """Returns the weights by which a layer reads its input, none if that is not known of its cells."""
    assert isinstance(layer, RecurrentLayer)
    cells = [cell for cell in (layer.ahead, layer.back) if cell is not None]
    if not all(isinstance(cell, nn.RNNBase) for cell in cells):
        return []
    return [(f"{names[cell]}.weight_ih_l0", 1) for cell in cells]


def _read_at_last(model: AcousticModel, stack: RecurrentStack) -> list[tuple[str, int]]:
    """Returns the weights that read the last layer of a stack, none if that are not outputs alone."""
    if not isinstance(model.encoder, StackedEncoder) or model.encoder.recurrent is not stack:
        return []
    heads = [f"heads.{name}." for name, head in model.heads.items() if isinstance(head, Head) and head.layer is None]
    return [(f"{prefix}output.weight", 1) for prefix in ("", *heads)]


def _own_layers(model: AcousticModel) -> Iterator[nn.Module]:
    """Yields the last layers that heads have of their own, which read the last but one of the encoder."""
    for head in model.heads.values():
        if isinstance(head, Head) and isinstance(head.layer, RecurrentStack):
            yield from head.layer.layers
