"""Lists of hot words: names and phrases that are expected in recordings, with weights and pronunciations."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from asr.errors import ConfigError, DataError
from asr.files import numbered_lines
from asr.text.lexicon import Lexicon, Pronunciation

HOTWORD_SCORE = 0.25
"""Natural-log score per letter of a hot phrase if none is given."""

HOTWORDS_NOTE = """Hot words: lines of --hotwords are PHRASE, PHRASE<tab>WEIGHT or PHRASE<tab>WEIGHT<tab>P R O N:
  Zoë Müller
  Leigh<tab>1.5<tab>L IY<tab>L EY
Pronunciations, any number of them, are for models of phones; those of phrases have | between the words. Each time that
a phrase occurs, as whole words, it adds WEIGHT (1 if none is given) times --hotword-score for each of its letters.
It takes a beam; words that a lexicon lacks are added to it."""
"""What the lines of a list are, for a command's help."""

Pronounce = Callable[[Iterable[str]], Lexicon]
"""Returns the pronunciations of words in upper case, without those that it cannot pronounce."""

_FORM = "write lines such as: PHRASE, or PHRASE<tab>WEIGHT, or PHRASE<tab>WEIGHT<tab>P R O N"
_WORD_END = "|"
_COMMAS = re.compile(r"[,;]\s*[0-9.]+$")


@dataclass(frozen=True)
class HotPhrase:
    """A word or phrase that is expected.

    Attributes:
        text: before the text policy.
        weight: what its score is multiplied by.
        pronunciations: ways to say it, each one the phones of its words; none where lexicon or tokens spell it.
        where: file and line, for errors.
    """

    text: str
    weight: float = 1.0
    pronunciations: tuple[tuple[Pronunciation, ...], ...] = ()
    where: str = "hotwords"


@dataclass(frozen=True)
class Hotwords:
    """What a search favours.

    A phrase adds ``score * weight * number of its letters``, blanks not counted, to hypotheses each time that it occurs
    in them as whole words.

    Attributes:
        phrases: what is expected.
        score: natural-log score per letter; 0 switches all of them off.
        pronounce: pronounces words that lexicon and list lack, where tokens are phones; None to refuse such words.
    """

    phrases: tuple[HotPhrase, ...]
    score: float = HOTWORD_SCORE
    pronounce: Pronounce | None = None

    def __post_init__(self) -> None:
        """Checks the score.

        Raises:
            ConfigError: it is below 0 or not finite.
        """
        if not 0 <= self.score < math.inf:
            raise ConfigError("hotword_score", f"cannot be {self.score:g}", "make it 0 or more")

    @classmethod
    def read(cls, path: str | Path, score: float = HOTWORD_SCORE, pronounce: Pronounce | None = None) -> Hotwords:
        """Reads a list of hot words, compressed or not (``.gz``), as :func:`parse_hotwords` takes it.

        Raises:
            DataError: the file cannot be read, holds no phrase, or a line is malformed, with the line.
        """
        phrases = parse_hotwords((line for _, line in numbered_lines(path)), where=str(path))
        if not phrases:
            raise DataError(path, "holds no hot words", _FORM)
        return cls(tuple(phrases), score, pronounce)


def parse_hotwords(lines: Iterable[str], where: str = "hotwords") -> list[HotPhrase]:
    r"""Reads lines of a phrase and, after tabs, its weight and its pronunciations.

    Without a weight, or with an empty one, it is 1. Each pronunciation is phones between blanks, in a phrase with
    ``|`` between the words. Lines that are empty or begin with ``#`` say nothing.

    Args:
        lines: of the file.
        where: the file, for errors.

    Raises:
        DataError: there is no phrase before the first tab, a weight is no number from 0, or a pronunciation has no
            phones or other words than the phrase, with the line.

    Example:
        >>> (phrase,) = parse_hotwords(["Ann Lee\t2\tAE N | L IY"])
        >>> phrase.text, phrase.weight, phrase.pronunciations
        ('Ann Lee', 2.0, ((('AE', 'N'), ('L', 'IY')),))
    """
    phrases = []
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.startswith("#"):
            phrases.append(_parse(line.rstrip("\r\n"), f"{where}:{number}"))
    return phrases


def _parse(line: str, where: str) -> HotPhrase:
    text, *fields = line.split("\t")
    text = " ".join(text.split())
    if not text:
        raise DataError(where, "there is no phrase before the first tab", _FORM)
    if not fields and _COMMAS.search(text):
        raise DataError(where, f"{text!r} has a comma before its weight, not a tab", _FORM)
    weight = _weight(fields[0], where) if fields and fields[0].strip() else 1.0
    spoken = tuple(_pronunciation(field, text, where) for field in fields[1:] if field.strip())
    return HotPhrase(text, weight, spoken, where)


def _weight(field: str, where: str) -> float:
    try:
        weight = float(field)
    except ValueError:
        weight = math.nan
    if not 0 <= weight < math.inf:
        raise DataError(where, f"{field.strip()!r} is no weight, a number from 0", _FORM)
    return weight


def _pronunciation(field: str, text: str, where: str) -> tuple[Pronunciation, ...]:
    words = tuple(tuple(word.split()) for word in field.split(_WORD_END))
    if not all(words) or len(words) != len(text.split()):
        found = f"{' '.join(field.split())!r} does not pronounce each word of {text!r}"
        raise DataError(where, found, f"give the phones of each word, with {_WORD_END} between words")
    return words
