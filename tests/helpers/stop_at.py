"""A callback for resume tests in one process: training fails at a step."""

from __future__ import annotations

from typing import Any

import lightning

from asr.errors import AsrError
from asr.runs.allowed import allow


class StopAt(lightning.Callback):
    """Raises an error behind a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(self, trainer: lightning.Trainer, *_arguments: Any) -> None:
        if trainer.global_step == self.step:
            raise AsrError(f"step {self.step}", "stopped")


allow(StopAt)
