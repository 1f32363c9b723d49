"""Checkpoints that are whole or not there at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from asr.errors import CheckpointError, DataError
from asr.files import written_whole


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the file, flushes to the disk, then renames: a crash or a full disk leaves the old checkpoint."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Writes a checkpoint.

        Args:
            checkpoint: what Lightning wants to keep.
            path: where.
            storage_options: not used.

        Raises:
            CheckpointError: if it cannot be written, with the reason; the old file is still there then.
        """
        try:
            with written_whole(path) as beside, beside.open("wb") as stream:
                torch.save(checkpoint, stream)
                stream.flush()
                os.fsync(stream.fileno())
        except (DataError, RuntimeError) as error:
            reason = error.found if isinstance(error, DataError) else f"cannot be written ({error})"
            remedy = "make room, then resume with ckpt_path= and the last checkpoint"
            raise CheckpointError(path, reason, remedy) from error
