"""Pronunciation lexicons: which phones a word is spoken with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from asr.errors import DataError
from asr.files import numbered_lines, written_whole
from asr.text.arpabet import strip_stress

Case = Literal["keep", "upper", "lower"]
Pronunciation = tuple[str, ...]

_VARIANT = re.compile(r"(?P<word>.+)\([0-9]+\)")
_COMMENT = re.compile(r"(?:^|\s)#.*|^;;;.*")
_NUMBER = re.compile(r"[0-9.]+(?:[eE]-?[0-9]+)?")
_FORM = "write lines such as: HELLO HH AH0 L OW1"


@dataclass(frozen=True)
class Lexicon:
    """Words and how they are spoken.

    Attributes:
        entries: the pronunciations of each word, each one once, in the order of the file.
    """

    entries: Mapping[str, tuple[Pronunciation, ...]]

    def __len__(self) -> int:
        """Gives the number of words."""
        return len(self.entries)

    def __contains__(self, word: object) -> bool:
        """Says whether a word is in the lexicon, in just this case."""
        return word in self.entries

    def pronunciations(self, word: str) -> tuple[Pronunciation, ...]:
        """Gives all pronunciations of a word, the usual one first; none if the word is not in the lexicon.

        Example:
            >>> parse_lexicon(["a AH0", "a(2) EY1"]).pronunciations("a")
            (('AH0',), ('EY1',))
        """
        return self.entries.get(word, ())

    @cached_property
    def phones(self) -> tuple[str, ...]:
        """The phones that occur, sorted."""
        return tuple(sorted({phone for spoken in self.entries.values() for phones in spoken for phone in phones}))


def read_lexicon(*paths: str | Path, case: Case = "keep", keep_stress: bool = True) -> Lexicon:
    """Reads lexicons as :func:`parse_lexicon` takes them, compressed or not (``.gz``).

    Args:
        paths: one file, or several, where an earlier file's entries for a word hide those of later ones.
        case: what is done to words.
        keep_stress: whether phones keep the digit of their stress.

    Raises:
        DataError: a file cannot be read, holds no words, or a line is malformed, with the line.
    """
    entries: dict[str, tuple[Pronunciation, ...]] = {}
    for path in map(Path, paths):
        lexicon = parse_lexicon(
            (line for _, line in numbered_lines(path)), case=case, keep_stress=keep_stress, where=str(path)
        )
        if not len(lexicon):
            raise DataError(path, "holds no words", _FORM)
        entries = {**lexicon.entries, **entries}
    return Lexicon(entries)


def write_lexicon(lexicon: Lexicon, path: str | Path) -> None:
    """Writes a line for each pronunciation, as :func:`read_lexicon` reads them.

    Raises:
        DataError: the file cannot be written.
    """
    with written_whole(path) as beside:
        lines = (f"{word} {' '.join(phones)}\n" for word, spoken in lexicon.entries.items() for phones in spoken)
        beside.write_text("".join(lines), encoding="utf-8", newline="\n")


def parse_lexicon(
    lines: Iterable[str], *, case: Case = "keep", keep_stress: bool = True, where: str = "lexicon"
) -> Lexicon:
    """Reads lines of a word and its phones, between blanks or tabs.

    A word with several pronunciations stands on several lines, as it is or as ``WORD(2)``. Lines that begin with
    ``;;;`` are comments, and so is what follows a ``#`` at the beginning of a line or after a blank.

    Args:
        lines: of the file.
        case: what is done to words; entries that become the same word are its variants.
        keep_stress: whether phones keep the digit of their stress; variants that differ in it alone become one.
        where: the file, for the error.

    Raises:
        DataError: a line has a word without phones, or a number in place of a phone.

    **Source**: the form of the CMU Pronouncing Dictionary (``cmudict.dict``, ``cmudict-0.7b``) and of Kaldi's
    ``lexicon.txt``.

    Example:
        >>> parse_lexicon(["read R EH1 D # past", "READ R IY1 D"], case="upper").entries
        {'READ': (('R', 'EH1', 'D'), ('R', 'IY1', 'D'))}
    """
    entries: dict[str, dict[Pronunciation, None]] = {}
    for number, line in enumerate(lines, start=1):
        word, *phones = _COMMENT.sub("", line).split() or [""]
        if not word:
            continue
        if not phones or any(_NUMBER.fullmatch(phone) for phone in phones):
            found = f"{word} has no phones" if not phones else f"{word} has a number where a phone must be"
            raise DataError(f"{where}:{number}", found, _FORM)
        variant = _VARIANT.fullmatch(word)
        word = variant["word"] if variant else word
        word = word if case == "keep" else word.upper() if case == "upper" else word.lower()
        entries.setdefault(word, {})[tuple(phones if keep_stress else map(strip_stress, phones))] = None
    return Lexicon({word: tuple(spoken) for word, spoken in entries.items()})
