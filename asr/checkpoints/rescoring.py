"""The models that can rescore hypotheses: language models, and acoustic models whose tokens spell words."""

from __future__ import annotations

from asr.checkpoints.acoustic import Loaded
from asr.checkpoints.kind import LoadedModel
from asr.checkpoints.language import LoadedLanguageModel
from asr.decoding.rescoring import check_spelling
from asr.errors import ConfigError

RescoringModel = Loaded | LoadedLanguageModel


def rescoring_model(loaded: LoadedModel, sample_rate: int, where: str) -> RescoringModel:
    """Returns a model that can rescore the hypotheses of a recogniser.

    Args:
        loaded: a model of any kind.
        sample_rate: of the recogniser, in Hz.
        where: the file of the model, for errors.

    Raises:
        ConfigError: the model is of another kind, reads other audio or spells no words.
    """
    if isinstance(loaded, LoadedLanguageModel):
        return loaded
    if not isinstance(loaded, Loaded):
        raise ConfigError(where, "cannot rescore hypotheses", "give a language model or an acoustic one")
    check_spelling(loaded.tokens, where)
    own_rate = loaded.model.frontend.sample_rate
    if own_rate != sample_rate:
        found = f"reads audio of {own_rate} Hz, and the recogniser of {sample_rate} Hz"
        raise ConfigError(where, found, "rescore with a model of the same rate")
    return loaded
