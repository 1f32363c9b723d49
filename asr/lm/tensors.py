"""N-gram models as tensors: scores of many states at once, on any device."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from asr.lm.ngram import NGramModel


class NGramTensors(nn.Module):
    """The arcs and back-off weights of an :class:`NGramModel` as buffers, which ``to(device)`` moves.

    Every loop is over the n-1 contexts that a state may back off to; all else is done for the whole batch at once.

    Args:
        model: the model.
        dtype: of the log-probabilities.

    Attributes:
        vocabulary_size: V.
        order: the length n of the longest n-grams.
        start_state: the state after ``<s>``.
    """

    arc_offsets: torch.Tensor
    arc_labels: torch.Tensor
    arc_log_probs: torch.Tensor
    arc_next_states: torch.Tensor
    arc_keys: torch.Tensor
    backoffs: torch.Tensor
    backoff_states: torch.Tensor

    def __init__(self, model: NGramModel, dtype: torch.dtype = torch.float32) -> None:
        """Takes the arrays of a model; those of the right type are shared with it."""
        super().__init__()
        self.vocabulary_size = len(model.vocabulary)
        self.order = model.order
        self.start_state = model.start_state
        widths = np.diff(model.arc_offsets)[1:]
        self._most_arcs = int(widths.max(initial=0))  # of a state other than the empty context
        for name in ("arc_offsets", "arc_labels", "arc_next_states", "arc_keys", "backoff_states"):
            self.register_buffer(name, torch.from_numpy(getattr(model, name)), persistent=False)
        for name in ("arc_log_probs", "backoffs"):
            self.register_buffer(name, torch.from_numpy(getattr(model, name)).to(dtype), persistent=False)

    def unigrams(self, labels: torch.Tensor) -> torch.Tensor:
        """Returns the natural-log probabilities of words without their contexts, shape as the labels."""
        return self.arc_log_probs[labels]  # the empty context comes first, and has an arc for each word

    def scores(self, states: torch.Tensor) -> torch.Tensor:
        """Returns the natural-log probabilities, shape (B, V), of all words after states, shape (B,); for small V."""
        chain, weights = [states], [torch.zeros_like(states, dtype=self.backoffs.dtype)]
        for _ in range(self.order - 1):
            weights.append(weights[-1] + self.backoffs[chain[-1]])
            chain.append(self.backoff_states[chain[-1]].long())
        result = weights[-1][:, None] + self.arc_log_probs[: self.vocabulary_size]  # (B, V): the empty context
        result = nn.functional.pad(result, (0, 1))  # column V collects what is not an arc
        places = torch.arange(self._most_arcs, device=states.device)
        for state, weight in zip(reversed(chain[:-1]), reversed(weights[:-1]), strict=True):
            arcs = self.arc_offsets[state][:, None] + places  # (B, most arcs)
            is_arc = (arcs < self.arc_offsets[state + 1][:, None]) & (state > 0)[:, None]
            arcs = torch.where(is_arc, arcs, 0)
            labels = torch.where(is_arc, self.arc_labels[arcs].long(), self.vocabulary_size)
            result.scatter_(1, labels, self.arc_log_probs[arcs] + weight[:, None])
        return result[:, : self.vocabulary_size]

    def lookup(self, states: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the natural-log probabilities of words, and the states after them, by binary search: V may be large.

        Args:
            states: any shape.
            labels: word ids, same shape.
        """
        log_probs = torch.zeros_like(states, dtype=self.backoffs.dtype)
        arcs = labels  # those of the empty context, which has one for each word
        is_open = torch.ones_like(states, dtype=torch.bool)
        for _ in range(self.order - 1):
            keys = states * self.vocabulary_size + labels
            places = torch.searchsorted(self.arc_keys, keys).clamp(max=len(self.arc_keys) - 1)
            found = is_open & (self.arc_keys[places] == keys)
            arcs = torch.where(found, places, arcs)
            is_open = is_open & ~found
            log_probs = log_probs + torch.where(is_open, self.backoffs[states], 0.0)
            states = self.backoff_states[states].long()
        return log_probs + self.arc_log_probs[arcs], self.arc_next_states[arcs].long()
