"""Training of a sparse network: the weights that a trained one has least of stay zero."""

from __future__ import annotations

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from asr.checkpoints.acoustic import ACOUSTIC
from asr.checkpoints.reading import read_model
from asr.errors import CheckpointError
from asr.models.sparsity import check_sparsity, largest_weights, layer_weights, random_weights

_PREFIX = "model."


class SparseWeights(Callback):
    """Keeps the weights at zero that are smallest in a trained network.

    Trained again from the beginning of that network (``init_from=.../initial.ckpt``), what is left is a lottery ticket;
    trained on from its end (``init_from=.../last.ckpt``), it is the older fine-tuning after pruning.

    **Source**: Frankle & Carbin 2019, in one step; Han et al. 2015.

    Args:
        checkpoint: the trained network, whose encoder has the same weights.
        sparsity: share of the weights of each matrix of the encoder that stay zero.
        random_seed: seed of a random choice of as many weights, to compare with; None takes the smallest.

    Raises:
        ConfigError: the sparsity is not from 0 to below 1.
        CheckpointError: when training begins, the checkpoint cannot be read, or its encoder is another one.
    """

    def __init__(self, checkpoint: str, sparsity: float, random_seed: int | None = None) -> None:
        check_sparsity(sparsity)
        self.checkpoint, self.sparsity, self.random_seed = checkpoint, sparsity, random_seed
        self._masks: dict[str, Tensor] = {}

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Clears the weights."""
        self._masks = self._read_masks(pl_module)
        with torch.no_grad():
            for name, weight in pl_module.named_parameters():
                if name in self._masks:
                    weight.mul_(self._masks[name])

    def on_after_backward(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Clears their gradients, so that neither clipping nor the optimiser knows of them."""
        for name, weight in pl_module.named_parameters():
            if name in self._masks and weight.grad is not None:
                weight.grad.mul_(self._masks[name])

    def _read_masks(self, pl_module: lightning.LightningModule) -> dict[str, Tensor]:
        """Returns the masks by the names of the weights, on their device."""
        state = read_model(self.checkpoint, ACOUSTIC.incomplete, ACOUSTIC.remedy).state
        network = pl_module.get_submodule(_PREFIX.rstrip("."))
        weights = {}
        for name, weight in layer_weights(network).items():
            trained = state.get(_PREFIX + name)
            if not isinstance(trained, Tensor) or trained.shape != weight.shape:
                found = f"has no {name} of shape {tuple(weight.shape)}"
                raise CheckpointError(self.checkpoint, found, "give a checkpoint of the network that is trained")
            weights[name] = trained
        if self.random_seed is None:
            masks = largest_weights(weights, self.sparsity)
        else:
            masks = random_weights(weights, self.sparsity, self.random_seed)
        return {_PREFIX + name: mask.to(pl_module.device) for name, mask in masks.items()}
