"""Gaussian noise on the weights while gradients are computed."""

from __future__ import annotations

import math

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from asr.errors import ConfigError
from asr.features.random import utterance_seed


class WeightNoise(Callback):
    """Adds noise to all weights for the forward and backward pass of a batch, and removes it before the step.

    The noise is drawn once per batch; with ``data.max_batch_size=1`` once per sequence, as in Graves. Validation,
    checkpoints and averages see the weights without noise. Train without it first, then start with ``init_from``.

    **Source**: Graves 2011, "Practical variational inference for neural networks", with a fixed deviation as in Graves,
    Mohamed & Hinton 2013 (0.075).

    Args:
        std: standard deviation of the noise, the same for all weights, including biases.
        seed: seed of the noise, which otherwise depends only on the batch number: all ranks draw the same.

    Raises:
        ConfigError: the deviation is negative.
    """

    def __init__(self, std: float, seed: int = 0) -> None:
        if not 0 <= std < math.inf:
            raise ConfigError("weight noise", f"std is {std}", "it has to be 0 or more")
        self.std, self.seed = std, seed
        self._clean: list[Tensor] = []

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_arguments: object
    ) -> None:
        """Stores the weights and adds noise to them."""
        seed = utterance_seed(self.seed, trainer.fit_loop.total_batch_idx, "weight noise, rank 0")  # as before
        generator = torch.Generator(pl_module.device).manual_seed(seed)
        weights = [weight for weight in pl_module.parameters() if weight.requires_grad]
        self._clean = [weight.detach().clone() for weight in weights]
        for weight in weights:
            noise = torch.randn(weight.shape, generator=generator, device=weight.device, dtype=weight.dtype)
            weight.data.add_(noise, alpha=self.std)

    def on_after_backward(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Restores the weights."""
        weights = [weight for weight in pl_module.parameters() if weight.requires_grad]
        for weight, clean in zip(weights, self._clean, strict=True):
            weight.data.copy_(clean)
        self._clean = []
