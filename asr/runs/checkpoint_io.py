"""Checkpoints that are complete or absent, never half-written."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from asr.checkpoints.reading import read_checkpoint
from asr.errors import CheckpointError, DataError
from asr.files import written_whole


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes to a temporary file, flushes it to disk, then renames it; a crash leaves the old checkpoint in place."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None) -> None:
        """Writes a checkpoint.

        Args:
            checkpoint: what Lightning wants to save.
            path: the file.
            storage_options: not used.

        Raises:
            CheckpointError: the file cannot be written; the message has the reason, and the old file is kept.
        """
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)  # in memory first: on a full disk, torch reports mismatching positions
        try:
            with written_whole(path) as beside, beside.open("wb") as stream:
                stream.write(buffer.getbuffer())
                stream.flush()
                os.fsync(stream.fileno())
        except DataError as error:
            remedy = "make room, then resume with ckpt_path=last"
            raise CheckpointError(path, error.found, remedy) from error

    def load_checkpoint(
        self, path: str | Path, map_location: object = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Reads a checkpoint to resume from onto the CPU, in the same way as every other checkpoint.

        Args:
            path: the file.
            map_location: not used; modules and optimisers move what they load to their own device.
            weights_only: not used; no code from the file is run.

        Raises:
            CheckpointError: the file is missing, damaged or not a checkpoint.
        """
        return read_checkpoint(path, is_mapped=False)

    def remove_checkpoint(self, path: str | Path) -> None:
        """Removes a checkpoint that a better one replaces; the checkpoint resumed from names it.

        Raises:
            CheckpointError: it is not such a file, and is kept.
        """
        path = Path(path)
        if not path.exists():
            return
        if path.suffix != ".ckpt" or ".." in path.parts or not path.is_file():
            raise CheckpointError(path, "is not a checkpoint of this run, and is not removed", "start the run again")
        path.unlink()
