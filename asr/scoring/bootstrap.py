"""How sure an error rate is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from asr.scoring.counts import ErrorCounts

LEVEL = 0.95
"""Share of the samples within an interval."""
_NUM_SAMPLES = 10_000  # how often the test is repeated
_CHUNK = 2_000_000  # counts that are drawn at a time


def bootstrap_interval(groups: Sequence[ErrorCounts], seed: int = 0) -> tuple[float, float] | None:
    """Returns the interval in which the error rate lies, were the test repeated with other speakers.

    Each sample draws as many groups as there are, with replacement, and takes the rate of their summed counts; the
    interval cuts ``(1 - LEVEL) / 2`` of the samples off at either end. Errors of one speaker come together: groups are
    speakers wherever they are known, for single utterances would make the interval too narrow.

    **Source**: Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR performance evaluation", 2004.

    Args:
        groups: counts of each speaker.
        seed: of the drawing; equal seeds yield equal intervals.

    Returns:
        Lower and upper end as fractions; None if there are fewer than two groups or no reference tokens.

    Example:
        >>> bootstrap_interval([ErrorCounts(hits=90, substitutions=10)] * 5)
        (0.1, 0.1)
    """
    counts = np.array([(group.errors, group.num_ref) for group in groups], dtype=np.float64).reshape(-1, 2)
    return bootstrap(counts, counts[:, 1], lambda sums: sums[:, 0] / sums[:, 1], seed)


def bootstrap(
    sums: NDArray[np.float64],
    sizes: NDArray[np.float64],
    measure: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    seed: int = 0,
) -> tuple[float, float] | None:
    """Returns the interval of a measure of sums over groups; see :func:`bootstrap_interval`.

    Args:
        sums: of each group, shape (G, M).
        sizes: of each group, of which a sample needs more than 0, shape (G,).
        measure: returns the measure of each of some samples, shape (S, M) to (S,).
        seed: of the drawing.
    """
    size = len(sums)
    if size < 2 or not sizes.any():
        return None
    drawn = _draw(np.random.default_rng(seed), size)
    return _cut(np.concatenate([measure((draws @ sums)[draws @ sizes > 0]) for draws in drawn]))


def bootstrap_difference(
    first: NDArray[np.int64], second: NDArray[np.int64], num_ref: NDArray[np.int64], seed: int = 0
) -> tuple[float, float, float] | None:
    """Returns the interval of the difference between two systems' rates, were the test repeated with other speakers.

    Each sample draws the same speakers for both systems. Where a system has several runs, such as one a seed, it draws
    as many of these runs as well and takes their mean: the interval then holds for other seeds as well, though few runs
    make it too narrow.

    **Source**: Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR performance evaluation", 2004, for
    the drawing of speakers and the share of samples with an improvement; the drawing of runs is our own.

    Args:
        first: errors of the first system by group and run, shape (G, K).
        second: errors of the second system, shape (G, M).
        num_ref: reference tokens by group, shape (G,).
        seed: of the drawing.

    Returns:
        Lower and upper end of second minus first, as fractions, and the share of samples in which the second system has
        fewer errors; None if there are fewer than two groups or no reference tokens.
    """
    size = len(num_ref)
    if size < 2 or not num_ref.any():
        return None
    generator = np.random.default_rng(seed)
    differences = []
    for draws in _draw(generator, size):
        total = draws @ num_ref
        errors = [_mean_of_drawn_runs(generator, draws @ runs) for runs in (first, second)]
        differences.append(((errors[1] - errors[0])[total > 0]) / total[total > 0])
    joined = np.concatenate(differences)
    return *_cut(joined), float((joined < 0).mean())


def _draw(generator: np.random.Generator, size: int) -> Iterator[NDArray[np.int64]]:
    """Yields how often each of ``size`` groups is drawn, shape (samples, groups), some samples at a time."""
    chunk = max(1, _CHUNK // size)
    for start in range(0, _NUM_SAMPLES, chunk):
        yield generator.multinomial(size, np.full(size, 1 / size), min(chunk, _NUM_SAMPLES - start))


def _mean_of_drawn_runs(generator: np.random.Generator, errors: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns mean errors of runs drawn with replacement for each sample, shape (samples, runs) to (samples,)."""
    num_samples, num_runs = errors.shape
    if num_runs == 1:
        return errors[:, 0].astype(np.float64)
    draws = generator.multinomial(num_runs, np.full(num_runs, 1 / num_runs), num_samples)
    mean: NDArray[np.float64] = (draws * errors).sum(axis=1) / num_runs
    return mean


def _cut(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
