"""Modified Kneser-Ney estimation of n-gram models."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asr.errors import ConfigError
from asr.lm.counting import NGramCounts, Storage, count_ngrams
from asr.lm.ngram import NEVER, LogProbs, NGramModel
from asr.lm.rows import Counts, Words
from asr.lm.tree import Ids, NGramTree, TreeBuilder
from asr.lm.vocabulary import BEGIN, Vocabulary

logger = logging.getLogger(__name__)

FALLBACK = (0.5, 1.0, 1.5)
"""Discounts for texts that are too small, or whose words are too few and too frequent, to estimate them."""


@dataclass(frozen=True)
class Discounts:
    """The discounts of one order.

    Attributes:
        values: discounts of counts 1, 2 and from 3.
        counts_of_counts: how many n-grams have the count 1, 2, 3, 4.
        is_estimated: False if the counts of counts allow no estimate and FALLBACK is used.
    """

    values: tuple[float, float, float]
    counts_of_counts: tuple[int, int, int, int]
    is_estimated: bool

    @classmethod
    def of(cls, counts_of_counts: Sequence[int]) -> Discounts:
        """Returns the discounts D_j = j - (j + 1) Y t_{j+1} / t_j with Y = t_1 / (t_1 + 2 t_2), j = 1, 2, 3.

        FALLBACK is used if some t_j is 0 or some D_j is not between 0 and j.

        **Source**: Chen & Goodman 1998, "An empirical study of smoothing techniques for language modeling", TR-10-98,
        eq. 26; the fallback values are those of KenLM's ``--discount_fallback``.

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
    """A model and how it was estimated.

    Attributes:
        model: the model.
        discounts: of each order from 1.
        num_counted: distinct n-grams of each order in the text, before pruning; for order 1, V without ``<s>``.
    """

    model: NGramModel
    discounts: tuple[Discounts, ...]
    num_counted: tuple[int, ...]

    def describe(self) -> Iterator[str]:
        """Yields a line for each order: its n-grams and discounts."""
        pairs = zip(self.num_counted, self.discounts, strict=True)
        for order, (num_counted, discounts) in enumerate(pairs, start=1):
            num_ngrams = self.model.num_ngrams[order - 1] if order <= self.model.order else 0
            kept = f", {num_ngrams:,} kept" if order > 1 and num_ngrams < num_counted else ""
            values = " ".join(f"{value:.4f}" for value in discounts.values)
            yield f"order {order}: {num_counted:,} n-grams{kept}, discounts {values}"


def estimate(
    sentences: Iterable[Sequence[str]],
    order: int,
    vocabulary: Vocabulary | None = None,
    *,
    is_closed: bool = True,
    prune: Sequence[int] = (),
    storage: Storage | None = None,
) -> NGramModel:
    """Returns the n-gram model of sentences; see :func:`count_ngrams` and :func:`estimate_from_counts`.

    Example:
        >>> model = estimate([["a", "b"], ["a", "c"]], order=2)
        >>> float(np.exp(model.log_prob(["a", "c"])).round(4))
        0.1365
    """
    counts = count_ngrams(sentences, order, vocabulary, is_closed=is_closed, storage=storage)
    return estimate_from_counts(counts, prune).model


def estimate_from_counts(counts: NGramCounts, prune: Sequence[int] = ()) -> Estimate:
    """Returns the interpolated modified Kneser-Ney model of counts.

    With a(hw) the adjusted count of :meth:`NGramCounts.of_order` and D its discount,

        p(w | h) = (a(hw) - D(a(hw))) / sum_x a(hx) + gamma(h) p(w | h'),    h' being h without its first word,

    gamma(h) being the mass freed by discounting and pruning. Unigrams are interpolated with the uniform distribution
    over the vocabulary with ``<unk>`` and ``</s>``, but without ``<s>``, which has no probability:

        p(w) = (a(w) - D(a(w))) / sum_x a(x) + gamma / (V - 1).

    So ``<unk>`` and words of the vocabulary that the text lacks get gamma / (V - 1) each; where the text has words
    outside a closed vocabulary, ``<unk>`` is counted like any other word.

    **Source**: Chen & Goodman 1998, section 3; pruning, ``<s>`` and ``<unk>`` as in KenLM's lmplz, Heafield et al.
    2013, "Scalable modified Kneser-Ney language model estimation".

    The n-grams are read block by block: memory grows with those that pruning leaves, some 120 bytes for each.

    Args:
        counts: of the highest order.
        prune: n-grams that occur so often or less are dropped, for each order from 1, as with KenLM's ``--prune``; see
            :func:`check_prune`.

    Raises:
        ConfigError: as for :func:`check_prune`.
    """
    thresholds = check_prune(prune, counts.order)
    levels = _Levels(counts, thresholds)
    tree = levels.tree
    discounts = tuple(_discounts(tally, order) for order, tally in enumerate(levels.tallies, start=1))
    log_probs, backoffs = _smoothed(tree, levels.adjusted, levels.pruned, discounts)
    model = NGramModel.assemble(counts.vocabulary, tree, log_probs, backoffs)
    return Estimate(model, discounts, (tree.num_ngrams[0] - 1, *levels.num_counted[1:]))


