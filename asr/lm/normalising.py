"""Back-off weights that make the probabilities after every history sum to 1."""

from __future__ import annotations

import numpy as np

from asr.lm.ngram import LogProbs, NGramModel
from asr.lm.tree import Ids, NGramTree, find
from asr.lm.vocabulary import Vocabulary

LEAST = 1e-12
"""What is left, at least, of the probability after a history for words that have no n-gram there."""


def normalised(vocabulary: Vocabulary, tree: NGramTree, log_probs: LogProbs) -> NGramModel:
    """Returns the model of n-grams with given probabilities.

    With h' being h without its first word, and the sums over the words that have an n-gram after h,

        backoff(h) = (1 - sum_w p(w | h)) / (1 - sum_w p(w | h')).

    Args:
        vocabulary: the V words.
        tree: the n-grams.
        log_probs: natural-log probability of each, shape (A,); those of order 1 sum to 1.
    """
    shorter = np.concatenate([[0], tree.suffixes])  # of nodes
    backoffs = np.zeros(len(shorter))
    for order in range(2, len(tree.num_ngrams) + 1):
        span, before = tree.span(order), tree.span(order - 1)
        lower = _after_shorter(tree, span, shorter, log_probs, backoffs)
        places, size = tree.contexts[span] - 1 - before.start, before.stop - before.start
        left = 1 - np.bincount(places, weights=np.exp(log_probs[span]), minlength=size)
        free = 1 - np.bincount(places, weights=np.exp(lower), minlength=size)
        weights = np.log(np.maximum(left, LEAST)) - np.log(np.maximum(free, LEAST))
        acts = np.bincount(places, minlength=size) > 0
        backoffs[before.start + 1 : before.stop + 1] = np.where(acts, weights, 0.0)
    return NGramModel.assemble(vocabulary, tree, log_probs, backoffs[1:])


def _after_shorter(tree: NGramTree, span: slice, shorter: Ids, log_probs: LogProbs, backoffs: LogProbs) -> LogProbs:
    """Returns the natural-log probabilities of the last words of n-grams after histories without the first word."""
    keys = tree.contexts[: span.start] * tree.vocabulary_size + tree.labels[: span.start]
    nodes, labels = shorter[tree.contexts[span]], tree.labels[span]
    found_log_probs = np.zeros(len(nodes))
    rest = np.arange(len(nodes))
    while len(rest):
        found = find(keys, nodes[rest] * tree.vocabulary_size + labels[rest])
        is_found = found >= 0
        found_log_probs[rest[is_found]] += log_probs[found[is_found]]
        rest = rest[~is_found]
        found_log_probs[rest] += backoffs[nodes[rest]]
        nodes[rest] = shorter[nodes[rest]]
    return found_log_probs
