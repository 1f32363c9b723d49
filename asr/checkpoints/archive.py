"""The zip archive of a checkpoint, as torch writes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from asr.box.english import ENGLISH
from asr.checkpoints.layout import Archive, LayoutError, Member, Wanted, find_members, map_archive
from asr.errors import CheckpointError

NOT_ONE = "give a checkpoint that asr train wrote, such as best.ckpt"
_MODEL_FILE = "model.json"  # manifest of a model file
_MODEL = (
    "give it to asr transcribe or asr align as --model, to asr train as init_from, "
    "or name the checkpoint that it was made of"
)
_COPY = "copy it again, or take an earlier checkpoint"
_REPACKED = "take the file as asr train wrote it: another program has packed this one anew"
_WANTED = Wanted("a checkpoint", ".ckpt", NOT_ONE, _COPY)


def read_archive(path: str | Path) -> Archive:
    """Maps a file into memory and checks that it is a zip archive as written by torch, with the recorded checksums.

    Returns:
        The archive, its members without their common folder.

    Raises:
        CheckpointError: the file is missing, damaged, of another kind, or repacked by another program.
    """
    path = Path(path)
    if str(path) == ENGLISH and not path.exists():
        raise CheckpointError(path, "is a model file, not a checkpoint", _MODEL)
    content, infos = map_archive(path, _WANTED)
    if any(info.filename == _MODEL_FILE for info in infos):
        raise CheckpointError(path, "is a model file, not a checkpoint", _MODEL)
    if not any(info.filename.endswith("/data.pkl") for info in infos):
        raise CheckpointError(path, "is a zip archive but not a checkpoint", NOT_ONE)
    try:
        archive = find_members(content, infos, _WANTED)
    except LayoutError as error:
        raise CheckpointError(path, f"is no checkpoint as torch writes it ({error})", _REPACKED) from None
    damaged = [name for name in archive.members if not archive.has_checksum(name)]
    if damaged:
        raise CheckpointError(path, f"is damaged ({damaged[0]})", _COPY)
    return Archive(content, _without_folder(path, archive.members))


def _without_folder(path: Path, members: Mapping[str, Member]) -> dict[str, Member]:
    """Strips the folder that torch puts all members into."""
    folder = next(iter(members), "").partition("/")[0] + "/"
    if f"{folder}data.pkl" not in members:
        raise CheckpointError(path, "is a zip archive but not a checkpoint", NOT_ONE)
    outside = [name for name in members if not name.startswith(folder)]
    if outside:
        raise CheckpointError(
            path, f"is no checkpoint as torch writes it ({outside[0]} lies outside of {folder})", _REPACKED
        )
    return {name.removeprefix(folder): member for name, member in members.items()}
