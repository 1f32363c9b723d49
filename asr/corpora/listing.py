"""From a corpus' own lists to cuts: what every corpus module fills in, and the one place that makes cuts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from unicodedata import normalize

from lhotse import AudioSource, CutSet, MonoCut, MultiCut, Recording, SupervisionSegment
from lhotse.cut import Cut

from asr.audio.access import find_file
from asr.audio.rates import Seconds, seconds_to_samples
from asr.audio.waveforms import AudioInfo, probe
from asr.corpora.checks import Problem
from asr.errors import DataError

_EMPTY = "holds no samples"
_ROUNDING = 0.01  # seconds by which a segment may exceed its file: manifests round durations


@dataclass(frozen=True)
class Listed:
    """One utterance as a corpus lists it.

    Attributes:
        utterance_id: unique over the corpus.
        audio: its file.
        text: raw transcript.
        speaker: None if unknown.
        language: such as "English"; None if unknown.
        start: seconds from the start of the file.
        duration: seconds; None for the rest of the file.
        recording_id: names the file; None for the utterance's own id, or for the path where it is a part of the file.
    """

    utterance_id: str
    audio: Path
    text: str
    speaker: str | None = None
    language: str | None = None
    start: Seconds = 0.0
    duration: Seconds | None = None
    recording_id: str | None = None


def make_splits(
    listed: Mapping[str, Sequence[Listed]], problems: list[Problem] | None = None, num_jobs: int = 1
) -> dict[str, CutSet]:
    """Makes cuts with one supervision each, named as the utterance; texts and ids become Unicode NFC.

    Files are found in whichever Unicode form the disk spells their names.

    Args:
        listed: the utterances of each split.
        problems: utterances whose audio cannot be opened or holds no samples are added here and left out; None raises.
        num_jobs: files opened at a time.

    Raises:
        DataError: a file that cannot be opened, if ``problems`` is None.
    """
    named = sorted({utterance.audio for utterances in listed.values() for utterance in utterances})
    files = [find_file(path) for path in named]
    with ThreadPoolExecutor(max(1, num_jobs)) as pool:
        infos = dict(zip(named, zip(files, pool.map(_probe, files), strict=True), strict=True))
    splits = {}
    for split, utterances in listed.items():
        cuts = []
        for utterance in utterances:
            try:
                path, info = infos[utterance.audio]
                if isinstance(info, DataError):
                    raise info
                cuts.append(make_cut(replace(utterance, audio=path), info))
            except DataError as error:
                if problems is None:
                    raise
                reason = "empty" if error.found == _EMPTY else "unreadable"
                problems.append(
                    Problem(normalize("NFC", utterance.utterance_id), str(utterance.audio), reason, error.found)
                )
        splits[split] = CutSet.from_cuts(cuts)
    return splits


def _probe(path: Path) -> AudioInfo | DataError:
    try:
        info = probe(path)
    except DataError as error:
        return error
    return info if info.num_samples else DataError(path, _EMPTY, "record it again or leave it out")


def make_cut(utterance: Listed, info: AudioInfo) -> Cut:
    """Makes the cut of an utterance, as its corpus lists it and its file holds it.

    Raises:
        DataError: the utterance is not inside its file, or too short for a sample.
    """
    utterance_id = normalize("NFC", utterance.utterance_id)
    samples = _count_samples(utterance, info)
    whole = utterance.start == 0 and samples == info.num_samples
    recording = Recording(
        id=utterance.recording_id or (utterance_id if whole else str(utterance.audio)),
        sources=[AudioSource("file", list(range(info.num_channels)), str(utterance.audio.absolute()))],
        sampling_rate=info.sample_rate,
        num_samples=info.num_samples,
        duration=info.duration,
    )
    channel = 0 if info.num_channels == 1 else recording.channel_ids
    supervision = SupervisionSegment(
        id=utterance_id,
        recording_id=recording.id,
        start=0.0,
        duration=samples / info.sample_rate,
        channel=channel,
        text=normalize("NFC", utterance.text).strip(),
        speaker=None if utterance.speaker is None else normalize("NFC", utterance.speaker),
        language=utterance.language,
    )
    kind = MonoCut if info.num_channels == 1 else MultiCut
    return kind(
        id=utterance_id,
        start=utterance.start,
        duration=samples / info.sample_rate,
        channel=channel,
        supervisions=[supervision],
        recording=recording,
    )


def _count_samples(utterance: Listed, info: AudioInfo) -> int:
    where, remedy = f"{normalize('NFC', utterance.utterance_id)} ({utterance.audio})", "correct its start and end"
    length = info.duration
    duration = length - utterance.start if utterance.duration is None else utterance.duration
    end = utterance.start + duration
    if utterance.start < 0 or duration <= 0 or end > length + _ROUNDING:
        found = f"the segment from {utterance.start:.3f} to {end:.3f} s is not inside its {length:.3f} s"
        raise DataError(where, found, remedy)
    samples = seconds_to_samples(min(duration, length - utterance.start), info.sample_rate)
    if not samples:
        raise DataError(where, _EMPTY, remedy)
    return samples
