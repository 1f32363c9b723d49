"""How far the times of recognised words are from where the words were said."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asr.decoding.hypothesis import Span
from asr.errors import DataError
from asr.scoring.counts import align_texts
from asr.scoring.hypotheses import read_hypotheses
from asr.scoring.references import audio_of
from asr.scoring.tables import table
from asr.text.policy import TextPolicy

if TYPE_CHECKING:
    from lhotse.cut import Cut


@dataclass(frozen=True)
class TimeErrors:
    """What was found over a test set; all errors in seconds, hypothesis less reference.

    Attributes:
        num_ref: words of the references.
        starts: error of the start of each word that was recognised.
        ends: error of its end.
    """

    num_ref: int
    starts: tuple[float, ...]
    ends: tuple[float, ...]

    def __add__(self, other: TimeErrors) -> TimeErrors:
        """Joins those of two sets."""
        return TimeErrors(self.num_ref + other.num_ref, self.starts + other.starts, self.ends + other.ends)

    def to_text(self) -> str:
        """Returns a table in milliseconds: median and 90th percentile of the size of the errors, and their median.

        The last says whether times come too early (below 0) or too late.
        """
        rows = [["times, ms", "words", "of", "median error", "90 % within", "median shift"]]
        for name, errors in (("starts", self.starts), ("ends", self.ends)):
            numbers = [f"{1000 * value:.0f}" for value in _summary(errors)] if errors else ["-"] * 3
            rows.append([name, str(len(errors)), str(self.num_ref), *numbers])
        return table(rows, num_left=1)


def time_errors(refs: Sequence[Sequence[Span]], hyps: Sequence[Sequence[Span]]) -> TimeErrors:
    """Compares the times of the words that are right, as :func:`asr.scoring.counts.align_texts` aligns them.

    Args:
        refs: the words of each utterance, in order; their confidence plays no part.
        hyps: the words of each hypothesis, in order, under the same text policy.

    Raises:
        ValueError: there are more or fewer hypotheses than references.

    Example:
        >>> ref = [Span("A", 0.5, 0.7, 1.0), Span("B", 0.75, 1.0, 1.0)]
        >>> time_errors([ref], [[Span("B", 1.0, 1.5, 1.0)]])
        TimeErrors(num_ref=2, starts=(0.25,), ends=(0.5,))
    """
    texts = [[" ".join(word.text for word in words) for words in side] for side in (refs, hyps)]
    starts: list[float] = []
    ends: list[float] = []
    for places, ref, hyp in zip(align_texts(texts[0], texts[1], "word"), refs, hyps, strict=True):
        said, heard = iter(ref), iter(hyp)
        for place in places:
            one = next(said) if place.ref is not None else None
            other = next(heard) if place.hyp is not None else None
            if one is not None and other is not None and place.ref == place.hyp:
                starts.append(other.start - one.start)
                ends.append(other.end - one.end)
    return TimeErrors(sum(map(len, refs)), tuple(starts), tuple(ends))


def measure_times(cuts: str, hyps: str, policy: TextPolicy) -> TimeErrors:
    """Compares the times of the words of hypotheses with those of the cuts' alignments.

    Args:
        cuts: file of cuts with alignments of words, and a hypothesis for each.
        hyps: file of hypotheses.
        policy: what words of both go through; words of which it leaves nothing are ignored.

    Raises:
        DataError: a cut has no alignment or no hypothesis.
    """
    from asr.corpora.manifests import read_cuts

    spoken = list(read_cuts(cuts))
    heard = read_hypotheses(hyps, {audio_of(cut): cut.id for cut in spoken})
    refs, found = [], []
    for cut in spoken:
        if cut.id not in heard:
            raise DataError(hyps, f"{cut.id} of {cuts} is not in it", "decode these cuts to the end")
        refs.append(list(_said(cut, policy, cuts)))
        found.append(list(_recognised(heard[cut.id][0].words, policy)))
    return time_errors(refs, found)


def _said(cut: Cut, policy: TextPolicy, where: str) -> Iterator[Span]:
    alignment = (cut.supervisions[0].alignment or {}).get("word")
    if not alignment:
        raise DataError(where, f"{cut.id} has no times of words", "prepare the corpus with --alignments")
    for item in alignment:
        text = policy.apply(item.symbol, cut.id)
        if text:
            yield Span(text, item.start, item.end, confidence=1.0)


def _recognised(words: Iterable[Span], policy: TextPolicy) -> Iterator[Span]:
    for word in words:
        text = policy.apply(word.text)
        if text:
            yield Span(text, word.start, word.end, word.confidence)


def _summary(errors: Iterable[float]) -> tuple[float, float, float]:
    """Returns the median and the 90th percentile of the sizes, and the median of the errors."""
    signed = sorted(errors)
    sizes = sorted(map(abs, signed))
    return statistics.median(sizes), sizes[min(len(sizes) - 1, int(0.9 * len(sizes)))], statistics.median(signed)
