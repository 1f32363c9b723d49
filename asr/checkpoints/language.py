"""A checkpoint of a language model to the model in it: one file, with its words and its text policy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from asr.checkpoints.building import building_of, check_arguments
from asr.checkpoints.reading import read_checkpoint
from asr.checkpoints.weights import load_network, num_values, settings_and_state
from asr.lm.recurrent import RecurrentLM
from asr.lm.vocabulary import BEGIN, Vocabulary
from asr.text.policy import TextPolicy, recorded_policy

_SIZES = ("embedding_dim", "hidden_dim", "num_layers", "tie_weights")
_NEEDED = ("vocabulary", "num_unknown_types", "text_policy", *_SIZES)
_REMEDY = "give one that asr train --config-name lm wrote, such as best.ckpt"


@dataclass(frozen=True, eq=False)
class LoadedLanguageModel:
    """What a checkpoint holds.

    Attributes:
        network: on the CPU, in evaluation mode.
        vocabulary: its words.
        num_unknown_types: different words of the training text that share ``<unk>``.
        policy: what its training text went through.
    """

    network: RecurrentLM
    vocabulary: Vocabulary
    num_unknown_types: int
    policy: TextPolicy

    @property
    def text_policy(self) -> str:
        """The name of the policy."""
        return self.policy.name


def load_language_model(path: str | Path) -> LoadedLanguageModel:
    """Reads a checkpoint and builds its model; runs no code from the file.

    Args:
        path: what Lightning's trainer saved of a ``LanguageModule``.

    Raises:
        CheckpointError: the file is missing, damaged, no checkpoint, or not one of a language model.
    """
    settings, state = settings_and_state(path, read_checkpoint(path), _NEEDED, "language model", _REMEDY)
    with building_of(path):
        vocabulary = Vocabulary.of(settings["vocabulary"].split("\n"))
        policy = recorded_policy(settings["text_policy"])
        num_unknown_types = int(settings["num_unknown_types"])
        sizes = {name: settings[name] for name in _SIZES}
        check_arguments(RecurrentLM, sizes, "vocabulary_size", largest=num_values(state))
        network = load_network(
            path,
            lambda: RecurrentLM(len(vocabulary), **sizes),
            lambda network: network(torch.tensor([[BEGIN]])),
            state,
            _REMEDY,
        )
    return LoadedLanguageModel(network, vocabulary, num_unknown_types, policy)
