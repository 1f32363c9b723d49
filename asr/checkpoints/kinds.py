"""All kinds of model, and loading a checkpoint of any kind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asr.checkpoints.acoustic import ACOUSTIC, Loaded
from asr.checkpoints.kind import Kind, LoadedModel
from asr.checkpoints.language import LANGUAGE
from asr.checkpoints.predictive import PREDICTIVE
from asr.checkpoints.pronunciation import PRONUNCIATION
from asr.checkpoints.reading import StoredModel, read_model
from asr.checkpoints.transducer import TRANSDUCER, LoadedTransducer

KINDS: tuple[Kind[LoadedModel], ...] = (TRANSDUCER, ACOUSTIC, LANGUAGE, PRONUNCIATION, PREDICTIVE)


def kind_of(settings: Mapping[str, Any]) -> Kind[LoadedModel] | None:
    """Returns the kind of a checkpoint with these settings; None if it is of none.

    Example:
        >>> kind_of({"vocabulary": "a"}).title
        'a language model'
    """
    return next((kind for kind in KINDS if kind.named_by in settings), None)


def load_any(path: str | Path) -> LoadedModel:
    """Returns the model of a checkpoint of any kind; see :meth:`Kind.load`."""
    return load_stored_model(read_model(path, ACOUSTIC.incomplete, ACOUSTIC.remedy))


def load_recogniser(path: str | Path) -> Loaded | LoadedTransducer:
    """Returns the acoustic model or the transducer of a checkpoint; see :meth:`Kind.load`."""
    stored = read_model(path, ACOUSTIC.incomplete, ACOUSTIC.remedy)
    return (TRANSDUCER if kind_of(stored.settings) is TRANSDUCER else ACOUSTIC).load_stored(stored)


def load_stored_model(stored: StoredModel) -> LoadedModel:
    """Returns the model of a checkpoint of any kind that has been read; see :meth:`Kind.load_stored`."""
    return (kind_of(stored.settings) or ACOUSTIC).load_stored(stored)
