"""N-best lists reordered by their own scores and those of a model that took no part in the search."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import ctc_loss
from torch.nn.utils.rnn import pad_sequence

from asr.decoding.hypothesis import Hypothesis
from asr.errors import ConfigError
from asr.lm.sentence_models import SentenceModel
from asr.lm.vocabulary import UNKNOWN
from asr.text.policy import TextPolicy
from asr.text.tokens import BLANK, TokenTable

NBest = Sequence[Hypothesis]

_IMPOSSIBLE = 1e6
"""Nats of a text that no path spells, in place of infinity, which no weight could switch off."""


@dataclass(frozen=True, eq=False)
class NBestScores:
    """The parts of the scores of U N-best lists of up to K hypotheses, all float64.

    Attributes:
        own: scores of the search, shape (U, K); minus infinity where a list is shorter.
        added: natural-log probabilities of the model that is added, shape (U, K).
        num_words: words, shape (U, K).
    """

    own: Tensor
    added: Tensor
    num_words: Tensor

    def combined(self, weight: float, word_score: float) -> Tensor:
        """Returns own score + weight * natural-log probability + word_score * words, shape (U, K)."""
        return self.own + weight * self.added + word_score * self.num_words

    def order(self, weight: float, word_score: float) -> Tensor:
        """Returns the places of the hypotheses, best first, shape (U, K); equal ones keep their order."""
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
            words, and a hypothesis has one.

    Raises:
        DataError: a text breaks the policy, or holds ``<s>`` or ``</s>``.
    """
    texts = list(dict.fromkeys(hypothesis.text for nbest in nbests for hypothesis in nbest))
    encoded = [model.vocabulary.encode(policy.apply(text, where=text[:40]).split()) for text in texts]
    log_probs = {
        text: float(probs.sum()) + unknown_score * int((ids == UNKNOWN).sum())
        for text, ids, probs in zip(texts, encoded, model.word_log_probs(encoded), strict=True)
    }
    return _scores(nbests, [_row(log_probs[hypothesis.text] for hypothesis in nbest) for nbest in nbests])


def measure_nbest_by_ear(
    nbests: Sequence[NBest], posteriors: Sequence[Tensor], tokens: TokenTable, policy: TextPolicy
) -> NBestScores:
    """Scores all hypotheses by what another acoustic model heard: the sum of all CTC paths of their texts.

    Args:
        nbests: U lists, at least one hypothesis long.
        posteriors: natural-log posteriors of the model for each list, shapes (N, V).
        tokens: its tokens, which words can be spelled in.
        policy: what texts go through before they are spelled.

    Raises:
        DataError: a text breaks the policy, or holds a symbol that is no token.
    """
    heard = []
    for nbest, log_probs in zip(nbests, posteriors, strict=True):
        spelled = [tokens.encode(policy.apply(hypothesis.text), where=hypothesis.text[:40]) for hypothesis in nbest]
        targets = torch.tensor([token_id for ids in spelled for token_id in ids], dtype=torch.long)
        if not len(log_probs):  # no path but that of no tokens
            heard.append(_row(-_IMPOSSIBLE if ids else 0.0 for ids in spelled))
            continue
        lengths = torch.full((len(nbest),), len(log_probs)), torch.tensor([len(ids) for ids in spelled])
        rows = log_probs.double().cpu()[:, None].expand(-1, len(nbest), -1)  # (N, V) -> (N, K, V)
        losses = ctc_loss(rows, targets, *lengths, blank=BLANK, reduction="none")
        heard.append(-losses.clamp(max=_IMPOSSIBLE))  # infinite for a text with too many tokens
    return _scores(nbests, heard)


def check_spelling(tokens: TokenTable, where: str) -> None:
    """Refuses an acoustic model whose table of outputs spells no words; ``where`` is its file or option.

    Raises:
        ConfigError: they are phones.
    """
    if tokens.unit == "phone":
        remedy = "search words with it by asr decode --lexicon, and rescore these with a model of characters"
        raise ConfigError(where, "its tokens are phones, which words are not spelled in", remedy)


def rescore(
    nbests: Sequence[NBest], scores: NBestScores, weight: float, word_score: float = 0.0
) -> list[list[Hypothesis]]:
    """Returns the lists in their new order, with their new scores.

    Args:
        nbests: U lists.
        scores: what :func:`measure_nbest` or :func:`measure_nbest_by_ear` returned for them.
        weight: of the model that is added.
        word_score: natural-log score added for each word.
    """
    combined, order = scores.combined(weight, word_score).tolist(), scores.order(weight, word_score).tolist()
    return [
        [replace(nbest[place], score=values[place]) for place in places[: len(nbest)]]
        for nbest, values, places in zip(nbests, combined, order, strict=True)
    ]


def _scores(nbests: Sequence[NBest], added: Sequence[Tensor]) -> NBestScores:
    return NBestScores(
        own=_padded([_row(each.score for each in nbest) for nbest in nbests], -math.inf),
        added=_padded(added, 0.0),
        num_words=_padded([_row(len(each.text.split()) for each in nbest) for nbest in nbests], 0.0),
    )


def _row(values: Iterable[float]) -> Tensor:
    return torch.tensor(list(values), dtype=torch.float64)


def _padded(rows: Sequence[Tensor], padding: float) -> Tensor:
    return pad_sequence(list(rows), batch_first=True, padding_value=padding)
