"""How far the confidences of recognised words agree with how many of them are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from asr.decoding.hypothesis import Span
from asr.scoring.bootstrap import bootstrap
from asr.scoring.rules import PolicyRule
from asr.scoring.tables import table

NUM_BINS = 10
_LEAST = 1e-6
"""Confidences nearer than this to 0 or 1 count as this near where their logarithm is taken."""
_Floats = NDArray[np.float64]
_Interval = tuple[float, float] | None


@dataclass(frozen=True)
class Bin:
    """The words whose confidences lie between two bounds.

    Attributes:
        low: lower bound, included.
        high: upper bound, included if it is 1.
        num_words: how many there are.
        confidence: mean confidence; 0 without words.
        num_right: how many are right.
    """

    low: float
    high: float
    num_words: int
    confidence: float
    num_right: int

    @property
    def right(self) -> float:
        """Share of the words that are right; 0 without words."""
        return self.num_right / max(1, self.num_words)


@dataclass(frozen=True)
class Reliability:
    """How far confidences are probabilities of being right.

    Intervals are 95 % bootstrap intervals over speakers, or over utterances if a speaker is not known.

    Attributes:
        bins: :data:`NUM_BINS` bins of equal width.
        ece: expected calibration error: mean distance of confidence and share of right words, by bin; 0 is best.
        ece_interval: its interval; None for fewer than two speakers.
        nce: normalised cross entropy: 1 for certainty, 0 for what the share of right words says, below 0 for less; None
            if all words are right, or all wrong.
        nce_interval: its interval.
        auc: probability that a right word is surer than a wrong one; None as above.
    """

    bins: tuple[Bin, ...]
    ece: float
    ece_interval: _Interval
    nce: float | None
    nce_interval: _Interval
    auc: float | None

    @property
    def num_words(self) -> int:
        """Number of words."""
        return sum(each.num_words for each in self.bins)

    @property
    def num_right(self) -> int:
        """Number of right words."""
        return sum(each.num_right for each in self.bins)

    def line(self) -> str:
        """Returns the measures in one line."""
        return (
            f"ECE {self.ece:.3f}{_between(self.ece_interval)}, NCE {_number(self.nce)}{_between(self.nce_interval)}, "
            f"AUC {_number(self.auc)}; {self.num_right} of {self.num_words} are right"
        )

    def to_text(self) -> str:
        """Returns the line and a table of the bins that have words."""
        rows = [["confidence", "words", "mean", "right"]]
        for each in self.bins:
            if each.num_words:
                numbers = (f"{each.confidence:.3f}", f"{each.right:.3f}")
                rows.append([f"{each.low:.1f} to {each.high:.1f}", str(each.num_words), *numbers])
        return f"{self.line()}\n{table(rows, num_left=1)}"

    def to_dict(self) -> dict[str, object]:
        """Returns plain values, for JSON."""
        return asdict(self)


def judge_words(refs: Sequence[str], hyps: Sequence[Sequence[Span]], rule: PolicyRule) -> list[list[bool | None]]:
    """Says of each word of hypotheses whether it is right, in an alignment with the fewest errors.

    Args:
        refs: references under the rule's policy, of words or phones as the rule counts them.
        hyps: words of each hypothesis.
        rule: what words go through, and the unit.

    Returns:
        True, False, or None for a word of which the policy leaves nothing; one that it splits is right if all its parts
        are.

    Example:
        >>> from asr.text.policy import get_policy
        >>> words = [Span(text, 0.0, 0.0, 1.0) for text in ("a-b", "c", "!")]
        >>> judge_words(["A B D"], [words], PolicyRule(get_policy("upper-no-punctuation"), "word"))
        [[True, False, None]]
    """
    parts = [[rule.apply(word.text).split() for word in words] for words in hyps]
    texts = [" ".join(part for word in words for part in word) for words in parts]
    judged: list[list[bool | None]] = []
    for places, words in zip(rule.align(refs, texts), parts, strict=True):
        heard = iter([place.ref == place.hyp for place in places if place.hyp is not None])
        parted = [[next(heard) for _ in word] for word in words]
        judged.append([all(word) if word else None for word in parted])
    return judged


def reliability(confidences: _Floats, right: _Floats, groups: NDArray[np.int64]) -> Reliability:
    """Measures confidences of W words.

    **Source**: expected calibration error of Guo et al., "On calibration of modern neural networks", 2017; normalised
    cross entropy of NIST's evaluations of conversational speech, with confidences kept 1e-6 away from 0 and 1.

    Args:
        confidences: shape (W,).
        right: 1 for right words, 0 for wrong ones, shape (W,).
        groups: number of the speaker of each word, shape (W,).
    """
    bins = np.minimum((confidences.clip(0.0, 1.0) * NUM_BINS).astype(np.int64), NUM_BINS - 1)
    inside = confidences.clip(_LEAST, 1.0 - _LEAST)
    log_probs = np.where(right > 0, np.log(inside), np.log(1.0 - inside))
    ones, number = np.ones(len(right)), int(groups.max()) + 1
    cells = groups * NUM_BINS + bins
    sums = np.stack(
        [_sums(cells, each, number * NUM_BINS).reshape(number, NUM_BINS) for each in (ones, confidences, right)], axis=1
    )  # words, confidences and right words of each speaker and bin
    parts = np.stack([_sums(groups, each, number) for each in (ones, right, log_probs)], axis=1)
    num_words, total, num_right = sums.sum(axis=0)
    means = total / np.maximum(num_words, 1)
    edges = [place / NUM_BINS for place in range(NUM_BINS + 1)]
    rows = zip(edges, edges[1:], num_words.astype(int).tolist(), means.tolist(), num_right.astype(int), strict=False)
    flat = sums.reshape(len(sums), -1)
    ece, nce = float(_ece(flat.sum(axis=0)[None])[0]), float(_nce(parts.sum(axis=0)[None])[0])
    is_mixed = 0 < right.sum() < len(right)
    return Reliability(
        bins=tuple(Bin(low, high, number, mean, int(good)) for low, high, number, mean, good in rows),
        ece=ece,
        ece_interval=bootstrap(flat, parts[:, 0], _ece),
        nce=nce if is_mixed else None,
        nce_interval=bootstrap(parts, parts[:, 0], _nce) if is_mixed else None,
        auc=_auc(confidences, right) if is_mixed else None,
    )


def _sums(places: NDArray[np.int64], values: _Floats, number: int) -> _Floats:
    return np.bincount(places, values, minlength=number).astype(np.float64)


def _ece(sums: _Floats) -> _Floats:
    """Returns the error of each sample: (S, 3 * bins) -> (S,)."""
    num_words, confidences, right = sums.reshape(len(sums), 3, -1).swapaxes(0, 1)
    errors: _Floats = np.abs(confidences - right).sum(axis=1) / num_words.sum(axis=1)
    return errors


def _nce(sums: _Floats) -> _Floats:
    """Returns 1 - cross entropy / entropy of each sample, 0 where the entropy is 0: (S, 3) -> (S,)."""
    num_words, right, log_probs = sums.T
    share = (right / num_words).clip(_LEAST, 1.0 - _LEAST)
    entropy = -(right * np.log(share) + (num_words - right) * np.log(1.0 - share))
    measured: _Floats = np.where((right > 0) & (right < num_words), 1.0 + log_probs / entropy, 0.0)
    return measured


def _auc(confidences: _Floats, right: _Floats) -> float:
    """Returns the area under the curve of hits against false alarms, ties counting half."""
    values, places = np.unique(confidences, return_inverse=True)
    good, bad = (np.bincount(places, each, minlength=len(values)) for each in (right, 1.0 - right))
    below = bad.cumsum() - bad
    return float((good * (below + bad / 2)).sum() / (good.sum() * bad.sum()))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _between(interval: _Interval) -> str:
    return "" if interval is None else f" ({interval[0]:.3f} to {interval[1]:.3f})"
