"""Mean and deviation of an utterance's speech, in NumPy: :mod:`asr.features.normalisation` for one utterance."""

from __future__ import annotations

import numpy as np

from asr.features.definitions import (
    LEAST_CONTRAST,
    LEAST_SHARE,
    NOISE_SHARE,
    NOISE_TO,
    NUM_BANDS,
    NUM_LOUDEST,
    PRIOR_LEVEL,
    PRIOR_STD,
    SMALLEST_STD,
    SMOOTHING,
    SPEECH_FROM,
    SPEECH_TO,
)
from asr.portable.deltas import Floats, add_deltas
from asr.portable.stretches import Flags, Stretches, find_stretches


def normalise_by_speech(
    static: Floats, delta_order: int, silent_level: float, to_levels: Floats | None, from_levels: Floats | None
) -> Floats:
    """Returns features with differences that have mean 0 and deviation 1 over the speech of each stretch.

    The same as :func:`asr.features.normalisation.normalise_by_speech`, where everything is explained.

    Args:
        static: static values, shape (T, F), T > 0.
        delta_order: differences to append.
        silent_level: mean level of digital silence, with its dither.
        to_levels: static values to log energies, shape (F, L); None if they are log energies.
        from_levels: back again, shape (L, F).

    Returns:
        Shape (T, F * (delta_order + 1)).
    """
    levels = static if to_levels is None else static @ to_levels
    weights, noise, stretches = find_speech(levels, silent_level)
    raised, prior_std = np.maximum(levels, noise[stretches.numbers]), np.ones(levels.shape[1], np.float32)
    prior_mean = noise + np.float32(PRIOR_LEVEL)
    if from_levels is not None:
        raised, prior_mean = static + (raised - levels) @ from_levels, prior_mean @ from_levels
        prior_std = np.maximum(np.abs(prior_std @ from_levels), 1.0)
    features = add_deltas(raised, delta_order)
    num_differences = features.shape[1] - static.shape[1]
    prior_mean = np.pad(prior_mean, ((0, 0), (0, num_differences)))
    prior_std = np.pad(prior_std, (0, num_differences), constant_values=1.0)
    total = stretches.sum(weights[:, None]) + 1.0  # with the frame that is always counted
    mean = (stretches.sum(weights[:, None] * features) + prior_mean) / total
    distances = features - mean[stretches.numbers]
    squares = stretches.sum(weights[:, None] * np.square(distances))
    squares = squares + np.square(prior_mean - mean) + np.square(np.float32(PRIOR_STD) * prior_std)
    std = np.maximum(np.sqrt(squares / total), np.float32(SMALLEST_STD))
    return np.asarray(distances / std[stretches.numbers], np.float32)


def find_speech(levels: Floats, silent_level: float) -> tuple[Floats, Floats, Stretches]:
    """Distinguishes frames of speech from pauses; see :func:`asr.features.normalisation.find_speech`.

    Args:
        levels: log energies, natural, shape (T, F).
        silent_level: mean level of digital silence, with its dither.

    Returns:
        The weights, between 0 and 1, shape (T,); the noise of each stretch, shape (K, F); and the stretches.
    """
    is_audible = levels.mean(axis=1) > silent_level
    bands = np.where(is_audible[:, None], _smooth(_bands(levels), is_audible), np.float32(silent_level))  # (T, 6)
    stretches, is_pause = find_stretches(bands)
    has_sound = stretches.sum((is_audible & ~is_pause)[:, None].astype(np.float32)) > 0  # (K, 1)
    is_counted = is_audible & ~(is_pause & has_sound[stretches.numbers, 0])
    quiet = stretches.quantile(bands, is_counted, NOISE_SHARE)
    contrast = np.maximum(bands - quiet[stretches.numbers], 0.0).mean(axis=1, keepdims=True)  # (T, 1)
    reference = stretches.nth_largest(contrast, is_counted, NUM_LOUDEST)  # (K, 1)
    reference = np.maximum(np.maximum(reference, LEAST_SHARE * reference.max()), LEAST_CONTRAST)
    shares = contrast / reference[stretches.numbers]
    least = -stretches.nth_largest(-shares, is_counted, 1)
    is_noise = np.clip(1.0 - (shares - least[stretches.numbers]) / NOISE_TO, 0.0, 1.0) * is_counted[:, None]
    total = stretches.sum(is_noise)
    noise = np.where(total > 0, stretches.sum(is_noise * levels) / np.maximum(total, 1.0), np.float32(silent_level))
    (low, high), (most, too_much) = SPEECH_FROM, SPEECH_TO
    rising, falling = (shares - low) / (high - low), (too_much - shares) / (too_much - most)
    weights = np.clip(np.minimum(rising, falling)[:, 0], 0.0, 1.0) * is_counted
    return weights.astype(np.float32), noise.astype(np.float32), stretches


def _bands(levels: Floats) -> Floats:
    """Averages levels to bands, as equal as can be: (T, F) -> (T, 6)."""
    width = levels.shape[1]
    if width <= NUM_BANDS:
        return levels
    edges = [(band * width // NUM_BANDS, -(-(band + 1) * width // NUM_BANDS)) for band in range(NUM_BANDS)]
    return np.stack([levels[:, first:last].mean(axis=1) for first, last in edges], axis=1)


def _smooth(values: Floats, is_counted: Flags) -> Floats:
    """Returns the mean over the counted frames among the five around each frame: (T, F), (T,) -> (T, F)."""
    counted = is_counted[:, None].astype(np.float32)
    return np.asarray(_sum_around(values * counted) / np.maximum(_sum_around(counted), 1.0))


def _sum_around(values: Floats) -> Floats:
    padded = np.pad(values, ((SMOOTHING // 2, SMOOTHING // 2), (0, 0)))
    summed: Floats = np.sum([padded[place : place + len(values)] for place in range(SMOOTHING)], axis=0)
    return summed
