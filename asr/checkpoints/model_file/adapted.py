"""Writes a model file anew with some of its parts changed; all others are taken over byte for byte."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from asr.checkpoints.model_file.arrays import Precision
from asr.checkpoints.model_file.card import Card
from asr.checkpoints.model_file.hotwords import hotwords_entry
from asr.checkpoints.model_file.lexicon import write_lexicon
from asr.checkpoints.model_file.members import Written
from asr.checkpoints.model_file.networks import read_stored, write_network
from asr.checkpoints.model_file.ngram import write_ngram
from asr.checkpoints.model_file.reading import ModelFile
from asr.decoding.lexicon.growing import read_spellings
from asr.decoding.lexicon.trie import LexiconTrie
from asr.lm.ngram import NGramModel
from asr.text.hotwords import Hotwords

_OWN = ("format", "schema", "members")  # what is written whatever the file says


@dataclass(frozen=True)
class Changes:
    """What is changed in a model file; None leaves a part as it is.

    Attributes:
        weights: of each acoustic model those that are changed, by name.
        ngram: the n-gram model.
        trie: the lexicon.
        hotwords: hot words that decoding favours unless others are given.
    """

    weights: tuple[Mapping[str, Tensor], ...] = ()
    ngram: NGramModel | None = None
    trie: LexiconTrie | None = None
    hotwords: Hotwords | None = None


def write_adapted(file: ModelFile, changes: Changes, card: Card, path: str | Path) -> None:
    """Writes a model file, whole or not at all.

    Args:
        file: the file that is changed, whose networks are torch's.
        changes: what is changed; rounded as the file is.
        card: the new card.
        path: the new file.

    Raises:
        AsrError: the file cannot be read, or the new one not be written.
    """
    written = Written()
    precision = cast(Precision, file.precision)
    manifest = {name: value for name, value in file.members.manifest.fields.items() if name not in _OWN}
    manifest["card"] = dict(card)
    replaced: list[str] = []
    if changes.weights:
        replaced.append("acoustic_")
        manifest["acoustic"] = [
            _write_weights(file, place, weights, precision, written) for place, weights in enumerate(changes.weights)
        ]
    if changes.ngram is not None:
        replaced.append("ngram/")
        manifest["ngram"] = write_ngram(changes.ngram, precision, written)
    if changes.trie is not None:
        replaced.append("lexicon/")
        num_spellings = len(read_spellings(changes.trie).entries)
        manifest["lexicon"] = {**write_lexicon(changes.trie, written), "num_spellings": num_spellings}
    if changes.hotwords is not None:
        manifest["hotwords"] = hotwords_entry(changes.hotwords)
    for name in file.members.names:
        if not name.startswith(tuple(replaced)):
            written.add(name, file.members.read(name), is_packed=file.members.is_packed(name))
    written.save(path, manifest)


def _write_weights(
    file: ModelFile, place: int, weights: Mapping[str, Tensor], precision: Precision, written: Written
) -> dict[str, Any]:
    """Writes an acoustic model with some of its weights changed, and returns its entry in the manifest."""
    part = f"acoustic_{place}"
    stored = read_stored(file.members, file.members.manifest.records("acoustic")[place], part)
    model = copy.deepcopy(file.acoustic[place].model)
    model.load_state_dict(model.state_dict() | dict(weights))
    return write_network(stored, model, precision, part, written)
