"""How sure an error rate is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asr.scoring.counts import ErrorCounts

_CHUNK = 2_000_000  # counts that are drawn at a time


def bootstrap_interval(
    groups: Sequence[ErrorCounts], seed: int = 0, num_samples: int = 10_000, level: float = 0.95
) -> tuple[float, float] | None:
    """Gives the interval in which the error rate lies, were the test repeated with other speakers.

    Each sample draws as many groups as there are, with replacement, and takes the rate of their summed counts; the
    interval cuts ``(1 - level) / 2`` of the samples off at either end. Errors of one speaker come together: groups are
    speakers wherever they are known, for single utterances would make the interval too narrow.

    Source: Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR performance evaluation", 2004.

    Args:
        groups: counts of each speaker.
        seed: of the drawing; the same seed gives the same interval.
        num_samples: how often the test is repeated.
        level: share of the samples within the interval.

    Returns:
        Lower and upper end as fractions; None if there are fewer than two groups or no reference tokens.

    Example:
        >>> bootstrap_interval([ErrorCounts(hits=90, substitutions=10)] * 5)
        (0.1, 0.1)
    """
    counts = np.array([(group.errors, group.num_ref) for group in groups], dtype=np.int64).reshape(-1, 2)
    size = len(counts)
    if size < 2 or not counts[:, 1].any():
        return None
    generator = np.random.default_rng(seed)
    rates = []
    for start in range(0, num_samples, max(1, _CHUNK // size)):
        number = min(max(1, _CHUNK // size), num_samples - start)
        draws = generator.multinomial(size, np.full(size, 1 / size), number)  # (samples, groups)
        errors, num_ref = (draws @ counts).T
        rates.append(errors[num_ref > 0] / num_ref[num_ref > 0])
    low, high = np.quantile(np.concatenate(rates), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
