"""Phone targets from a lexicon, and the words that it lacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lhotse import CutSet
from lhotse.cut import Cut

from asr.corpora.checks import Problem
from asr.corpora.listening import audio_path
from asr.errors import DataError
from asr.files import written_whole
from asr.text.lexicon import Lexicon
from asr.text.policy import TextPolicy

_NAMED = 5  # words that a problem names


@dataclass(frozen=True)
class Pronounced:
    """The result of looking up the words of a corpus.

    Attributes:
        problems: utterances with words that the lexicon lacks, for the reason "oov".
        words: how often each word occurs.
        oov: the same for the words that the lexicon lacks.
    """

    problems: list[Problem]
    words: Counter[str]
    oov: Counter[str]


def pronounce(splits: Mapping[str, CutSet], lexicon: Lexicon, policy: TextPolicy | None = None) -> Pronounced:
    """Writes ``custom["phones"]`` of each supervision: the first pronunciation of each word, phones between blanks.

    An utterance that is in several splits is looked up once. One whose transcript is missing, empty or refused by the
    policy is skipped: :func:`asr.corpora.checks.examine` names it.

    Args:
        splits: cuts with one supervision each; they are changed.
        lexicon: its words in upper case, as they are looked up.
        policy: applied to transcripts first; None, or a policy for phones, takes them as they are.
    """
    problems: list[Problem] = []
    words: Counter[str] = Counter()
    oov: Counter[str] = Counter()
    seen: set[str] = set()
    for cut in (cut for cuts in splits.values() for cut in cuts):
        spoken = _words(cut, policy)
        missing = [word for word in spoken if word not in lexicon]
        if not missing and spoken:
            supervision = cut.supervisions[0]
            phones = " ".join(phone for word in spoken for phone in lexicon.pronunciations(word)[0])
            supervision.custom = {**(supervision.custom or {}), "phones": phones}
        if cut.id in seen:
            continue
        seen.add(cut.id)
        words.update(spoken)
        oov.update(missing)
        if missing:
            problems.append(Problem(cut.id, audio_path(cut), "oov", _named(missing)))
    return Pronounced(problems, words, oov)


def write_oov(oov: Counter[str], path: str | Path) -> None:
    """Writes words and how often they occur, most frequent first, tab-separated after a header line.

    Raises:
        DataError: the file cannot be written.
    """
    rows = sorted(oov.items(), key=lambda row: (-row[1], row[0]))
    with written_whole(path) as beside:
        lines = "".join(f"{word}\t{count}\n" for word, count in rows)
        beside.write_text(f"word\tcount\n{lines}", encoding="utf-8", newline="\n")


def _words(cut: Cut, policy: TextPolicy | None) -> list[str]:
    text = (cut.supervisions[0].text or "") if len(cut.supervisions) == 1 else ""
    try:
        words = text if policy is None or policy.phones is not None else policy.apply(text)
    except DataError:
        return []
    return words.upper().split()


def _named(missing: Iterable[str]) -> str:
    distinct = list(dict.fromkeys(missing))
    more = f" and {len(distinct) - _NAMED} more" if len(distinct) > _NAMED else ""
    return f"not in the lexicon: {', '.join(distinct[:_NAMED])}{more}"
