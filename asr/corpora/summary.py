"""What a split holds, in figures: hours, utterances, speakers, sample rates, characters."""

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
        seconds: audio in all.
        num_utterances: utterances.
        speakers: names of the speakers that are known.
        num_unknown_speakers: utterances whose speaker is not known.
        sample_rates: utterances at each rate in Hz.
        symbols: how often each character, or phone, is in the transcripts; blanks are not counted.
    """

    seconds: float
    num_utterances: int
    speakers: frozenset[str]
    num_unknown_speakers: int
    sample_rates: Mapping[int, int]
    symbols: Mapping[str, int]

    def to_text(self, policy: TextPolicy | None, sample_rate: int) -> str:
        """Returns the figures for people to read.

        Args:
            policy: what transcripts went through before their symbols were counted.
            sample_rate: of the model to be trained, in Hz; other rates are said to be resampled.
        """
        speakers = counted(len(self.speakers), "speaker") if self.speakers else "speakers unknown"
        if self.speakers and self.num_unknown_speakers:
            speakers += f", {counted(self.num_unknown_speakers, 'utterance')} of unknown speakers"
        rates = sorted(self.sample_rates.items())
        kind = "phones" if policy is not None and policy.phones else "characters"
        under = f" under {policy.name} ({policy.hash})" if policy is not None else ""
        lines = [
            f"{self.seconds / 3600:.3f} hours, {counted(self.num_utterances, 'utterance')}, {speakers}",
            f"sample rates: {', '.join(f'{rate} Hz ({count})' for rate, count in rates)}",
            *(f"{counted(n, 'utterance')} at {rate} Hz will be resampled" for rate, n in rates if rate != sample_rate),
            f"{len(self.symbols)} {kind}{under}: {readable(self.symbols)}",
        ]
        return "\n  ".join(lines)


def summarise(cuts: CutSet, policy: TextPolicy | None = None) -> Summary:
    """Gives the figures of a split.

    Args:
        cuts: cuts with one supervision each.
        policy: what is done to transcripts before their symbols are counted; a phone policy counts phones.

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
    """Gives symbols in the order of their code points; single ones that would not show, as code points.

    Example:
        >>> readable({"b": 2, "a": 1, chr(0x301): 3})
        'a b U+0301'
    """
    return " ".join(
        f"U+{ord(symbol):04X}" if len(symbol) == 1 and unicodedata.category(symbol)[0] in "CMZ" else symbol
        for symbol in sorted(symbols)
    )


def shared_speakers(summaries: Mapping[str, Summary]) -> dict[str, int]:
    """Returns how many speakers of the training split each split for tuning or testing has, where it has any."""
    train = summaries["train"].speakers if "train" in summaries else frozenset()
    shared = {split: len(summary.speakers & train) for split, summary in summaries.items()}
    return {split: count for split, count in shared.items() if count and not split.startswith("train")}


def counted(count: int, noun: str) -> str:
    """Returns a number with its noun.

    Example:
        >>> counted(1, "speaker"), counted(2, "speaker")
        ('1 speaker', '2 speakers')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
