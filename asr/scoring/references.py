"""What was really said, and its joining with what was heard."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from asr.errors import DataError

if TYPE_CHECKING:
    from lhotse.cut import Cut

_SHOWN = 3
_SAME_SECONDS = 0.01  # by which the durations of a recording and a cut of all of it differ at most


@dataclass(frozen=True)
class Reference:
    """What was said in an utterance.

    Attributes:
        utterance_id: unique in the test set.
        text: raw transcript, before the text policy.
        speaker: who said it, None if nobody knows.
        duration: seconds.
        sex: F or M, None if nobody knows.
        dialect: dialect region, such as DR1, None if nobody knows.
        chapter: reader and chapter, such as 1272-128104, None if it is of no chapter.
        audio: real path of the recording that the utterance is the whole of, empty if it is a part or there is none.
    """

    utterance_id: str
    text: str
    speaker: str | None
    duration: float
    sex: str | None = None
    dialect: str | None = None
    chapter: str | None = None
    audio: str = ""


def read_references(cuts: str | Path, unit: str) -> list[Reference]:
    """Reads what was said from cuts.

    Args:
        cuts: file of cuts, each with one supervision.
        unit: what is counted: "phone", or "word" or "char" of the transcript.

    Raises:
        DataError: the file is no file of cuts, or a transcript is missing.
    """
    from asr.corpora.manifests import read_cuts
    from asr.corpora.targets import target_text

    return [_reference(cut, target_text(cut, "phone" if unit == "phone" else "char")) for cut in read_cuts(cuts)]


def _reference(cut: Cut, text: str) -> Reference:
    supervision = cut.supervisions[0]
    custom = supervision.custom or {}
    speaker, chapter = supervision.speaker or None, custom.get("chapter")
    if chapter is not None:
        chapter = f"{speaker}-{chapter}" if speaker else str(chapter)
    audio = audio_of(cut)
    return Reference(cut.id, text, speaker, cut.duration, custom.get("sex"), custom.get("dialect"), chapter, audio)


def audio_of(cut: Cut) -> str:
    """Returns the real path of the recording that a cut is the whole of; empty if it is a part or there is none."""
    recording = cut.recording if cut.has_recording else None
    if recording is None or cut.start != 0 or abs(cut.duration - recording.duration) >= _SAME_SECONDS:
        return ""
    source = recording.sources[0]
    return os.path.realpath(str(source.source)) if source.type == "file" else ""


def join(
    references: Sequence[Reference], hypotheses: Mapping[str, str], where: str | Path
) -> list[tuple[Reference, str]]:
    """Returns each reference with the hypothesis of its utterance, in the order of the references.

    Args:
        references: what was said.
        hypotheses: text by utterance id.
        where: where the hypotheses come from, for the errors.

    Raises:
        DataError: there are no references, or ids are doubled, missing or too many; the first three are named.
    """
    if not references:
        raise DataError(where, "there are no references to score against", "give cuts that are not empty")
    ids = Counter(reference.utterance_id for reference in references)
    _refuse([name for name, count in ids.items() if count > 1], where, "twice among the references", "give each once")
    _refuse(
        [name for name in ids if name not in hypotheses], where, "without a hypothesis", "decode these cuts to the end"
    )
    _refuse(
        [name for name in hypotheses if name not in ids],
        where,
        "not among the references",
        "score with the cuts decoded",
    )
    return [(reference, hypotheses[reference.utterance_id]) for reference in references]


def _refuse(ids: Collection[str], where: str | Path, found: str, remedy: str) -> None:
    if ids:
        named = ", ".join(list(ids)[:_SHOWN]) + (", …" if len(ids) > _SHOWN else "")
        count = "1 utterance is" if len(ids) == 1 else f"{len(ids)} utterances are"
        raise DataError(where, f"{count} {found}: {named}", remedy)
