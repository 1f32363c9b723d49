"""The most likely tokens of a recording, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asr.decoding.forced.graph import Integers, LogProbs


@dataclass(frozen=True, eq=False)
class Heard:
    """The most likely tokens of a recording, without blanks.

    Attributes:
        token_ids: shape (L,).
        first: first frame of each, shape (L,).
        last: last frame of each, inclusive, shape (L,).
    """

    token_ids: Integers
    first: Integers
    last: Integers

    @classmethod
    def of(cls, log_probs: LogProbs, blank: int, separator: int | None) -> Heard:
        """Returns the tokens of the best path.

        Args:
            log_probs: natural-log posteriors, shape (N, V).
            blank: index of blank.
            separator: token between words, which is left out like blank; None keeps all tokens.

        Example:
            >>> heard = Heard.of(np.log(np.eye(3)[[1, 1, 0, 1, 2]] + 1e-9), blank=0, separator=None)
            >>> heard.token_ids.tolist(), heard.first.tolist(), heard.last.tolist()
            ([1, 1, 2], [0, 3, 4], [1, 3, 4])
        """
        path = log_probs.argmax(axis=1).astype(np.int64)
        first, last = find_runs(path)
        token_ids = path[first]
        is_said = (token_ids != blank) & (token_ids != (blank if separator is None else separator))
        return cls(token_ids[is_said], first[is_said], last[is_said])

    def within(self, frames: range) -> Heard:
        """Returns the tokens that lie completely within a range of frames, counted from its first frame."""
        is_inside = (self.first >= frames.start) & (self.last < frames.stop)
        first, last = self.first[is_inside] - frames.start, self.last[is_inside] - frames.start
        return Heard(self.token_ids[is_inside], first, last)


def find_runs(values: Integers) -> tuple[Integers, Integers]:
    """Returns the first and the last place of each run of equal values, shape (R,) each.

    Example:
        >>> [places.tolist() for places in find_runs(np.array([7, 7, 5]))]
        [[0, 2], [1, 2]]
    """
    is_new = np.append(True, values[1:] != values[:-1])[: len(values)]
    first = np.flatnonzero(is_new)
    return first, np.append(first[1:], len(values))[: len(first)] - 1
