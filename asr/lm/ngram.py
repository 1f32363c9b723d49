"""N-gram language models with back-off: states, arcs and natural-log probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.lm.tree import Ids, NGramTree, find
from asr.lm.vocabulary import BEGIN, END, Vocabulary

LogProbs = npt.NDArray[np.float64]

NEVER = -99 * float(np.log(10))
"""Natural-log probability of what cannot occur, such as ``<s>``; ARPA files write -99."""


@dataclass(frozen=True, eq=False)
class NGramModel:
    """An n-gram model as an automaton over words: states are contexts, arcs are n-grams.

    The probability of word w after state h is that of the arc or, if there is none, the back-off weight of h times the
    probability of w after a shorter context:

        log p(w | h) = log_probs[arc] if (h, w) has an arc, else backoffs[h] + log p(w | backoff_states[h]).

    State 0 is the empty context; it has an arc for each of the V words and no back-off. A state without arcs or weight
    of its own is never entered: the equivalent shorter one is.

    Attributes:
        vocabulary: the V words.
        num_ngrams: n-grams of each order from 1; A in total. S = 1 + those below the highest order.
        arc_offsets: first arc of each state, and A at the end, shape (S + 1,).
        arc_labels: word of each arc, ascending within a state, shape (A,).
        arc_log_probs: natural-log probability of each arc, shape (A,).
        arc_next_states: state after each arc, shape (A,).
        backoffs: natural-log back-off weight of each state, shape (S,).
        backoff_states: the shorter context of each state, shape (S,).
    """

    vocabulary: Vocabulary
    num_ngrams: tuple[int, ...]
    arc_offsets: npt.NDArray[np.int64]
    arc_labels: npt.NDArray[np.int32]
    arc_log_probs: LogProbs
    arc_next_states: npt.NDArray[np.int32]
    backoffs: LogProbs
    backoff_states: npt.NDArray[np.int32]

    @classmethod
    def assemble(cls, vocabulary: Vocabulary, tree: NGramTree, log_probs: LogProbs, backoffs: LogProbs) -> NGramModel:
        """Returns the model of a tree of n-grams.

        Args:
            vocabulary: the V words.
            tree: the n-grams.
            log_probs: natural-log probability of each, shape (A,).
            backoffs: natural-log back-off weight of each as a context, shape (A,); unused for the highest order.
        """
        num_states = tree.num_contexts
        offsets = np.searchsorted(tree.contexts, np.arange(num_states + 1))
        backoffs = np.concatenate([[0.0], backoffs[: num_states - 1]])
        acts = (np.diff(offsets) > 0) | (backoffs != 0)
        shorter = np.concatenate([[0], tree.suffixes[: num_states - 1]])
        entered = np.arange(num_states)
        for order in range(1, len(tree.num_ngrams)):
            span = tree.span(order)
            nodes = np.arange(span.start, span.stop) + 1
            entered[nodes] = np.where(acts[nodes], nodes, entered[shorter[nodes]])
        after = np.concatenate([entered[1:], entered[tree.suffixes[num_states - 1 :]]])
        return cls(
            vocabulary,
            tree.num_ngrams,
            offsets,
            tree.labels.astype(np.int32),
            log_probs,
            after.astype(np.int32),
            backoffs,
            entered[shorter].astype(np.int32),
        )

    @property
    def order(self) -> int:
        """The length n of the longest n-grams."""
        return len(self.num_ngrams)

    @property
    def num_states(self) -> int:
        """The number of states S."""
        return len(self.backoffs)

    @property
    def start_state(self) -> int:
        """The state at the beginning of a sentence, after ``<s>``."""
        return int(self.arc_next_states[BEGIN])

    @cached_property
    def arc_contexts(self) -> Ids:
        """The state that each arc leaves, ascending, shape (A,)."""
        return np.repeat(np.arange(self.num_states), np.diff(self.arc_offsets))

    @cached_property
    def arc_keys(self) -> Ids:
        """State times V plus label of each arc, ascending, shape (A,): the search keys of arcs."""
        starts = np.arange(self.num_states) * len(self.vocabulary)
        return np.repeat(starts, np.diff(self.arc_offsets)) + self.arc_labels

    def lookup(self, states: npt.NDArray[Any], labels: npt.NDArray[Any]) -> tuple[LogProbs, Ids]:
        """Returns the natural-log probabilities of words, and the states after them.

        Args:
            states: any shape.
            labels: word ids, same shape.
        """
        states, labels = np.broadcast_arrays(states, labels)
        arcs, log_probs = self.arcs(states.ravel(), labels.ravel())
        log_probs += self.arc_log_probs[arcs]
        return log_probs.reshape(states.shape), self.arc_next_states[arcs].astype(np.int64).reshape(states.shape)

    def arcs(self, states: npt.NDArray[Any], labels: npt.NDArray[Any]) -> tuple[Ids, LogProbs]:
        """Returns the arcs of words, and the sums of the back-off weights on the way to them, shape (L,) each.

        Args:
            states: shape (L,).
            labels: word ids, shape (L,).
        """
        states = states.astype(np.int64)
        weights = np.zeros(len(states))
        arcs = np.zeros(len(states), dtype=np.int64)
        rest = np.arange(len(states))
        while len(rest):
            found = find(self.arc_keys, states[rest] * len(self.vocabulary) + labels[rest])
            arcs[rest] = found
            rest = rest[found < 0]
            weights[rest] += self.backoffs[states[rest]]
            states[rest] = self.backoff_states[states[rest]]
        return arcs, weights

    def ngrams(self) -> list[npt.NDArray[np.int32]]:
        """Returns the n-grams of each order from 1, in the order of the arcs, shapes (G, 1), (G, 2) and so on."""
        labels, contexts, first = self.arc_labels[:, None], self.arc_contexts, 0
        words = [labels[: self.num_ngrams[0]]]
        for number, before in zip(self.num_ngrams[1:], self.num_ngrams[:-1], strict=True):
            span = slice(first + before, first + before + number)
            words.append(np.hstack([words[-1][contexts[span] - 1 - first], labels[span]]))
            first = span.start
        return words

    def next_states(self, states: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Ids:
        """Returns the states after words; see :meth:`lookup`."""
        return self.lookup(states, labels)[1]

    def word_log_probs(self, sentences: Sequence[npt.NDArray[np.int32]]) -> list[LogProbs]:
        """Returns natural-log probabilities of words of sentences, shape (L,) each, and their ends: (L + 1,) each."""
        lengths = np.array([len(sentence) + 1 for sentence in sentences], dtype=np.int64)
        labels = np.full((len(sentences), int(lengths.max(initial=0))), END, dtype=np.int64)
        for row, sentence in enumerate(sentences):
            labels[row, : len(sentence)] = sentence
        log_probs = np.zeros(labels.shape)
        states = np.full(len(sentences), self.start_state, dtype=np.int64)
        for place in range(labels.shape[1]):
            rows = np.flatnonzero(place < lengths)
            log_probs[rows, place], states[rows] = self.lookup(states[rows], labels[rows, place])
        return [row[:length] for row, length in zip(log_probs, lengths, strict=True)]

    def log_prob(self, sentence: Sequence[str]) -> float:
        """Returns the natural-log probability of a sentence and its end; unknown words count as ``<unk>``.

        Raises:
            DataError: ``<s>`` or ``</s>`` is among the words.
        """
        return float(self.word_log_probs([self.vocabulary.encode(sentence)])[0].sum())
