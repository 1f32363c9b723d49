"""N-best lists that another model scores once, and that weights reorder."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from asr.checkpoints.acoustic import Loaded
from asr.checkpoints.language import LoadedLanguageModel
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.rescoring import NBestScores, measure_nbest, measure_nbest_by_ear, rescore
from asr.text.policy import TextPolicy
from asr.tuning.search import Grid, Weights
from asr.tuning.sources import LM_WEIGHTS, WORD_SCORES


@dataclass(frozen=True, eq=False)
class ScoredLists:
    """N-best lists with the scores of another model.

    The weights are the weight of that model and the score per word.

    Attributes:
        lists: lists by utterance id.
        scores: the parts of the scores, in the order of the lists.
    """

    lists: Mapping[str, Sequence[Hypothesis]]
    scores: NBestScores

    @property
    def grid(self) -> Grid:
        """All likely weights, because the model is not run again."""
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
        """Returns the lists in their new order with new scores; without weights, unchanged."""
        if weights is None:
            return self.lists
        ordered = rescore(list(self.lists.values()), self.scores, *weights)
        return dict(zip(self.lists, ordered, strict=True))

    def name(self, weights: Weights | None) -> str:
        """Returns a readable name of weights."""
        return "no weights" if weights is None else "weight {:g}, word_score {:g}".format(*weights)


@dataclass(frozen=True, eq=False)
class Scored:
    """N-best lists with the scores of a model, and how the model treats words.

    Attributes:
        source: the lists with their scores.
        policy: the text policy of the model.
        unknown_score: natural-log score that was added for each word that the model does not know.
    """

    source: ScoredLists
    policy: TextPolicy
    unknown_score: float = 0.0


def score_by_words(
    lists: Mapping[str, Sequence[Hypothesis]], language: LoadedLanguageModel, unknown_score: float | None = None
) -> Scored:
    """Returns lists whose texts a recurrent language model has scored.

    Args:
        lists: by utterance id.
        language: the model, where it is to run.
        unknown_score: natural-log score added for each word that the model does not know; where it is None, the words
            of its training text that it does not know share ``<unk>`` evenly.
    """
    if unknown_score is None:
        unknown_score = -math.log(max(1, language.num_unknown_types))
    scores = measure_nbest(list(lists.values()), language.sentence_model, language.policy, unknown_score)
    return Scored(ScoredLists(lists, scores), language.policy, unknown_score)


def score_by_ear(
    lists: Mapping[str, Sequence[Hypothesis]], loaded: Loaded, posteriors: Iterable[tuple[list[str], Tensor, Tensor]]
) -> Scored:
    """Returns lists whose texts a second acoustic model has scored by what it hears.

    Args:
        lists: by utterance id.
        loaded: the model, whose tokens spell words.
        posteriors: of all utterances: ids, natural-log posteriors, shape (B, N, V), and their lengths, shape (B,).
    """
    heard = {
        name: rows[:length]
        for names, log_probs, lengths in posteriors
        for name, rows, length in zip(names, log_probs, lengths, strict=True)
    }
    rows = [heard[name] for name in lists]
    scores = measure_nbest_by_ear(list(lists.values()), rows, loaded.tokens, loaded.policy)
    return Scored(ScoredLists(lists, scores), loaded.policy)
