"""One of several channels, chosen for a whole corpus and stored in its cuts, so that training reads the same."""

from __future__ import annotations

from collections.abc import Mapping

from lhotse import CutSet, MonoCut
from lhotse.cut import Cut
from lhotse.utils import fastcopy

from asr.corpora.checks import Problem, note
from asr.corpora.listening import audio_path


def choose_channel(splits: Mapping[str, CutSet], number: int, problems: list[Problem] | None) -> dict[str, CutSet]:
    """Takes one channel of every utterance.

    Args:
        splits: cuts with a recording of their own.
        number: of the channel, counted from 1.
        problems: utterances with fewer channels are added here and left out; None raises.

    Raises:
        DataError: an utterance has fewer channels, if ``problems`` is None.
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
            note(Problem(cut.id, audio_path(cut), "channel", found), problems, "choose another channel")
        chosen[split] = CutSet.from_cuts(kept)
    return chosen


def take_channels(splits: Mapping[str, CutSet], channels: Mapping[str, int]) -> dict[str, CutSet]:
    """Takes one channel, as their recording names it, of the utterances whose ids are in ``channels``."""
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
