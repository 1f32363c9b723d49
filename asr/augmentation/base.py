"""The base of augmentations, which act only in training, outside autocast, and by each utterance's own seed."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from asr.augmentation.recordings import Recordings
from asr.errors import ConfigError
from asr.features.normalisation import own_frames
from asr.features.random import uniform


class Stage(enum.Enum):
    """What an augmentation acts on."""

    WAVEFORMS = enum.auto()
    STATIC = enum.auto()
    FEATURES = enum.auto()


@dataclass(frozen=True)
class Step:
    """An optimiser step, as augmentations see it.

    Attributes:
        seed: 0 <= seed < 2**63, equal on all ranks.
        joints: first frame of the second of two joined utterances, 0 for a single one, shape (B,); None in steps that
            join none.
    """

    seed: int = 0
    joints: Tensor | None = None


ANY_STEP = Step()


class Augmentation(nn.Module, ABC):
    """Changes each utterance of a batch by its own seed, independently of the rest of the batch.

    A front end is the first argument of every constructor: it determines the sample rate and the content of a frame.
    Nothing is stored in a checkpoint.

    Attributes:
        stage: what it acts on.
        turn: position within its stage; equal turns act in the order of the list.
        recordings: that it needs, read before training begins.
    """

    stage: ClassVar[Stage]
    turn: ClassVar[int] = 0
    recordings: Recordings | None = None

    def forward(self, values: Tensor, lengths: Tensor, seeds: Tensor, step: Step = ANY_STEP) -> tuple[Tensor, Tensor]:
        """Changes a batch.

        Args:
            values: waveforms, shape (B, S), or static values or features, shape (B, T, F).
            lengths: samples or frames of each utterance, shape (B,).
            seeds: int64, shape (B,), from :func:`asr.features.random.utterance_seed`.
            step: of the batch.

        Returns:
            Values and lengths; the same objects outside training and without samples or frames.
        """
        if not self.training or values.shape[1] == 0:
            return values, lengths
        with torch.autocast(values.device.type, enabled=False):
            return self.change(values, lengths.to(values.device), seeds.to(values.device), step)

    @abstractmethod
    def change(self, values: Tensor, lengths: Tensor, seeds: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        """Implements :meth:`forward`, with all tensors on one device and at least one sample or frame."""


class WaveformAugmentation(Augmentation):
    """Changes some waveforms of a batch, but neither their lengths nor their padding.

    Attributes:
        choice: stream of the number that selects utterances, and its position in the stream.
    """

    stage = Stage.WAVEFORMS
    choice: ClassVar[tuple[int, int]]

    def __init__(self, probability: float) -> None:
        """Raises a :class:`ConfigError` unless the share of changed utterances is in 0..1."""
        super().__init__()
        if not 0 <= probability <= 1:
            raise ConfigError(f"{type(self).__name__}, probability", f"is {probability}", "give a number in 0..1")
        self.probability = probability

    def change(self, values: Tensor, lengths: Tensor, seeds: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        """Changes the selected waveforms."""
        if self.probability == 0:
            return values, lengths
        stream, place = self.choice
        is_chosen = uniform(seeds, place + 1, stream)[:, place:] < self.probability  # (B, 1)
        is_own = own_frames(values, lengths)  # samples here
        return torch.where(is_own & is_chosen, self.change_all(values, lengths, is_own, seeds), values), lengths

    @abstractmethod
    def change_all(self, waveforms: Tensor, lengths: Tensor, is_own: Tensor, seeds: Tensor) -> Tensor:
        """Returns all waveforms changed, with any padding: (B, S); ``is_own``, (B, S), tells samples from padding."""

    def check_range(self, **settings: tuple[float, float]) -> None:
        """Raises a :class:`ConfigError` for settings that are not the lower and upper end of a range."""
        for name, bounds in settings.items():
            if len(bounds) != 2 or bounds[0] > bounds[1]:
                where, found = f"{type(self).__name__}, {name}", f"is {list(bounds)}"
                raise ConfigError(where, found, "give the lowest and the highest")


def energies(waveforms: Tensor, is_own: Tensor) -> Tensor:
    """Returns the sum of the squares of each utterance's own samples: (B, S), (B, S) -> (B,).

    Example:
        >>> energies(torch.tensor([[1.0, 2.0, 9.0]]), torch.tensor([[True, True, False]])).tolist()
        [5.0]
    """
    return waveforms.masked_fill(~is_own, 0.0).square().sum(1)
