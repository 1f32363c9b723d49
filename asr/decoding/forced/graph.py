"""The states of a text: CTC's blanks and tokens, and the gaps between words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]
LogProbs = npt.NDArray[np.float32] | npt.NDArray[np.float64]


@dataclass(frozen=True)
class WrittenWord:
    """A word of a text with its spellings.

    Attributes:
        text: as it is written.
        spellings: its token ids, one tuple for each pronunciation; at least one, and none is empty.
    """

    text: str
    spellings: tuple[tuple[int, ...], ...]

    @property
    def num_tokens(self) -> int:
        """Number of tokens in its shortest spelling."""
        return min(map(len, self.spellings))


@dataclass(frozen=True, eq=False)
class WordGraph:
    """The states of W words in order; each path through them is a way to say the words.

    A blank precedes each word and follows the last one; it is followed by the chains of the word's spellings, with
    blanks between tokens. A path moves at each frame from a state to itself, to the next one where ``step`` allows
    it, to the one after that where ``skip`` does, or along an extra arc. Gap i lies before word i, gap W at the end: a
    path enters one from the last states of the word before, and leaves it to the first tokens of the word after.

    Attributes:
        labels: token of each state, shape (S,).
        words: word of each state, W for the last blank, shape (S,).
        variants: spelling of each state, shape (S,).
        places: position of the token in its spelling, -1 for blanks and separators, shape (S,).
        step: 0 if a path may come from the previous state, else -inf, shape (S,).
        skip: 0 if it may come from the one before that, else -inf, shape (S,).
        extra_states: states with further predecessors, shape (E,).
        extra_sources: these predecessors, padded with S, shape (E, U).
        entries: states that can be entered from a gap, shape (K,).
        entry_gaps: their gaps, shape (K,).
        exits: states from which each gap can be entered, padded with S, shape (W+1, U+1).
        num_tokens: tokens in the shortest spelling of each word, without separators, shape (W,).
    """

    labels: Integers
    words: Integers
    variants: Integers
    places: Integers
    step: Scores
    skip: Scores
    extra_states: Integers
    extra_sources: Integers
    entries: Integers
    entry_gaps: Integers
    exits: Integers
    num_tokens: Integers

    @property
    def num_states(self) -> int:
        """S."""
        return len(self.labels)


def build_graph(words: Sequence[WrittenWord], blank: int, separator: int | None, is_first: bool = True) -> WordGraph:
    """Returns the states of words.

    Args:
        words: at least one.
        blank: index of blank.
        separator: token between words, such as the space; None if there is none. It is optional after a gap.
        is_first: whether the words start the text, so that no separator precedes the first.

    Example:
        >>> graph = build_graph([WrittenWord("AB", ((1, 2),)), WrittenWord("B", ((2,),))], blank=0, separator=3)
        >>> graph.labels.tolist()
        [0, 1, 0, 2, 0, 3, 0, 2, 0]
    """
    builder = _Builder(blank)
    for number, word in enumerate(words):
        has_separator = separator is not None and not (is_first and number == 0)
        builder.add_word(number, word, (separator,) if has_separator and separator is not None else ())
    return builder.finish(len(words), [word.num_tokens for word in words])


class _Builder:
    """The states that :func:`build_graph` has added so far."""

    def __init__(self, blank: int) -> None:
        self.blank = blank
        self.rows: list[tuple[int, int, int, int]] = []  # label, word, variant, place
        self.step: list[bool] = []
        self.skip: list[bool] = []
        self.extras: list[tuple[int, list[int]]] = []
        self.entries: list[tuple[int, int]] = []
        self.exits: list[list[int]] = []
        self.ends: list[int] = []  # the last states of the word before

    def add(self, row: tuple[int, int, int, int], step: bool, skip: bool) -> int:
        self.rows.append(row)
        self.step.append(step)
        self.skip.append(skip)
        return len(self.rows) - 1

    def add_blank_before(self, number: int) -> int:
        """Adds the blank between two words, which follows each end of the previous word."""
        state = self.add((self.blank, number, 0, -1), step=bool(self.ends), skip=False)
        self.exits.append([state, *self.ends])
        if self.ends[:-1]:
            self.extras.append((state, self.ends[:-1]))
        return state

    def add_word(self, number: int, word: WrittenWord, lead: tuple[int, ...]) -> None:
        before = self.add_blank_before(number)
        ends = []
        for variant, spelling in enumerate(word.spellings):
            tokens = (*lead, *spelling)
            for place, token in enumerate(tokens):
                row = (token, number, variant, place - len(lead) if place >= len(lead) else -1)
                if place:
                    self.add((self.blank, number, variant, -1), step=True, skip=False)
                    state = self.add(row, step=True, skip=token != tokens[place - 1])
                else:
                    state = self.add_first(row, before)
                if place <= len(lead):
                    self.entries.append((state, number))
            ends.append(state)
        self.ends = ends

    def add_first(self, row: tuple[int, int, int, int], before: int) -> int:
        """Adds the first token of a spelling, which follows the blank and all ends of the previous word."""
        others = [end for end in self.ends if self.rows[end][0] != row[0]]
        is_next = len(self.rows) == before + 1
        from_end = is_next and self.ends[-1:] == others[-1:] and bool(others)
        state = self.add(row, step=is_next, skip=from_end)
        sources = ([] if is_next else [before]) + (others[:-1] if from_end else others)
        if sources:
            self.extras.append((state, sources))
        return state

    def finish(self, num_words: int, num_tokens: Sequence[int]) -> WordGraph:
        self.add_blank_before(num_words)
        labels, words, variants, places = np.array(self.rows, dtype=np.int64).T.copy()
        entries = np.array(self.entries, dtype=np.int64)
        size = len(self.rows)
        return WordGraph(
            labels=labels,
            words=words,
            variants=variants,
            places=places,
            step=np.where(self.step, 0.0, -math.inf),
            skip=np.where(self.skip, 0.0, -math.inf),
            extra_states=np.array([state for state, _ in self.extras], dtype=np.int64),
            extra_sources=_padded([sources for _, sources in self.extras], size),
            entries=entries[:, 0].copy(),
            entry_gaps=entries[:, 1].copy(),
            exits=_padded(self.exits, size),
            num_tokens=np.array(num_tokens, dtype=np.int64),
        )


def _padded(rows: Sequence[Sequence[int]], filling: int) -> Integers:
    padded = np.full((len(rows), max(map(len, rows), default=0)), filling, dtype=np.int64)
    for place, row in enumerate(rows):
        padded[place, : len(row)] = row
    return padded
