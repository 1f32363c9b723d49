"""The network of a model file as something to train further: the weights of a checkpoint, without training state."""

from __future__ import annotations

from pathlib import Path

from asr.box.english import model_path
from asr.checkpoints.model_file.members import Members
from asr.checkpoints.model_file.networks import read_stored
from asr.checkpoints.reading import StoredModel
from asr.errors import CheckpointError

_REMEDY = "start from the checkpoint that it was made of"


def read_beginning(path: str | Path) -> StoredModel:
    """Reads the acoustic network of a model file; 8-bit weights are multiplied out to float32.

    Args:
        path: the file, or "english" for the model in the box.

    Raises:
        CheckpointError: the file is missing, damaged or of another kind, its network runs without torch, or it has
            several.
        DataError: its manifest cannot be read.
    """
    members = Members(model_path(path))
    if members.manifest.has("portable"):
        raise CheckpointError(path, "holds an ONNX network, which cannot be trained", _REMEDY)
    networks = members.manifest.records("acoustic")
    if len(networks) != 1:
        raise CheckpointError(path, f"holds {len(networks)} acoustic networks, and training starts from one", _REMEDY)
    return read_stored(members, networks[0], "acoustic_0")
