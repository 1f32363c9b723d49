"""An acoustic model's first weights from a predictive model: front end, subsampling and recurrent layers.

Both have the same encoder, so each layer and direction goes where it was. In an acoustic model a direction of the
second layer reads both directions of the first one, in a predictive model its own alone: the weights by which it would
read the other are zero there, and are taken as they are. So the network begins with what was learned, undisturbed by
random numbers, and the zeros learn from the first step on: their gradients do not vanish. Layer norm alone differs: a
predictive model normalises each direction by itself, an acoustic model both together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from asr.checkpoints.predictive import PREDICTIVE
from asr.checkpoints.reading import StoredModel
from asr.errors import CheckpointError, ConfigError
from asr.features.frontend import FrontEnd
from asr.models.cells.choice import CELLS
from asr.models.recurrent import RecurrentLayer, RecurrentStack
from asr.models.subsampled import SubsampledEncoder
from asr.models.subsampling import ConvSubsampling
from asr.runs.matching import last_layer
from asr.text.writing import MAIN
from asr.training.stepping import SteppedModule

_STACK = "model.encoder.recurrent."


def encoder_weights(
    stored: StoredModel, module: SteppedModule, num_layers: int | None
) -> tuple[dict[str, Tensor], str]:
    """Returns the weights of an acoustic model, some of them those of a predictive model, and what is to be said of it.

    The statistics of the front end are taken, too: the layers know features that are normalised by them. Where all
    layers are taken, a last layer of its own that a head has begins as that of the encoder.

    Args:
        stored: the checkpoint of the predictive model.
        module: of an acoustic model.
        num_layers: recurrent layers that are taken, from the lowest; None takes all.

    Raises:
        CheckpointError: the checkpoint is damaged, or front end or encoder are others than the module's.
        ConfigError: there are not so many layers.
    """
    loaded = PREDICTIVE.load_stored(stored)
    frontend, encoder = (module.get_submodule(f"model.{name}") for name in ("frontend", "encoder"))
    assert isinstance(frontend, FrontEnd)
    _compare(stored, "front end", _hearing(loaded.model.frontend), _hearing(frontend))
    there, here = loaded.model.encoder.recurrent, getattr(encoder, "recurrent", None)
    if not isinstance(encoder, SubsampledEncoder) or not isinstance(here, RecurrentStack):
        raise _misfit(stored, f"its encoder is recurrent, this model's is {type(encoder).__name__}")
    count = _count(stored, num_layers, len(there.layers), len(here.layers))
    _compare(stored, "encoder", _structure(loaded.model.encoder, count), _structure(encoder, count))
    fresh = module.state_dict()
    prefixes = ["model.frontend.", "model.encoder.subsampling."]
    prefixes += [f"{_STACK}{part}.{number}." for number in range(count) for part in ("layers", "norms")]
    taken = {name: stored.state[name] for name in fresh if name.startswith(tuple(prefixes)) and name in stored.state}
    line = f"front end, subsampling and {count} of {len(there.layers)} recurrent layers are taken, the rest begins anew"
    if count == len(there.layers) == len(here.layers):
        for head in module.hparams.get("heads") or {}:
            taken |= last_layer(head, MAIN, stored.state, fresh)
    return fresh | taken, line


def _count(stored: StoredModel, wanted: int | None, there: int, here: int) -> int:
    """Returns how many layers are taken."""
    if wanted is None:
        if there != here:
            found = f"has {there} recurrent layers, this model {here}"
            raise CheckpointError(stored.path, found, f"say how many to take, such as init_layers={min(there, here)}")
        return there
    if type(wanted) is not int or not 0 <= wanted <= min(there, here):
        found = f"is {wanted}; {stored.path} has {there} recurrent layers, this model {here}"
        raise ConfigError("init_layers", found, f"give a number from 0 to {min(there, here)}, or null for all")
    return wanted


def _compare(stored: StoredModel, part: str, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Raises an error that names the first setting in which two parts differ."""
    for name, value in there.items():
        if value != here[name]:
            raise _misfit(stored, f"its {part} has {name}={value}, this model's {name}={here[name]}")


def _misfit(stored: StoredModel, reason: str) -> CheckpointError:
    remedy = "train both with the same frontend= and model="
    return CheckpointError(stored.path, f"does not fit this model ({reason})", remedy)


def _hearing(frontend: FrontEnd) -> dict[str, Any]:
    """Returns the settings of a front end that matter to the layers above it."""
    return {name: value for name, value in frontend.settings().items() if name != "dither"}


def _structure(encoder: SubsampledEncoder, num_layers: int) -> dict[str, Any]:
    """Returns the settings of an encoder that matter to its first layers and below."""
    subsampling, stack = encoder.subsampling, encoder.get_submodule("recurrent")
    assert isinstance(stack, RecurrentStack)
    channels = subsampling.convolutions[0].out_channels if isinstance(subsampling, ConvSubsampling) else 0
    layers = [layer for layer in stack.layers[:num_layers] if isinstance(layer, RecurrentLayer)]
    structure: dict[str, Any] = {"time_stride": encoder.time_stride, "conv_channels": channels}
    if not layers:
        return structure
    return structure | {
        "cell": [CELLS[type(layer.ahead)] for layer in layers],
        "bidirectional": layers[0].back is not None,
        "hidden_dim": layers[0].output_dim // (1 if layers[0].back is None else 2),
        "layer_norm": isinstance(stack.norms[0], nn.LayerNorm),
        "residual": stack.residual,
    }
