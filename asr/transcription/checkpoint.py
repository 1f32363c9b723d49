"""A checkpoint of training to the model in it: one file, and nothing beside it, transcribes."""

from __future__ import annotations

import collections.abc
import functools
import importlib
import inspect
import pickle
import typing
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from asr.errors import AsrError, CheckpointError
from asr.features.frontend import FrontEnd
from asr.models.acoustic import AcousticModel
from asr.text.policy import TextPolicy, recorded_policy
from asr.text.tokens import TokenTable
from asr.transcription.weights import load_weights

_PACKAGE = __name__.partition(".")[0]
_NEEDED = ("frontend", "encoder", "tokens", "text_policy")
_REMEDY = "give a checkpoint that asr train wrote, such as best.ckpt"


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
    """Reads a checkpoint and builds its model; runs no code from the file and only classes of this package.

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
        raise CheckpointError(path, f"holds no {missing}, so it is not a whole checkpoint of a model", _REMEDY)
    absent = [name for name in _NEEDED if name not in settings]
    if absent:
        raise CheckpointError(path, f"its hyper_parameters lack {', '.join(absent)}", _REMEDY)
    try:
        tokens = TokenTable.from_state(settings["tokens"])
        policy = recorded_policy(settings["text_policy"])
        model = _build_model(settings, len(tokens))
    except (AsrError, TypeError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        reason = str(error) if isinstance(error, AsrError) else f"{type(error).__name__}: {error}"
        remedy = "it was written by another version, or changed"
        raise CheckpointError(path, f"its model cannot be built ({reason})", remedy) from error
    _load_weights(path, model, state)
    return Loaded(
        model=model.eval(),
        tokens=tokens,
        policy=policy,
        settings={name: _plain(settings[name]) for name in ("frontend", "encoder")},
        training_step=_whole_number(content.get("global_step")),
        epoch=_whole_number(content.get("epoch")),
    )


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Reads what Lightning's trainer saved; runs no code from the file.

    Raises:
        CheckpointError: the file is missing, damaged or no checkpoint.
    """
    path = Path(path)
    _check_archive(path)
    try:
        # Mapped, the file's optimiser state, often three quarters of it, takes no memory.
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        found = (
            f"holds more than tensors and plain values, and is not loaded because that could run code{_named(error)}"
        )
        raise CheckpointError(path, found, _REMEDY) from error
    except (RuntimeError, OSError, EOFError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise CheckpointError(path, "is a zip archive but not a checkpoint", _REMEDY) from error
    if not isinstance(content, dict):
        raise CheckpointError(path, f"holds a {type(content).__name__}, not a checkpoint", _REMEDY)
    return content


def _check_archive(path: Path) -> None:
    """Tells apart what is wrong with a file before torch sees it: a checkpoint is a zip archive with sums."""
    if path.is_dir():
        raise CheckpointError(path, "is a folder", "name the .ckpt file in it")
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except FileNotFoundError:
        raise CheckpointError(path, "no such file", "check the path") from None
    except OSError as error:
        raise CheckpointError(path, f"cannot be read ({error.strerror})", "check the file and its rights") from None
    if not head:
        raise CheckpointError(path, "is empty (0 bytes)", "copy it again, or take an earlier checkpoint")
    if not zipfile.is_zipfile(path):
        if head == b"PK\x03\x04":
            raise CheckpointError(path, "is truncated: its end is missing", "copy it again, or take an earlier one")
        raise CheckpointError(path, "is not a checkpoint", _REMEDY)
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except Exception as error:  # zipfile meets damage in whatever it is reading: names, sizes, flags
        damaged = str(error)
    if damaged:
        raise CheckpointError(path, f"is damaged ({damaged})", "copy it again, or take an earlier checkpoint")


def _named(error: Exception) -> str:
    """Gives the name of what a pickle asked for, where torch's message has it."""
    _, _, behind = str(error).partition("GLOBAL ")
    return f" ({behind.split()[0]})" if behind else ""


def _build_model(settings: Mapping[str, Any], num_tokens: int) -> AcousticModel:
    frontend = _build(settings["frontend"])
    if not isinstance(frontend, FrontEnd):
        raise TypeError(f"the frontend is a {type(frontend).__name__}")
    encoder = _build(settings["encoder"], frontend.feature_dim)
    if not isinstance(encoder, nn.Module):
        raise TypeError(f"the encoder is a {type(encoder).__name__}")
    return AcousticModel(frontend, encoder, num_tokens)


def _build(spec: Any, *arguments: Any) -> Any:
    """Builds what ``{"class_path": ..., "init_args": {...}}`` says, inner ones first."""
    if not _is_spec(spec):
        raise TypeError(f"{spec!r} names no class_path")
    made = _class(spec["class_path"])
    keywords = {name: _argument(made, name, value) for name, value in dict(spec.get("init_args") or {}).items()}
    try:
        inspect.signature(made).bind(*arguments, **keywords)
    except TypeError as error:
        raise TypeError(f"{made.__name__}: {error}") from None
    return made(*arguments, **keywords)


def _argument(made: type, name: str, value: Any) -> Any:
    """Builds an argument that is an object; where its type says callable, gives what will build it when called."""
    if not _is_spec(value):
        return value
    hint = typing.get_type_hints(made.__init__).get(name)  # type: ignore[misc]
    kinds = (hint, *typing.get_args(hint))
    is_factory = any(collections.abc.Callable in (kind, typing.get_origin(kind)) for kind in kinds)
    return functools.partial(_build, value) if is_factory else _build(value)


def _is_spec(value: Any) -> bool:
    return isinstance(value, Mapping) and "class_path" in value


def _class(class_path: Any) -> type:
    module_name, _, name = str(class_path).rpartition(".")
    if module_name.partition(".")[0] != _PACKAGE:
        raise ValueError(f"{class_path} is outside {_PACKAGE}")
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError):
        raise ValueError(f"there is no {class_path}") from None
    if not isinstance(found, type) or found.__module__.partition(".")[0] != _PACKAGE:
        raise ValueError(f"{class_path} is no class of {_PACKAGE}")
    return found


def _load_weights(path: Path, model: AcousticModel, state: Mapping[str, Any]) -> None:
    load_weights(path, model, state, _REMEDY)
    if model.frontend.cmvn == "global" and not bool(model.frontend.has_statistics):
        found = "its front end normalises by statistics of the training set and has none"
        raise CheckpointError(path, found, "train it with them")


def _plain(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"class_path": spec["class_path"], "init_args": dict(spec.get("init_args") or {})}


def _whole_number(value: Any) -> int | None:
    return value if isinstance(value, int) else None
