"""The interface of the kinds of model that checkpoints hold: one record for each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from torch import nn

from asr.checkpoints.building import building_of
from asr.checkpoints.reading import StoredModel, read_model
from asr.checkpoints.rows import Row, progress_row
from asr.errors import CheckpointError, ConfigError


@dataclass(frozen=True, eq=False, kw_only=True)
class LoadedModel(ABC):
    """A model from a checkpoint.

    Attributes:
        training_step, epoch: see :class:`StoredModel`.
    """

    training_step: int | None = None
    epoch: int | None = None

    @abstractmethod
    def describe_model(self) -> list[Row]:
        """Returns the lines about the model itself."""

    def describe(self) -> list[Row]:
        """Returns the lines of ``asr info``."""
        return [*self.describe_model(), progress_row(self.training_step, self.epoch)]


Model = TypeVar("Model", bound=LoadedModel, covariant=True)


TITLES = {
    "transducer": "a transducer",
    "tokens": "an acoustic model",
    "vocabulary": "a language model",
    "letters": "a pronunciation model",
    "method": "a predictive model",
}
"""Names of the kinds, with their articles, by the setting that tells each from those after it."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Kind(Generic[Model]):
    """A kind of model.

    Attributes:
        task: the ``task`` of configurations that train one; None if they have none.
        needed: settings that its checkpoints have.
        incomplete: error for a file without a model, with the missing part as ``{}``.
        lacking: error for a model that lacks settings, with these as ``{}``.
        remedy: what to do about either.
        named_by: a setting that no other kind has, or none that comes before it in :data:`TITLES`.
        names: called with the settings; returns the tokens, words or letters that name the rows of weights.
        mismatch: error for a checkpoint whose names, ``{there}`` in number, differ from those of the model that is to
            take its weights, ``{here}`` in number, and what to do; None if rows are matched by name.
        settings: called with a composed configuration; returns the settings that depend on the files it names.
        build: called with a checkpoint that has all needed settings; returns its model.
        optional: settings that its checkpoints may have besides those needed.
    """

    task: str | None
    needed: tuple[str, ...]
    incomplete: str
    lacking: str
    remedy: str
    named_by: str
    names: Callable[[Mapping[str, Any]], tuple[str, ...]]
    mismatch: tuple[str, str] | None
    settings: Callable[[Mapping[str, Any]], dict[str, Any]]
    build: Callable[[StoredModel], Model]
    optional: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Name of such a model, with its article."""
        return TITLES[self.named_by]

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
            raise self._unfit(stored, absent)
        with building_of(stored.path):
            return replace(self.build(stored), training_step=stored.training_step, epoch=stored.epoch)

    def _unfit(self, stored: StoredModel, absent: Sequence[str]) -> CheckpointError:
        """Returns the error for a checkpoint that lacks settings: another kind of model, or none."""
        named_by = next((name for name in TITLES if name in stored.settings), self.named_by)
        if named_by == self.named_by:
            return CheckpointError(stored.path, self.lacking.format(", ".join(absent)), self.remedy)
        found = f"holds {TITLES[named_by]}, not {self.title}"
        return CheckpointError(stored.path, found, f"give a checkpoint of {self.title}")


def check_files(name: str, files: Any) -> None:
    """Raises a :class:`ConfigError` if a setting is the name of a file instead of a list of files."""
    if isinstance(files, str):
        raise ConfigError(name, f"is {files}, and a list of files is expected", f"write {name}=[{files}]")


def parameters_row(network: nn.Module) -> Row:
    """Returns the line about the number of parameters."""
    return "parameters", f"{sum(parameter.numel() for parameter in network.parameters()):,}"
