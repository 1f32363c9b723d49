"""The record of recurrent language models, whose checkpoints hold their words and their text policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from asr.checkpoints.building import check_arguments
from asr.checkpoints.kind import Kind, LoadedModel, check_files, parameters_row
from asr.checkpoints.reading import StoredModel
from asr.checkpoints.rows import Row, settings_row
from asr.checkpoints.weights import load_network, num_values
from asr.errors import ConfigError
from asr.lm.recurrent import RecurrentLM
from asr.lm.sentence_models import RecurrentSentenceModel, SentenceModel
from asr.lm.sentences import SentenceReader
from asr.lm.storage import load_ngram
from asr.lm.vocabulary import BEGIN, SPECIAL, Vocabulary, choose_vocabulary, read_words
from asr.text.policy import TextPolicy, get_policy, recorded_policy

_SIZES = ("embedding_dim", "hidden_dim", "num_layers", "tie_weights")
_REMEDY = "give one that asr train --config-name lm wrote, such as best.ckpt"


@dataclass(frozen=True, eq=False)
class LoadedLanguageModel(LoadedModel):
    """A language model from a checkpoint.

    Attributes:
        network: on the CPU, in evaluation mode.
        vocabulary: its words.
        num_unknown_types: distinct words of the training text that share ``<unk>``.
        policy: applied to its training text.
        sizes: of the network.
    """

    network: RecurrentLM
    vocabulary: Vocabulary
    num_unknown_types: int
    policy: TextPolicy
    sizes: dict[str, Any]

    @property
    def sentence_model(self) -> RecurrentSentenceModel:
        """The network as a model of whole sentences, wherever it runs."""
        return RecurrentSentenceModel(self.network, self.vocabulary)

    def describe_model(self) -> list[Row]:
        """Returns network, parameters, words and text policy."""
        num_words = len(self.vocabulary) - len(SPECIAL)
        return [
            settings_row("network", type(self.network).__name__, self.sizes),
            parameters_row(self.network),
            ("words", f"{num_words:,}; {self.num_unknown_types:,} others of its training text share <unk>"),
            ("text policy", f"{self.policy.name} ({self.policy.hash})"),
        ]


def _build(stored: StoredModel) -> LoadedLanguageModel:
    vocabulary = Vocabulary.of(stored.settings["vocabulary"].split("\n"))
    policy = recorded_policy(stored.settings["text_policy"])
    num_unknown_types = int(stored.settings["num_unknown_types"])
    sizes = {name: stored.settings[name] for name in _SIZES}
    check_arguments(RecurrentLM, sizes, "vocabulary_size", largest=num_values(stored.state))
    network = load_network(
        stored, lambda: RecurrentLM(len(vocabulary), **sizes), lambda network: network(torch.tensor([[BEGIN]])), _REMEDY
    )
    return LoadedLanguageModel(network, vocabulary, num_unknown_types, policy, sizes)


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a language model's settings that depend on its training text; see :class:`LanguageModule`.

    Raises:
        DataError: a file cannot be read or violates the text policy.
        ConfigError: no word is frequent enough, ``min_count`` or ``max_words`` is not a whole number above 0, or the
            text is not a list of files.
    """
    model, files, min_count = config["model"], config["data"]["train_text"], config["min_count"]
    max_words = config.get("max_words")  # configurations of earlier runs have none
    for name, value in ("min_count", min_count), ("max_words", 1 if max_words is None else max_words):
        if not isinstance(value, int) or value < 1:
            raise ConfigError(name, f"{value}", "give a whole number of 1 or more")
    check_files("text", files)
    policy = get_policy(model["text_policy"])
    words = read_words(model["vocabulary"], policy)[0] if model["vocabulary"] else None
    vocabulary, num_unknown = choose_vocabulary(SentenceReader(files, policy), min_count, words, max_words)
    if len(vocabulary) == len(SPECIAL):
        raise ConfigError("min_count", f"no word comes {min_count} times", "give more text, or 1")
    return {"vocabulary": "\n".join(vocabulary.words[len(SPECIAL) :]), "num_unknown_types": num_unknown}


LANGUAGE = Kind(
    task="language-model",
    needed=("vocabulary", "num_unknown_types", "text_policy", *_SIZES),
    incomplete="is not a whole checkpoint of a model",
    lacking="is no checkpoint of a language model: it lacks {}",
    remedy=_REMEDY,
    named_by="vocabulary",
    names=lambda settings: Vocabulary.of(settings["vocabulary"].split("\n")).words,
    mismatch=(
        "its vocabulary of {there} words is not that of this model, {here} words in their order",
        "take the text, min_count and model.vocabulary that it was trained with",
    ),
    settings=_settings,
    build=_build,
)

load_language_model = LANGUAGE.load
"""Reads what Lightning's trainer saved of a ``LanguageModule``; see :meth:`Kind.load`."""


def load_sentence_model(path: Path) -> tuple[SentenceModel, TextPolicy | None]:
    """Returns the model of an .arpa, .arpa.gz, .npz or .ckpt file, and the policy of its text where the file says so.

    Raises:
        AsrError: the file cannot be read, or is no language model.
    """
    if path.suffix != ".ckpt":
        return load_ngram(path), None
    loaded = load_language_model(path)
    return loaded.sentence_model, loaded.policy
