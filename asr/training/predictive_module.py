"""The Lightning module of predictive models: an encoder that learns from speech without transcripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from asr.checkpoints.predictive import PREDICTIVE
from asr.data.batch import Batch
from asr.features.frontend import FrontEnd
from asr.models.predictive import Errors, Method, PredictiveModel
from asr.text.writing import Writing
from asr.training.schedules import Schedule
from asr.training.stepping import SteppedModule

_NO_WRITINGS: Mapping[str, Writing] = {}


class PredictiveModule(SteppedModule):
    """Trains a :class:`PredictiveModel`.

    Its loss is a mean over the utterances of a step, of each the mean over its predicted values, which are normalised
    features: absolute errors for "apc", squared ones for "autoencoder". Logs ``train/loss_step``, ``train/loss_epoch``
    and ``val/loss``, means over all predicted values and all ranks; ``val/loss_of_copying``, the same for a prediction
    that repeats the last frame that was read; and ``train/gradient_norm``.

    Args besides those of :class:`SteppedModule`:
        frontend: turns waveforms into features.
        encoder: called with the number of values in a feature frame; returns a ``RecurrentEncoder``.
        method: "apc" or "autoencoder"; see :mod:`asr.models.predictive`.
        ahead: with "apc", feature frames from the last one read to the first one predicted.
        window: with "autoencoder", encoder frames of a window.

    Attributes:
        min_frames: encoder frames that an utterance has to have.
        writings: none: no head writes.
    """

    kind = PREDICTIVE
    writings: ClassVar[Mapping[str, Writing]] = _NO_WRITINGS

    def __init__(
        self,
        frontend: FrontEnd,
        encoder: Callable[[int], nn.Module],
        method: Method,
        ahead: int,
        window: int,
        optimizer: OptimizerCallable,
        schedule: Schedule,
        seed: int = 0,
    ) -> None:
        super().__init__(optimizer, schedule, seed)
        self.save_hyperparameters()
        self.model = PredictiveModel(frontend, encoder(frontend.feature_dim), method, ahead, window)
        self.min_frames = self.model.predictor.min_frames

    @property
    def augments_waveforms(self) -> bool:
        """Whether training changes waveforms, which rules out cached features."""
        return self.model.frontend.dither > 0

    def errors(self, batch: Batch) -> Errors:
        """Returns the errors of the predictions of a batch."""
        static, lengths = batch.inputs, batch.lengths
        if batch.kind == "waveforms":
            static, lengths = self.model.frontend.static(static, lengths, batch.seeds)
        errors: Errors = self.model(self.model.frontend.complete(static, lengths), lengths)
        return errors

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Returns this rank's share of the step's loss."""
        errors = self.errors(batch)
        self.check_later(errors.means, batch.utterance_ids)
        self.sum_up({"loss_step": (errors.sums.sum(), errors.counts.sum())}, batch.share.counts)
        return batch.share.part(errors.means.sum(), batch.share.num_utterances)

    def on_validation_epoch_start(self) -> None:
        """Resets the sums."""
        self._totals = torch.zeros(3, dtype=torch.float64, device=self.device)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Adds up the errors of a batch."""
        if batch.share.counts:
            errors = self.errors(batch)
            parts = (errors.sums, errors.copying, errors.counts)
            self._totals += torch.stack([each.double().sum() for each in parts])

    def on_validation_epoch_end(self) -> None:
        """Logs the mean errors over all ranks."""
        for name, place in (("loss", 0), ("loss_of_copying", 1)):
            self.log(f"val/{name}", self.share(self._totals[[place, 2]]))
