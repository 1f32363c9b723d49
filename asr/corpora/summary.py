"""A split in figures: hours, utterances, speakers, sample rates, characters."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from lhotse import CutSet

from asr.corpora.targets import target_text
from asr.text.policy import TextPolicy


@dataclass(frozen=True)
class Summary:
    """The figures of one split.

    Attributes:
        seconds: of audio in all.
        speakers: names of the known ones.
        num_unknown_speakers: utterances whose speaker is unknown.
        sample_rates: utterances at each rate in Hz.
        symbols: how often each character, or phone, occurs in the transcripts; blanks are not counted.
    """

    seconds: float
    num_utterances: int
    speakers: frozenset[str]
    num_unknown_speakers: int
    sample_rates: Mapping[int, int]
    symbols: Mapping[str, int]


def summarise(cuts: CutSet, policy: TextPolicy | None = None) -> Summary:
    """Returns the figures of a split.

    Args:
        cuts: cuts with one supervision each.
        policy: applied to transcripts before their symbols are counted; a phone policy counts phones.

    Raises:
        DataError: a transcript is missing or the policy refuses it.
    """
    symbols: Counter[str] = Counter()
    for cut in cuts:
        phones = policy is not None and policy.phones is not None
        text = target_text(cut, "phone" if phones else "char")
        words = (text if policy is None else policy.apply(text, where=cut.id)).split()
        symbols.update(words if phones else "".join(words))
    speakers = [cut.supervisions[0].speaker for cut in cuts]
    return Summary(
        seconds=sum(cut.duration for cut in cuts),
        num_utterances=len(speakers),
        speakers=frozenset(speaker for speaker in speakers if speaker is not None),
        num_unknown_speakers=speakers.count(None),
        sample_rates=Counter(cut.sampling_rate for cut in cuts),
        symbols=symbols,
    )


def readable(symbols: Mapping[str, int]) -> str:
    """Lists symbols in the order of their code points; those that would not show, as code points.

    Example:
        >>> readable({"b": 2, "a": 1, chr(0x301): 3})
        'a b U+0301'
    """
    return " ".join(
        f"U+{ord(symbol):04X}" if len(symbol) == 1 and unicodedata.category(symbol)[0] in "CMZ" else symbol
        for symbol in sorted(symbols)
    )
