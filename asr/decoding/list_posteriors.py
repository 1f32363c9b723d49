"""Posteriors of the hypotheses of an N-best list, and what follows from them for its words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from asr.decoding.edit_distances import Sequences
from asr.decoding.hypothesis import Hypothesis, Span

Floats = NDArray[np.float64]


class ListPosteriors:
    """An N-best list whose scores are read as posteriors: p(h) = exp(scale * score(h)), summing to 1 over the list.

    Words are compared by their text; they are phones where the tokens are phones and no words were searched.

    Args:
        nbest: K hypotheses, at least one.

    Attributes:
        nbest: the same.
    """

    def __init__(self, nbest: Sequence[Hypothesis]) -> None:
        """Reads words and scores."""
        self.nbest = nbest
        self._scores = np.array([each.score for each in nbest])
        self._words = Sequences([[word.text for word in each.words] for each in nbest])
        self._matches: dict[int, NDArray[np.bool_]] = {}

    def posteriors(self, scale: float) -> Floats:
        """Returns the posterior of each hypothesis, shape (K,).

        Args:
            scale: what scores are multiplied by; smaller is less sure of the first hypothesis.
        """
        exponents = scale * (self._scores - self._scores.max())
        powers = np.exp(exponents)
        posteriors: Floats = powers / powers.sum()
        return posteriors

    def expected_errors(self, scale: float) -> Floats:
        """Returns the number of errors that each hypothesis has, as the posteriors expect it, shape (K,).

        **Source**: Stolcke, König and Weintraub, "Explicit word error minimization in N-best list rescoring", 1997,
        equation 4.
        """
        return self._distances @ self.posteriors(scale)

    def least_risk(self, scale: float) -> int:
        """Returns the place of the hypothesis with the fewest expected errors; of equals the first."""
        risks = self.expected_errors(scale)
        return int((risks <= risks.min() + 1e-9).argmax())  # sums of the same terms may differ in their last bits

    def word_posteriors(self, place: int, scale: float) -> Floats:
        """Returns the posterior of each word of a hypothesis: that of all hypotheses with the same word in its place.

        Places are those of an alignment with the fewest errors, where there are several with words nearest in time.

        **Source**: Xu, Povey, Mangu and Zhu, "Minimum Bayes risk decoding and system combination based on a recursion
        for edit distance", 2011, section 7, with the alignments of a list in place of those of a lattice.

        Args:
            place: of the hypothesis.
            scale: what scores are multiplied by.
        """
        if place not in self._matches:
            self._matches[place] = self._words.matches(place, self._times)
        posteriors: Floats = self._matches[place] @ self.posteriors(scale)
        return posteriors.clip(0.0, 1.0)

    @cached_property
    def _distances(self) -> Floats:
        return self._words.distances().astype(np.float64)

    @cached_property
    def _times(self) -> Floats:
        times = np.zeros(self._words.ids.shape)
        for column, each in enumerate(self.nbest):
            times[: len(each.words), column] = [_middle(word) for word in each.words]
        return times


def _middle(word: Span) -> float:
    return (word.start + word.end) / 2
