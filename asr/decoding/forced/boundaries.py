"""Starts and ends of tokens from the frames of their CTC spikes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asr.audio.rates import Seconds
from asr.decoding.forced.graph import Scores


@dataclass(frozen=True)
class BoundaryRule:
    """Rule for the starts and ends of tokens, of which CTC shows only a moment inside.

    The time between the last frame of a token and the first of the next belongs to either of them, or to a pause.

    Attributes:
        share: share of this time that the later token may take; the earlier one may take the rest.
        lead: largest time in seconds from the start of a token to its first frame.
        trail: largest time in seconds from the last frame of a token to its end.
        shift: seconds added to all times.
    """

    share: float = 0.5
    lead: Seconds = 0.06
    trail: Seconds = 0.06
    shift: Seconds = 0.0

    def apply(self, starts: Scores, ends: Scores, duration: Seconds) -> Scores:
        """Returns starts and ends of tokens in seconds, in order and without overlaps, shape (L, 2).

        Args:
            starts: start of the first frame of each token, in order, shape (L,).
            ends: end of its last frame, shape (L,).
            duration: seconds of the recording.

        Example:
            >>> rule = BoundaryRule(share=0.5, lead=1.0, trail=0.25)
            >>> rule.apply(np.array([2.0, 6.0]), np.array([4.0, 7.0]), 10.0).tolist()
            [[1.0, 4.25], [5.0, 7.25]]
        """
        if not len(starts):
            return np.empty((0, 2))
        before = np.maximum(starts - np.append(0.0, ends[:-1]), 0.0)
        after = np.append(before[1:], max(duration - ends[-1], 0.0))
        lead = np.minimum(self.lead, np.append(before[:1], self.share * before[1:]))
        trail = np.minimum(self.trail, np.append((1 - self.share) * after[:-1], after[-1:]))
        return np.maximum(np.stack((starts - lead, ends + trail), axis=1) + self.shift, 0.0)
