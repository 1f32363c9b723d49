"""Keeps notes and known warnings of Lightning out of the log."""

from __future__ import annotations

import logging
import warnings

_KNOWN_WARNINGS = (
    "Checkpoint directory .* exists and is not empty",  # it holds the run's config.yaml
    "The '.*_dataloader' does not have many workers",  # one process reads faster than a CPU trains
    "The `srun` command is available",
    "GPU available but not used",
    r"Found \d+ module\(s\) in eval mode at the start of training",  # layers that a plan freezes
    "You're resuming from a checkpoint that ended before the epoch ended",  # SpeechData keeps the position
    "The number of training batches .* is smaller than the logging interval",  # epoch means are logged all the same
    r"It is recommended to use `self.log\('(val/|train/loss_epoch).*sync_dist=True",  # summed over the ranks already
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",  # lightning 2.6 beside torch 2.11
)


def quieten_lightning() -> None:
    """Silences them; called after Lightning is imported, because its loggers set their own level then."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in _KNOWN_WARNINGS:
        warnings.filterwarnings("ignore", message=message)
