"""The models that asr rescore can ask: one of sentences, or a second one of speech."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from asr.checkpoints.acoustic import Loaded
from asr.checkpoints.language import LoadedLanguageModel
from asr.corpora.manifests import read_cuts
from asr.data.posteriors import posteriors
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.rescoring import NBestScores, measure_nbest, measure_nbest_by_ear
from asr.errors import ConfigError
from asr.lm.sentence_models import RecurrentSentenceModel
from asr.text.policy import TextPolicy

_BATCH_SECONDS = 120.0


class Scorer(Protocol):
    """Gives the natural-log probabilities of hypotheses."""

    @property
    def policy(self) -> TextPolicy:
        """What texts go through before the model reads them."""

    def measure(self, lists: Mapping[str, Sequence[Hypothesis]]) -> NBestScores:
        """Scores N-best lists, given by utterance id."""


@dataclass(frozen=True, eq=False)
class SentenceScorer:
    """A recurrent language model.

    Attributes:
        loaded: the model.
        unknown_score: natural-log score added for each word that it does not know.
    """

    loaded: LoadedLanguageModel
    unknown_score: float

    @property
    def policy(self) -> TextPolicy:
        """That of its training text."""
        return self.loaded.policy

    def measure(self, lists: Mapping[str, Sequence[Hypothesis]]) -> NBestScores:
        """Gives the probabilities of the texts."""
        model = RecurrentSentenceModel(self.loaded.network, self.loaded.vocabulary)
        return measure_nbest(list(lists.values()), model, self.policy, self.unknown_score)


@dataclass(frozen=True, eq=False)
class SpeechScorer:
    """A second acoustic model, of characters or BPE.

    Attributes:
        loaded: the model.
        cuts: file of the utterances' cuts.
    """

    loaded: Loaded
    cuts: str

    def __post_init__(self) -> None:
        """Refuses a model that spells no words.

        Raises:
            ConfigError: its tokens are phones.
        """
        if self.loaded.tokens.unit == "phone":
            remedy = "search words with it by asr decode --lexicon, and rescore these with a model of characters"
            raise ConfigError("--checkpoint", "its tokens are phones, which words are not spelled in", remedy)

    @property
    def policy(self) -> TextPolicy:
        """That of its training transcripts."""
        return self.loaded.policy

    def measure(self, lists: Mapping[str, Sequence[Hypothesis]]) -> NBestScores:
        """Gives the probabilities of the texts, given the audio."""
        heard: dict[str, Tensor] = {}
        for names, log_probs, lengths in posteriors(self.loaded.model, list(read_cuts(self.cuts)), _BATCH_SECONDS):
            heard |= {name: rows[:length] for name, rows, length in zip(names, log_probs, lengths, strict=True)}
        rows = [heard[name] for name in lists]
        return measure_nbest_by_ear(list(lists.values()), rows, self.loaded.tokens, self.policy)
