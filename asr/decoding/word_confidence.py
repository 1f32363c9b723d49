"""One hypothesis of each N-best list, with words whose confidences are probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from asr.decoding.hypothesis import Hypothesis
from asr.decoding.list_posteriors import Floats, ListPosteriors
from asr.decoding.settings import ConfidenceSettings

if TYPE_CHECKING:  # both import torch
    from asr.decoding.decoder import Decoder
    from asr.decoding.rescoring import NBest

_LEAST = 1e-4
"""Probabilities nearer than this to 0 or 1 count as this near."""


def choose(nbests: Sequence[NBest], settings: ConfidenceSettings) -> list[list[Hypothesis]]:
    """Returns one hypothesis of each list, alone in its list, with calibrated confidences of its words.

    It is the one with the highest score or, if settings have a scale for that, with the fewest expected errors: of
    words, or of phones where no words were searched. Times, scores and tokens stay.

    **Source**: Goel and Byrne, "Minimum Bayes-risk automatic speech recognition", 2000, section 4, for the choice.

    Args:
        nbests: lists, best first, at least one hypothesis long.
        settings: how to choose, and how sure words are.
    """
    return [[_chosen(ListPosteriors(nbest), settings)] for nbest in nbests]


def choosing(decoder: Decoder, settings: ConfidenceSettings) -> Decoder:
    """Returns a decoder whose lists have the one hypothesis that :func:`choose` takes from those of another."""
    return lambda log_probs, input_lengths: choose(decoder(log_probs, input_lengths), settings)


def place_chosen(nbest: ListPosteriors, risk_scale: float) -> int:
    """Returns the place of the hypothesis with the fewest expected errors; that of the first if the scale is 0."""
    return nbest.least_risk(risk_scale) if risk_scale else 0


def word_evidence(nbest: ListPosteriors, place: int, scale: float) -> Floats:
    """Returns what the confidences of W words are calibrated on, each larger for surer words.

    Args:
        nbest: a list.
        place: of the hypothesis with the words.
        scale: what scores are multiplied by for posteriors.

    Returns:
        1, the log odds of the posterior and those of the decoder's confidence for each word, shape (W, 3).
    """
    given = [word.confidence for word in nbest.nbest[place].words]
    posteriors = nbest.word_posteriors(place, scale)
    return np.stack([np.ones(len(given)), _log_odds(posteriors), _log_odds(np.array(given))], axis=1)


def calibrated(evidence: Floats, weights: Sequence[float] | Floats) -> Floats:
    """Returns the probabilities that evidence and weights amount to.

    **Source**: Platt, "Probabilistic outputs for support vector machines", 1999, equation 2.

    Args:
        evidence: shape (W, F).
        weights: shape (F,).
    """
    odds: Floats = evidence @ np.asarray(weights)
    probabilities: Floats = 1.0 / (1.0 + np.exp(-odds.clip(-30.0, 30.0)))
    return probabilities


def _chosen(nbest: ListPosteriors, settings: ConfidenceSettings) -> Hypothesis:
    place = place_chosen(nbest, settings.risk_scale)
    evidence = word_evidence(nbest, place, settings.scale)
    sure = calibrated(evidence, (settings.bias, settings.posterior_weight, settings.entropy_weight)).tolist()
    hypothesis = nbest.nbest[place]
    words = tuple(replace(word, confidence=each) for word, each in zip(hypothesis.words, sure, strict=True))
    return replace(hypothesis, words=words, confidence=min(sure, default=1.0))


def _log_odds(probabilities: Floats) -> Floats:
    inside = probabilities.clip(_LEAST, 1.0 - _LEAST)
    odds: Floats = np.log(inside / (1.0 - inside))
    return odds
