"""An acoustic model without torch: front end in NumPy, network in onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asr.portable.deltas import Floats
from asr.portable.frontend import PortableFrontEnd
from asr.portable.network import Network


@dataclass(frozen=True, eq=False)
class PortableModel:
    """Turns waveforms into log-probabilities of tokens, as :class:`asr.models.acoustic.AcousticModel` does.

    Attributes:
        frontend: waveforms to features.
        network: features to log-probabilities.
        time_stride: feature frames for one frame of log-probabilities.
    """

    frontend: PortableFrontEnd
    network: Network
    time_stride: int

    @property
    def frame_seconds(self) -> float:
        """Seconds from one frame of log-probabilities to the next."""
        return self.time_stride * self.frontend.hop_length / self.frontend.sample_rate

    def num_frames(self, num_samples: int) -> int:
        """Returns the frames of log-probabilities of a waveform of so many samples."""
        return self.network.output_length(self.frontend.frame_length(num_samples))

    def log_probs(self, waveforms: Sequence[Floats]) -> list[Floats]:
        """Returns natural-log posteriors, shape (N, V), of each waveform, shape (S,), of at least one frame."""
        return self.network([self.frontend(waveform) for waveform in waveforms])


def mean_log_probs(models: Sequence[PortableModel], waveforms: Sequence[Floats]) -> list[Floats]:
    """Returns the mean of what models hear, normalised anew: see :class:`asr.models.averaged.AveragedModel`.

    Args:
        models: at least one, all of the same tokens and frames.
        waveforms: of at least one frame, shape (S,) each.
    """
    heard = [model.log_probs(waveforms) for model in models]
    if len(heard) == 1:
        return heard[0]
    means = [np.mean(each, axis=0) for each in zip(*heard, strict=True)]
    return [mean - np.logaddexp.reduce(mean, axis=1, keepdims=True) for mean in means]
