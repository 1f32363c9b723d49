"""One of several channels, chosen for whole corpora: the choice stands in the cuts, so that training reads the same."""

from __future__ import annotations

from collections.abc import Mapping

from lhotse import CutSet, MonoCut
from lhotse.cut import Cut
from lhotse.utils import fastcopy

from asr.corpora.checks import Problem
from asr.corpora.listening import audio_path
from asr.errors import DataError


def choose_channel(splits: Mapping[str, CutSet], number: int, problems: list[Problem] | None) -> dict[str, CutSet]:
    """Takes one channel of every utterance.

    Args:
        splits: cuts with a recording of their own.
        number: of the channel, from 1 as people count them.
        problems: utterances that do not have so many channels are added here and left out; None raises.

    Raises:
        DataError: an utterance does not have so many channels, if ``problems`` is None.
    """
    chosen = {}
    for split, cuts in splits.items():
        kept = []
        for cut in cuts:
            channels = sorted(cut.recording.channel_ids)
            if number <= len(channels):
                kept.append(_on_channel(cut, channels[number - 1]))
                continue
            found = f"has {len(channels)} channel{'s' if len(channels) > 1 else ''}, and no channel {number}"
            if problems is None:
                raise DataError(f"{cut.id} ({audio_path(cut)})", found, "choose another channel")
            problems.append(Problem(cut.id, audio_path(cut), "channel", found))
        chosen[split] = CutSet.from_cuts(kept)
    return chosen


def take_channels(splits: Mapping[str, CutSet], channels: Mapping[str, int]) -> dict[str, CutSet]:
    """Takes one channel of some utterances.

    Args:
        splits: cuts with a recording of their own.
        channels: for the ids of some of them the channel, as their recording names it.
    """
    return {
        split: CutSet.from_cuts(_on_channel(cut, channels[cut.id]) if cut.id in channels else cut for cut in cuts)
        for split, cuts in splits.items()
    }


def _on_channel(cut: Cut, channel: int) -> Cut:
    if cut.channel in (channel, [channel]):
        return cut
    return MonoCut(
        id=cut.id,
        start=cut.start,
        duration=cut.duration,
        channel=channel,
        supervisions=[fastcopy(supervision, channel=channel) for supervision in cut.supervisions],
        recording=cut.recording,
        custom=cut.custom,
    )
