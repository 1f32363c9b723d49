"""Mean and deviation of features over a training set."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from asr.errors import ConfigError, DataError
from asr.features.frontend import FrontEnd


class Statistics:
    """Counts frames, batch by batch, towards the mean and deviation of each feature.

    Sums are kept in float64 on the CPU; parts counted by different processes are added with :meth:`merge`.

    Example:
        >>> statistics = Statistics(1)
        >>> statistics.update(torch.tensor([[[1.0], [3.0], [99.0]]]), torch.tensor([2]))
        >>> statistics.num_frames, statistics.mean.item(), statistics.std.item()
        (2, 2.0, 1.0)
    """

    def __init__(self, feature_dim: int) -> None:
        """Starts with no frames.

        Args:
            feature_dim: values of a frame, F.
        """
        self.num_frames = 0
        self._mean = torch.zeros(feature_dim, dtype=torch.float64)
        self._squares = torch.zeros(feature_dim, dtype=torch.float64)  # sum of squared distances from the mean

    def update(self, features: Tensor, lengths: Tensor) -> None:
        """Counts the frames of a batch.

        Args:
            features: before normalisation (:meth:`FrontEnd.add_deltas`), shape (B, T, F).
            lengths: frames of each utterance, shape (B,).
        """
        frames = torch.arange(features.shape[1], device=features.device) < lengths.to(features.device).unsqueeze(1)
        part = Statistics(features.shape[2])
        part.num_frames = int(frames.sum())
        if not part.num_frames:
            return
        values = features.detach()[frames].double()  # (frames of all, F)
        part._mean = values.mean(0).cpu()
        part._squares = (values - values.mean(0)).square().sum(0).cpu()
        self.merge(part)

    def merge(self, other: Statistics) -> None:
        """Adds the frames that another one counted.

        Source: Chan, Golub & LeVeque (1979), which stays exact where differences of large sums would not.
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
    """Writes statistics with the settings of their front end as JSON; the file appears whole or not at all.

    Raises:
        DataError: no frame was counted.
    """
    path = Path(path)
    if not statistics.num_frames:
        raise DataError(path, "no frames were counted for it", "give utterances of at least one frame")
    content = {
        "fingerprint": frontend.fingerprint,
        "settings": frontend.settings(),
        "num_frames": statistics.num_frames,
        "mean": statistics.mean.tolist(),
        "std": statistics.std.tolist(),
    }
    write_json(path, content)


def load_statistics(path: str | Path, frontend: FrontEnd) -> None:
    """Gives a front end the statistics that :func:`save_statistics` wrote.

    Raises:
        DataError: the file is missing, or not one of statistics.
        ConfigError: they belong to a front end with other settings.
    """
    content = read_json(path)
    try:
        mean, std = (torch.tensor(content[name], dtype=torch.float32) for name in ("mean", "std"))
        order, fingerprint = int(content["settings"]["delta_order"]), content["fingerprint"]
    except (KeyError, TypeError, ValueError):
        raise DataError(path, "is not a file of feature statistics", "write it with: asr features --cmvn") from None
    if (fingerprint, order) != (frontend.fingerprint, frontend.delta_order):
        wanted = frontend.settings()
        other = ", ".join(name for name, value in content["settings"].items() if wanted.get(name) != value)
        remedy = "compute them again with the settings of this front end"
        raise ConfigError(
            path, f"holds the statistics of another front end (it differs in {other or 'version'})", remedy
        )
    frontend.set_statistics(mean, std)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes a file of JSON that appears whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def read_json(path: str | Path) -> dict[str, Any]:
    """Reads a file of JSON that holds one object.

    Raises:
        DataError: it is missing, or holds something else.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})", "check the path") from None
    except ValueError as error:
        raise DataError(path, f"is not JSON ({error})", "write it again") from None
    if not isinstance(content, dict):
        raise DataError(path, "is not a JSON object", "write it again")
    return content
