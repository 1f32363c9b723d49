"""Utterances with their audio and the times of their words and phones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lhotse.cut import Cut
from torch import Tensor

from asr.corpora.manifests import read_cuts
from asr.data.dataset import read_waveform
from asr.decoding.hypothesis import Span


@dataclass(frozen=True)
class Spoken:
    """An utterance.

    Attributes:
        cut: cut of its audio.
    """

    cut: Cut

    def waveform(self, sample_rate: int) -> Tensor:
        """Returns the samples of one channel, shape (S,).

        Raises:
            DataError: they cannot be read.
        """
        return read_waveform(self.cut, sample_rate)

    def said(self, kind: str) -> Sequence[Span]:
        """Returns the words or phones in order of time, of confidence 1; none if the cut has no alignment of them.

        Args:
            kind: "word" or "phone".
        """
        supervisions = self.cut.supervisions
        items = (supervisions[0].alignment or {}).get(kind, ()) if len(supervisions) == 1 else ()
        spans = (Span(item.symbol, item.start, item.end, confidence=1.0) for item in items)
        return sorted(spans, key=lambda span: span.start)


def read_spoken(path: str | Path) -> Mapping[str, Spoken]:
    """Returns the utterances of a cut file by id.

    Raises:
        DataError: the file is not a cut file.
    """
    return {cut.id: Spoken(cut) for cut in read_cuts(path)}
