"""A checkpoint of a pronunciation model to what pronounces words: one file, with its letters and phones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

from asr.checkpoints.building import building_of, check_arguments
from asr.checkpoints.reading import read_checkpoint
from asr.checkpoints.weights import load_network, num_values, settings_and_state
from asr.decoding.prefix_beam import PrefixBeamDecoder
from asr.errors import DataError
from asr.models.pronouncer import Pronouncer, pad_letters
from asr.text.lexicon import Lexicon, Pronunciation
from asr.text.tokens import TokenTable

_SIZES = ("letter_dim", "hidden_dim", "num_layers", "frames_per_letter")
_NEEDED = ("letters", "phones", *_SIZES)
_REMEDY = "give one that asr train --config-name g2p wrote, such as best.ckpt"
_BATCH_SIZE = 256


@dataclass(frozen=True, eq=False)
class LoadedPronouncer:
    """What a checkpoint holds.

    Attributes:
        network: on the CPU, in evaluation mode.
        letters: the table of letters, in upper case.
        phones: the table of phones.
    """

    network: Pronouncer
    letters: TokenTable
    phones: TokenTable

    @torch.inference_mode()
    def lexicon(self, words: Iterable[str], beam_size: int = 8, nbest: int = 1) -> Lexicon:
        """Gives the pronunciations of words, the likeliest first; a word that has none is left out.

        Args:
            words: in upper case; one with a letter that the model has not learnt has no pronunciation.
            beam_size: pronunciations kept in the search.
            nbest: pronunciations of a word at most.
        """
        decoder = PrefixBeamDecoder(self.phones, frame_seconds=1.0, beam_size=beam_size, nbest=nbest)
        known = [word for word in words if self._can_spell(word)]
        entries: dict[str, tuple[Pronunciation, ...]] = {}
        for begin in range(0, len(known), _BATCH_SIZE):
            batch = known[begin : begin + _BATCH_SIZE]
            found = decoder(*self.network(*pad_letters(batch, self.letters)))
            spoken = (tuple(tuple(each.text.split()) for each in hypotheses if each.text) for hypotheses in found)
            entries |= {word: several for word, several in zip(batch, spoken, strict=True) if several}
        return Lexicon(entries)

    def _can_spell(self, word: str) -> bool:
        try:
            return bool(self.letters.encode(word))
        except DataError:
            return False


def load_pronouncer(path: str | Path) -> LoadedPronouncer:
    """Reads a checkpoint and builds its model; runs no code from the file.

    Args:
        path: what Lightning's trainer saved of a ``PronunciationModule``.

    Raises:
        CheckpointError: the file is missing, damaged, no checkpoint, or not one of a pronunciation model.
    """
    settings, state = settings_and_state(path, read_checkpoint(path), _NEEDED, "pronunciation model", _REMEDY)
    with building_of(path):
        letters, phones = (TokenTable.from_state(settings[name]) for name in ("letters", "phones"))
        sizes = {name: settings[name] for name in _SIZES}
        check_arguments(Pronouncer, sizes, "num_letters", "num_tokens", largest=num_values(state))
        network = load_network(
            path,
            lambda: Pronouncer(len(letters), len(phones), **sizes),
            lambda network: network(torch.zeros(1, 1, dtype=torch.long), torch.ones(1, dtype=torch.long)),
            state,
            _REMEDY,
        )
    return LoadedPronouncer(network, letters, phones)
