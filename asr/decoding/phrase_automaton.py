"""An automaton that finds hot phrases in sequences, and pays for them as they grow."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from asr.errors import ConfigError

Ints = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]

_MOST_CELLS = 2**26
"""States times symbols at most: 1 GiB of tables."""


@dataclass(frozen=True)
class Pattern:
    """A sequence that pays.

    Attributes:
        symbols: what it is made of.
        credits: natural-log score of its first 1, 2, … symbols, rising; an occurrence pays the last one.
    """

    symbols: tuple[int, ...]
    credits: tuple[float, ...]


class PhraseAutomaton(nn.Module):
    """Adds what patterns pay at each of their occurrences, overlapping ones too.

    The beginning of a pattern is given its credit at once; the step that does not continue it takes that back. So the
    sum over a whole sequence, with what its end adds, is exact, and on the way a search sees what may come.

    **Source**: Aho and Corasick, "Efficient string matching: an aid to bibliographic search", 1975; credit that is
    taken back is from Zhao et al., "Shallow-fusion end-to-end contextual biasing", 2019.

    Args:
        patterns: of symbols from 0 to ``num_symbols - 1``.
        num_symbols: how many symbols there are.
        boundaries: symbols one of which, or the end, must follow a pattern for it to pay; None to pay at once.
        separator: the boundary that every pattern begins with, that stands, in thought, before every sequence, and that
            counts once however often it is repeated; None for none.

    Raises:
        ConfigError: the patterns are too many for the tables.

    Attributes:
        start_state: where sequences begin.
        next_states: state after each state and symbol, shape (Q, symbols).
        scores: natural-log score that each state and symbol adds, shape (Q, symbols).
        endings: natural-log score that the end adds after each state, shape (Q,).
        highest: the highest score that a symbol adds.
    """

    next_states: Tensor
    scores: Tensor
    endings: Tensor

    def __init__(
        self,
        patterns: Iterable[Pattern],
        num_symbols: int,
        boundaries: Collection[int] | None = None,
        separator: int | None = None,
    ) -> None:
        super().__init__()
        nodes = _Nodes(pay_at_once=boundaries is None)
        for pattern in patterns:
            nodes.add(pattern)
        if len(nodes.children) * num_symbols > _MOST_CELLS:
            found = f"{len(nodes.children):,} beginnings of phrases times {num_symbols} symbols need too much memory"
            raise ConfigError("hotwords", found, "give a shorter list")
        table, fallbacks = nodes.link(num_symbols)
        credit, paid = np.array(nodes.credits), np.array(nodes.payments)
        if separator is not None:
            repeated = np.flatnonzero(np.array(nodes.symbols) == separator)
            table[repeated, separator] = repeated
        self.start_state = 0 if separator is None else int(table[0, separator])
        if boundaries is None:
            gained, table = paid[table], fallbacks[table]
            scores, endings = gained + credit[table] - credit[:, None], -credit
        else:
            is_boundary = np.isin(np.arange(num_symbols), list(boundaries))
            scores, endings = credit[table] - credit[:, None] + paid[:, None] * is_boundary, paid - credit
        columns = {"next_states": table, "scores": scores, "endings": endings}
        for name, column in columns.items():
            self.register_buffer(name, torch.from_numpy(column), persistent=False)
        self.highest = float(scores.max())

    @property
    def num_states(self) -> int:
        """Q."""
        return len(self.endings)


class _Nodes:
    """The beginnings of patterns, the nodes of a trie; 0 is the empty one."""

    def __init__(self, pay_at_once: bool) -> None:
        self.pay_at_once = pay_at_once
        self.children: list[dict[int, int]] = [{}]
        self.symbols, self.credits, self.payments = [-1], [0.0], [0.0]

    def add(self, pattern: Pattern) -> None:
        """Adds a pattern; what is paid at once is no credit."""
        node, last = 0, len(pattern.symbols) - 1
        for place, (symbol, credit) in enumerate(zip(pattern.symbols, pattern.credits, strict=True)):
            if symbol not in self.children[node]:
                self.children[node][symbol] = len(self.children)
                self.children.append({})
                self.symbols.append(symbol)
                self.credits.append(0.0)
                self.payments.append(0.0)
            node = self.children[node][symbol]
            if place < last or not self.pay_at_once:
                self.credits[node] = max(self.credits[node], credit)
        self.payments[node] += pattern.credits[-1]

    def link(self, num_symbols: int) -> tuple[Ints, Ints]:
        """Finds the longest beginning that each node and symbol end in, and adds up what these hold.

        Returns:
            The node after each node and symbol, (Q, symbols), and for each node the longest end of it that a pattern
            continues, itself if one does, (Q,).
        """
        table = np.zeros((len(self.children), num_symbols), dtype=np.int64)
        fallbacks = np.zeros(len(self.children), dtype=np.int64)
        suffixes, queue = [0] * len(self.children), [0]
        for node in queue:  # breadth first, so that its suffix is linked before it
            suffix = suffixes[node]
            table[node] = table[suffix]
            self.credits[node] = max(self.credits[node], self.credits[suffix])
            self.payments[node] += self.payments[suffix] if node else 0.0
            fallbacks[node] = node if self.children[node] else fallbacks[suffix]
            for symbol, child in self.children[node].items():
                suffixes[child] = int(table[suffix, symbol]) if node else 0
                table[node, symbol] = child
                queue.append(child)
        return table, fallbacks
