"""What has to be known of a kind of model that checkpoints are of: one record for each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from torch import nn

from asr.checkpoints.building import building_of
from asr.checkpoints.reading import StoredModel, read_model
from asr.errors import CheckpointError, ConfigError
from asr.text.tokens import TokenTable

_SHOWN_TOKENS = 40

Row = tuple[str, str]
"""A line of ``asr info``: name and value."""


@dataclass(frozen=True, eq=False, kw_only=True)
class LoadedModel(ABC):
    """A model out of a checkpoint.

    Attributes:
        training_step: optimiser steps behind it; None where the file does not say.
        epoch: epochs begun before it was written, counted from 0; None where the file does not say.
    """

    training_step: int | None = None
    epoch: int | None = None

    @abstractmethod
    def describe_model(self) -> list[Row]:
        """Returns what is to be said of the model itself."""

    def describe(self) -> list[Row]:
        """Returns what ``asr info`` says."""
        step = "unknown" if self.training_step is None else f"{self.training_step:,}"
        progress = step if self.epoch is None else f"{step} (epoch {self.epoch})"
        return [*self.describe_model(), ("training step", progress)]


Model = TypeVar("Model", bound=LoadedModel, covariant=True)


@dataclass(frozen=True, eq=False, kw_only=True)
class Kind(Generic[Model]):
    """A kind of model.

    Attributes:
        title: what such a model is called, with its article.
        task: the ``task`` of configurations that train one; None where they have none.
        needed: settings that its checkpoints have.
        incomplete: what is said of a file that holds no model, with the part that is missing as ``{}``.
        lacking: what is said of a model that lacks settings, with these as ``{}``.
        remedy: what to do then.
        named_by: the setting that no other kind has; it says what rows of weights stand for.
        names: called with that setting; returns the tokens, words or letters in their order.
        mismatch: what is said of a checkpoint whose names, ``{there}`` in number, are not those of the model that is to
            take its weights, ``{here}``, and what to do; None where the rows are taken by name.
        settings: called with a composed configuration; returns the settings that follow from the files it names.
        build: called with the content of a checkpoint that has all that is needed; returns its model.
    """

    title: str
    task: str | None
    needed: tuple[str, ...]
    incomplete: str
    lacking: str
    remedy: str
    named_by: str
    names: Callable[[Any], tuple[str, ...]]
    mismatch: tuple[str, str] | None
    settings: Callable[[Mapping[str, Any]], dict[str, Any]]
    build: Callable[[StoredModel], Model]

    def load(self, path: str | Path) -> Model:
        """Reads a checkpoint and builds its model; runs no code from the file and only classes of a closed list.

        Raises:
            CheckpointError: the file is missing, damaged, no checkpoint, of another kind, or one that this version
                cannot build.
        """
        return self.load_stored(read_model(path, self.incomplete, self.remedy))

    def load_stored(self, stored: StoredModel) -> Model:
        """Builds the model of a checkpoint that has been read; see :meth:`load`."""
        absent = [name for name in self.needed if name not in stored.settings]
        if absent:
            raise CheckpointError(stored.path, self.lacking.format(", ".join(absent)), self.remedy)
        with building_of(stored.path):
            return replace(self.build(stored), training_step=stored.training_step, epoch=stored.epoch)


def check_files(name: str, files: Any) -> None:
    """Raises a :class:`ConfigError` where a setting is the name of one file, not a list of files."""
    if isinstance(files, str):
        raise ConfigError(name, f"is {files}, and a list of files is expected", f"write {name}=[{files}]")


def settings_row(name: str, made: str, settings: Mapping[str, Any]) -> Row:
    """Returns the line about something that was made with settings.

    Example:
        >>> settings_row("encoder", "RecurrentEncoder", {"hidden_dim": 8})
        ('encoder', 'RecurrentEncoder hidden_dim=8')
    """
    return name, " ".join([made, *(f"{key}={value}" for key, value in settings.items())])


def parameters_row(network: nn.Module) -> Row:
    """Returns the line about the number of parameters."""
    return "parameters", f"{sum(parameter.numel() for parameter in network.parameters()):,}"


def tokens_row(name: str, table: TokenTable) -> Row:
    """Returns the line about a token table.

    Example:
        >>> tokens_row("tokens", TokenTable.build(["A B"], "char"))
        ('tokens', '4 of unit char: <blank> A B |')
    """
    rest = " …" if len(table) > _SHOWN_TOKENS else ""
    return name, f"{len(table)} of unit {table.unit}: {' '.join(table.tokens[:_SHOWN_TOKENS])}{rest}"
