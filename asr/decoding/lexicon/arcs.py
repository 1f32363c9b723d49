"""What the arcs of a lexicon trie weigh: scores of words, and looking ahead to them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from asr.decoding.beams import HASH_FACTOR, random_numbers, require
from asr.decoding.lexicon.trie import NO_WORD, ROOT, LexiconTrie
from asr.decoding.lexicon.word_scorer import WordScorer


@dataclass(frozen=True)
class LexiconScores:
    """What a search adds to the log-probability of what was heard.

    Attributes:
        lm: scores words; made for the words of the trie.
        lm_weight: what its natural-log scores are multiplied by; 0 switches it off.
        word_score: natural-log score added per word; above 0 favours more and shorter words.
        unknown_score: natural-log score added for a word that is not in the lexicon, on top of the language model's of
            ``<unk>``, for a trie that has such words; None for a closed vocabulary.
        blank_penalty: natural-log score taken from each frame of blank, a run that counts as one being one; more makes
            fewer deletions.
        looks_ahead: whether beginnings of words count as much as the best word they may become.
    """

    lm: WordScorer | None = None
    lm_weight: float = 0.0
    word_score: float = 0.0
    unknown_score: float | None = None
    blank_penalty: float = 0.0
    looks_ahead: bool = True

    def check(self, trie: LexiconTrie) -> None:
        """Refuses what does not go with a trie.

        Raises:
            ConfigError: a number is out of its range, or the model or the unknown word is for another trie.
        """
        require("lm_weight", self.lm_weight, self.lm_weight >= 0, "0 or more")
        is_right = (self.unknown_score is not None) == (trie.unknown_state >= 0)
        require("unknown_score", self.unknown_score, is_right, "a number exactly when the trie has unknown words")
        if self.lm is not None:
            num_words, allowed = self.lm.num_words, f"for the trie's {len(trie.words)} words"
            require("lm", f"of {num_words} words", num_words == len(trie.words), allowed)


@dataclass(frozen=True)
class WeightedTrie:
    """A trie with the weights that a search adds.

    An arc weighs the best score of the words that may still come, less that before the arc; where a word ends, all of
    that is taken back and the word's own scores are added. So the sum over whole words is exact.

    Attributes:
        trie: the trie.
        lm: scores the words; None for none.
        lm_weight: what its natural-log scores are multiplied by.
        weights: of each arc, all but the language model's score of its word, shape (A,).
        pair_weights: the greatest weight of an arc of each pair, with the unigram in place of the language model; -inf
            at the end, where there is no arc, shape (P+1,).
        cell_weights: the same of each state and token, (S*V,), where the trie has that table; else empty.
        ahead: look-ahead of each state, shape (S,).
        hashes: a random number for the token of each arc and what kind it is, different within a pair, (A,).
        word_hashes: a random number for each word, at least (W+1,).
    """

    trie: LexiconTrie
    lm: WordScorer | None
    lm_weight: float
    weights: Tensor
    pair_weights: Tensor
    cell_weights: Tensor
    ahead: Tensor
    hashes: Tensor
    word_hashes: Tensor

    @classmethod
    def of(cls, trie: LexiconTrie, scores: LexiconScores) -> WeightedTrie:
        """Weighs the arcs of a trie by what is scored; both are on the same device."""
        device, num_words = trie.arc_words.device, len(trie.words)
        lm = scores.lm if scores.lm_weight else None
        unigrams = torch.zeros(num_words + 1, dtype=torch.float64, device=device)
        if lm is not None:
            unigrams = scores.lm_weight * lm.unigrams().double()
        ahead = torch.zeros(trie.num_states, dtype=torch.float64, device=device)
        if scores.looks_ahead and lm is not None:
            ahead = scores.lm_weight * lm.look_ahead(trie)
        ends = trie.arc_words != NO_WORD
        weights = ahead[trie.arc_next_states] - ahead[trie.arc_states] + scores.word_score * ends
        if scores.unknown_score is not None:
            inside = (trie.arc_next_states == trie.unknown_state) | (trie.arc_words == num_words)
            weights += scores.unknown_score * (inside & (trie.arc_states == ROOT))
        guessed = weights + torch.where(ends, unigrams[trie.arc_words.clamp(min=0)], 0.0)
        pair_weights = torch.full((len(trie.pair_first),), -torch.inf, dtype=torch.float64, device=device)
        pair_weights.scatter_reduce_(0, trie.arc_pairs, guessed, "amax")
        tokens, words = random_numbers(trie.num_tokens, 0).to(device), random_numbers(num_words + 3, 1).to(device)
        kinds = torch.where(trie.arc_next_states == trie.unknown_state, num_words + 1, trie.arc_words)
        hashes = tokens[trie.arc_token_ids] ^ words[kinds]  # NO_WORD is the last
        return cls(
            trie=trie,
            lm=lm,
            lm_weight=scores.lm_weight,
            weights=weights,
            pair_weights=pair_weights,
            cell_weights=pair_weights.index_select(0, trie.pair_table),
            ahead=ahead,
            hashes=hashes,
            word_hashes=words,
        )

    def look_ahead(self, cells: Tensor) -> Tensor:
        """Returns the greatest weight of an arc of each cell (state times V plus token), -inf where there is none."""
        if len(self.cell_weights):
            return self.cell_weights.index_select(0, cells.flatten()).view(cells.shape)
        return self.pair_weights[self.trie.find_cells(cells)]

    def hash_words(self, prefixes: Tensor, words: Tensor, ended: Tensor, places: Tensor) -> Tensor:
        """Returns numbers that stand for the words of prefixes, an unknown word's for its tokens.

        Args:
            prefixes: numbers that stand for the prefixes before an arc, shape (B, K).
            words: numbers that stand for their words, shape (B, K).
            ended: the words that the arcs end, shape (B, K) or (B, K, O).
            places: the arcs, same shape.
        """
        if places.dim() > prefixes.dim():
            prefixes, words = prefixes[..., None], words[..., None]
        spelled = prefixes * HASH_FACTOR + self.hashes[places]
        more = torch.where(ended == self.unknown, spelled, words * HASH_FACTOR + self.word_hashes[ended])
        return torch.where(ended == NO_WORD, words, more)

    @property
    def unknown(self) -> int:
        """The word that stands for all unknown ones."""
        return len(self.trie.words)
