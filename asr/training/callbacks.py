"""Callbacks: checkpoints to resume from and to compare with, and one line of log per epoch."""

from __future__ import annotations

import logging
import re
import signal
import time
from pathlib import Path

import lightning
from lightning.pytorch.callbacks import Callback, Checkpoint

from asr import interruption
from asr.training.stepping import SteppedModule

logger = logging.getLogger(__name__)

MINUTE = 60.0  # seconds
_RATE = re.compile(r"val/(\w+_)?(cer|wer|per)")  # of the main head, or of another one


class LastCheckpoint(Checkpoint):
    """Writes one file every few steps and at the end of each epoch; training resumes from it exactly.

    After the last batch of an epoch nothing is written until the epoch ends: a checkpoint between the two would lose
    the validation. A signal to stop takes effect where the file is written: after a step, or after the validation.

    Args:
        path: the file, overwritten each time.
        every_num_steps: optimiser steps between checkpoints.
    """

    def __init__(self, path: str, every_num_steps: int) -> None:
        self.path, self.every_num_steps = Path(path), every_num_steps
        self._saved_step = 0
        self._stops = False

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Makes signals wait for the end of a step from now on."""
        interruption.hold()

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_arguments: object
    ) -> None:
        """Stops training if the file was written for that purpose."""
        if self._stops:
            self._stop(trainer)

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_arguments: object
    ) -> None:
        """Writes the file when enough steps have passed, or when training was told to stop."""
        assert isinstance(pl_module, SteppedModule)
        stops = pl_module.is_stop_agreed
        due = stops or trainer.global_step - self._saved_step >= self.every_num_steps
        if due and not trainer.fit_loop.epoch_loop.batch_progress.is_last_batch:
            self._save(trainer)
            self._stops = stops  # before the next step, because this one has not been logged yet

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Writes the file after the epoch's validation."""
        self._save(trainer)
        if trainer.strategy.reduce_boolean_decision(bool(interruption.wanted()), all=False):
            self._stop(trainer)

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Makes signals end the process at once from now on."""
        interruption.release()

    def _save(self, trainer: lightning.Trainer) -> None:
        self._saved_step = trainer.global_step
        trainer.save_checkpoint(self.path)

    def _stop(self, trainer: lightning.Trainer) -> None:
        signum = signal.Signals(interruption.wanted() or signal.SIGTERM)
        found = f"stopped by {signum.name} after step {trainer.global_step:,}, in epoch {trainer.current_epoch}"
        remedy = f"go on with: asr train --config {self.path.with_name('config.yaml')} ckpt_path=last"
        raise interruption.InterruptionError(str(self.path), found, remedy, signum)

    def state_dict(self) -> dict[str, int]:
        """Returns the step of the last checkpoint."""
        return {"saved_step": self._saved_step}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Restores the step of the last checkpoint."""
        self._saved_step = state_dict["saved_step"]


class InitialCheckpoint(Checkpoint):
    """Writes the weights before the first step, to compare a trained model with."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Writes the file, unless training is resumed."""
        if trainer.global_step == 0:
            trainer.save_checkpoint(self.path)


class EpochLog(Callback):
    """Logs one line per epoch: losses, perplexity, error rates, learning rate, time; in long ones also per minute."""

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Starts the clock here, because an epoch resumed in its middle has no start of its own."""
        self._start = self._shown = time.monotonic()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_arguments: object
    ) -> None:
        """Logs how far the epoch has got."""
        now = time.monotonic()
        if now - self._shown >= MINUTE:
            self._shown = now
            done, loss = trainer.fit_loop.batch_idx + 1, float(trainer.callback_metrics["train/loss_step"])
            logger.info(
                "epoch %d: %d of %s batches, train/loss %.3f",
                trainer.current_epoch,
                done,
                trainer.num_training_batches,
                loss,
            )

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Logs the line of the epoch, on the first rank."""
        assert isinstance(pl_module, SteppedModule)
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        metrics["train/loss_epoch"] = pl_module.epoch_loss  # the module logs it only after this hook
        losses = {"train/loss": "train/loss_epoch", "val/loss": "val/loss", "of copying": "val/loss_of_copying"}
        shown = [f"{label} {metrics[name]:.3f}" for label, name in losses.items() if name in metrics]
        shown += [f"{name} {metrics[name]:.2f}" for name in ("val/perplexity",) if name in metrics]
        shown += [f"{name} {100 * metrics[name]:.2f} %" for name in sorted(metrics) if _RATE.fullmatch(name)]
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        now = time.monotonic()
        seconds, self._start, self._shown = now - self._start, now, now
        logger.info("epoch %d: %s, learning rate %.2e, %.1f s", trainer.current_epoch, ", ".join(shown), rate, seconds)
