"""Checkpoints that are whole or not there at all."""

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
    """Writes beside the file, flushes to the disk, then renames: a crash or a full disk leaves the old checkpoint."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None) -> None:
        """Writes a checkpoint.

        Args:
            checkpoint: what Lightning wants to keep.
            path: where.
            storage_options: not used.

        Raises:
            CheckpointError: if it cannot be written, with the reason; the old file is still there then.
        """
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)  # in memory: of a full disk it would say that positions do not agree
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
        """Reads a checkpoint to resume from as every other is read, onto the CPU.

        Args:
            path: the file.
            map_location: not used; modules and optimisers take what they load to where they are.
            weights_only: not used; no code of a file is run.

        Raises:
            CheckpointError: the file is missing, damaged or no checkpoint.
        """
        return read_checkpoint(path, is_mapped=False)

    def remove_checkpoint(self, path: str | Path) -> None:
        """Removes a checkpoint that a better one replaces; which one it was stands in the checkpoint resumed from.

        Raises:
            CheckpointError: it is no such file, and stays.
        """
        path = Path(path)
        if not path.exists():
            return
        if path.suffix != ".ckpt" or ".." in path.parts or not path.is_file():
            raise CheckpointError(path, "is no checkpoint of this run to be removed", "start the run anew")
        path.unlink()
