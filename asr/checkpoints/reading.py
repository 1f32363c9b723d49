"""The content of a checkpoint: plain values and tensors, read without running code; a model's settings and weights."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from asr.checkpoints.archive import NOT_ONE, read_archive
from asr.checkpoints.layout import Archive, Member
from asr.checkpoints.pickled import ForeignError, unpickle
from asr.errors import CheckpointError

_MAX_NAMED = 200  # characters of what a file may bring into a message


def read_checkpoint(path: str | Path, is_mapped: bool = True) -> dict[str, Any]:
    """Reads what Lightning's trainer saved; runs no code from the file.

    Args:
        path: the file.
        is_mapped: whether tensors stay in the file until they are used; then its optimiser state, often three quarters
            of it, takes no memory.

    Raises:
        CheckpointError: the file is missing, damaged or not a checkpoint.
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


@dataclass(frozen=True, eq=False)
class StoredModel:
    """The model in a checkpoint, before any of it is built.

    Attributes:
        path: the file, for errors.
        settings: arguments of the Lightning module, by name.
        state: its weights, by name.
        training_step: optimiser steps taken; None if the file does not say.
        epoch: epoch in which it was written, counted from 0; None if the file does not say.
    """

    path: Path
    settings: Mapping[str, Any]
    state: Mapping[str, Any]
    training_step: int | None
    epoch: int | None


def read_model(path: str | Path, incomplete: str, remedy: str) -> StoredModel:
    """Reads the model in a checkpoint; see :func:`read_checkpoint`.

    Args:
        path: the file.
        incomplete: error for a file without a model, with the missing part as ``{}``.
        remedy: what to do about it.

    Raises:
        CheckpointError: the file is missing, damaged, not a checkpoint, or holds no model.
    """
    path, content = Path(path), read_checkpoint(path)
    parts = {name: content.get(name) for name in ("hyper_parameters", "state_dict")}
    settings, state = parts.values()
    if not isinstance(settings, Mapping) or not isinstance(state, Mapping):
        missing = next(name for name, part in parts.items() if not isinstance(part, Mapping))
        raise CheckpointError(path, incomplete.format(missing), remedy)
    step, epoch = (value if isinstance(value, int) else None for value in map(content.get, ("global_step", "epoch")))
    return StoredModel(path, settings, state, step, epoch)


class _Numbers:
    """The numbers of an archive's tensors; tensors that share storage keep sharing it."""

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
