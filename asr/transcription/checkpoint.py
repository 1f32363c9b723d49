"""A checkpoint of training to the model in it: one file, and nothing beside it, transcribes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from asr.errors import AsrError, CheckpointError
from asr.models.acoustic import AcousticModel
from asr.text.policy import TextPolicy, recorded_policy
from asr.text.tokens import TokenTable
from asr.transcription.archive import NOT_ONE, Archive, Member, read_archive
from asr.transcription.building import ENCODERS, FRONT_ENDS, BuildError, check_arguments, chosen
from asr.transcription.pickled import ForeignError, unpickle
from asr.transcription.weights import load_network, num_values

_NEEDED = ("frontend", "encoder", "tokens", "text_policy")
_FRAMES = 8  # that a model is tried out on
_MAX_NAMED = 200  # characters of what a file may bring into a message
_CHANGED = "it was written by another version, or changed"


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


def read_checkpoint(path: str | Path, is_mapped: bool = True) -> dict[str, Any]:
    """Reads what Lightning's trainer saved; runs no code from the file.

    Args:
        path: the file.
        is_mapped: whether tensors stay in the file until they are used: its optimiser state, often three quarters of
            it, then takes no memory.

    Raises:
        CheckpointError: the file is missing, damaged or no checkpoint.
    """
    archive = read_archive(path)
    try:
        content = unpickle(archive.read("data.pkl"), _Numbers(archive, is_mapped))
    except ForeignError as error:
        named = str(error)[:_MAX_NAMED]
        found = f"holds more than tensors and plain values, and is not loaded because that could run code ({named})"
        raise CheckpointError(path, found, NOT_ONE) from None
    if not isinstance(content, dict):
        raise CheckpointError(path, f"holds a {type(content).__name__}, not a checkpoint", NOT_ONE)
    return content


class _Numbers:
    """The numbers of an archive's tensors; tensors that share some go on sharing them."""

    def __init__(self, archive: Archive, is_mapped: bool) -> None:
        order = archive.read("byteorder") if "byteorder" in archive.members else b"little"
        if order != sys.byteorder.encode():
            raise ForeignError("numbers in the byte order of another kind of machine")
        self._archive, self._is_mapped = archive, is_mapped
        self._known: dict[str, Tensor] = {}

    def __call__(self, key: str, dtype: torch.dtype, count: int) -> Tensor:
        member = self._archive.members.get(f"data/{key}")
        if member is None or member.size != count * dtype.itemsize:
            raise ForeignError(f"{count:,} numbers of type {dtype} that are not stored")
        if key not in self._known:
            self._known[key] = self._read(member, dtype, count)
        if self._known[key].dtype != dtype:
            raise ForeignError("numbers that are of two types")
        return self._known[key]

    def _read(self, member: Member, dtype: torch.dtype, count: int) -> Tensor:
        if not count:
            return torch.empty(0, dtype=dtype)
        if self._is_mapped and member.offset % dtype.itemsize == 0:
            return torch.frombuffer(self._archive.content, dtype=dtype, count=count, offset=member.offset)
        copied = bytearray(self._archive.content[member.offset : member.offset + member.size])
        return torch.frombuffer(copied, dtype=dtype)


@contextmanager
def building_of(path: str | Path) -> Iterator[None]:
    """Turns whatever settings from a file can bring about while a model is built into one line that names the file.

    Raises:
        CheckpointError: the model cannot be built.
    """
    try:
        yield
    except CheckpointError:
        raise
    except AsrError as error:
        raise CheckpointError(path, f"its model cannot be built ({str(error)[:_MAX_NAMED]})", _CHANGED) from error
    except BuildError as error:
        raise CheckpointError(path, f"its model cannot be built ({error})", _CHANGED) from None
    except (TypeError, ValueError, LookupError, AttributeError, RuntimeError, ArithmeticError) as error:
        found = f"its model cannot be built ({type(error).__name__}: {str(error)[:_MAX_NAMED]})"
        raise CheckpointError(path, found, _CHANGED) from error


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
