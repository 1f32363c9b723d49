"""The pronunciation model of a model file, which says how words are spoken that its lexicon lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asr.box.english import model_path
from asr.checkpoints.model_file.arrays import Precision
from asr.checkpoints.model_file.members import Members, Written, is_model_file
from asr.checkpoints.model_file.networks import write_network
from asr.checkpoints.model_file.reading import PRONUNCIATION_PART, load_model_file
from asr.checkpoints.model_file.search import read_pronouncer
from asr.checkpoints.pronunciation import PRONUNCIATION, LoadedPronouncer, load_pronouncer
from asr.checkpoints.reading import read_model
from asr.errors import CheckpointError, ConfigError
from asr.text.lexicon import Lexicon
from asr.text.tokens import TokenTable


def write_pronouncer(path: str, tokens: TokenTable, precision: Precision, written: Written) -> dict[str, Any]:
    """Writes the pronunciation model of a checkpoint and returns its entry in the manifest.

    Args:
        path: the checkpoint.
        tokens: the table of the acoustic models.
        precision: precision of its matrices.
        written: the members.

    Raises:
        ConfigError: the tokens are not phones, or none of its phones is among them.
        CheckpointError: the checkpoint cannot be read.
    """
    if tokens.unit != "phone":
        raise ConfigError("g2p", f"pronounces words, and the model writes {tokens.unit}", "leave it out")
    stored = read_model(path, PRONUNCIATION.incomplete, PRONUNCIATION.remedy)
    loaded = PRONUNCIATION.load_stored(stored)
    spoken = loaded.phones.tokens[1:]
    if not set(spoken) & set(tokens.tokens):
        found = f"pronounces with {spoken[0]} and others, of which the acoustic model has none"
        raise ConfigError(path, found, "give one that was trained on pronunciations in the same phones")
    return write_network(stored, loaded.network, precision, PRONUNCIATION_PART, written)


def open_pronouncer(path: str | Path) -> LoadedPronouncer:
    """Reads the pronunciation model of a checkpoint, or of a model file that has one.

    Args:
        path: the file, or "english" for the model in the box.

    Raises:
        CheckpointError: the file is missing, damaged, or has none.
        DataError: the manifest of a model file cannot be read.
    """
    return read_pronouncer(_members(path), PRONUNCIATION_PART) if is_model_file(path) else load_pronouncer(path)


def open_dictionary(path: str | Path) -> tuple[LoadedPronouncer, Lexicon]:
    """Returns a pronunciation model, and the words whose pronunciations its file has; errors as for that.

    Args:
        path: as for :func:`open_pronouncer`; checkpoints have no words.
    """
    if not is_model_file(path):
        return load_pronouncer(path), Lexicon({})
    _members(path)  # raises before all of it is read
    file = load_model_file(path)
    assert file.pronouncer is not None
    return file.pronouncer, file.lexicon or Lexicon({})


def _members(path: str | Path) -> Members:
    members = Members(model_path(path))
    if not members.manifest.has(PRONUNCIATION_PART):
        raise CheckpointError(path, "has no pronunciation model", "make it with: asr export --g2p")
    return members
