"""Mixtures of n-gram models, as one n-gram model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from asr.errors import DataError
from asr.lm.ngram import NEVER, LogProbs, NGramModel
from asr.lm.normalising import normalised
from asr.lm.rows import unique_rows
from asr.lm.sentence_models import SentenceModel
from asr.lm.tree import Ids, NGramTree, build_tree
from asr.lm.vocabulary import BEGIN, UNKNOWN, Vocabulary

_MOST_STEPS = 1000
_CHANGE = 1e-6


@dataclass(frozen=True)
class Weights:
    """The weights of models that predict a text best.

    Attributes:
        values: of each model; they sum to 1.
        perplexities: of the text for each model, then for their mixture; infinite for a model that lacks a word of it.
        num_predicted: words and ends of sentences that at least one of the models knows.
        num_unknown: words that none knows, which are left out.
    """

    values: tuple[float, ...]
    perplexities: tuple[float, ...]
    num_predicted: int
    num_unknown: int


def mix(models: Sequence[NGramModel], weights: Sequence[float]) -> NGramModel:
    """Returns the linear mixture of models as one model.

    It has the words and n-grams of all; after a history with an n-gram hw,

        p(w | h) = sum_i weight_i p_i(w | h),

    a model that lacks w having p_i = 0, and elsewhere it backs off, so that every history sums to 1. Of words without
    an n-gram the probability is only close to that of the mixture.

    **Source**: SRILM's static interpolation, ``ngram -mix-lm``.

    Args:
        models: at least one.
        weights: of each; they sum to 1.
    """
    vocabulary = Vocabulary.of(chain.from_iterable(model.vocabulary.words for model in models))
    tree = _union(vocabulary, models)
    log_probs = np.full(len(tree.labels), -np.inf)
    for model, weight in zip(models, weights, strict=True):
        if weight > 0:
            np.logaddexp(log_probs, np.log(weight) + _log_probs(model, vocabulary, tree), out=log_probs)
    log_probs[BEGIN] = NEVER
    return normalised(vocabulary, tree, np.maximum(log_probs, NEVER))


def find_weights(models: Sequence[SentenceModel], sentences: Sequence[Sequence[str]]) -> Weights:
    """Returns the weights of the linear mixture that predicts sentences best, by expectation maximisation.

    Words that no model knows are left out; those that only some know have no probability with the others.

    Args:
        models: at least one.
        sentences: of a text that none of them was trained on.

    Raises:
        DataError: no word of the sentences is known.

    Example:
        >>> from asr.lm.kneser_ney import estimate
        >>> models = [estimate([["a", "b"]] * 9 + [["b"]], 1), estimate([["b"]] * 9 + [["a"]], 1)]
        >>> first, second = find_weights(models, [["a", "b"]] * 5 + [["b"]]).values
        >>> first > second
        True
    """
    log_probs = np.stack([_predictions(model, sentences) for model in models])
    is_known = np.isfinite(log_probs).any(axis=0)
    num_words = sum(map(len, sentences))
    if is_known.sum() <= len(sentences):
        raise DataError("dev text", f"none of its {num_words:,} words is known to a model", "give text like the speech")
    known = log_probs[:, is_known]
    probs = np.exp(known)
    weights = np.full(len(models), 1 / len(models))
    for _ in range(_MOST_STEPS):
        before, shares = weights, weights[:, None] * probs
        weights = (shares / shares.sum(axis=0)).mean(axis=1)
        if np.abs(weights - before).max() < _CHANGE:
            break
    mean = [*known.mean(axis=1), np.log(weights @ probs).mean()]
    perplexities = tuple(float(each) for each in np.exp(-np.array(mean)))
    values = tuple(float(each) for each in weights)
    return Weights(values, perplexities, int(is_known.sum()), int((~is_known).sum()))


def _predictions(model: SentenceModel, sentences: Sequence[Sequence[str]]) -> LogProbs:
    """Returns natural-log probabilities of all words and ends, minus infinity for words that the model lacks."""
    encoded = [model.vocabulary.encode(sentence) for sentence in sentences]
    for ids, log_probs in zip(encoded, found := model.word_log_probs(encoded), strict=True):
        log_probs[:-1][ids == UNKNOWN] = -np.inf
    return np.concatenate([np.empty(0), *found])


def _union(vocabulary: Vocabulary, models: Sequence[NGramModel]) -> NGramTree:
    """Returns the tree of the n-grams of all models."""
    rows: list[list[npt.NDArray[np.int32]]] = [[] for _ in range(max(model.order for model in models))]
    for model in models:
        ids = np.array([vocabulary.ids[word] for word in model.vocabulary.words], dtype=np.int32)
        for place, words in enumerate(model.ngrams()):
            rows[place].append(ids[words])
    return build_tree(len(vocabulary), [unique_rows(np.concatenate(each))[0] for each in rows[1:]])[0]


def _log_probs(model: NGramModel, vocabulary: Vocabulary, tree: NGramTree) -> LogProbs:
    """Returns the natural-log probabilities that a model has for the n-grams of a tree, shape (A,)."""
    own: Ids = np.array([model.vocabulary.ids.get(word, -1) for word in vocabulary.words], dtype=np.int64)
    log_probs = np.empty(len(tree.labels))
    states = np.zeros(len(tree.labels) + 1, dtype=np.int64)
    for order in range(1, len(tree.num_ngrams) + 1):
        span = tree.span(order)
        labels = own[tree.labels[span]]
        is_known = labels >= 0
        found, after = model.lookup(states[tree.contexts[span]], np.where(is_known, labels, UNKNOWN))
        log_probs[span] = np.where(is_known, found, -np.inf)
        states[span.start + 1 : span.stop + 1] = after
    return log_probs
