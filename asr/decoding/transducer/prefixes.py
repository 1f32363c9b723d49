"""What the prediction network knows of growing token sequences."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from asr.models.transducer import State, Transducer


@dataclass(frozen=True, eq=False)
class Prefixes:
    """R token sequences as the prediction network has read them.

    Attributes:
        model: the transducer.
        said: what each has in the joint, shape (R, J).
        state: of the network after each, tensors of shape (num_layers, R, H).
    """

    model: Transducer
    said: Tensor
    state: State

    @classmethod
    def empty(cls, model: Transducer, count: int, blank: int) -> Prefixes:
        """Returns sequences without tokens, as many as ``count``."""
        begin = torch.full((1, 1), blank, device=model.output.weight.device)
        said, (hidden, cells) = model.say(begin)
        states = hidden.expand(-1, count, -1).contiguous(), cells.expand(-1, count, -1).contiguous()
        return cls(model, said[0].expand(count, -1).contiguous(), states)

    def take(self, rows: Tensor) -> Prefixes:
        """Returns copies of the sequences of some rows, shape (R',)."""
        hidden, cells = self.state
        return Prefixes(self.model, self.said[rows], (hidden[:, rows], cells[:, rows]))

    def extend(self, is_extended: Tensor, token_ids: Tensor) -> None:
        """Adds a token to some of the sequences, in place.

        Args:
            is_extended: to which, shape (R,).
            token_ids: the token of each, shape (R,); those of the others are not read.
        """
        rows = is_extended.nonzero()[:, 0]
        if not len(rows):
            return
        hidden, cells = self.state
        said, (new_hidden, new_cells) = self.model.say(token_ids[rows, None], (hidden[:, rows], cells[:, rows]))
        self.said[rows], hidden[:, rows], cells[:, rows] = said[:, 0], new_hidden, new_cells
