"""The average of the weights of several checkpoints, such as of a model before and after fine-tuning."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from asr.checkpoints.acoustic import ACOUSTIC
from asr.checkpoints.archive import NOT_ONE
from asr.checkpoints.building import building_of
from asr.checkpoints.heads import token_tables
from asr.checkpoints.kind import Kind, LoadedModel
from asr.checkpoints.kinds import kind_of
from asr.checkpoints.reading import StoredModel, read_checkpoint, read_model
from asr.errors import CheckpointError
from asr.files import written_whole
from asr.runs.matching import MisfitError, match_heads, matched_weights

_KEPT = ("epoch", "global_step", "pytorch-lightning_version")
_OF_TRAINING = ("dropout", "stochastic_depth", "bptt_frames")  # settings of an encoder that training alone heeds
_ALIKE = "average checkpoints of one architecture, such as of a run and of the one that init_from began with"


def average_checkpoints(paths: Sequence[str], weights: Sequence[float], out: str | Path) -> list[str]:
    """Writes a checkpoint with the weighted mean of the weights of several; it has no training state.

    It has the settings and outputs of the first one. Heads go by unit and rows of outputs by the names of tokens; a row
    that another checkpoint lacks counts with the first one's values there.

    **Source**: Wortsman et al. 2022, "Robust fine-tuning of zero-shot models" (WiSE-FT): the average of old and new
    weights keeps much of what each of them can.

    Args:
        paths: two checkpoints or more.
        weights: of each; divided by their sum.
        out: the new checkpoint.

    Returns:
        What is to be said of each of the others whose tokens are not all those of the first.

    Raises:
        CheckpointError: a file is no checkpoint, or not of the kind and the architecture of the first one.
        DataError: the new file cannot be written.
    """
    stored = [read_model(path, "holds no {}", NOT_ONE) for path in paths]
    first, told = stored[0], []
    shares = [weight / sum(weights) for weight in weights]
    mean = {name: _start(value, shares[0]) for name, value in first.state.items()}
    for each, share in zip(stored[1:], shares[1:], strict=True):
        state, line = _fitted(first, each)
        told += [f"{each.path}: {line}"] if line else []
        for name, value in state.items():
            if value.is_floating_point():
                mean[name] = mean[name] + share * value.double()
    averaged = {name: value.to(first.state[name].dtype) for name, value in mean.items()}
    content = read_checkpoint(paths[0])
    kept = {name: content[name] for name in _KEPT if name in content}
    buffer = io.BytesIO()
    torch.save({**kept, "hyper_parameters": dict(first.settings), "state_dict": averaged}, buffer)
    with written_whole(out) as beside:
        beside.write_bytes(buffer.getbuffer())
    return told


def _start(value: Tensor, share: float) -> Tensor:
    return share * value.double() if value.is_floating_point() else value.clone()


def _fitted(first: StoredModel, other: StoredModel) -> tuple[Mapping[str, Tensor], str]:
    """Returns the weights of another model under the names of the first one's, and what is to be said of them."""
    kind = _kind(first)
    if _kind(other) is not kind:
        raise CheckpointError(other.path, f"holds {_kind(other).title}, and {first.path} {kind.title}", _ALIKE)
    for part in ("frontend", "encoder"):
        if _shape(first.settings.get(part)) != _shape(other.settings.get(part)):
            raise CheckpointError(other.path, f"its {part} has other settings than that of {first.path}", _ALIKE)
    state, line = _matched(first, other) if kind is ACOUSTIC else (_named(first, other, kind), "")
    for name, value in first.state.items():
        if not isinstance(state.get(name), Tensor) or state[name].shape != value.shape:
            found = f"does not fit {first.path} ({name} is missing or of another size)"
            raise CheckpointError(other.path, found, _ALIKE)
    return {name: state[name] for name in first.state}, line


def _matched(first: StoredModel, other: StoredModel) -> tuple[Mapping[str, Tensor], str]:
    with building_of(other.path):
        here, there = token_tables(first.settings), token_tables(other.settings)
    matches = match_heads(here, there)
    try:
        state = matched_weights(matches, other.state, first.state)
    except MisfitError as error:
        raise CheckpointError(other.path, f"does not fit {first.path} ({error})", _ALIKE) from error
    differing = [each for each in matches if each.tokens.tokens != each.source_tokens.tokens or each.source is None]
    return state, "; ".join(each.to_text() for each in differing)


def _named(first: StoredModel, other: StoredModel, kind: Kind[LoadedModel]) -> Mapping[str, Tensor]:
    if kind.names(first.settings) != kind.names(other.settings):
        raise CheckpointError(other.path, f"has other words or tokens than {first.path}", _ALIKE)
    return other.state


def _kind(stored: StoredModel) -> Kind[LoadedModel]:
    kind = kind_of(stored.settings)
    if kind is None:
        raise CheckpointError(stored.path, "holds a model of no kind that this version knows", NOT_ONE)
    return kind


def _shape(settings: Any) -> Any:
    """Returns the settings of a part without those that training alone heeds."""
    if not isinstance(settings, Mapping):
        return settings
    return {name: _shape(value) for name, value in settings.items() if name not in _OF_TRAINING}
