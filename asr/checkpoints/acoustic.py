"""The record of acoustic models, whose checkpoints transcribe without any other file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from asr.checkpoints.archive import NOT_ONE
from asr.checkpoints.building import ENCODERS, FRONT_ENDS, check_arguments, chosen
from asr.checkpoints.kind import Kind, LoadedModel
from asr.checkpoints.reading import StoredModel
from asr.checkpoints.rows import Row, acoustic_rows
from asr.checkpoints.weights import load_network, num_values
from asr.errors import CheckpointError
from asr.models.acoustic import AcousticModel
from asr.text.policy import TextPolicy, recorded_policy
from asr.text.tokens import TokenTable

_FRAMES = 8  # of the trial run of a model


@dataclass(frozen=True, eq=False)
class Loaded(LoadedModel):
    """An acoustic model from a checkpoint.

    Attributes:
        model: on the CPU, in evaluation mode.
        tokens: the table of its outputs.
        policy: applied to its training transcripts.
        settings: of front end and encoder, as ``class_path`` and ``init_args``.
    """

    model: AcousticModel
    tokens: TokenTable
    policy: TextPolicy
    settings: dict[str, Any]

    def describe_model(self) -> list[Row]:
        """Returns encoder, front end, input, output, parameters, tokens and text policy."""
        frontend = self.model.frontend
        num_parameters = sum(parameter.numel() for parameter in self.model.parameters())
        sizes = frontend.sample_rate, frontend.feature_dim, self.model.frame_seconds, num_parameters
        return acoustic_rows(self.settings, sizes, self.tokens, self.policy)


def _build(stored: StoredModel) -> Loaded:
    tokens = TokenTable.from_state(stored.settings["tokens"])
    policy = recorded_policy(stored.settings["text_policy"])
    made, arguments = chosen(stored.settings["frontend"], FRONT_ENDS, "front end")
    check_arguments(made, arguments)
    frontend = made(**arguments)
    encoder, sizes = chosen(stored.settings["encoder"], ENCODERS, "encoder")
    check_arguments(encoder, sizes, "feature_dim", largest=num_values(stored.state))
    features, lengths = torch.zeros(1, _FRAMES, frontend.feature_dim), torch.tensor([_FRAMES])
    model = load_network(
        stored,
        lambda: AcousticModel(frontend, encoder(frontend.feature_dim, **sizes), len(tokens)),
        lambda model: model.classify(features, lengths),
        NOT_ONE,
    )
    if frontend.cmvn == "global" and not bool(frontend.has_statistics):
        found = "its front end normalises by statistics of the training set and has none"
        raise CheckpointError(stored.path, found, "train it with them")
    settings = {name: _plain(stored.settings[name]) for name in ("frontend", "encoder")}
    return Loaded(model, tokens, policy, settings)


def _plain(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"class_path": spec["class_path"], "init_args": dict(spec.get("init_args") or {})}


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the state of the token table, whose file the configuration may name."""
    tokens = config["model"]["tokens"]
    return {"tokens": TokenTable.load(Path(tokens)).state() if isinstance(tokens, str) else tokens}


ACOUSTIC = Kind(
    title="an acoustic model",
    task=None,
    needed=("frontend", "encoder", "tokens", "text_policy"),
    incomplete="holds no {}, so it is not a whole checkpoint of a model",
    lacking="its hyper_parameters lack {}",
    remedy=NOT_ONE,
    named_by="tokens",
    names=lambda tokens: TokenTable.from_state(tokens).tokens,
    mismatch=None,
    settings=_settings,
    build=_build,
)

load_checkpoint = ACOUSTIC.load
"""Reads what Lightning's trainer saved of a ``CTCModule``: a dict with ``hyper_parameters`` and ``state_dict``."""
