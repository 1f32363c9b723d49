"""Which utterances were scored."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from asr.corpora.timit_speakers import CORE_TEST_SPEAKERS, DEV_SPEAKERS, NUM_TEST_SPEAKERS, TRAIN_SPEAKERS
from asr.scoring.references import Reference

_OFFICIAL = {
    "train of TIMIT": (3696, TRAIN_SPEAKERS),
    "dev of TIMIT": (400, DEV_SPEAKERS),
    "core test of TIMIT": (192, CORE_TEST_SPEAKERS),
}
_NUM_FULL_TEST = 8 * NUM_TEST_SPEAKERS


@dataclass(frozen=True)
class Split:
    """Which utterances were scored.

    Attributes:
        name: of the cuts file, such as "test".
        num_utterances: how many.
        num_speakers: how many; None if not all are known.
        official: the split of TIMIT that these are, by number and speakers, or that they are none.
        hash: 8 hex digits of the utterance ids and their raw transcripts.
    """

    name: str
    num_utterances: int
    num_speakers: int | None
    official: str
    hash: str

    @property
    def size(self) -> str:
        """How many utterances and speakers, in words."""
        speakers = "unknown" if self.num_speakers is None else self.num_speakers
        return f"{self.num_utterances} utterances, {speakers} speakers"

    @property
    def over(self) -> Literal["utterances", "speakers"]:
        """What a bootstrap draws: speakers, or utterances where a speaker is not known."""
        return "utterances" if self.num_speakers is None else "speakers"

    def __str__(self) -> str:
        return f"split {self.name}: {self.size}, {self.official} (hash {self.hash})"


def split_name(cuts: str | Path) -> str:
    """Returns the name of a split, after the file of its cuts.

    Example:
        >>> split_name("data/an4/test_cuts.jsonl.gz")
        'test'
    """
    return Path(cuts).name.removesuffix(".gz").removesuffix(".jsonl").removesuffix("_cuts")


def describe_split(cuts: str | Path, references: Sequence[Reference]) -> Split:
    """Returns which utterances are scored.

    Args:
        cuts: the file they come from; its name is that of the split.
        references: all that is in it.
    """
    lines = sorted(f"{reference.utterance_id}\t{' '.join(reference.text.split())}\n" for reference in references)
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()[:8]
    speakers = {reference.speaker for reference in references}
    num_speakers = None if None in speakers else len(speakers)
    return Split(split_name(cuts), len(references), num_speakers, _official(references, speakers), digest)


def _official(references: Sequence[Reference], speakers: set[str | None]) -> str:
    for name, (number, names) in _OFFICIAL.items():
        if (len(references), speakers) == (number, set(names)):
            return name
    is_full = (len(references), len(speakers)) == (_NUM_FULL_TEST, NUM_TEST_SPEAKERS)
    if is_full and speakers >= {*DEV_SPEAKERS, *CORE_TEST_SPEAKERS}:
        return "full test of TIMIT, which contains its dev speakers"
    return "no official split of TIMIT"
