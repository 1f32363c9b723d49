"""Checkpoints of acoustic models made smaller: fewer hidden units, fewer weights that are not zero."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from asr.checkpoints.acoustic import ACOUSTIC
from asr.checkpoints.reading import StoredModel
from asr.models.narrowing import narrow
from asr.models.sparsity import check_sparsity, largest_weights, layer_weights

_PREFIX = "model."


@dataclass(frozen=True)
class Pruning:
    """How a network is made smaller.

    Attributes:
        hidden_dim: hidden units to keep in each direction of each layer; 0 keeps all.
        sparsity: share of the weights of each matrix of the encoder that is cleared, after units have left.
    """

    hidden_dim: int = 0
    sparsity: float = 0.0

    def of(self, stored: StoredModel) -> StoredModel:
        """Returns a checkpoint with the pruned network.

        Raises:
            AsrError: the network cannot be built, or not be pruned in this way.
        """
        check_sparsity(self.sparsity)
        if self.hidden_dim:
            state = narrow(ACOUSTIC.load_stored(stored).model, self.hidden_dim)
            stored = _with_state(replace(stored, settings=_of_width(stored, self.hidden_dim)), state)
        if self.sparsity:
            model = ACOUSTIC.load_stored(stored).model
            masks = largest_weights(layer_weights(model), self.sparsity)
            state = dict(model.state_dict())
            stored = _with_state(stored, state | {name: state[name] * mask for name, mask in masks.items()})
        return stored


WHOLE = Pruning()
"""Leaves a network as it is."""


def _with_state(stored: StoredModel, state: dict[str, Any]) -> StoredModel:
    return replace(stored, state={f"{_PREFIX}{name}": value for name, value in state.items()})


def _of_width(stored: StoredModel, hidden_dim: int) -> dict[str, Any]:
    encoder = stored.settings["encoder"]
    return {**stored.settings, "encoder": {**encoder, "init_args": {**encoder["init_args"], "hidden_dim": hidden_dim}}}
