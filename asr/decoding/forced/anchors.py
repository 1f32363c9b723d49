"""Anchors of a long recording in its text: sequences of tokens that occur once in both."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asr.decoding.forced.graph import WrittenWord
from asr.decoding.forced.heard import Heard


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


def find_cuts(
    words: Sequence[WrittenWord], heard: Heard, num_tokens: int, min_frames: int, margin: int = 3
) -> list[Cut]:
    """Returns places where a text and a recording may be cut, in order; none if they never agree reliably.

    Args:
        words: the text; of several spellings of a word, the first counts.
        heard: the recognised tokens, without separators.
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
