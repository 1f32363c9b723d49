"""The record of pronunciation models, whose checkpoints hold their letters and phones."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from asr.checkpoints.building import check_arguments
from asr.checkpoints.kind import Kind, LoadedModel, check_files, parameters_row
from asr.checkpoints.reading import StoredModel
from asr.checkpoints.rows import Row, settings_row, tokens_row
from asr.checkpoints.weights import load_network, num_values
from asr.decoding.prefix_beam import PrefixBeamDecoder
from asr.errors import DataError
from asr.models.pronouncer import Pronouncer, pad_letters
from asr.text.lexicon import Lexicon, Pronunciation, read_lexicon
from asr.text.tokens import TokenTable

_SIZES = ("letter_dim", "hidden_dim", "num_layers", "frames_per_letter")
_REMEDY = "give one that asr train --config-name g2p wrote, such as best.ckpt"
_BATCH_SIZE = 256


@dataclass(frozen=True, eq=False)
class LoadedPronouncer(LoadedModel):
    """A pronunciation model from a checkpoint.

    Attributes:
        network: on the CPU, in evaluation mode.
        letters: the table of letters, in upper case.
        phones: the table of phones.
        sizes: of the network.
    """

    network: Pronouncer
    letters: TokenTable
    phones: TokenTable
    sizes: dict[str, Any]

    def describe_model(self) -> list[Row]:
        """Returns network, parameters, letters and phones."""
        return [
            settings_row("network", type(self.network).__name__, self.sizes),
            parameters_row(self.network),
            tokens_row("letters", self.letters),
            tokens_row("phones", self.phones),
        ]

    @torch.inference_mode()
    def lexicon(self, words: Iterable[str], beam_size: int = 8, nbest: int = 1) -> Lexicon:
        """Returns the pronunciations of words, most likely first; words without one are left out.

        Letters with accents that the model does not know are read without them.

        Args:
            words: in upper case; one with another letter unknown to the model has no pronunciation.
            beam_size: pronunciations kept in the search.
            nbest: most pronunciations of a word.
        """
        decoder = PrefixBeamDecoder(self.phones, frame_seconds=1.0, beam_size=beam_size, nbest=nbest)
        spelled = [(word, letters) for word in words if (letters := self._spell(word))]
        entries: dict[str, tuple[Pronunciation, ...]] = {}
        for begin in range(0, len(spelled), _BATCH_SIZE):
            batch = spelled[begin : begin + _BATCH_SIZE]
            found = decoder(*self.network(*pad_letters([letters for _, letters in batch], self.letters)))
            spoken = (tuple(tuple(each.text.split()) for each in hypotheses if each.text) for hypotheses in found)
            entries |= {word: several for (word, _), several in zip(batch, spoken, strict=True) if several}
        return Lexicon(entries)

    def _spell(self, word: str) -> str:
        """Returns a word in letters of the table, without accents if need be; empty if they cannot write it."""
        for letters in (word, _without_accents(word)):
            try:
                if self.letters.encode(letters):
                    return letters
            except DataError:
                continue
        return ""


def _without_accents(word: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFD", word) if not unicodedata.combining(letter))


def _build(stored: StoredModel) -> LoadedPronouncer:
    letters, phones = (TokenTable.from_state(stored.settings[name]) for name in ("letters", "phones"))
    sizes = {name: stored.settings[name] for name in _SIZES}
    check_arguments(Pronouncer, sizes, "num_letters", "num_tokens", largest=num_values(stored.state))
    network = load_network(
        stored,
        lambda: Pronouncer(len(letters), len(phones), **sizes),
        lambda network: network(torch.zeros(1, 1, dtype=torch.long), torch.ones(1, dtype=torch.long)),
        _REMEDY,
    )
    return LoadedPronouncer(network, letters, phones, sizes)


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the tables of letters and phones of a lexicon; see :class:`PronunciationModule`.

    Raises:
        DataError: a file cannot be read or is not a lexicon.
        ConfigError: the lexicon is not a list of files.
    """
    files, keep_stress = config["data"]["lexicon"], config["data"]["keep_stress"]
    check_files("lexicon", files)
    lexicon = read_lexicon(*files, case="upper", keep_stress=keep_stress)
    tables = {"letters": TokenTable.build(lexicon.entries, "char"), "phones": TokenTable.build(lexicon.phones, "phone")}
    return {name: table.state() for name, table in tables.items()}


PRONUNCIATION = Kind(
    task="pronunciation-model",
    needed=("letters", "phones", *_SIZES),
    incomplete="is not a whole checkpoint of a model",
    lacking="is no checkpoint of a pronunciation model: it lacks {}",
    remedy=_REMEDY,
    named_by="letters",
    names=lambda settings: TokenTable.from_state(settings["letters"]).tokens[1:],
    mismatch=("its {there} letters are not the {here} of this model", "take the lexicon that it was trained with"),
    settings=_settings,
    build=_build,
)

load_pronouncer = PRONUNCIATION.load
"""Reads what Lightning's trainer saved of a ``PronunciationModule``; see :meth:`Kind.load`."""
