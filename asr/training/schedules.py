"""Learning-rate schedules, all counted in optimiser steps of the whole run."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from asr.errors import ConfigError

_WHERE = "model.schedule"


class Schedule(ABC):
    """Scales the optimiser's learning rate by a factor that depends on the step."""

    def __call__(self, optimizer: Optimizer, total_steps: int) -> LambdaLR:
        """Returns the scheduler.

        Args:
            optimizer: its learning rate is the peak.
            total_steps: optimiser steps of the whole run.
        """
        return LambdaLR(optimizer, lambda step: self.factor(min(step, total_steps), total_steps))

    @abstractmethod
    def factor(self, step: int, total_steps: int) -> float:
        """Returns the share of the learning rate at a step, between 0 and 1."""


class Constant(Schedule):
    """Keeps the optimiser's learning rate throughout."""

    def factor(self, step: int, total_steps: int) -> float:
        """Returns 1."""
        return 1.0


class OneCycle(Schedule):
    """Rises along a cosine to the peak, then falls along a cosine to almost nothing.

    **Source**: Smith & Topin 2018, two phases.

    Args:
        warmup_fraction: share of all steps before the peak.
        start: share of the peak at the first step.
        end: share of the peak at the last step.

    Raises:
        ConfigError: a share is not in 0..1.

    Example:
        >>> [round(OneCycle(warmup_fraction=0.5).factor(step, 4), 3) for step in range(5)]
        [0.04, 0.52, 1.0, 0.5, 0.0]
    """

    def __init__(self, warmup_fraction: float = 0.25, start: float = 0.04, end: float = 1e-4) -> None:
        if not all(0 <= share <= 1 for share in (warmup_fraction, start, end)):
            found = f"warmup_fraction is {warmup_fraction}, start {start}, end {end}"
            raise ConfigError(_WHERE, found, "give shares in 0..1")
        self.warmup_fraction, self.start, self.end = warmup_fraction, start, end

    def factor(self, step: int, total_steps: int) -> float:
        """Returns the share of the peak."""
        warmup = self.warmup_fraction * total_steps
        if step < warmup:
            return _cosine(self.start, 1.0, step / warmup)
        return _cosine(1.0, self.end, (step - warmup) / max(1.0, total_steps - warmup))


class WarmupInverseSquareRoot(Schedule):
    """Rises linearly over a number of steps, then falls with the inverse square root of the step.

    **Source**: Vaswani et al. 2017.

    Args:
        warmup_steps: steps before the peak.

    Raises:
        ConfigError: there are none.
    """

    def __init__(self, warmup_steps: int) -> None:
        if warmup_steps < 1:
            raise ConfigError(_WHERE, f"warmup_steps is {warmup_steps}", "give 1 or more, or take another schedule")
        self.warmup_steps = warmup_steps

    def factor(self, step: int, total_steps: int) -> float:
        """Returns the share of the peak."""
        return min((step + 1) / self.warmup_steps, math.sqrt(self.warmup_steps / (step + 1)))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1.0 + math.cos(math.pi * share)) / 2.0
