"""Hot phrases in the beam search over words, with a language model of words or without."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from asr.decoding.lexicon.trie import NO_WORD, LexiconTrie
from asr.decoding.lexicon.word_ngram import WordNGram
from asr.decoding.phrase_automaton import Pattern, PhraseAutomaton
from asr.decoding.phrases import Phrase


class BoostedWords(nn.Module):
    """Adds what hot phrases are worth to a language model, see :class:`asr.decoding.lexicon.word_scorer.WordScorer`.

    Its scores are not probabilities, and are already weighted. A state holds that of the language model and that of an
    automaton, which knows a word by its place in the list of hot words, and all others as 0.

    Args:
        phrases: whose words are all in the trie.
        trie: of the words.
        lm: made for the words of the trie; None for no language model.
        lm_weight: what its natural-log scores are multiplied by; 0 switches it off.

    Raises:
        ConfigError: the phrases are too many.
    """

    classes: Tensor
    rates: Tensor

    def __init__(self, phrases: Sequence[Phrase], trie: LexiconTrie, lm: WordNGram | None, lm_weight: float) -> None:
        super().__init__()
        self.lm, self.lm_weight, self.num_words = lm if lm_weight else None, lm_weight, len(trie.words)
        hot = {word: place for place, word in enumerate(dict.fromkeys(w for each in phrases for w in each.words), 1)}
        patterns = [_pattern(each, [hot[word] for word in each.words]) for each in phrases]
        self.automaton = PhraseAutomaton(patterns, len(hot) + 1)
        classes = torch.tensor([*(hot.get(word, 0) for word in trie.words), 0])
        self.register_buffer("classes", classes, persistent=False)
        first = self.automaton.scores[self.automaton.start_state][classes]
        self.register_buffer("rates", first / _longest_spellings(trie), persistent=False)

    @property
    def start_state(self) -> int:
        """The state before the first word."""
        return (self.lm.start_state if self.lm else 0) * self.automaton.num_states + self.automaton.start_state

    @property
    def highest(self) -> float:
        """The highest score of a word."""
        return self.automaton.highest

    def unigrams(self) -> Tensor:
        """Returns the score of each word as the first one of a phrase or none, shape (W+1,)."""
        scores = self.automaton.scores[self.automaton.start_state][self.classes]
        return scores if self.lm is None else scores + self.lm_weight * self.lm.unigrams()

    def look_ahead(self, trie: LexiconTrie) -> Tensor:
        """Returns what the words that may still come promise: of the hot ones, a share for each token that is said."""
        depths = torch.from_numpy(trie.depths).to(self.rates.device)
        ahead = depths * trie.best_below(self.rates)
        return ahead if self.lm is None else ahead + self.lm_weight * self.lm.look_ahead(trie)

    def lookup(self, states: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the scores of words and the states after them, of the same shape."""
        places, hot = states % self.automaton.num_states, self.classes[words]
        scores, after = self.automaton.scores[places, hot], self.automaton.next_states[places, hot]
        if self.lm is None:
            return scores, after
        log_probs, lm_states = self.lm.lookup(states // self.automaton.num_states, words)
        return scores + self.lm_weight * log_probs, lm_states * self.automaton.num_states + after

    def finish(self, states: Tensor) -> Tensor:
        """Returns the scores that sentences end here, shape as the states."""
        scores = self.automaton.endings[states % self.automaton.num_states]
        if self.lm is None:
            return scores
        return scores + self.lm_weight * self.lm.finish(states // self.automaton.num_states)


def _pattern(phrase: Phrase, symbols: Sequence[int]) -> Pattern:
    """Returns what a phrase pays, after each of its words the share of the letters so far."""
    letters = np.cumsum([len(word) for word in phrase.words])
    return Pattern(tuple(symbols), tuple((phrase.bonus * letters / letters[-1]).tolist()))


def _longest_spellings(trie: LexiconTrie) -> Tensor:
    """Returns the tokens of the longest spelling of each word, at least 1, and for an unknown one 1, shape (W+1,)."""
    words, states = trie.arc_words.cpu().numpy(), trie.arc_states.cpu().numpy()
    ends = words != NO_WORD
    lengths = np.ones(len(trie.words) + 1, dtype=np.int64)
    np.maximum.at(lengths, words[ends], trie.depths[states[ends]] + (not trie.is_separated))
    return torch.from_numpy(lengths)
