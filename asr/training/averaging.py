"""Exponential moving average of the weights, used for validation, checkpoints and decoding."""

from __future__ import annotations

import lightning
import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor

from asr.errors import ConfigError


class ExponentialMovingAverage(WeightAveraging):
    """Averages the weights after each step, with a decay that grows to its final value.

    The decay of step n is ``min(decay, (1 + n) / (10 + n))``, so that the first weights fade quickly. Buffers, such
    as the statistics of the front end, are copied and not averaged.

    **Source**: Polyak & Juditsky 1992; the growing decay is TensorFlow's.

    Args:
        decay: share of the old average kept at each step; values nearer to 1 average over more steps.

    Raises:
        ConfigError: the decay is not from 0 to below 1.
    """

    def __init__(self, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ConfigError("weight averaging", f"decay is {decay}", "take one from 0 to below 1, such as 0.999")
        self._decay = decay
        super().__init__(use_buffers=False, multi_avg_fn=self._average)

    def setup(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        """Puts the average on the training device, to which the model itself moves only later."""
        self._device = trainer.strategy.root_device
        super().setup(trainer, pl_module, stage)

    def _average(self, averaged: list[Tensor], current: list[Tensor], num_averaged: Tensor) -> None:
        updates = self._latest_update_step
        decay = min(self._decay, (1 + updates) / (10 + updates))
        torch._foreach_lerp_(averaged, current, 1.0 - decay)
