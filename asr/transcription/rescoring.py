"""Models that rescore the hypotheses of a recogniser."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from asr.checkpoints.acoustic import Loaded
from asr.checkpoints.kinds import load_any
from asr.checkpoints.language import LoadedLanguageModel
from asr.checkpoints.rescoring import RescoringModel, rescoring_model
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.rescoring import NBest, NBestScores, measure_nbest, measure_nbest_by_ear, rescore
from asr.decoding.settings import RescoringSettings
from asr.errors import DataError
from asr.models.devices import move

Rescorer = Callable[[Sequence[NBest], Tensor, Tensor], list[list[Hypothesis]]]
"""Reorders N-best lists, given the lists, their waveforms, shape (B, S), and the lengths of these, shape (B,)."""
_Measure = Callable[[Sequence[NBest], Tensor, Tensor], NBestScores]


def load_rescorer(settings: RescoringSettings, sample_rate: int, device: str | torch.device) -> Rescorer:
    """Loads the model that rescoring was tuned for, a language model or an acoustic model.

    Args:
        settings: checkpoint and weights.
        sample_rate: sample rate of the waveforms in Hz.
        device: device of the model.

    Raises:
        DataError: the settings name no model.
        CheckpointError: the file has no model that can be built.
        ConfigError: the device cannot be used, or the model has another sample rate or phones as tokens.
    """
    if not settings.model:
        raise DataError("settings of rescoring", "name no model", "make them with: asr tune rescore")
    return make_rescorer(settings, rescoring_model(load_any(settings.model), sample_rate, settings.model), device)


def make_rescorer(settings: RescoringSettings, loaded: RescoringModel, device: str | torch.device) -> Rescorer:
    """Returns the rescorer of a model that has been read.

    Args:
        settings: weights.
        loaded: the model.
        device: device of the model.

    Raises:
        ConfigError: the device cannot be used.
    """
    measure = _by_ear(loaded, device) if isinstance(loaded, Loaded) else _by_words(settings, loaded, device)

    def rescored(nbests: Sequence[NBest], waveforms: Tensor, lengths: Tensor) -> list[list[Hypothesis]]:
        return rescore(nbests, measure(nbests, waveforms, lengths), settings.weight, settings.word_score)

    return rescored


def _by_words(settings: RescoringSettings, language: LoadedLanguageModel, device: str | torch.device) -> _Measure:
    move(language.network, device)
    model = language.sentence_model
    return lambda nbests, _waveforms, _lengths: measure_nbest(nbests, model, language.policy, settings.unknown_score)


def _by_ear(loaded: Loaded, device: str | torch.device) -> _Measure:
    model, tokens = loaded.model, loaded.tokens
    move(model, device)

    def measure(nbests: Sequence[NBest], waveforms: Tensor, lengths: Tensor) -> NBestScores:
        is_long = model.encoder.output_lengths(model.frontend.frame_lengths(lengths)) > 0
        posteriors = [waveforms.new_zeros(0, len(tokens))] * len(nbests)
        if bool(is_long.any()):
            log_probs, frames = model(waveforms[is_long], lengths[is_long])
            for place, rows, length in zip(is_long.nonzero()[:, 0].tolist(), log_probs, frames, strict=True):
                posteriors[place] = rows[:length]
        return measure_nbest_by_ear(nbests, posteriors, tokens, loaded.policy)

    return measure
