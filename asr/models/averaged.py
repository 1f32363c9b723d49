"""The average of several acoustic models."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.models.acoustic import AcousticModel, Encoder

_NUM_LENGTHS = 200  # that are compared, half a frame apart


class AveragedModel(nn.Module):
    """The mean log-probabilities of several models with the same tokens.

    Each has its own front end; sample rates and output lengths are the same.

    Attributes:
        frame_seconds: seconds from one encoder frame to the next.
    """

    frontend: FrontEnd
    encoder: Encoder

    def __init__(self, models: Sequence[AcousticModel]) -> None:
        """Combines models.

        Args:
            models: at least one.

        Raises:
            ConfigError: their frames are at different times.
        """
        super().__init__()
        self.models = nn.ModuleList(models)
        self.frontend, self.encoder = models[0].frontend, models[0].encoder
        self.frame_seconds = models[0].frame_seconds
        if any(_times(model) != _times(models[0]) for model in models):
            raise ConfigError("acoustic models", "their frames come at different times", "take models of one shape")

    @property
    def parts(self) -> list[AcousticModel]:
        """The models."""
        return [model for model in self.models if isinstance(model, AcousticModel)]

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the mean of the log-probabilities, normalised again.

        Args:
            waveforms: samples in [-1, 1] at the front ends' rate, shape (B, S).
            lengths: samples of each, shape (B,).

        Returns:
            Natural-log posteriors, shape (B, N, V), and their lengths, shape (B,).
        """
        heard = [model(waveforms, lengths) for model in self.models]
        mean = torch.stack([log_probs for log_probs, _ in heard]).mean(dim=0)
        return mean.log_softmax(dim=2), heard[0][1]


def average(models: Sequence[AcousticModel]) -> AcousticModel | AveragedModel:
    """Returns a single model as it is, and the average of several.

    Raises:
        ConfigError: their frames are at different times.
    """
    return models[0] if len(models) == 1 else AveragedModel(models)


def _times(model: AcousticModel) -> tuple[int, float, list[int]]:
    samples = torch.arange(_NUM_LENGTHS) * model.frontend.hop_length // 2
    lengths = model.encoder.output_lengths(model.frontend.frame_lengths(samples))
    return model.frontend.sample_rate, model.frame_seconds, lengths.tolist()
