"""What scores words in the search over a lexicon."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from asr.decoding.lexicon.trie import LexiconTrie


class WordScorer(Protocol):
    """Scores the next word of growing sequences, whose states are integers."""

    @property
    def num_words(self) -> int:
        """W, the words of the trie that it was made for."""
        ...

    @property
    def start_state(self) -> int:
        """The state before the first word."""
        ...

    @property
    def highest(self) -> float:
        """The highest score of a word."""
        ...

    def to(self, device: torch.device) -> object:
        """Moves its tensors."""
        ...

    def unigrams(self) -> Tensor:
        """Returns the score of each word, and of an unknown one at the end, without its context, shape (W+1,)."""
        ...

    def look_ahead(self, trie: LexiconTrie) -> Tensor:
        """Returns what the words that may still come promise in each state of a trie, shape (S,), 0 at the root."""
        ...

    def lookup(self, states: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the scores of words and the states after them, of the same shape."""
        ...

    def finish(self, states: Tensor) -> Tensor:
        """Returns the scores that sentences end here, shape as the states."""
        ...
