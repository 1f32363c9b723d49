"""Times of words and phones by a forced aligner: from TextGrid files to Lhotse alignments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from lhotse.cut import Cut
from lhotse.supervision import AlignmentItem

from asr.audio.rates import Seconds
from asr.corpora.checks import Problem
from asr.corpora.listening import audio_path
from asr.corpora.textgrid import Interval, TextGrid, read_textgrid
from asr.errors import DataError
from asr.text.arpabet import is_pause

UNKNOWN = ("<unk>", "spn")
"""What aligners write for words that they cannot pronounce, and for what was spoken there."""

_TOLERANCE: Seconds = 0.1  # between the end of a TextGrid and that of its audio
_NOT_LETTERS = re.compile(r"[\W_]+")


def find_textgrids(folder: str | Path) -> dict[str, Path]:
    """Returns the ``.TextGrid`` files of a folder and all below it by their names without the ending.

    Raises:
        DataError: the folder is missing or holds none, or two have the same name.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(folder, "no such folder", "give the folder with TextGrid files")
    found: dict[str, Path] = {}
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".textgrid"):
        if path.stem in found:
            raise DataError(path, f"{found[path.stem]} has the same name", "keep one of the two")
        found[path.stem] = path
    if not found:
        raise DataError(folder, "holds no TextGrid files", "give the folder with <utterance id>.TextGrid")
    return found


def align(cuts: Iterable[Cut], textgrids: Mapping[str, Path]) -> list[Problem]:
    """Adds the alignments "word" and "phone", without pauses, to each supervision.

    Words are spelled as in the transcript. A word that the aligner split ("cosette", "s") is joined.

    Args:
        cuts: cuts of whole files with one supervision each; those that can be aligned are changed.
        textgrids: files by utterance id, with the tiers "words" and "phones", or "SPEAKER - words" and
            "SPEAKER - phones" for each speaker, as the Montreal Forced Aligner names them; others are ignored.

    Returns:
        The utterances without alignment: "no-alignment" where there is no file, "unknown-word" where the aligner did
        not know a word (``<unk>``, ``spn``), "alignment" where the file is damaged, ends elsewhere than its audio, or
        has other words than the transcript.
    """
    problems = []
    for cut in cuts:
        path = textgrids.get(cut.id)
        if path is None:
            problems.append(Problem(cut.id, audio_path(cut), "no-alignment", "has no TextGrid"))
            continue
        try:
            found = _align(cut, read_textgrid(path))
        except DataError as error:
            found = ("alignment", error.found)
        if found is not None:
            problems.append(Problem(cut.id, str(path), *found))
    return problems


def _align(cut: Cut, grid: TextGrid) -> tuple[str, str] | None:
    """Aligns a cut; returns what is wrong, as reason and finding, where it cannot."""
    supervision = cut.supervisions[0]
    words, phones = (_tier(grid, name, supervision.speaker) for name in ("word", "phone"))
    if words is None or phones is None:
        whose = " of one speaker" if any(" - " in tier for tier in grid.tiers) else ""
        return "alignment", f"has the tiers {', '.join(grid.tiers) or 'none'}, not words and phones{whose}"
    unknown = [f"{each.label} at {each.start:.2f} s" for each in (*words, *phones) if each.label.lower() in UNKNOWN]
    if unknown:
        return "unknown-word", ", ".join(unknown)
    if abs(grid.end - cut.duration) > _TOLERANCE:
        return "alignment", f"ends at {grid.end:.3f} s, the audio at {cut.duration:.3f} s"
    spelled = _spelled(words, (supervision.text or "").split())
    if isinstance(spelled, str):
        return "alignment", spelled
    supervision.alignment = {"word": _items(spelled, cut.duration), "phone": _items(phones, cut.duration)}
    return None


def _tier(grid: TextGrid, name: str, speaker: str | None) -> list[Interval] | None:
    """Returns what is spoken in the tier of that name, singular or plural: the only one, or that of the speaker."""
    parts = {tier: tier.rpartition(" - ") for tier in grid.tiers}
    owners = {tier: owner for tier, (owner, _, kind) in parts.items() if kind.lower().removesuffix("s") == name}
    chosen = [tier for tier, owner in owners.items() if len(owners) == 1 or owner == speaker]
    if len(chosen) != 1:
        return None
    return [interval for interval in grid.tiers[chosen[0]] if not is_pause(interval.label)]


def _spelled(aligned: list[Interval], words: list[str]) -> list[Interval] | str:
    """Returns the words of a transcript with the times of the aligner's, or a line on where the two differ."""
    spelled: list[Interval] = []
    place = 0
    for word in words:
        wanted, first, joined = _letters(word), place, ""
        while place < len(aligned) and (place == first or joined != wanted):
            joined += _letters(aligned[place].label)
            place += 1
        if joined != wanted or place == first:
            found = aligned[first].label if first < len(aligned) else "nothing"
            return f"word {len(spelled) + 1} is {found!r}, in the transcript {word!r}"
        spelled.append(Interval(aligned[first].start, aligned[place - 1].end, word))
    if place < len(aligned):
        return f"{aligned[place].label!r} at {aligned[place].start:.2f} s is not in the transcript"
    return spelled


def _letters(word: str) -> str:
    return _NOT_LETTERS.sub("", word).casefold()


def _items(intervals: list[Interval], end: Seconds) -> list[AlignmentItem]:
    return [
        AlignmentItem(each.label, each.start, round(max(0.0, min(each.end, end) - each.start), 6)) for each in intervals
    ]
