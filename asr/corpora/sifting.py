"""Every utterance of a corpus examined, so that what cannot be used is known before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from lhotse import CutSet

from asr.audio.rates import Seconds
from asr.corpora.channels import take_channels
from asr.corpora.checks import Limits, Problem, examine


@dataclass(frozen=True, eq=False)
class Sifted:
    """The splits of a corpus, and what is wrong with them.

    Attributes:
        splits: all utterances; of those whose channels cancel each other the loudest channel.
        problems: in the order of the splits.
        cancelling: ids of utterances whose channels cancel each other.
    """

    splits: dict[str, CutSet]
    problems: Sequence[Problem]
    cancelling: Sequence[str]

    @property
    def num_bad(self) -> int:
        """Utterances that cannot be used."""
        return len(self._bad)

    @property
    def num_utterances(self) -> int:
        """All utterances, also those that their corpus has left out already; one in several splits counts once."""
        return len(self._bad | {cut.id for cuts in self.splits.values() for cut in cuts})

    @property
    def reasons(self) -> Mapping[str, int]:
        """How often each reason is found, the most frequent first."""
        return dict(Counter(problem.reason for problem in self.problems).most_common())

    @property
    def _bad(self) -> set[str]:
        return {problem.utterance_id for problem in self.problems}


def sift(
    splits: dict[str, CutSet],
    found_before: Sequence[Problem],
    limits: Limits,
    num_jobs: int,
    advance: Callable[[Seconds], None],
) -> Sifted:
    """Reads every utterance in one thread, several side by side.

    Threads within each file would wait for one another, and the whole be five times slower.

    Args:
        splits: cuts with one supervision each.
        found_before: what the corpus itself complains of.
        limits: what is allowed.
        num_jobs: utterances read at a time.
        advance: called with the seconds of each utterance that has been read.
    """
    cancelling: dict[str, int] = {}
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        problems = [*found_before, *examine(splits, limits, num_jobs, advance, cancelling)]
    finally:
        torch.set_num_threads(num_threads)
    return Sifted(take_channels(splits, cancelling) if cancelling else splits, problems, list(cancelling))


def num_seconds(splits: Mapping[str, CutSet]) -> Seconds:
    """Returns the seconds of audio in all splits; an utterance in several of them counts once."""
    durations: dict[str, Seconds] = {cut.id: cut.duration for cuts in splits.values() for cut in cuts}
    return sum(durations.values())
