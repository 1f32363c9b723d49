"""Models that rescore the hypotheses of a recogniser."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from asr.checkpoints.acoustic import Loaded
from asr.checkpoints.kinds import load_any
from asr.checkpoints.language import LoadedLanguageModel
from asr.checkpoints.rescoring import OwnHead, RescoringModel, own_head, rescoring_model
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.rescoring import NBest, NBestScores, measure_nbest, measure_nbest_by_ear, rescore
from asr.decoding.settings import ConfidenceSettings, RescoringSettings
from asr.decoding.word_confidence import choose
from asr.errors import DataError
from asr.models.devices import move


@dataclass(frozen=True, eq=False)
class Heard:
    """What rescoring may hear: B utterances, and what a recogniser has made of them.

    Attributes:
        waveforms: samples, shape (B, S).
        lengths: samples of each, shape (B,).
        heads: natural-log posteriors of those heads of the recogniser's model that were used, each of shape (B, N, V),
            by name.
        num_frames: frames of each, shape (B,).
    """

    waveforms: Tensor
    lengths: Tensor
    heads: Mapping[str, Tensor]
    num_frames: Tensor


Rescorer = Callable[[Sequence[NBest], Heard], list[list[Hypothesis]]]
"""Reorders N-best lists of what was heard."""
_Measure = Callable[[Sequence[NBest], Heard], NBestScores]


def load_rescorers(
    rescoring: Sequence[RescoringSettings], loaded: Loaded, path: str | Path, device: str | torch.device
) -> tuple[list[Rescorer], bool]:
    """Loads the models that rescore what a recogniser finds, and says whether heads of its own model are among them.

    Args:
        rescoring: checkpoints, heads and weights, in order.
        loaded: the recogniser's model.
        path: its checkpoint.
        device: device of the models.

    Raises:
        AsrError: see :func:`load_rescorer`.
    """
    sample_rate = loaded.model.frontend.sample_rate
    own = [own_head(loaded, each, path) for each in rescoring]
    made = [
        make_rescorer(each, head, device) if head else load_rescorer(each, sample_rate, device)
        for each, head in zip(rescoring, own, strict=True)
    ]
    return made, any(own)


def chooser(settings: ConfidenceSettings) -> Rescorer:
    """Returns a function that chooses one hypothesis of each list; see :func:`asr.decoding.word_confidence.choose`."""
    return lambda nbests, _: choose(nbests, settings)


def load_rescorer(settings: RescoringSettings, sample_rate: int, device: str | torch.device) -> Rescorer:
    """Loads the model that rescoring was tuned for, a language model or an acoustic model.

    Args:
        settings: checkpoint and weights.
        sample_rate: sample rate of the waveforms in Hz.
        device: device of the model.

    Raises:
        DataError: the settings name no model.
        CheckpointError: the file has no model that can be built.
        ConfigError: the device cannot be used, or the model has another sample rate, no such head or phones as tokens.
    """
    if not settings.model:
        raise DataError("settings of rescoring", "name no model", "make them with: asr tune rescore")
    model = rescoring_model(load_any(settings.model), settings.head, sample_rate, settings.model)
    return make_rescorer(settings, model, device)


def make_rescorer(settings: RescoringSettings, loaded: RescoringModel, device: str | torch.device) -> Rescorer:
    """Returns the rescorer of a model that has been read.

    Args:
        settings: weights.
        loaded: the model.
        device: device of the model.

    Raises:
        ConfigError: the device cannot be used.
    """
    measure = _measure(settings, loaded, device)

    def rescored(nbests: Sequence[NBest], heard: Heard) -> list[list[Hypothesis]]:
        return rescore(nbests, measure(nbests, heard), settings.weight, settings.word_score)

    return rescored


def _measure(settings: RescoringSettings, loaded: RescoringModel, device: str | torch.device) -> _Measure:
    if isinstance(loaded, OwnHead):
        return _by_head(settings.head, loaded.loaded, device)
    return _by_ear(loaded, device) if isinstance(loaded, Loaded) else _by_words(settings, loaded, device)


def _by_head(name: str, loaded: Loaded, device: str | torch.device) -> _Measure:
    """Takes what the recogniser has heard with a head; where it has not used it, the model is run again."""
    by_ear = _by_ear(loaded, device)

    def measure(nbests: Sequence[NBest], heard: Heard) -> NBestScores:
        if name not in heard.heads:
            return by_ear(nbests, heard)
        rows = zip(heard.heads[name], heard.num_frames.tolist(), strict=True)
        posteriors = [log_probs[:length] for log_probs, length in rows]
        return measure_nbest_by_ear(nbests, posteriors, loaded.tokens, loaded.policy)

    return measure


def _by_words(settings: RescoringSettings, language: LoadedLanguageModel, device: str | torch.device) -> _Measure:
    move(language.network, device)
    model = language.sentence_model
    return lambda nbests, _: measure_nbest(nbests, model, language.policy, settings.unknown_score)


def _by_ear(loaded: Loaded, device: str | torch.device) -> _Measure:
    model, tokens = loaded.model, loaded.tokens
    move(model, device)

    def measure(nbests: Sequence[NBest], heard: Heard) -> NBestScores:
        waveforms, lengths = heard.waveforms, heard.lengths
        is_long = model.encoder.output_lengths(model.frontend.frame_lengths(lengths)) > 0
        posteriors = [waveforms.new_zeros(0, len(tokens))] * len(nbests)
        if bool(is_long.any()):
            log_probs, frames = model(waveforms[is_long], lengths[is_long])
            for place, rows, length in zip(is_long.nonzero()[:, 0].tolist(), log_probs, frames, strict=True):
                posteriors[place] = rows[:length]
        return measure_nbest_by_ear(nbests, posteriors, tokens, loaded.policy)

    return measure
