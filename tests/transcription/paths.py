"""Posteriors of a path that is written down, and what greedy decoding reads in them."""

from __future__ import annotations

import torch
from torch import Tensor

from asr.decoding.greedy import GreedyDecoder
from asr.text.tokens import TokenTable

TOKENS = TokenTable.build(["AB CD"], "char")
FRAME = 0.02


def posteriors(text: str) -> Tensor:
    """Returns sure posteriors of a path: a symbol a frame, ``.`` for blank."""
    path = [0 if symbol == "." else TOKENS.ids[symbol] for symbol in text]
    return torch.nn.functional.one_hot(torch.tensor(path), len(TOKENS)).float().mul(9).log_softmax(dim=1)


def greedy(rows: Tensor):  # type: ignore[no-untyped-def]
    return GreedyDecoder(TOKENS, FRAME)(rows.unsqueeze(0), torch.tensor([len(rows)]))[0][0]