def check_prune(prune: Sequence[int], order: int) -> list[int]:
    """Returns the pruning threshold of each order from 1; the last value holds for all higher orders.

    Raises:
        ConfigError: the values do not ascend from 0, or there are more values than orders.

    Example:
        >>> check_prune([0, 1], 4)
        [0, 1, 1, 1]
    """
    values = list(prune) or [0]
    if len(values) > order or values[0] != 0 or sorted(values) != values:
        remedy = f"give up to {order} numbers that ascend from 0, such as 0 0 1"
        raise ConfigError("prune", f"{' '.join(map(str, values))} for {order} orders", remedy)
    return values + [values[-1]] * (order - len(values))


class _Levels:
    """The n-grams of all orders that pruning leaves, read block by block; of the others only what discounting needs.

    Attributes:
        tree: the n-grams left.
        adjusted: their adjusted counts, shape (A,).
        pruned: for each node of the tree, the adjusted counts of the n-grams with this context that are left out,
            shape (A + 1,).
        tallies: for each order, how many n-grams have the count 1, 2, 3, 4.
        num_counted: distinct n-grams of each order before pruning.
    """

    def __init__(self, counts: NGramCounts, thresholds: Sequence[int]) -> None:
        self.tallies: list[list[int]] = []
        self.num_counted: list[int] = []
        size = len(counts.vocabulary)
        unigrams = np.zeros(size, dtype=np.int64)
        for words, _, adjusted in self._blocks(counts, 1):
            unigrams[words[:, 0]] = adjusted
        builder, kept, pruned = TreeBuilder(size), [unigrams], [np.zeros(1, dtype=np.int64)]
        for order, threshold in enumerate(thresholds[1:], start=2):
            left, lost = self._split(counts, order, threshold, builder)
            pruned.append(lost)
            if len(left[1]):
                kept.append(left[1][builder.add(left[0])])
        self.tree, self.adjusted = builder.tree(), np.concatenate(kept)
        self.pruned = np.zeros(len(self.adjusted) + 1, dtype=np.int64)
        for lost in pruned:
            self.pruned[: len(lost)] += lost

    def _blocks(self, counts: NGramCounts, order: int) -> Iterator[tuple[Words, Counts, Counts]]:
        """Yields the n-grams of an order and counts their counts."""
        tally = np.zeros(6, dtype=np.int64)
        number = 0
        for words, raw, adjusted in counts.of_order(order):
            tally += np.bincount(np.minimum(adjusted, 5), minlength=6)
            number += len(words)
            yield words, raw, adjusted
        self.tallies.append(tally[1:5].tolist())
        self.num_counted.append(number)

    def _split(
        self, counts: NGramCounts, order: int, threshold: int, builder: TreeBuilder
    ) -> tuple[tuple[Words, Ids], Ids]:
        """Returns n-grams that are left, with adjusted counts; and the sums of the others over contexts that are."""
        kept = [(np.empty((0, order), dtype=np.int32), np.empty(0, dtype=np.int64))]
        pruned = np.zeros(builder.num_nodes, dtype=np.int64)
        for words, raw, adjusted in self._blocks(counts, order):
            keep = raw > threshold
            kept.append((words[keep], adjusted[keep]))
            if not keep.all():
                contexts = builder.nodes(words[~keep, :-1])
                is_left = contexts >= 0
                pruned += np.bincount(
                    contexts[is_left], weights=adjusted[~keep][is_left], minlength=builder.num_nodes
                ).astype(np.int64)
        parts = tuple(zip(*kept, strict=True))
        return (np.concatenate(parts[0]), np.concatenate(parts[1])), pruned


def _discounts(tally: Sequence[int], order: int) -> Discounts:
    discounts = Discounts.of(tally)
    if not discounts.is_estimated:
        logger.warning(
            "order %d: %s n-grams occur 1, 2, 3, 4 times, too few to estimate discounts; %s, %s, %s are used",
            order,
            ", ".join(map(str, discounts.counts_of_counts)),
            *FALLBACK,
        )
    return discounts


def _smoothed(tree: NGramTree, adjusted: Ids, pruned: Ids, discounts: Sequence[Discounts]) -> tuple[LogProbs, LogProbs]:
    """Returns natural-log probabilities and back-off weights of all n-grams, shape (A,)."""
    taken = np.zeros(len(adjusted))
    for order in range(1, len(tree.num_ngrams) + 1):
        span = tree.span(order)
        taken[span] = np.array([0.0, *discounts[order - 1].values])[np.minimum(adjusted[span], 3)]
    num_nodes = len(adjusted) + 1
    totals = np.bincount(tree.contexts, weights=adjusted, minlength=num_nodes) + pruned
    lost = np.bincount(tree.contexts, weights=taken, minlength=num_nodes) + pruned
    gammas = np.divide(lost, totals, out=np.ones(num_nodes), where=totals > 0)
    probs = (adjusted - taken) / totals[tree.contexts]
    del taken, totals, lost
    unigrams = tree.span(1)
    probs[unigrams] += gammas[0] / (tree.vocabulary_size - 1)
    probs[BEGIN] = np.exp(NEVER)
    for order in range(2, len(tree.num_ngrams) + 1):
        span = tree.span(order)
        probs[span] += gammas[tree.contexts[span]] * probs[tree.suffixes[span] - 1]
    log_probs: npt.NDArray[np.float64] = np.log(probs)
    log_probs[BEGIN] = NEVER
    return log_probs, np.log(gammas[1:])
