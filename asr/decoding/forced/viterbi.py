"""The best path of a text through posteriors, with missing words and unwritten speech, in bounded memory."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asr.decoding.forced.graph import Integers, Scores, WordGraph
from asr.decoding.forced.heard import Heard

GARBAGE = -1
"""State of frames whose speech is not in the text."""

_FROM_GAP = 3  # how moves are numbered: 0, 1 and 2 states back, from a gap, then along the extra arcs
_TIE = 1e-9  # gaps are entered as late and left as early as possible at equal scores
_BLOCK_CELLS = 1 << 24  # frames times states whose moves are stored at once, if that is enough


@dataclass(frozen=True)
class Penalties:
    """Natural-log penalties of deviations from the text.

    Attributes:
        gap: penalty for each time that a path leaves the text; infinity forbids it.
        inserted: penalty for each recognised token that is not in the text.
        missing: penalty for each token of the text that is not said.
    """

    gap: float = 10.0
    inserted: float = 3.0
    missing: float = 3.0


@dataclass(frozen=True, eq=False)
class BestPath:
    """The best path.

    Attributes:
        states: state of each frame, :data:`GARBAGE` if its speech is not in the text, shape (N,).
        score: natural-log probability of the tokens of all frames, of the most likely ones off the text, less the
            penalties.
    """

    states: Integers
    score: float


def find_path(log_probs: Scores, graph: WordGraph, blank: int, separator: int | None, penalties: Penalties) -> BestPath:
    """Finds the best path through N frames.

    Off the text, each frame has its most likely token; each token that starts there, except the separator, is
    inserted. Without gaps, path and score are those of :func:`asr.decoding.alignment.align`.

    Moves are stored for one block of about ``sqrt(N)`` frames at a time and recomputed block by block from the last:
    memory grows with ``sqrt(N) * S``, time with ``N * S``.

    Args:
        log_probs: natural-log posteriors, shape (N, V), at least one frame.
        graph: the words.
        blank: index of blank.
        separator: token between words; None if there is none.
        penalties: penalties of missing words and of speech that is not in the text.

    Returns:
        The path; its score is -inf if no path fits the frames.
    """
    search = _Search(log_probs, graph, blank, separator, penalties)
    num_frames = len(log_probs)
    fitting = _BLOCK_CELLS // graph.num_states
    block = num_frames if num_frames <= fitting else max(math.isqrt(num_frames), fitting)
    fronts = [search.begin()]
    for first in range(0, num_frames - block, block):
        fronts.append(search.advance(fronts[-1], range(first, first + block), None))
    states = np.full(num_frames, GARBAGE, dtype=np.int64)
    place, score = None, -math.inf
    for number in range(len(fronts) - 1, -1, -1):
        frames = range(number * block, min((number + 1) * block, num_frames))
        moves = _Moves.of(len(frames), graph)
        last = search.advance(fronts.pop(), frames, moves)
        if place is None:
            place, score = search.end(last)
        if score == -math.inf:
            break
        place = search.trace(moves, place, states[frames.start : frames.stop])
    return BestPath(states, score + search.best_sum)


@dataclass(frozen=True, eq=False)
class _Front:
    """Scores of the best paths after a frame: of each state, shape (S,), and of each gap, shape (W+1,)."""

    states: Scores
    gaps: Scores


@dataclass(frozen=True)
class _Place:
    """Position of a path after a frame: a gap or a state."""

    is_gap: bool
    index: int


@dataclass(frozen=True, eq=False)
class _Moves:
    """The moves of the best paths, frame by frame.

    Attributes:
        states: the move into each state, shape (N, S).
        gaps: 0 if the path stayed in the gap, else 1 + the exit that it came from, shape (N, W+1).
        origins: gap from which the words before each gap are missing, shape (N, W+1).
    """

    states: npt.NDArray[np.int8]
    gaps: npt.NDArray[np.int8]
    origins: npt.NDArray[np.int32]

    @classmethod
    def of(cls, num_frames: int, graph: WordGraph) -> _Moves:
        gaps = (num_frames, len(graph.exits))
        states = np.zeros((num_frames, graph.num_states), dtype=np.int8)
        return cls(states, np.zeros(gaps, dtype=np.int8), np.zeros(gaps, dtype=np.int32))


class _Search:
    """The recursion over frames."""

    def __init__(
        self, log_probs: Scores, graph: WordGraph, blank: int, separator: int | None, penalties: Penalties
    ) -> None:
        self.graph, self.penalties = graph, penalties
        best = log_probs.max(axis=1)
        self.best_sum = float(best.sum())
        self.scores = log_probs - best[:, None]  # small numbers, whatever the length
        self.off_text = np.zeros(len(log_probs))
        self.off_text[Heard.of(log_probs, blank, separator).first] = -penalties.inserted
        self.skipped = np.concatenate(([0.0], np.cumsum(graph.num_tokens * penalties.missing)))
        self.extra_rows = {int(state): row for row, state in enumerate(graph.extra_states)}
        self.gap_places = np.arange(len(graph.exits))

    def begin(self) -> _Front:
        """Returns the scores before the first frame: a path is at the first blank, or has left the text already."""
        states = np.full(self.graph.num_states, -math.inf)
        states[0] = 0.0
        return _Front(states, -self.penalties.gap - self.skipped)

    def advance(self, front: _Front, frames: range, moves: _Moves | None) -> _Front:
        """Returns the scores after the frames, and stores the moves."""
        graph, size = self.graph, self.graph.num_states
        padded = np.full(size + 3, -math.inf)  # two before the first state, one for what is padded
        padded[2:-1] = front.states
        gaps = front.gaps
        unused = np.zeros(size, dtype=np.int8)
        for row, frame in enumerate(frames):
            move = unused if moves is None else moves.states[row]
            best = padded[2:-1].copy()
            for back, allowed in ((1, graph.step), (2, graph.skip)):
                _take_better(best, move, padded[2 - back : -1 - back] + allowed, back)
            self._from_extras(padded, best, move)
            self._from_gaps(gaps, best, move)
            best += self.scores[frame, graph.labels]
            padded[2:-1] = best
            gaps = self._advance_gaps(gaps, padded, frame, moves, row)
        return _Front(padded[2:-1].copy(), gaps)

    def _from_extras(self, padded: Scores, best: Scores, move: npt.NDArray[np.int8]) -> None:
        graph = self.graph
        if not len(graph.extra_states):
            return
        arrivals = padded[graph.extra_sources + 2]  # (E, U)
        chosen = arrivals.argmax(axis=1)
        values = arrivals[np.arange(len(chosen)), chosen]
        is_better = values > best[graph.extra_states]
        states = graph.extra_states[is_better]
        best[states] = values[is_better]
        move[states] = _FROM_GAP + 1 + chosen[is_better]

    def _from_gaps(self, gaps: Scores, best: Scores, move: npt.NDArray[np.int8]) -> None:
        graph = self.graph
        values = gaps[graph.entry_gaps]
        is_better = values > best[graph.entries]
        states = graph.entries[is_better]
        best[states] = values[is_better]
        move[states] = _FROM_GAP

    def _advance_gaps(self, gaps: Scores, padded: Scores, frame: int, moves: _Moves | None, row: int) -> Scores:
        stayed = gaps + self.off_text[frame]
        arrivals = padded[self.graph.exits + 2]  # (W+1, U+1)
        entered = arrivals.max(axis=1) - self.penalties.gap
        total = np.maximum(stayed, entered) + self.skipped
        closed = np.maximum.accumulate(total)
        if moves is not None:
            moves.gaps[row] = np.where(entered > stayed - _TIE, 1 + arrivals.argmax(axis=1), 0)
            is_best = total > np.append(-math.inf, closed[:-1]) + _TIE
            moves.origins[row] = np.maximum.accumulate(np.where(is_best, self.gap_places, 0))
        return closed - self.skipped

    def end(self, front: _Front) -> tuple[_Place, float]:
        """Returns the end of the best path through all words, and its score."""
        padded = np.append(front.states, -math.inf)
        exits = self.graph.exits[-1]
        state = int(exits[padded[exits].argmax()])
        if front.gaps[-1] > padded[state]:
            return _Place(True, len(front.gaps) - 1), float(front.gaps[-1])
        return _Place(False, state), float(padded[state])

    def trace(self, moves: _Moves, place: _Place, states: Integers) -> _Place:
        """Writes the states of a block of frames, starting from the position after its last one.

        Returns:
            The position before its first frame.
        """
        frame = len(states) - 1
        while frame >= 0:
            if place.is_gap:
                gap = int(moves.origins[frame, place.index])
                kind = int(moves.gaps[frame, gap])
                if kind:
                    place = _Place(False, int(self.graph.exits[gap, kind - 1]))
                    continue  # no frame is spent on entering a gap
                place = _Place(True, gap)
            else:
                states[frame] = place.index
                place = self._source(place.index, int(moves.states[frame, place.index]))
            frame -= 1
        return place

    def _source(self, state: int, move: int) -> _Place:
        if move == _FROM_GAP:
            return _Place(True, int(self.graph.words[state]))
        if move > _FROM_GAP:
            return _Place(False, int(self.graph.extra_sources[self.extra_rows[state], move - _FROM_GAP - 1]))
        return _Place(False, state - move)


def _take_better(best: Scores, move: npt.NDArray[np.int8], values: Scores, number: int) -> None:
    """Replaces scores below the values, and stores the move there."""
    is_better = values > best
    np.copyto(best, values, where=is_better)
    np.copyto(move, np.int8(number), where=is_better)
