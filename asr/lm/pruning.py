"""Entropy pruning: n-grams are left out that the model predicts nearly as well without."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from asr.errors import DataError
from asr.lm.ngram import LogProbs, NGramModel
from asr.lm.normalising import LEAST, normalised
from asr.lm.tree import Ids, build_tree
from asr.lm.vocabulary import END

_MOST_STEPS = 100  # of the search for the probabilities of histories
_CHANGE = 1e-4  # of them in a step that is the last one
_MOST_TRIES = 12  # of the search for a number of n-grams
_NEARLY = 0.99  # of a size that is to be reached


class EntropyPruning:
    """What each n-gram of a model is worth, and the models without those that are worth least.

    The worth of an n-gram hw is the relative entropy between the model and the one that backs off there,

        -P(h) (p(w | h) (log p(w | h') + log b' - log p(w | h)) + (log b' - log b) (1 - sum_x p(x | h))),

    b and b' being the back-off weights of h before and after, and the sum over the words with an n-gram after h: nearly
    the relative increase of the perplexity, which the thresholds of other programs are. P(h) is the probability that
    the model itself ends up in h while it produces sentences without end: with Kneser-Ney smoothing, lower orders have
    no probabilities of texts, whose products could take its place. An n-gram is worth at least as much as those that
    it is the context of.

    **Source**: Stolcke 1998, "Entropy-based pruning of backoff language models", eqs. 6 to 9; histories, after
    Chelba et al. 2010, "Study on interaction between entropy pruning and Kneser-Ney smoothing".

    Args:
        model: whose histories sum to 1.

    Attributes:
        worth: of each n-gram, shape (A,); infinite for order 1, whose n-grams all stay.
    """

    def __init__(self, model: NGramModel) -> None:
        self._model = model
        self.worth = self._with_longer(_losses(model))

    def at(self, threshold: float) -> NGramModel:
        """Returns the model of the n-grams that are worth so much or more."""
        return _without(self._model, self.worth >= threshold)

    def to_number(self, number: int) -> NGramModel:
        """Returns the model of at most so many n-grams, which are all of order 1 at least.

        Raises:
            DataError: there are more of order 1.
        """
        fewest = self._model.num_ngrams[0]
        if number < fewest:
            raise DataError(
                "model", f"has {fewest:,} n-grams of order 1, which all stay", f"ask for {fewest:,} or more"
            )
        return self.at(self._threshold(number))

    def to_size(self, limit: int, size_of: Callable[[NGramModel], int]) -> NGramModel:
        """Returns the model of the most n-grams, nearly, whose size is within a limit.

        Args:
            limit: the largest size.
            size_of: returns the size of a model, which grows with its n-grams.

        Raises:
            DataError: the n-grams of order 1 alone are larger.
        """
        fewest, most = self._model.num_ngrams[0], len(self.worth)
        size = size_of(self._model)
        if size <= limit:
            return self.at(-math.inf)
        best, number = None, most
        for _ in range(_MOST_TRIES):
            guess = int(number * (1 + _NEARLY) / 2 * limit / size)
            number = guess if fewest < guess < most else (fewest + most) // 2
            model = self.at(self._threshold(number))
            size = size_of(model)
            if size <= limit:
                best, fewest = model, number
            else:
                most = number
            if _NEARLY * limit <= size <= limit or most - fewest < 2:
                break
        return best or self._smallest(limit, size_of)

    def _smallest(self, limit: int, size_of: Callable[[NGramModel], int]) -> NGramModel:
        model = self.at(math.inf)
        size = size_of(model)
        if size > limit:
            raise DataError("model", f"takes {size:,} bytes without any n-gram above order 1", "allow for more")
        return model

    def _threshold(self, number: int) -> float:
        if number >= len(self.worth):
            return -math.inf
        least = float(np.partition(self.worth, len(self.worth) - number)[len(self.worth) - number])
        ties = self.worth >= least
        return least if int(ties.sum()) <= number else float(np.nextafter(least, math.inf))

    def _with_longer(self, worth: LogProbs) -> LogProbs:
        """Returns for each n-gram the largest worth of those that begin with it."""
        ends = np.cumsum((0, *self._model.num_ngrams))
        for first, last in reversed(list(pairwise(ends[1:]))):
            contexts = self._model.arc_contexts[first:last]
            begins = np.flatnonzero(np.diff(contexts, prepend=-1))
            if len(begins):
                arcs = contexts[begins] - 1
                worth[arcs] = np.maximum(worth[arcs], np.maximum.reduceat(worth[first:last], begins))
        return worth


def _losses(model: NGramModel) -> LogProbs:
    """Returns the relative entropy that leaving out each single n-gram costs, shape (A,)."""
    fewest, size = model.num_ngrams[0], model.num_states
    states, log_probs = model.arc_contexts[fewest:], model.arc_log_probs[fewest:]
    lower, weights = model.arcs(model.backoff_states[states], model.arc_labels[fewest:])
    histories = _history_probs(model, lower, np.exp(weights + model.backoffs[states]))
    lower_log_probs = weights + model.arc_log_probs[lower]
    del lower, weights
    probs, lower_probs = np.exp(log_probs), np.exp(lower_log_probs)
    left = np.maximum(1 - np.bincount(states, weights=probs, minlength=size), LEAST)
    free = np.maximum(1 - np.bincount(states, weights=lower_probs, minlength=size), LEAST)
    before = np.log(left) - np.log(free)
    after = np.log(left[states] + probs) - np.log(free[states] + lower_probs)
    losses = probs * (lower_log_probs + after - log_probs) + (after - before[states]) * left[states]
    return np.concatenate([np.full(fewest, np.inf), -histories[states] * losses])


def _history_probs(model: NGramModel, lower: Ids, lower_weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Returns the probability that the words so far end in each context, in an endless text of the model, shape (S,).

    Args:
        model: the model.
        lower: for each arc above order 1, the arc that is taken without it.
        lower_weights: the product of the back-off weights on the way there.
    """
    fewest, size = model.num_ngrams[0], model.num_states
    backoffs, probs = np.exp(model.backoffs), np.exp(model.arc_log_probs)
    after = np.where(model.arc_labels == END, model.start_state, model.arc_next_states)
    states = np.zeros(size)
    states[model.start_state] = 1.0
    for _ in range(_MOST_STEPS):
        reached = _passed_on(model, states, backoffs)
        taken = reached[model.arc_contexts]
        taken -= np.bincount(lower, weights=lower_weights * taken[fewest:], minlength=len(taken))
        moved = np.bincount(after, weights=np.maximum(taken, 0) * probs, minlength=size)
        moved = moved / moved.sum()
        change = np.abs(moved - states).sum()
        states = (states + moved) / 2  # also where the states would take turns
        if change < _CHANGE:
            break
    return _passed_on(model, states, np.ones(size))


def _passed_on(
    model: NGramModel, states: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Returns what states have of their own and what longer ones pass on to them, multiplied by weights, shape (S,)."""
    passed = states.copy()
    ends = 1 + np.cumsum((0, *model.num_ngrams[:-1]))
    for first, last in reversed(list(pairwise(ends))):
        own = weights[first:last] * passed[first:last]
        passed[:first] += np.bincount(model.backoff_states[first:last], weights=own, minlength=first)
    return passed


def _without(model: NGramModel, keep: npt.NDArray[np.bool_]) -> NGramModel:
    """Returns the model of the n-grams marked, shape (A,)."""
    kept, first = [], 0
    for words in model.ngrams():
        kept.append(words[keep[first : first + len(words)]])
        first += len(words)
    while len(kept[-1]) == 0:
        kept.pop()
    tree, _ = build_tree(len(model.vocabulary), kept[1:])
    return normalised(model.vocabulary, tree, model.arc_log_probs[keep])
