"""Mean and deviation of an utterance's features: over all of its frames, or over its speech alone."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from asr.features.deltas import add_deltas

SMALLEST_STD = 0.01

_NUM_BANDS = 10  # that levels are averaged to: the noise of a single filter swings too much to tell speech by it
_SMOOTHING = 5  # frames, for the same reason
_NOISE_SHARE = 0.1  # of the audible frames lies below the noise: pauses make up more of any utterance
_NUM_LOUDEST = 15  # frames: the reference is the least of them, so that a knock of 0.1 s does not set it
_LEAST_CONTRAST = 1.0  # nats, the mean over the bands (4 dB): steady noise has 0.4, speech in noise as loud as it 2
_SPEECH_FROM = (0.4, 0.6)  # of the reference's contrast: below it is no speech, above it is, between it counts in part
_SPEECH_TO = (1.2, 1.5)  # the same for what is too loud to be speech beside the rest
_NOISE_TO = 0.2  # of the reference's contrast: what has least contrast is noise, what has so much more is none
_PRIOR_LEVEL, _PRIOR_STD = 4.0, 1.5  # nats: of the one frame that is always counted, above the noise


def own_frames(features: Tensor, lengths: Tensor) -> Tensor:
    """Returns which frames are an utterance's own and not padding: (B, T, *), (B,) -> (B, T)."""
    return torch.arange(features.shape[1], device=features.device) < lengths.to(features.device).unsqueeze(1)


def clear_padding(features: Tensor, lengths: Tensor) -> Tensor:
    """Returns features with padding frames 0, shape (B, T, F), whatever was in them."""
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
    """Returns features with differences that have mean 0 and deviation 1 over the speech of each utterance.

    No level lies below the noise under the speech (see :func:`find_speech`), so that digital silence looks like the
    recording's own pauses. Every utterance is taken to have one frame of speech 17 dB above its noise, beside what is
    found: what has no speech in it lies far below 0, as pauses do.

    Args:
        static: static values, shape (B, T, F), padding frames 0.
        lengths: frames of each utterance, shape (B,).
        delta_order: differences to append.
        silent_level: mean level of digital silence, with its dither.
        to_levels: static values to log energies, shape (F, L); None where they are such.
        from_levels: back again, shape (L, F).

    Returns:
        Shape (B, T, F * (delta_order + 1)), padding frames 0.
    """
    if static.shape[1] == 0:
        return add_deltas(static, lengths, delta_order)
    levels = static if to_levels is None else static @ to_levels
    weights, noise = find_speech(levels, lengths, silent_level)
    raised, prior_mean, prior_std = torch.maximum(levels, noise), noise + _PRIOR_LEVEL, levels.new_ones(levels.shape[2])
    if from_levels is not None:  # what the levels do not say of the static values stays as it is
        raised, prior_mean = static + (raised - levels) @ from_levels, prior_mean @ from_levels
        prior_std = (prior_std @ from_levels).abs().clamp(min=1.0)
    features = clear_padding(add_deltas(raised, lengths, delta_order), lengths)
    num_differences = features.shape[2] - static.shape[2]
    prior_mean, prior_std = F.pad(prior_mean, (0, num_differences)), F.pad(prior_std, (0, num_differences), value=1.0)
    mean, std = weighted_statistics(features, weights, prior_mean, _PRIOR_STD * prior_std)
    return clear_padding((features - mean) / std.clamp(min=SMALLEST_STD), lengths)


