"""What the arcs of a lexicon trie weigh: scores of words, and looking ahead to them."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from asr.decoding.beams import random_numbers
from asr.decoding.lexicon.trie import NO_WORD, ROOT, LexiconTrie
from asr.decoding.lexicon.word_ngram import WordNGram


@dataclass(frozen=True)
class UnknownWord:
    """How much a word counts that is not in the lexicon, beside what the language model gives ``<unk>``.

    Attributes:
        score: natural-log score added for the word.
        token_score: natural-log score added for each of its tokens.
    """

    score: float
    token_score: float = 0.0


@dataclass(frozen=True)
class WeightedTrie:
    """A trie with the weights that a search adds.

    An arc weighs what the words to come may at best score, less what they might before it; all of that is taken back
    where a word ends, which adds the word's own scores. So the sum over whole words is exact.

    Attributes:
        trie: the trie.
        lm: scores the words; None for none.
        lm_weight: what its natural-log scores are multiplied by.
        weights: of each arc, all but the language model's score of its word, shape (A,).
        pair_weights: the most that an arc of each pair weighs, with the unigram in place of the language model; -inf at
            the end, where there is no arc, shape (P+1,).
        cell_weights: the same of each state and token, (S*V,), where the trie has that table; else empty.
        ahead: what is looked ahead in each state, shape (S,).
        hashes: a random number for the token of each arc and what kind it is, different within a pair, (A,).
        word_hashes: a random number for each word, at least (W+1,).
    """

    trie: LexiconTrie
    lm: WordNGram | None
    lm_weight: float
    weights: torch.Tensor
    pair_weights: torch.Tensor
    cell_weights: torch.Tensor
    ahead: torch.Tensor
    hashes: torch.Tensor
    word_hashes: torch.Tensor

    @classmethod
    def of(
        cls,
        trie: LexiconTrie,
        lm: WordNGram | None,
        lm_weight: float,
        word_score: float,
        unknown: UnknownWord | None,
        looks_ahead: bool,
        dtype: torch.dtype,
    ) -> WeightedTrie:
        """Weighs the arcs; see :class:`asr.decoding.lexicon.beam.LexiconBeamDecoder`."""
        device, num_words = trie.arc_words.device, len(trie.words)
        unigrams = torch.zeros(num_words + 1, dtype=torch.float64, device=device)
        if lm is not None:
            unigrams = lm_weight * lm.unigrams().double()
        ahead = torch.zeros(trie.num_states, dtype=torch.float64, device=device)
        if looks_ahead and lm is not None:
            ahead = trie.best_below(unigrams)
        ends = trie.arc_words != NO_WORD
        weights = ahead[trie.arc_next_states] - ahead[trie.arc_states] + word_score * ends
        if unknown is not None:
            inside = (trie.arc_next_states == trie.unknown_state) | (trie.arc_words == num_words)
            is_separator = trie.arc_token_ids == (-1 if trie.separator is None else trie.separator)
            weights += unknown.token_score * (inside & ~is_separator)
            weights += unknown.score * (inside & (trie.arc_states == ROOT))
        guessed = weights + torch.where(ends, unigrams[trie.arc_words.clamp(min=0)], 0.0)
        pair_weights = torch.full((len(trie.pair_first),), -torch.inf, dtype=torch.float64, device=device)
        pair_weights.scatter_reduce_(0, trie.arc_pairs, guessed, "amax")
        tokens, words = random_numbers(trie.num_tokens, 0).to(device), random_numbers(num_words + 3, 1).to(device)
        kinds = torch.where(trie.arc_next_states == trie.unknown_state, num_words + 1, trie.arc_words)
        hashes = tokens[trie.arc_token_ids] ^ words[kinds]  # NO_WORD is the last
        weights, pair_weights, ahead = weights.to(dtype), pair_weights.to(dtype), ahead.to(dtype)
        cells = pair_weights[trie.pair_table.long()]
        return cls(trie, lm, lm_weight, weights, pair_weights, cells, ahead, hashes, words)

    def look_ahead(self, cells: torch.Tensor) -> torch.Tensor:
        """Gives the most that an arc of each pair weighs, -inf where there is none.

        Args:
            cells: states times V plus token, any shape.
        """
        if len(self.cell_weights):
            return self.cell_weights.index_select(0, cells.flatten()).view(cells.shape)
        return self.pair_weights[self.trie.find_cells(cells)]

    @property
    def unknown(self) -> int:
        """The word that stands for all unknown ones."""
        return len(self.trie.words)
