"""What a checkpoint holds of a model: its settings, and its weights into the network that they are for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from asr.errors import CheckpointError

_PREFIX = "model."


def settings_and_state(
    path: str | Path, content: Mapping[str, Any], needed: Sequence[str], kind: str, remedy: str
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Gives the settings and the weights of a module.

    Args:
        path: the checkpoint, for errors.
        content: what was read from it.
        needed: settings that a model of this kind has.
        kind: of model, for errors.
        remedy: what to do where it is another.

    Raises:
        CheckpointError: it is not whole, or of another kind.
    """
    settings, state = content.get("hyper_parameters"), content.get("state_dict")
    if not isinstance(settings, Mapping) or not isinstance(state, Mapping):
        raise CheckpointError(path, "is not a whole checkpoint of a model", remedy)
    absent = [name for name in needed if name not in settings]
    if absent:
        raise CheckpointError(path, f"is no checkpoint of a {kind}: it lacks {', '.join(absent)}", remedy)
    return settings, state


def load_weights(path: str | Path, network: nn.Module, state: Mapping[str, Any], remedy: str) -> None:
    """Loads all weights of a network, and no others.

    Args:
        path: the checkpoint, for errors.
        network: takes the weights.
        state: those of the module that the network is the ``model`` of.
        remedy: what to do where they do not fit.

    Raises:
        CheckpointError: weights are missing, unknown, of another shape, or not finite.
    """
    weights = {name.removeprefix(_PREFIX): value for name, value in state.items() if name.startswith(_PREFIX)}
    difference = _difference(weights, network.state_dict())
    if difference:
        raise CheckpointError(path, f"its weights do not fit its model: {difference}", remedy)
    network.load_state_dict(weights)
    broken = [name for name, value in network.state_dict().items() if not bool(value.isfinite().all())]
    if broken:
        raise CheckpointError(path, f"{_some(broken)} infinite or not a number", "take an earlier checkpoint")


def _difference(weights: Mapping[str, Any], expected: Mapping[str, Tensor]) -> str:
    """Gives what is wrong with the names and shapes of weights, empty where nothing is."""
    missing = [name for name in expected if not isinstance(weights.get(name), Tensor)]
    if missing:
        return f"{_some(missing)} missing"
    unknown = [name for name in weights if name not in expected]
    if unknown:
        return f"{_some(unknown)} unknown to it"
    for name, tensor in expected.items():
        if weights[name].shape != tensor.shape:
            return f"{name} has shape {tuple(weights[name].shape)}, expected {tuple(tensor.shape)}"
    return ""


def _some(names: list[str]) -> str:
    """Names a few and counts the rest, with the verb that fits."""
    rest = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return f"{', '.join(names[:2])}{rest} {'is' if len(names) == 1 else 'are'}"
