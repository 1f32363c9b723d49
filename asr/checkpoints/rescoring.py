"""The models that can rescore hypotheses: language models, and acoustic models whose tokens spell words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from asr.checkpoints.acoustic import Loaded
from asr.checkpoints.kind import LoadedModel
from asr.checkpoints.language import LoadedLanguageModel
from asr.checkpoints.rows import Row
from asr.decoding.rescoring import check_spelling
from asr.decoding.settings import RescoringSettings
from asr.errors import ConfigError
from asr.text.writing import MAIN


@dataclass(frozen=True, eq=False)
class OwnHead:
    """A head of the recogniser's own acoustic model.

    Attributes:
        loaded: the model with this head as its only output; it shares the weights.
    """

    loaded: Loaded

    def describe(self) -> list[Row]:
        """Returns no lines: those of the model tell of its heads."""
        return []


RescoringModel = Loaded | LoadedLanguageModel | OwnHead


def rescoring_model(loaded: LoadedModel, head: str, sample_rate: int, where: str) -> RescoringModel:
    """Returns a model that can rescore the hypotheses of a recogniser.

    Args:
        loaded: a model of any kind.
        head: of an acoustic model; empty for its main one.
        sample_rate: of the recogniser, in Hz.
        where: the file of the model, for errors.

    Raises:
        ConfigError: the model is of another kind, has no such head, reads other audio or spells no words.
    """
    if isinstance(loaded, LoadedLanguageModel) and not head:
        return loaded
    if not isinstance(loaded, Loaded):
        found = f"has no head {head!r}" if head else "cannot rescore hypotheses"
        raise ConfigError(where, found, "give a language model or an acoustic one")
    loaded = loaded.head(head or MAIN)
    check_spelling(loaded.tokens, where)
    own_rate = loaded.model.frontend.sample_rate
    if own_rate != sample_rate:
        found = f"reads audio of {own_rate} Hz, and the recogniser of {sample_rate} Hz"
        raise ConfigError(where, found, "rescore with a model of the same rate")
    return loaded


def own_head(loaded: Loaded, settings: RescoringSettings, path: str | Path) -> OwnHead | None:
    """Returns the head of the recogniser's own acoustic model that is to rescore; None if another model is.

    Args:
        loaded: the recogniser's model.
        settings: the model and the head that rescore.
        path: checkpoint of ``loaded``.

    Raises:
        ConfigError: the head spells no words.
    """
    if settings.head not in loaded.beside or Path(settings.model).resolve() != Path(path).resolve():
        return None
    check_spelling(loaded.beside[settings.head].tokens, settings.model)
    return OwnHead(loaded.head(settings.head))
