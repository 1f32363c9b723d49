"""An n-gram model of words in the lexicon beam search."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from itertools import repeat

import numpy as np
import torch
from torch import Tensor, nn

from asr.decoding.lexicon.trie import LexiconTrie
from asr.errors import DataError
from asr.lm.ngram import NGramModel
from asr.lm.tensors import NGramTensors
from asr.lm.vocabulary import END, UNKNOWN


class WordNGram(nn.Module):
    """Scores the words of a lexicon by an n-gram model; those that it lacks share the probability of ``<unk>`` evenly.

    Had each of them all of it, two thousand rare words would be as likely as what a text has instead of them, together:
    with a model of books, every seventh word found was one of them.

    Args:
        model: over words.
        words: the W words of the lexicon.
        expected: words among them that have all of it, such as hot words.

    Raises:
        DataError: the model knows none of the words.

    Attributes:
        ngram: the model as tensors.
        labels: the model's id of each of the W words, and of an unknown one at the end, shape (W+1,).
        num_words: W.
        num_unknown: words that the model lacks.
        highest: the highest score that a word can have, 0.
    """

    labels: Tensor
    shares: Tensor

    def __init__(self, model: NGramModel, words: Sequence[str], expected: Collection[str] = ()) -> None:
        """Finds the words in the model."""
        super().__init__()
        ids = model.vocabulary.ids
        labels = np.array([*map(ids.get, words, repeat(UNKNOWN)), UNKNOWN], dtype=np.int64)
        lacking = np.flatnonzero(labels[:-1] == UNKNOWN)
        self.num_words, self.num_unknown, self.highest = len(words), len(lacking), 0.0
        if self.num_unknown == len(words):
            found = f"knows none of the {len(words)} words of the lexicon, such as {words[0]!r}"
            raise DataError("language model", found, "train it on words, in the same case")
        self.ngram = NGramTensors(model)
        self.register_buffer("labels", torch.from_numpy(labels), persistent=False)
        sharing = [place for place in lacking.tolist() if words[place] not in expected]
        self._is_shared = len(sharing) > 1
        shares = torch.zeros(len(labels))
        shares[sharing] = -math.log(max(1, len(sharing)))
        self.register_buffer("shares", shares, persistent=False)

    @property
    def start_state(self) -> int:
        """The state at the beginning of a sentence."""
        return self.ngram.start_state

    def unigrams(self) -> Tensor:
        """Returns the natural-log probability of each word without its context, shape (W+1,)."""
        return self.ngram.unigrams(self.labels) + self.shares

    def look_ahead(self, trie: LexiconTrie) -> Tensor:
        """Returns the best unigram of the words that may still come in each state of a trie, shape (S,)."""
        return trie.best_below(self.unigrams())

    def lookup(self, states: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
        """Returns natural-log probabilities of words of the lexicon and the states after them, of the same shape."""
        log_probs, after = self.ngram.lookup(states, self.labels[words])
        return (log_probs + self.shares[words] if self._is_shared else log_probs), after

    def finish(self, states: Tensor) -> Tensor:
        """Returns the natural-log probabilities that sentences end here, shape as the states."""
        return self.ngram.lookup(states, torch.full_like(states, END))[0]
