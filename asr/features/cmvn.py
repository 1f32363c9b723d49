"""Mean and deviation of features over a training set."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from asr.errors import ConfigError, DataError
from asr.features.description import read_description, write_description
from asr.features.frontend import FrontEnd
from asr.features.normalisation import own_frames


class Statistics:
    """Accumulates the mean and deviation of each feature over batches of frames.

    Sums are float64 on the CPU; :meth:`merge` adds those of other processes.

    Example:
        >>> statistics = Statistics(1)
        >>> statistics.update(torch.tensor([[[1.0], [3.0], [99.0]]]), torch.tensor([2]))
        >>> statistics.num_frames, statistics.mean.item(), statistics.std.item()
        (2, 2.0, 1.0)
    """

    def __init__(self, feature_dim: int) -> None:
        """Starts without frames, of ``feature_dim`` values each."""
        self.num_frames = 0
        self._mean = torch.zeros(feature_dim, dtype=torch.float64)
        self._squares = torch.zeros(feature_dim, dtype=torch.float64)  # sum of squared distances from the mean

    def update(self, features: Tensor, lengths: Tensor) -> None:
        """Adds the frames of a batch.

        Args:
            features: before normalisation (:meth:`FrontEnd.add_deltas`), shape (B, T, F).
            lengths: frames of each utterance, shape (B,).
        """
        frames = own_frames(features, lengths)
        part = Statistics(features.shape[2])
        part.num_frames = int(frames.sum())
        if not part.num_frames:
            return
        values = features.detach()[frames].double()  # (frames of all, F)
        part._mean = values.mean(0).cpu()
        part._squares = (values - values.mean(0)).square().sum(0).cpu()
        self.merge(part)

    def merge(self, other: Statistics) -> None:
        """Adds the frames of another instance.

        **Source**: Chan, Golub & LeVeque (1979), which stays exact where differences of large sums would not.
        """
        total = self.num_frames + other.num_frames
        if not total:
            return
        distance = other._mean - self._mean
        self._mean = self._mean + distance * (other.num_frames / total)
        self._squares = (
            self._squares + other._squares + distance.square() * (self.num_frames * other.num_frames / total)
        )
        self.num_frames = total

    @property
    def mean(self) -> Tensor:
        """Mean of each feature, float32, shape (F,)."""
        return self._mean.float()

    @property
    def std(self) -> Tensor:
        """Deviation of each feature (divided by the number of frames), float32, shape (F,)."""
        return (self._squares / max(1, self.num_frames)).sqrt().float()


def save_statistics(path: str | Path, statistics: Statistics, frontend: FrontEnd) -> None:
    """Writes statistics with the settings of their front end as JSON.

    Raises:
        DataError: no frame was counted, or the file cannot be written.
    """
    if not statistics.num_frames:
        raise DataError(path, "no frames were counted for it", "give utterances of at least one frame")
    mean, std = statistics.mean.tolist(), statistics.std.tolist()
    write_description(path, frontend, num_frames=statistics.num_frames, mean=mean, std=std)


def load_statistics(path: str | Path, frontend: FrontEnd) -> None:
    """Sets the statistics of a front end to those that :func:`save_statistics` wrote.

    Raises:
        DataError: the file is missing or holds no statistics.
        ConfigError: they belong to a front end with other settings.
    """
    content = read_description(path, frontend)
    try:
        mean, std = (torch.tensor(content[name], dtype=torch.float32) for name in ("mean", "std"))
        order = content["settings"]["delta_order"]
    except (KeyError, TypeError, ValueError):
        raise DataError(path, "has no feature statistics", "write it with: asr features --cmvn") from None
    if order != frontend.delta_order:
        found = f"was counted with delta_order {order}, this front end has {frontend.delta_order}"
        raise ConfigError(path, found, "count it again: asr features --cmvn, with the same --frontend")
    frontend.set_statistics(mean, std)
