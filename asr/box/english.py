"""The name that stands for the model in the box wherever a model file is named, and the place of its file."""

from __future__ import annotations

from pathlib import Path

from asr.errors import CheckpointError

ENGLISH = "english"
_FILE = Path(__file__).with_name("english.asr")


def model_path(model: str | Path) -> Path:
    """Returns the path of a model file.

    Args:
        model: its path, or "english" for the model in the box; "./english" and ``Path("english")`` are paths.

    Raises:
        CheckpointError: this installation has no model in the box.

    Example:
        >>> model_path("my.asr").name, model_path("./english").name
        ('my.asr', 'english')
    """
    if model != ENGLISH:
        return Path(model)
    if not _FILE.is_file():
        found = f"this installation has no model in its box: {_FILE} is missing"
        raise CheckpointError(ENGLISH, found, "name another model, or make it: recipes/librispeech/run.sh --box FILE")
    return _FILE
