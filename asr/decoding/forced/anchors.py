"""Anchors of a long recording in its text: sequences of tokens that occur once in both."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asr.decoding.forced.graph import Integers, Posteriors, WrittenWord


@dataclass(frozen=True)
class Match:
    """A sequence of tokens that a text and the recognised tokens share.

    Attributes:
        ref: its start in the tokens of the text.
        hyp: its start in the recognised tokens.
        length: number of tokens.
    """

    ref: int
    hyp: int
    length: int


@dataclass(frozen=True)
class Cut:
    """A place between two words where a recording and its text may be cut.

    Attributes:
        frame: first frame of the second word's part.
        word: the second word.
    """

    frame: int
    word: int


@dataclass(frozen=True, eq=False)
class Heard:
    """The most likely tokens of a recording, without blanks and separators.

    Attributes:
        token_ids: shape (L,).
        first: first frame of each, shape (L,).
        last: last frame of each, inclusive, shape (L,).
    """

    token_ids: Integers
    first: Integers
    last: Integers

    @classmethod
    def of(cls, log_probs: Posteriors, blank: int, separator: int | None) -> Heard:
        """Returns the tokens of the best path.

        Args:
            log_probs: natural-log posteriors, shape (N, V).
            blank: index of blank.
            separator: token between words; None if there is none.

        Example:
            >>> heard = Heard.of(np.log(np.eye(3)[[1, 1, 0, 1, 2]] + 1e-9), blank=0, separator=None)
            >>> heard.token_ids.tolist(), heard.first.tolist(), heard.last.tolist()
            ([1, 1, 2], [0, 3, 4], [1, 3, 4])
        """
        path = log_probs.argmax(axis=1).astype(np.int64)
        edges = np.flatnonzero(np.diff(path, prepend=-1))
        token_ids, last = path[edges], np.append(edges[1:], len(path)) - 1
        is_said = (token_ids != blank) & (token_ids != (blank if separator is None else separator))
        return cls(token_ids[is_said], edges[is_said], last[is_said])

    def within(self, frames: range) -> Heard:
        """Returns the tokens that lie completely within a range of frames, counted from its first frame."""
        is_inside = (self.first >= frames.start) & (self.last < frames.stop)
        first, last = self.first[is_inside] - frames.start, self.last[is_inside] - frames.start
        return Heard(self.token_ids[is_inside], first, last)


def find_cuts(
    words: Sequence[WrittenWord], heard: Heard, num_tokens: int, min_frames: int, margin: int = 3
) -> list[Cut]:
    """Returns places where a text and a recording may be cut, in order; none if they never agree reliably.

    Args:
        words: the text; of several spellings of a word, the first counts.
        heard: the recognised tokens.
        num_tokens: lowest number of tokens that agree around a cut.
        min_frames: lowest number of frames between cuts.
        margin: lowest number of agreeing tokens on each side of a cut.
    """
    starts = np.cumsum([0, *(len(word.spellings[0]) for word in words)])
    refs = [token for word in words for token in word.spellings[0]]
    cuts: list[Cut] = []
    now = 0
    for match in find_matches(refs, heard.token_ids.tolist(), num_tokens):
        inside = range(
            int(np.searchsorted(starts, match.ref + margin)),
            int(np.searchsorted(starts, match.ref + match.length - margin, side="right")),
        )
        for word in inside:
            frame = int(heard.last[match.hyp + int(starts[word]) - match.ref - 1]) + 1
            if frame - now >= min_frames and word < len(words):
                cuts.append(Cut(frame, word))
                now = frame
    return cuts


def find_matches(refs: Sequence[int], hyps: Sequence[int], size: int) -> list[Match]:
    """Returns sequences of at least ``size`` tokens that occur in both, in the same order.

    Each contains ``size`` tokens that occur once in both; of crossing matches, as many as possible are kept.

    Example:
        >>> find_matches([1, 2, 3, 9, 5, 6, 7], [8, 1, 2, 3, 4, 5, 6, 7], 3)
        [Match(ref=0, hyp=1, length=3), Match(ref=4, hyp=5, length=3)]
    """
    in_ref, in_hyp = _unique_runs(refs, size), _unique_runs(hyps, size)
    pairs = [(in_ref[run], place) for run, place in in_hyp.items() if run in in_ref]
    matches: list[Match] = []
    for ref, hyp in _longest_rise(sorted(pairs, key=lambda pair: pair[1])):
        before = matches[-1] if matches else None
        shift = ref - before.ref if before else 0
        if before and shift == hyp - before.hyp and shift <= before.length:
            matches[-1] = Match(before.ref, before.hyp, shift + size)
        elif before is None or (ref >= before.ref + before.length and hyp >= before.hyp + before.length):
            matches.append(Match(ref, hyp, size))
    return matches


def _unique_runs(tokens: Sequence[int], size: int) -> dict[tuple[int, ...], int]:
    """Returns the sequences of ``size`` tokens that occur once, in order, with their places."""
    places: dict[tuple[int, ...], int] = {}
    for place in range(len(tokens) - size + 1):
        run = tuple(tokens[place : place + size])
        places[run] = -1 if run in places else place
    return {run: place for run, place in places.items() if place >= 0}


def _longest_rise(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Returns the longest subsequence of pairs whose first members increase."""
    tails: list[int] = []  # the least last member of a rise of each length
    ends: list[int] = []  # place of its pair
    before: list[int] = []
    for place, (ref, _) in enumerate(pairs):
        length = bisect_left(tails, ref)
        tails[length : length + 1] = [ref]
        ends[length : length + 1] = [place]
        before.append(ends[length - 1] if length else -1)
    rise: list[tuple[int, int]] = []
    place = ends[-1] if ends else -1
    while place >= 0:
        rise.append(pairs[place])
        place = before[place]
    return rise[::-1]
