"""Hot phrases in the beam search over tokens, with a language model of tokens or without."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from asr.decoding.phrase_automaton import Pattern, PhraseAutomaton
from asr.decoding.phrases import Phrase
from asr.decoding.token_scorer import TokenScorer
from asr.text.bpe import WORD_BEGIN
from asr.text.tokens import SPACE_TOKEN, TokenTable


class BoostedScorer:
    """Adds what hot phrases are worth to a language model, see :class:`asr.decoding.token_scorer.TokenScorer`.

    Its scores are not probabilities, and are already weighted.

    Args:
        automaton: over the tokens.
        lm: scores the next token; None for no language model.
        lm_weight: what its natural-log scores are multiplied by; 0 switches it off.
    """

    def __init__(self, automaton: PhraseAutomaton, lm: TokenScorer | None = None, lm_weight: float = 0.0) -> None:
        self.automaton, self.lm, self.lm_weight = automaton, lm if lm_weight else None, lm_weight

    def start(self, batch_size: int, beam_size: int, device: torch.device) -> Tensor:
        """Returns the states of B times K empty sequences: that of the automaton and the model's, shape (B, K, ...)."""
        self.automaton.to(device)
        states = torch.full((batch_size, beam_size, 1), self.automaton.start_state, device=device)
        if self.lm is None:
            return states
        return torch.cat([states, self.lm.start(batch_size, beam_size, device)[..., None]], dim=2)

    def score(self, states: Tensor) -> Tensor:
        """Returns the natural-log scores of each next token, (B, K, V); blank's are meaningless."""
        scores = self.automaton.scores[states[..., 0]]
        return scores if self.lm is None else scores + self.lm_weight * self.lm.score(states[..., 1])

    def advance(self, states: Tensor, sources: Tensor, token_ids: Tensor, is_extended: Tensor) -> Tensor:
        """Returns the states of the sequences that the search keeps, shape (B, K, ...)."""
        before = states[..., 0].gather(1, sources)
        after = torch.where(is_extended, self.automaton.next_states[before, token_ids], before)[..., None]
        if self.lm is None:
            return after
        return torch.cat([after, self.lm.advance(states[..., 1], sources, token_ids, is_extended)[..., None]], dim=2)

    def finish(self, states: Tensor) -> Tensor:
        """Returns the natural-log scores that the sequences end here, shape (B, K)."""
        scores = self.automaton.endings[states[..., 0]]
        return scores if self.lm is None else scores + self.lm_weight * self.lm.finish(states[..., 1])


def token_automaton(phrases: Iterable[Phrase], tokens: TokenTable) -> PhraseAutomaton:
    """Returns the automaton of phrases as the token table spells them, each token with an equal share of the bonus.

    Args:
        phrases: whose symbols are all in the table.
        tokens: characters or BPE.

    Raises:
        ConfigError: the phrases are too many.
    """
    if tokens.unit == "char":
        separator = tokens.ids[SPACE_TOKEN]
        patterns = [_pattern((separator, *tokens.encode(" ".join(each.words))), each.bonus, 1) for each in phrases]
        return PhraseAutomaton(patterns, len(tokens), {separator}, separator)
    begins = {token_id for token_id, token in enumerate(tokens.tokens) if token.startswith(WORD_BEGIN)}
    spelled = [_pattern(tuple(tokens.encode(" ".join(each.words))), each.bonus, 0) for each in phrases]
    return PhraseAutomaton(spelled, len(tokens), begins)


def _pattern(symbols: tuple[int, ...], bonus: float, num_free: int) -> Pattern:
    length = len(symbols) - num_free
    return Pattern(symbols, tuple(bonus * max(0, place + 1 - num_free) / length for place in range(len(symbols))))
