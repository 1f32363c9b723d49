"""A checkpoint of training to the model in it: one file, and nothing beside it, transcribes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from asr.checkpoints.archive import NOT_ONE
from asr.checkpoints.building import ENCODERS, FRONT_ENDS, building_of, check_arguments, chosen
from asr.checkpoints.reading import read_checkpoint
from asr.checkpoints.weights import load_network, num_values
from asr.errors import CheckpointError
from asr.models.acoustic import AcousticModel
from asr.text.policy import TextPolicy, recorded_policy
from asr.text.tokens import TokenTable

_NEEDED = ("frontend", "encoder", "tokens", "text_policy")
_FRAMES = 8  # that a model is tried out on


@dataclass(frozen=True, eq=False)
class Loaded:
    """What a checkpoint holds.

    Attributes:
        model: on the CPU, in evaluation mode.
        tokens: the table of its outputs.
        policy: what its training transcripts went through.
        settings: how front end and encoder were built, as ``class_path`` and ``init_args``.
        training_step: optimiser steps behind it; None where the file does not say.
        epoch: epochs begun before it was written, counted from 0; None where the file does not say.
    """

    model: AcousticModel
    tokens: TokenTable
    policy: TextPolicy
    settings: dict[str, Any]
    training_step: int | None = None
    epoch: int | None = None

    @property
    def text_policy(self) -> str:
        """The name of the policy."""
        return self.policy.name


def load_checkpoint(path: str | Path) -> Loaded:
    """Reads a checkpoint and builds its model; runs no code from the file and only classes of a closed list.

    Args:
        path: what Lightning's trainer saved of a ``CTCModule``: a dict with ``hyper_parameters`` and ``state_dict``.

    Raises:
        CheckpointError: the file is missing, damaged, no checkpoint, or one that this version cannot build.
    """
    path = Path(path)
    content = read_checkpoint(path)
    settings, state = content.get("hyper_parameters"), content.get("state_dict")
    if not isinstance(settings, Mapping) or not isinstance(state, Mapping):
        missing = "hyper_parameters" if not isinstance(settings, Mapping) else "state_dict"
        raise CheckpointError(path, f"holds no {missing}, so it is not a whole checkpoint of a model", NOT_ONE)
    absent = [name for name in _NEEDED if name not in settings]
    if absent:
        raise CheckpointError(path, f"its hyper_parameters lack {', '.join(absent)}", NOT_ONE)
    with building_of(path):
        tokens = TokenTable.from_state(settings["tokens"])
        policy = recorded_policy(settings["text_policy"])
        model = _build_model(path, settings, len(tokens), state)
    if model.frontend.cmvn == "global" and not bool(model.frontend.has_statistics):
        found = "its front end normalises by statistics of the training set and has none"
        raise CheckpointError(path, found, "train it with them")
    return Loaded(
        model=model,
        tokens=tokens,
        policy=policy,
        settings={name: _plain(settings[name]) for name in ("frontend", "encoder")},
        training_step=_whole_number(content.get("global_step")),
        epoch=_whole_number(content.get("epoch")),
    )


def _build_model(path: Path, settings: Mapping[str, Any], num_tokens: int, state: Mapping[str, Any]) -> AcousticModel:
    made, arguments = chosen(settings["frontend"], FRONT_ENDS, "front end")
    check_arguments(made, arguments)
    frontend = made(**arguments)
    encoder, sizes = chosen(settings["encoder"], ENCODERS, "encoder")
    check_arguments(encoder, sizes, "feature_dim", largest=num_values(state))
    features, lengths = torch.zeros(1, _FRAMES, frontend.feature_dim), torch.tensor([_FRAMES])
    return load_network(
        path,
        lambda: AcousticModel(frontend, encoder(frontend.feature_dim, **sizes), num_tokens),
        lambda model: model.classify(features, lengths),
        state,
        NOT_ONE,
    )


def _plain(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"class_path": spec["class_path"], "init_args": dict(spec.get("init_args") or {})}


def _whole_number(value: Any) -> int | None:
    return value if isinstance(value, int) else None
