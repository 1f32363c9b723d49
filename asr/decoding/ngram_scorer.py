"""An n-gram model of tokens in the beam search, and as the table that the exact search takes."""

from __future__ import annotations

import torch
from torch import Tensor

from asr.errors import ConfigError, DataError
from asr.lm.ngram import NGramModel
from asr.lm.tensors import NGramTensors
from asr.lm.vocabulary import END, UNKNOWN
from asr.text.tokens import BLANK, TokenTable


class NGramScorer:
    """Scores the next token by an n-gram model of tokens, see :class:`asr.decoding.token_scorer.TokenScorer`.

    A token that the model does not know has the probability of ``<unk>``.

    Args:
        model: over the names of the tokens.
        tokens: the V tokens of the acoustic model.
        blank: index of blank.

    Raises:
        DataError: the model knows none of the tokens.
    """

    def __init__(self, model: NGramModel, tokens: TokenTable, blank: int = BLANK) -> None:
        """Finds the tokens in the model."""
        self.ngram = NGramTensors(model)
        self.labels = token_labels(model, tokens, blank)

    def start(self, batch_size: int, beam_size: int, device: torch.device) -> Tensor:
        """Returns the states of B times K empty sequences, shape (B, K)."""
        self.ngram.to(device)
        self.labels = self.labels.to(device)
        return torch.full((batch_size, beam_size), self.ngram.start_state, device=device)

    def score(self, states: Tensor) -> Tensor:
        """Returns the natural-log probabilities of each next token, (B, K, V); blank's are meaningless."""
        return self.ngram.scores(states.flatten())[:, self.labels].view(*states.shape, -1)

    def advance(self, states: Tensor, sources: Tensor, token_ids: Tensor, is_extended: Tensor) -> Tensor:
        """Returns the states of the sequences that the search keeps, shape (B, K)."""
        before = states.gather(1, sources)
        _, after = self.ngram.lookup(before, self.labels[token_ids])
        return torch.where(is_extended, after, before)

    def finish(self, states: Tensor) -> Tensor:
        """Returns the natural-log probabilities that the sequences end here, shape (B, K)."""
        log_probs, _ = self.ngram.lookup(states, torch.full_like(states, END))
        return log_probs


def token_labels(model: NGramModel, tokens: TokenTable, blank: int = BLANK) -> Tensor:
    """Returns the model's id of each token, that of ``<unk>`` where it has none, shape (V,).

    Raises:
        DataError: the model knows none of the tokens.
    """
    ids = model.vocabulary.ids
    labels = [UNKNOWN if place == blank else ids.get(token, UNKNOWN) for place, token in enumerate(tokens.tokens)]
    if not any(labels):
        found = f"knows none of the {len(tokens) - 1} tokens, such as {tokens.tokens[-1]!r}"
        raise DataError("language model", found, "train it on the same units: asr lm train --unit")
    return torch.tensor(labels)


def bigram_table(model: NGramModel, tokens: TokenTable, blank: int = BLANK) -> Tensor:
    """Returns a bigram as the table of :class:`asr.decoding.bigram_viterbi.BigramViterbiDecoder`.

    Args besides those of :func:`dense_table`:
        model: of order 1 or 2, over the names of the tokens.

    Returns:
        Natural-log probability of each token (columns) after each token (rows); the row of blank is the start of the
        sentence, its column the end, shape (V, V).

    Raises:
        ConfigError: the model looks further back than one token.
        DataError: the model knows none of the tokens.
    """
    if model.order > 2:
        found = f"is of order {model.order}"
        raise ConfigError("language model", found, "exact search takes a bigram (asr lm train --order 2)")
    return dense_table(model, tokens, 2, blank)


def dense_table(model: NGramModel, tokens: TokenTable, order: int, blank: int = BLANK) -> Tensor:
    """Returns the probability of each token after each sequence of tokens.

    Args:
        model: of this order or a lower one, over the names of the tokens.
        tokens: the V tokens of the acoustic model.
        order: axes of the table; the last is the token, those before it the ``order - 1`` tokens that it follows.
        blank: index of blank.

    Returns:
        Natural-log probabilities, float64, shape (V, ..., V). As the first of the tokens before, blank is the start of
        the sentence, as the last axis it is the end; where blank stands after a token, values are meaningless.

    Raises:
        DataError: the model knows none of the tokens.
    """
    labels, ngram = token_labels(model, tokens, blank), NGramTensors(model, torch.float64)
    states = torch.tensor([ngram.start_state])
    for _ in range(order - 1):
        contexts = states[:, None].expand(-1, len(labels))
        _, after = ngram.lookup(contexts, labels.expand_as(contexts))  # (contexts, V)
        after[:, blank] = ngram.start_state
        states = after.flatten()
    scores = ngram.scores(states)  # (contexts, words)
    table = scores[:, labels]
    table[:, blank] = scores[:, END]
    return table.view([len(tokens)] * order)