@torch.no_grad()
def find_speech(levels: Tensor, lengths: Tensor, silent_level: float) -> tuple[Tensor, Tensor]:
    """Tells the frames of speech from pauses, however long these are, and measures the noise under the speech.

    Frames at ``silent_level`` or below it, averaged over their levels, are digital silence, which says nothing about
    the recording. Of the others, the contrast is how far their levels, averaged to 10 bands and over 5 frames, exceed
    the 10 % quantiles of these bands in the mean; the reference is the 15th largest contrast. A frame's weight rises
    from 0 at 0.4 of the reference to 1 at 0.6 of it, half of the range in dB between noise and speech, and falls to 0
    again from 1.2 to 1.5, for knocks and clicks. The noise is the mean of the frames of least contrast. More zeros,
    dither or room tone hardly move any of these, and no weight is a step. Where the reference is below 4 dB, as in
    noise without speech, it counts as 4 dB, so that nothing is speech.

    Args:
        levels: log energies, natural, shape (B, T, F); the content of padding frames has to be finite.
        lengths: frames of each utterance, shape (B,).
        silent_level: mean level of digital silence, with its dither.

    Returns:
        The weights, between 0 and 1, shape (B, T), 0 for padding; and the noise, shape (B, 1, F), ``silent_level``
        where all is silence.
    """
    is_audible = own_frames(levels, lengths) & (levels.mean(2) > silent_level)
    bands = F.adaptive_avg_pool1d(levels, _NUM_BANDS) if levels.shape[2] > _NUM_BANDS else levels
    bands = smooth(bands, is_audible)  # (B, T, F) -> (B, T, 10)
    contrast = (bands - _quantiles(bands, is_audible, silent_level)).clamp(min=0.0).mean(2)  # (B, T)
    loudest = contrast.masked_fill(~is_audible, 0.0).topk(min(_NUM_LOUDEST, contrast.shape[1]), dim=1).values
    reference = loudest[:, -1:].clamp(min=_LEAST_CONTRAST)
    above_least = contrast - contrast.masked_fill(~is_audible, torch.inf).amin(1, keepdim=True)
    is_noise = (1.0 - above_least / (_NOISE_TO * reference)).clamp(min=0.0).masked_fill(~is_audible, 0.0).unsqueeze(2)
    total = is_noise.sum(1, keepdim=True)
    noise = torch.where(total > 0, (is_noise * levels).sum(1, keepdim=True) / total.clamp(min=1.0), silent_level)
    (low, high), (most, too_much) = _SPEECH_FROM, _SPEECH_TO
    shares = contrast / reference
    rising, falling = (shares - low) / (high - low), (too_much - shares) / (too_much - most)
    return torch.minimum(rising, falling).clamp(0.0, 1.0).masked_fill(~is_audible, 0.0), noise


@torch.no_grad()
def weighted_statistics(
    features: Tensor, weights: Tensor, prior_mean: Tensor, prior_std: Tensor
) -> tuple[Tensor, Tensor]:
    """Returns mean and deviation of each utterance over weighted frames and one more, so that there is always one.

    Args:
        features: shape (B, T, F), padding frames 0.
        weights: of each frame, 0 or more, shape (B, T).
        prior_mean: of the frame that is counted beside them, shape (B, 1, F).
        prior_std: its deviation, shape (F,).

    Returns:
        Mean and deviation, shape (B, 1, F) each.
    """
    weights = weights.unsqueeze(2)
    total = weights.sum(1, keepdim=True) + 1.0
    mean = ((weights * features).sum(1, keepdim=True) + prior_mean) / total
    squares = (weights * (features - mean).square()).sum(1, keepdim=True)
    return mean, ((squares + (prior_mean - mean).square() + prior_std.square()) / total).sqrt()


def smooth(values: Tensor, is_counted: Tensor) -> Tensor:
    """Returns the mean over the five frames around each one, of those that count: (B, T, F), (B, T) -> (B, T, F)."""

    def average(values: Tensor) -> Tensor:
        return F.avg_pool1d(values.transpose(1, 2), _SMOOTHING, stride=1, padding=_SMOOTHING // 2).transpose(1, 2)

    counted = is_counted.unsqueeze(2)
    shares = average(counted.to(values.dtype)).clamp(min=0.5 / _SMOOTHING)
    return average(values.masked_fill(~counted, 0.0)) / shares


def _quantiles(values: Tensor, is_counted: Tensor, otherwise: float) -> Tensor:
    """Returns the 10 % quantile of each value over the frames that count: (B, T, F), (B, T) -> (B, 1, F)."""
    counts = is_counted.sum(1).view(-1, 1, 1)
    ordered = values.masked_fill(~is_counted.unsqueeze(2), torch.inf).transpose(1, 2).sort(dim=2).values  # (B, F, T)
    last = (counts - 1).clamp(min=0)
    places = _NOISE_SHARE * last
    below = places.long()

    def at(index: Tensor) -> Tensor:
        return ordered.gather(2, index.expand(-1, ordered.shape[1], 1))

    found = torch.lerp(at(below), at(torch.minimum(below + 1, last)), places - below)
    return torch.where(counts > 0, found, otherwise).transpose(1, 2)
