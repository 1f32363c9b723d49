"""N-best lists in a new order: their own scores and those of a language model that is too slow for the search."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from asr.decoding.hypothesis import Hypothesis
from asr.lm.sentence_models import SentenceModel
from asr.lm.vocabulary import UNKNOWN
from asr.text.policy import TextPolicy

NBest = Sequence[Hypothesis]


@dataclass(frozen=True, eq=False)
class NBestScores:
    """The parts of the scores of U N-best lists of up to K hypotheses, all float64.

    Attributes:
        own: scores of the search, shape (U, K); minus infinity where a list is shorter.
        lm: natural-log probabilities of the language model, shape (U, K).
        num_words: words, shape (U, K).
    """

    own: Tensor
    lm: Tensor
    num_words: Tensor

    def combined(self, weight: float, word_score: float) -> Tensor:
        """Gives own score + weight * natural-log probability + word_score * words, shape (U, K)."""
        return self.own + weight * self.lm + word_score * self.num_words

    def order(self, weight: float, word_score: float) -> Tensor:
        """Gives the places of the hypotheses, best first, shape (U, K); of equal ones the first stays in front."""
        return self.combined(weight, word_score).argsort(dim=1, descending=True, stable=True)


def measure_nbest(
    nbests: Sequence[NBest], model: SentenceModel, policy: TextPolicy, unknown_score: float = 0.0
) -> NBestScores:
    """Scores all hypotheses at once, each different text once.

    Args:
        nbests: U lists, at least one hypothesis long.
        model: the language model.
        policy: what texts go through before the model reads them.
        unknown_score: added to the natural-log probability of each word that the model does not know: ``<unk>`` is many
            words, and a hypothesis has one of them.

    Raises:
        DataError: a text breaks the policy, or holds ``<s>`` or ``</s>``.
    """
    texts = list(dict.fromkeys(hypothesis.text for nbest in nbests for hypothesis in nbest))
    encoded = [model.vocabulary.encode(policy.apply(text, where=text[:40]).split()) for text in texts]
    log_probs = {
        text: float(probs.sum()) + unknown_score * int((ids == UNKNOWN).sum())
        for text, ids, probs in zip(texts, encoded, model.word_log_probs(encoded), strict=True)
    }
    return NBestScores(
        own=_padded([[hypothesis.score for hypothesis in nbest] for nbest in nbests], -math.inf),
        lm=_padded([[log_probs[hypothesis.text] for hypothesis in nbest] for nbest in nbests], 0.0),
        num_words=_padded([[len(hypothesis.text.split()) for hypothesis in nbest] for nbest in nbests], 0.0),
    )


def rescore(
    nbests: Sequence[NBest], scores: NBestScores, weight: float, word_score: float = 0.0
) -> list[list[Hypothesis]]:
    """Gives the lists in their new order, with their new scores.

    Args:
        nbests: U lists.
        scores: what :func:`measure_nbest` gave for them.
        weight: of the language model.
        word_score: natural-log score added for each word.
    """
    combined, order = scores.combined(weight, word_score).tolist(), scores.order(weight, word_score).tolist()
    return [
        [replace(nbest[place], score=values[place]) for place in places[: len(nbest)]]
        for nbest, values, places in zip(nbests, combined, order, strict=True)
    ]


def _padded(rows: Sequence[Sequence[float]], padding: float) -> Tensor:
    tensors = [torch.tensor(row, dtype=torch.float64) for row in rows]
    return pad_sequence(tensors, batch_first=True, padding_value=padding)
