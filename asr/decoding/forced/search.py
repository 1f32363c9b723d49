"""A text of any length laid along the posteriors of its recording, part by part between places that are sure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from asr.decoding.forced.anchors import Cut, find_cuts
from asr.decoding.forced.graph import Integers, LogProbs, WordGraph, WrittenWord, build_graph
from asr.decoding.forced.heard import Heard, find_runs
from asr.decoding.forced.viterbi import GARBAGE, Penalties, find_path
from asr.errors import DataError

_CUT_CELLS = 1 << 22  # frames times tokens of a part that is cut no further: a second of work
_MOST_CELLS = 1 << 33  # that are searched without a place that is sure: minutes of work, some hundred megabytes
_TOKEN_BITS = 3.0  # what a letter of English tells after those before it; phones and pieces of words tell more
_SPARE_BITS = 7.0
_APART = 100  # frames between such places at least


@dataclass(frozen=True)
class TokenPlace:
    """A token of a word with its frames.

    Attributes:
        token: its id.
        first: its first frame.
        last: its last frame, inclusive.
    """

    token: int
    first: int
    last: int


@dataclass(frozen=True)
class ForcedAlignment:
    """Where the words of a text are in a recording.

    Attributes:
        words: the tokens of each word, none for a word that is not said, W tuples.
        unwritten: the tokens, with the separators between them, of each stretch of speech that is not in the text, in
            order of time.
        score: natural-log score of the whole, see :class:`asr.decoding.forced.viterbi.BestPath`.
    """

    words: tuple[tuple[TokenPlace, ...], ...]
    unwritten: tuple[tuple[TokenPlace, ...], ...]
    score: float


@dataclass(frozen=True)
class _Part:
    frames: range
    words: range


def align_words(
    log_probs: LogProbs,
    words: Sequence[WrittenWord],
    blank: int,
    separator: int | None,
    penalties: Penalties | None = None,
    cut_cells: int = _CUT_CELLS,
) -> ForcedAlignment:
    """Finds when each word of a text is said, which words are not said, and what else is said.

    Long texts are cut at sequences of tokens that occur once in the text and once in what the model recognises; the
    parts between are searched exactly.

    Args:
        log_probs: natural-log posteriors of the recording, shape (N, V).
        words: the text.
        blank: index of blank.
        separator: token between words; None if there is none.
        penalties: penalties of missing words and of speech that is not in the text.
        cut_cells: frames times tokens up to which a part is not cut.

    Raises:
        DataError: the text is empty or longer than the recording, or too little of a long one is recognised.
    """
    if not words:
        raise DataError("text", "holds no words", "write what is said")
    num_tokens = sum(word.num_tokens for word in words)
    if num_tokens > len(log_probs):
        found = f"has {num_tokens} tokens and the recording {len(log_probs)} frames"
        raise DataError("text", found, "check that it belongs to the recording")
    heard = Heard.of(log_probs, blank, separator)
    said: list[tuple[TokenPlace, ...]] = []
    unwritten: list[tuple[TokenPlace, ...]] = []
    score = 0.0
    for part in _parts(_Part(range(len(log_probs)), range(len(words))), words, heard, cut_cells):
        spoken = words[part.words.start : part.words.stop]
        rows = log_probs[part.frames.start : part.frames.stop].astype(np.float64)
        graph = build_graph(spoken, blank, separator, is_first=part.words.start == 0)
        path = find_path(rows, graph, blank, separator, penalties or Penalties())
        if path.score == -math.inf:
            raise DataError("text", "fits the recording in no way", "allow words to be missing")
        said += _places(path.states, graph, part.frames.start)
        unwritten += _off_text(path.states, Heard.of(rows, blank, None), separator, part.frames.start)
        score += path.score
    return ForcedAlignment(tuple(said), tuple(unwritten), score)


def _parts(part: _Part, words: Sequence[WrittenWord], heard: Heard, cut_cells: int) -> Iterator[_Part]:
    """Yields the parts of a recording and its text, none of them empty, that are searched by themselves."""
    own = words[part.words.start : part.words.stop]
    cells = len(part.frames) * sum(word.num_tokens for word in own)
    cuts = _sure_cuts(own, heard.within(part.frames)) if cells > cut_cells else []
    if not cuts:
        if cells > max(cut_cells, _MOST_CELLS):
            found = f"in {len(part.frames)} frames in a row the model recognises next to nothing of it"
            raise DataError("text", found, "check that it belongs to the recording, or take a better model")
        yield part
        return
    first_frame, first_word = part.frames.start, part.words.start
    for cut in [*cuts, Cut(len(part.frames), len(own))]:
        frames, end = range(first_frame, part.frames.start + cut.frame), part.words.start + cut.word
        yield from _parts(_Part(frames, range(first_word, end)), words, heard, cut_cells)
        first_frame, first_word = frames.stop, end


def _sure_cuts(words: Sequence[WrittenWord], heard: Heard) -> list[Cut]:
    """Returns places to cut at where so many tokens agree that chance makes less than one in a hundred texts do so."""
    num_tokens = sum(word.num_tokens for word in words)
    num_bits = math.log2(max(2, num_tokens * len(heard.token_ids))) + _SPARE_BITS
    least = math.ceil(num_bits / _TOKEN_BITS)
    return find_cuts(words, heard, 3 * least // 2, _APART) or find_cuts(words, heard, least, _APART)


def _places(states: Integers, graph: WordGraph, offset: int) -> list[tuple[TokenPlace, ...]]:
    """Returns the tokens of each word of a part, none for words that the path leaves out."""
    found: list[list[TokenPlace]] = [[] for _ in graph.num_tokens]
    for first, last in zip(*find_runs(states), strict=True):
        state = states[first]
        if state != GARBAGE and graph.places[state] >= 0:
            token = TokenPlace(int(graph.labels[state]), int(first) + offset, int(last) + offset)
            found[graph.words[state]].append(token)
    return [tuple(tokens) for tokens in found]


def _off_text(states: Integers, heard: Heard, separator: int | None, offset: int) -> list[tuple[TokenPlace, ...]]:
    """Returns the tokens of each stretch of a part in which tokens begin that are not in the text."""
    found = []
    for start, end in zip(*find_runs(states), strict=True):
        if states[start] != GARBAGE:
            continue
        inside = slice(*np.searchsorted(heard.first, (start, end + 1)))
        last = np.minimum(heard.last[inside], end)
        rows = np.stack((heard.token_ids[inside], heard.first[inside] + offset, last + offset), axis=1)
        tokens = [TokenPlace(*row) for row in rows.tolist()]
        while tokens and tokens[0].token == separator:
            del tokens[0]
        while tokens and tokens[-1].token == separator:
            del tokens[-1]
        if tokens:
            found.append(tuple(tokens))
    return found
