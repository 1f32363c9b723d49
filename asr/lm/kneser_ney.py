"""Modified Kneser-Ney estimation of n-gram models."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asr.errors import ConfigError
from asr.lm.counting import NGramCounts, count_ngrams
from asr.lm.ngram import NEVER, LogProbs, NGramModel
from asr.lm.tree import Ids, Mask, NGramTree, build_tree
from asr.lm.vocabulary import BEGIN, Vocabulary

logger = logging.getLogger(__name__)

FALLBACK = (0.5, 1.0, 1.5)
"""Discounts where the text is too small, or its words too few and too frequent, to estimate them."""


@dataclass(frozen=True)
class Discounts:
    """What is taken off the counts of one order.

    Attributes:
        values: discounts of counts 1, 2 and from 3.
        counts_of_counts: how many n-grams have the count 1, 2, 3, 4.
        is_estimated: False where the counts of counts gave none and FALLBACK is taken.
    """

    values: tuple[float, float, float]
    counts_of_counts: tuple[int, int, int, int]
    is_estimated: bool

    @classmethod
    def of(cls, counts_of_counts: Sequence[int]) -> Discounts:
        """Gives the discounts D_j = j - (j + 1) Y t_{j+1} / t_j with Y = t_1 / (t_1 + 2 t_2), j = 1, 2, 3.

        FALLBACK is taken where some t_j is 0 or some D_j is not between 0 and j.

        **Source**: Chen and Goodman, "An empirical study of smoothing techniques for language modeling", TR-10-98,
        equation 26; the values to fall back on are those of KenLM's ``--discount_fallback``.

        Args:
            counts_of_counts: t_1 to t_4, how many n-grams have the count j.

        Example:
            >>> Discounts.of([8, 4, 2, 1]).values
            (0.5, 1.25, 2.0)
        """
        t = tuple(int(value) for value in counts_of_counts)
        counts = (t[0], t[1], t[2], t[3])
        if min(counts) > 0:
            share = t[0] / (t[0] + 2 * t[1])
            first, second, third = (j - (j + 1) * share * t[j] / t[j - 1] for j in (1, 2, 3))
            if 0 < first <= 1 and 0 < second <= 2 and 0 < third <= 3:
                return cls((first, second, third), counts, is_estimated=True)
        return cls(FALLBACK, counts, is_estimated=False)


@dataclass(frozen=True)
class Estimate:
    """A model and what it was estimated by.

    Attributes:
        model: the model.
        discounts: of each order from 1.
        num_counted: different n-grams of each order in the text, before pruning; of order 1 it is V without ``<s>``.
    """

    model: NGramModel
    discounts: tuple[Discounts, ...]
    num_counted: tuple[int, ...]


def estimate(
    sentences: Iterable[Sequence[str]],
    order: int,
    vocabulary: Vocabulary | None = None,
    *,
    is_closed: bool = True,
    prune: Sequence[int] = (),
) -> NGramModel:
    """Gives the n-gram model of sentences; see :func:`estimate_from_counts`.

    Args:
        sentences: the words (phones, pieces) of each; they are read once.
        order: the length of the longest n-grams.
        vocabulary: words that the model has in any case; None for none.
        is_closed: whether words that are not in a vocabulary that is given count as ``<unk>``; else they join it.
        prune: n-grams that occur as often or less are left out, for each order from 1, as KenLM's ``--prune``.

    Raises:
        DataError: there are no sentences, or ``<s>`` or ``</s>`` stands in one.
        ConfigError: ``prune`` is not ascending from 0, or has more values than there are orders.

    Example:
        >>> model = estimate([["a", "b"], ["a", "c"]], order=2)
        >>> float(np.exp(model.log_prob(["a", "c"])).round(4))
        0.1365
    """
    counts = count_ngrams(sentences, order, vocabulary, is_closed=is_closed)
    return estimate_from_counts(counts, prune).model


def estimate_from_counts(counts: NGramCounts, prune: Sequence[int] = ()) -> Estimate:
    """Gives the interpolated modified Kneser-Ney model of counts.

    With a(hw) the count that :meth:`NGramCounts.of_order` calls adjusted and D its discount,

        p(w | h) = (a(hw) - D(a(hw))) / sum_x a(hx) + gamma(h) p(w | h'),    h' being h without its first word,

    gamma(h) being what the discounts, and the n-grams that are pruned, leave. Under the unigrams lies the uniform
    distribution over the vocabulary with ``<unk>`` and ``</s>``, but without ``<s>``, which has no probability:

        p(w) = (a(w) - D(a(w))) / sum_x a(x) + gamma / (V - 1).

    So ``<unk>`` and words that are in the vocabulary, but not in the text, get gamma / (V - 1) each; where the text has
    words outside a closed vocabulary, ``<unk>`` is counted as a word like any other.

    **Source**: Chen and Goodman 1998, section 3; pruning, ``<s>`` and ``<unk>`` as KenLM's lmplz has them (Heafield et
    al., "Scalable modified Kneser-Ney language model estimation", ACL 2013).

    Args:
        counts: of the highest order.
        prune: n-grams that occur as often or less are left out, for each order from 1 (where it must be 0); the last
            value holds for the orders above.

    Raises:
        ConfigError: ``prune`` is not ascending from 0, or has more values than there are orders.
    """
    thresholds = check_prune(prune, counts.order)
    tree, raw, adjusted = _tree_of(counts)
    discounts = tuple(_discounts(adjusted[tree.span(order)], order) for order in range(1, counts.order + 1))
    keep = np.concatenate([raw[tree.span(order + 1)] > threshold for order, threshold in enumerate(thresholds)]) | (
        tree.contexts == 0
    )
    log_probs, backoffs = _smoothed(tree, adjusted, discounts, keep)
    tree_kept = tree.kept(keep)
    model = NGramModel.assemble(counts.vocabulary, tree_kept, log_probs[keep], backoffs[keep])
    return Estimate(model, discounts, (tree.num_ngrams[0] - 1, *tree.num_ngrams[1:]))


def check_prune(prune: Sequence[int], order: int) -> list[int]:
    """Gives the pruning threshold of each order from 1; the last value holds for the orders above.

    Raises:
        ConfigError: the values do not ascend from 0, or there are more than orders.

    Example:
        >>> check_prune([0, 1], 4)
        [0, 1, 1, 1]
    """
    values = list(prune) or [0]
    if len(values) > order or values[0] != 0 or sorted(values) != values:
        remedy = f"give up to {order} numbers that ascend from 0, such as 0 0 1"
        raise ConfigError("prune", f"{' '.join(map(str, values))} for {order} orders", remedy)
    return values + [values[-1]] * (order - len(values))


def _tree_of(counts: NGramCounts) -> tuple[NGramTree, Ids, Ids]:
    """Gives the n-grams of all orders; how often each occurs, and its adjusted count, shapes (A,)."""
    vocabulary_size = len(counts.vocabulary)
    levels = [counts.of_order(order) for order in range(1, counts.order + 1)]
    tree, sortings = build_tree(vocabulary_size, [words for words, _, _ in levels[1:]])
    unigrams = levels[0][0][:, 0]
    arrays = []
    for kind in (1, 2):
        first = np.zeros(vocabulary_size, dtype=np.int64)
        first[unigrams] = levels[0][kind]
        higher = [level[kind][sorting] for level, sorting in zip(levels[1:], sortings, strict=True)]
        arrays.append(np.concatenate([first, *higher]))
    return tree, arrays[0], arrays[1]


def _discounts(adjusted: Ids, order: int) -> Discounts:
    t = np.bincount(np.minimum(adjusted, 5), minlength=6)[1:5]
    discounts = Discounts.of(t.tolist())
    if not discounts.is_estimated:
        logger.warning(
            "order %d: %s n-grams occur 1, 2, 3, 4 times, which gives no discounts; %s, %s, %s are taken instead",
            order,
            ", ".join(map(str, discounts.counts_of_counts)),
            *FALLBACK,
        )
    return discounts


def _smoothed(tree: NGramTree, adjusted: Ids, discounts: Sequence[Discounts], keep: Mask) -> tuple[LogProbs, LogProbs]:
    """Gives natural-log probabilities and back-off weights of all n-grams, shapes (A,); right for those kept."""
    taken = np.zeros(len(adjusted))
    for order, each in enumerate(discounts, start=1):
        span = tree.span(order)
        taken[span] = np.array([0.0, *each.values])[np.minimum(adjusted[span], 3)]
    taken = np.where(keep, taken, adjusted)
    num_nodes = len(adjusted) + 1
    totals = np.bincount(tree.contexts, weights=adjusted, minlength=num_nodes)
    lost = np.bincount(tree.contexts, weights=taken, minlength=num_nodes)
    gammas = np.divide(lost, totals, out=np.ones(num_nodes), where=totals > 0)
    probs = (adjusted - taken) / totals[tree.contexts]
    unigrams = tree.span(1)
    probs[unigrams] += gammas[0] / (tree.vocabulary_size - 1)
    probs[BEGIN] = np.exp(NEVER)
    for order in range(2, len(tree.num_ngrams) + 1):
        span = tree.span(order)
        probs[span] += gammas[tree.contexts[span]] * probs[tree.suffixes[span] - 1]
    log_probs: npt.NDArray[np.float64] = np.log(probs)
    log_probs[BEGIN] = NEVER
    return log_probs, np.log(gammas[1:])
