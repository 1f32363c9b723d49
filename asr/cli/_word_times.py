"""The option --times of ``asr score``: how far times of words are from alignments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from asr.corpora.manifests import read_cuts
from asr.decoding.hypothesis import Span
from asr.errors import DataError
from asr.scoring.hypotheses import read_hypotheses
from asr.scoring.word_times import TimedWord, TimeErrors, time_errors

if TYPE_CHECKING:
    from lhotse.cut import Cut

    from asr.text.policy import TextPolicy


def measure_times(cuts: str, hyps: str, policy: TextPolicy) -> TimeErrors:
    """Compares the times of the words of hypotheses with those of the cuts' alignments.

    Args:
        cuts: file of cuts with alignments of words, and a hypothesis for each.
        hyps: file of hypotheses.
        policy: what words of both go through; those of which it leaves nothing are left aside.

    Raises:
        DataError: a cut has no alignment or no hypothesis.
    """
    heard = read_hypotheses(hyps)
    refs, found = [], []
    for cut in read_cuts(cuts):
        if cut.id not in heard:
            raise DataError(hyps, f"{cut.id} of {cuts} is not in it", "decode these cuts to the end")
        refs.append(list(_said(cut, policy, cuts)))
        found.append(list(_recognised(heard[cut.id][0].words, policy)))
    return time_errors(refs, found)


def _said(cut: Cut, policy: TextPolicy, where: str) -> Iterator[TimedWord]:
    alignment = (cut.supervisions[0].alignment or {}).get("word")
    if not alignment:
        raise DataError(where, f"{cut.id} has no times of words", "prepare the corpus with --alignments")
    for item in alignment:
        text = policy.apply(item.symbol, cut.id)
        if text:
            yield TimedWord(text, item.start, item.end)


def _recognised(words: Iterable[Span], policy: TextPolicy) -> Iterator[Span]:
    for word in words:
        text = policy.apply(word.text)
        if text:
            yield Span(text, word.start, word.end, word.confidence)
