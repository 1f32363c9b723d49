"""Mean and deviation of an utterance's features: over all of its frames, or over its speech alone."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

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
from asr.features.deltas import add_deltas
from asr.features.stretches import Stretches, find_stretches


def own_frames(features: Tensor, lengths: Tensor) -> Tensor:
    """Returns which frames belong to an utterance and not to padding: (B, T, *), (B,) -> (B, T)."""
    return torch.arange(features.shape[1], device=features.device) < lengths.to(features.device).unsqueeze(1)


def clear_padding(features: Tensor, lengths: Tensor) -> Tensor:
    """Returns features with padding frames set to 0, shape (B, T, F)."""
    return features.masked_fill(~own_frames(features, lengths).unsqueeze(2), 0.0)


def normalise_by_utterance(features: Tensor, lengths: Tensor) -> Tensor:
    """Returns features with mean 0 and deviation 1 over all frames of each utterance.

    Args:
        features: shape (B, T, F), padding frames 0.
        lengths: frames of each utterance, shape (B,).

    Returns:
        Shape (B, T, F), padding frames 0. Deviations below 0.01 count as 0.01.
    """
    counts = lengths.to(features.device).clamp(min=1).view(-1, 1, 1)
    centred = clear_padding(features - features.sum(1, keepdim=True) / counts, lengths)
    std = (centred.square().sum(1, keepdim=True) / counts).sqrt()
    return centred / std.clamp(min=SMALLEST_STD)


def normalise_by_speech(
    static: Tensor,
    lengths: Tensor,
    delta_order: int,
    silent_level: float,
    to_levels: Tensor | None = None,
    from_levels: Tensor | None = None,
) -> Tensor:
    """Returns features with differences that have mean 0 and deviation 1 over the speech of each stretch.

    Stretches lie between pauses of a second or more, and most utterances are one (see :func:`find_stretches`). Levels
    are raised to the noise under the speech (see :func:`find_speech`), so that digital silence looks like the
    recording's own pauses. Every stretch has one additional frame of speech, 17 dB above its noise: a stretch without
    speech is far below 0, as pauses are.

    Args:
        static: static values, shape (B, T, F), padding frames 0.
        lengths: frames of each utterance, shape (B,).
        delta_order: differences to append.
        silent_level: mean level of digital silence, with its dither.
        to_levels: static values to log energies, shape (F, L); None if they are log energies.
        from_levels: back again, shape (L, F).

    Returns:
        Shape (B, T, F * (delta_order + 1)), padding frames 0.
    """
    if static.shape[1] == 0:
        return add_deltas(static, lengths, delta_order)
    levels = static if to_levels is None else static @ to_levels
    weights, noise, stretches = find_speech(levels, lengths, silent_level)
    raised = raise_levels(static, stretches.spread(noise), to_levels, from_levels)
    features = clear_padding(add_deltas(raised, lengths, delta_order), lengths)
    prior_mean, prior_std = prior(noise, features.shape[2], from_levels)
    mean, std = weighted_statistics(features, weights, stretches, prior_mean, prior_std)
    return clear_padding((features - stretches.spread(mean)) / stretches.spread(std), lengths)


def raise_levels(static: Tensor, noise: Tensor, to_levels: Tensor | None, from_levels: Tensor | None) -> Tensor:
    """Returns static values whose levels are at least the noise of their frames: (B, T, F), (B, T, L) -> (B, T, F)."""
    levels = static if to_levels is None else static @ to_levels
    raised = torch.maximum(levels, noise)
    if from_levels is None:
        return raised
    return static + (raised - levels) @ from_levels  # the part that levels do not determine is kept


def prior(noise: Tensor, feature_dim: int, from_levels: Tensor | None) -> tuple[Tensor, Tensor]:
    """Returns mean, (B, K, F), and deviation, (F,), of the frame that is always counted; see :func:`find_speech`.

    Args:
        noise: of each stretch, shape (B, K, L).
        feature_dim: values of a frame with differences, F.
        from_levels: log energies to static values; None where they are the same.
    """
    mean, std = noise + PRIOR_LEVEL, noise.new_ones(noise.shape[2])
    if from_levels is not None:
        mean, std = mean @ from_levels, (std @ from_levels).abs().clamp(min=1.0)
    num_differences = feature_dim - len(std)
    return F.pad(mean, (0, num_differences)), PRIOR_STD * F.pad(std, (0, num_differences), value=1.0)


@torch.no_grad()
def find_speech(levels: Tensor, lengths: Tensor, silent_level: float) -> tuple[Tensor, Tensor, Stretches]:
    """Distinguishes frames of speech from pauses of any length, and measures the noise under the speech.

    Frames whose mean level is at most ``silent_level`` are digital silence and are ignored; so are long pauses (see
    :func:`find_stretches`), unless there is nothing else. The contrast of the other frames in a stretch is the mean
    excess of their levels, averaged to 6 bands and over 5 frames, over the 10 % quantiles of these bands; the reference
    is the 15th largest contrast. A frame's weight rises from 0 at 0.4 of the reference to 1 at 0.6 of it, half of the
    range in dB between noise and speech, and falls to 0 again from 1.2 to 1.5, for knocks and clicks. The noise is the
    mean of the frames of least contrast. The reference is at least 4 dB and at least 0.35 of the largest in the
    utterance: nothing in noise alone is speech.

    Args:
        levels: log energies, natural, shape (B, T, F); the content of padding frames must be finite.
        lengths: frames of each utterance, shape (B,).
        silent_level: mean level of digital silence, with its dither.

    Returns:
        The weights, between 0 and 1, shape (B, T), 0 for padding; the noise of each stretch, shape (B, K, F),
        ``silent_level`` in silence; and the stretches.
    """
    is_own = own_frames(levels, lengths)
    bands, is_audible = average_bands(levels, is_own, silent_level)
    weights, noisiness, stretches = rate_frames(bands, is_audible, is_own)
    total = stretches.sum(noisiness)
    return weights, mean_noise(stretches.sum(noisiness * levels), total, silent_level), stretches


def average_bands(levels: Tensor, is_own: Tensor, silent_level: float) -> tuple[Tensor, Tensor]:
    """Returns levels averaged to bands and over five frames, (B, T, 6), and which frames are audible, (B, T)."""
    is_audible = is_own & (levels.mean(2) > silent_level)
    bands = F.adaptive_avg_pool1d(levels, NUM_BANDS) if levels.shape[2] > NUM_BANDS else levels
    bands = smooth(bands, is_audible).masked_fill(~is_audible.unsqueeze(2), silent_level)  # (B, T, F) -> (B, T, 6)
    return bands, is_audible


def mean_noise(sums: Tensor, total: Tensor, silent_level: float) -> Tensor:
    """Returns the noise of each stretch from its sums over frames that are noise and their number: (B, K, F)."""
    return torch.where(total > 0, sums / total.clamp(min=1.0), silent_level)


@torch.no_grad()
def rate_frames(bands: Tensor, is_audible: Tensor, is_own: Tensor) -> tuple[Tensor, Tensor, Stretches]:
    """Returns how much each frame is speech, (B, T), and how much it is noise, (B, T, 1); and the stretches.

    Args:
        bands: from :func:`average_bands`, as well as ``is_audible``.
        is_audible: shape (B, T).
        is_own: which frames are the utterance's own, shape (B, T).
    """
    stretches, is_pause = find_stretches(bands, is_own)
    has_sound = stretches.spread(stretches.sum((is_audible & ~is_pause).unsqueeze(2).float())) > 0  # (B, T, 1)
    is_counted = is_audible & ~(is_pause & has_sound.squeeze(2))
    quiet = stretches.quantile(bands, is_counted, NOISE_SHARE)
    contrast = (bands - stretches.spread(quiet)).clamp(min=0.0).mean(2, keepdim=True)  # (B, T, 1)
    reference = stretches.nth_largest(contrast, is_counted, NUM_LOUDEST)  # (B, K, 1)
    reference = torch.maximum(reference, LEAST_SHARE * reference.amax(1, keepdim=True)).clamp(min=LEAST_CONTRAST)
    shares = contrast / stretches.spread(reference)
    least = stretches.nth_largest(-shares, is_counted, 1).neg()
    noisiness = (1.0 - (shares - stretches.spread(least)) / NOISE_TO).clamp(0.0, 1.0) * is_counted.unsqueeze(2)
    (low, high), (most, too_much) = SPEECH_FROM, SPEECH_TO
    rising, falling = (shares - low) / (high - low), (too_much - shares) / (too_much - most)
    return torch.minimum(rising, falling).squeeze(2).clamp(0.0, 1.0) * is_counted, noisiness, stretches


@torch.no_grad()
def weighted_statistics(
    features: Tensor, weights: Tensor, stretches: Stretches, prior_mean: Tensor, prior_std: Tensor
) -> tuple[Tensor, Tensor]:
    """Returns mean and deviation of each stretch over weighted frames and one more, so that there is one.

    Args:
        features: shape (B, T, F), padding frames 0.
        weights: of each frame, 0 or more, shape (B, T).
        stretches: which frames are counted together.
        prior_mean: of the additional frame, shape (B, K, F).
        prior_std: its deviation, shape (F,).

    Returns:
        Mean and deviation, shape (B, K, F) each; deviations below 0.01 count as 0.01.
    """
    weights = weights.unsqueeze(2)
    total = stretches.sum(weights) + 1.0
    mean = (stretches.sum(weights * features) + prior_mean) / total
    squares = stretches.sum(weights * (features - stretches.spread(mean)).square())
    squares = squares + (prior_mean - mean).square() + prior_std.square()
    return mean, (squares / total).sqrt().clamp(min=SMALLEST_STD)


def smooth(values: Tensor, is_counted: Tensor) -> Tensor:
    """Returns the mean over the counted frames among the five around each frame: (B, T, F), (B, T) -> (B, T, F)."""
    counted = is_counted.unsqueeze(2).to(values.dtype)
    return _sum_around(values * counted) / _sum_around(counted).clamp(min=1.0)


def _sum_around(values: Tensor) -> Tensor:
    padded = F.pad(values, (0, 0, SMOOTHING // 2, SMOOTHING // 2))
    return padded.unfold(1, SMOOTHING, 1).sum(3)  # (B, T + 4, F) -> (B, T, F)
