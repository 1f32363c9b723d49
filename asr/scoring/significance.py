"""Whether two systems differ by more than chance."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

ENOUGH_PAIRS = 50  # utterances below which the normal distribution is a doubtful stand-in


@dataclass(frozen=True)
class MatchedPairs:
    """Outcome of the matched-pairs test.

    Attributes:
        num_pairs: utterances that both systems recognised.
        num_different: those in which they made different numbers of errors.
        mean: errors of the second system minus errors of the first, per utterance.
        z: the mean over its standard error; infinite where every utterance differs by the same number.
        p_value: chance of a z as far from zero in either direction, if the systems were equally good.
    """

    num_pairs: int
    num_different: int
    mean: float
    z: float
    p_value: float


def matched_pairs(differences: Sequence[float]) -> MatchedPairs | None:
    """Tests whether the mean difference in errors is zero, two-sided.

    The pairs are utterances, which are read one by one, so that the errors of one do not depend on those of another.
    (NIST's MAPSSWE cuts running speech into segments between stretches without errors, to the same end.) It assumes
    nothing about how errors come together within an utterance, but takes utterances of one speaker as independent; the
    bootstrap over speakers does not.

    **Source**: Gillick and Cox, "Some statistical issues in the comparison of speech recognition algorithms", 1989,
    section 4.

    Args:
        differences: errors of the second system minus those of the first, for each utterance; with several runs of a
            system, its mean errors.

    Returns:
        The outcome; None if there are fewer than two utterances.

    Example:
        >>> outcome = matched_pairs([1, -1, 0, 2, 2, 2, 1, 1])
        >>> outcome.num_different, round(outcome.z, 3), round(outcome.p_value, 3)
        (7, 2.646, 0.008)
    """
    if len(differences) < 2:
        return None
    mean, deviation = statistics.fmean(differences), statistics.stdev(differences)
    if deviation == 0:
        z = math.copysign(math.inf, mean) if mean else 0.0
    else:
        z = mean * math.sqrt(len(differences)) / deviation
    num_different = sum(difference != 0 for difference in differences)
    return MatchedPairs(len(differences), num_different, mean, z, math.erfc(abs(z) / math.sqrt(2)))
