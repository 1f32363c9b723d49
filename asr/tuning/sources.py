"""What utterances are read from while weights are tuned: posteriors computed once, or lists scored once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from asr.decoding.hypothesis import Hypothesis
from asr.decoding.parts import DecoderParts
from asr.decoding.rescoring import NBestScores, rescore
from asr.decoding.settings import DecoderSettings
from asr.scoring.rules import PolicyRule
from asr.text.policy import TextPolicy, get_policy
from asr.text.tokens import TokenTable
from asr.tuning.search import Grid, Weights

LM_WEIGHTS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0)
TOKEN_SCORES = (-1.0, -0.5, -0.25, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
WORD_SCORES = (-3.0, -2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 3.0, 4.0)
BLANK_PENALTIES = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
WORD_LM_WEIGHTS = (0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0)
WORD_POLICY = "upper-no-punctuation"
"""What transcripts go through where words are searched by their phones: lexicons are in upper case."""
_START = (0.6, 0.0, 1.0)
"""The weights with which a search over words begins: of the language model, per word, of blank."""


def rule_of(settings: DecoderSettings, tokens: TokenTable, policy: TextPolicy) -> PolicyRule:
    """Returns what a decoder is tuned by: words, also where they are searched by their phones, else the phones.

    Args:
        settings: of the decoder.
        tokens: the table of the model's outputs.
        policy: that of the model.
    """
    if tokens.unit == "phone" and settings.lexicon:
        return PolicyRule(get_policy(WORD_POLICY), "word")
    return PolicyRule(policy, "phone" if tokens.unit == "phone" else "word")


@dataclass(frozen=True, eq=False)
class Posteriors:
    """Posteriors that a decoder searches.

    Its weights are that of the language model, the score per word, or per token without a lexicon, and the penalty of
    blank.

    Attributes:
        batches: utterance ids, natural-log posteriors, shape (B, N, V), and their lengths, shape (B,).
        parts: what decoders of these settings share.
        settings: of the decoder; what is tuned differs in weights alone.
        tuning_beam_size: of the searches while weights are tried; None is that of the settings.
    """

    batches: Sequence[tuple[list[str], Tensor, Tensor]]
    parts: DecoderParts
    settings: DecoderSettings
    tuning_beam_size: int | None = None

    @property
    def grid(self) -> Grid:
        """All that is likely where a search is quick, a walk from the usual weights where it is not."""
        if not self.settings.lexicon:
            return Grid((LM_WEIGHTS if self.settings.lm else (), TOKEN_SCORES, ()))
        if not self.settings.lm:
            return Grid(((), WORD_SCORES, BLANK_PENALTIES), start=(0.0, *_START[1:]))
        return Grid((WORD_LM_WEIGHTS, WORD_SCORES, BLANK_PENALTIES), start=_START)

    @property
    def choices(self) -> None:
        """None: each search finds its own hypotheses."""

    def attempt(self, weights: Weights) -> Mapping[str, Sequence[Hypothesis]]:
        """Searches with the beam for tuning, for the first hypotheses alone."""
        beam_size = self.tuning_beam_size or self.settings.beam_size
        return self._decode(replace(self.settings.weighted(weights), beam_size=beam_size, nbest=1))

    def read(self, weights: Weights | None) -> Mapping[str, Sequence[Hypothesis]]:
        """Searches as the settings say; without weights, decodes greedily."""
        return self._decode(self.settings.weighted(weights))

    def _decode(self, settings: DecoderSettings) -> dict[str, list[Hypothesis]]:
        decoder = self.parts.decoder(settings)
        found: dict[str, list[Hypothesis]] = {}
        for names, log_probs, lengths in self.batches:
            found |= zip(names, decoder(log_probs, lengths), strict=True)
        return found

    def name(self, weights: Weights | None) -> str:
        """Names weights for people."""
        return self.settings.weighted(weights).weights


@dataclass(frozen=True, eq=False)
class ScoredLists:
    """N-best lists that another model has scored, which weights put in order.

    Its weights are that of the model and the score per word.

    Attributes:
        lists: U lists by utterance id.
        scores: the parts of their scores, in the order of the lists.
    """

    lists: Mapping[str, Sequence[Hypothesis]]
    scores: NBestScores

    @property
    def grid(self) -> Grid:
        """All that is likely: the model is not asked again."""
        return Grid((LM_WEIGHTS, WORD_SCORES))

    @property
    def choices(self) -> Mapping[str, Sequence[Hypothesis]]:
        """The lists."""
        return self.lists

    def part(self, names: Sequence[str]) -> ScoredLists:
        """Returns the lists of these utterances, in this order."""
        places = {name: place for place, name in enumerate(self.lists)}
        rows = [places[name] for name in names]
        scores = NBestScores(self.scores.own[rows], self.scores.added[rows], self.scores.num_words[rows])
        return ScoredLists({name: self.lists[name] for name in names}, scores)

    def attempt(self, weights: Weights) -> Mapping[str, Sequence[Hypothesis]]:
        """Returns the hypothesis that comes first in each list."""
        first = self.scores.order(*weights)[:, 0].tolist()
        return {name: [nbest[place]] for (name, nbest), place in zip(self.lists.items(), first, strict=True)}

    def read(self, weights: Weights | None) -> Mapping[str, Sequence[Hypothesis]]:
        """Returns the lists in their new order, with their new scores; without weights, as they are."""
        if weights is None:
            return self.lists
        ordered = rescore(list(self.lists.values()), self.scores, *weights)
        return dict(zip(self.lists, ordered, strict=True))

    def name(self, weights: Weights | None) -> str:
        """Names weights for people."""
        return "no weights" if weights is None else "weight {:g}, word_score {:g}".format(*weights)
