"""A callback for the resume test: the process dies without a word."""

from __future__ import annotations

import os
import signal
from typing import Any

import lightning


class KillAt(lightning.Callback):
    """Sends SIGKILL to its own process behind a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(self, trainer: lightning.Trainer, *_arguments: Any) -> None:
        if trainer.global_step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)
