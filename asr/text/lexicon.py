"""Pronunciation lexicons: which phones a word is spoken with."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, takewhile
from pathlib import Path
from typing import Literal, NamedTuple

from asr.errors import DataError
from asr.files import numbered_lines, written_whole
from asr.text.arpabet import strip_stress

logger = logging.getLogger(__name__)

Case = Literal["keep", "upper", "lower"]
Pronunciation = tuple[str, ...]

_VARIANT = re.compile(r"(?P<word>.+)\([0-9]+\)")
_COMMENT = re.compile(r"(?:^|\s)#.*|^;;;.*")
_DECIMAL = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]-))(?:[eE][-+]?[0-9]+)?")
_WHOLE = re.compile(r"[0-9]+")
_COLUMNS = (1, 4)  # numbers after a word: its probability; with it three of silences, as MFA and Kaldi write them
_NAMED = 8  # words that a line names
_FORM = "write lines such as: HELLO HH AH0 L OW1"


@dataclass(frozen=True)
class Lexicon:
    """Words and how they are spoken.

    Attributes:
        entries: the pronunciations of each word, each one once, in the order of the file.
    """

    entries: Mapping[str, tuple[Pronunciation, ...]]

    def __len__(self) -> int:
        """Returns the number of words."""
        return len(self.entries)

    def __contains__(self, word: object) -> bool:
        """Says whether a word is in the lexicon, in just this case."""
        return word in self.entries

    def pronunciations(self, word: str) -> tuple[Pronunciation, ...]:
        """Returns all pronunciations of a word, the usual one first; none for an unknown word.

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
        lines = (line for _, line in numbered_lines(path))
        lexicon = parse_lexicon(lines, case=case, keep_stress=keep_stress, where=str(path))
        if not len(lexicon):
            raise DataError(path, "holds no words", _FORM)
        entries = {**lexicon.entries, **entries}
    return Lexicon(entries)


def describe_pronounced(spoken: Mapping[str, Pronunciation]) -> str:
    """Returns what is said about words that a pronunciation model has pronounced; of many, the first.

    Example:
        >>> describe_pronounced({"ZOE": ("Z", "OW", "IY")})
        '1 words have a pronunciation from their letters: ZOE (Z OW IY)'
    """
    named = [f"{word} ({' '.join(phones)})" for word, phones in islice(spoken.items(), _NAMED)]
    more = ", …" if len(spoken) > _NAMED else ""
    return f"{len(spoken)} words have a pronunciation from their letters: {', '.join(named)}{more}"


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

    Phones may be digits, as in SAMPA. Numbers with a decimal point that stand after the word in every line are
    probabilities: the likeliest pronunciation of a word comes first, and they are not kept, which the log says.

    Args:
        lines: of the file.
        case: what is done to words; entries that become the same word are its variants.
        keep_stress: whether phones keep the digit of their stress; variants that differ in it alone become one.
        where: the file, for the error.

    Raises:
        DataError: a line has a word without phones, or a number in place of a phone.

    **Source**: the form of the CMU Pronouncing Dictionary (``cmudict.dict``, ``cmudict-0.7b``), of Kaldi's
    ``lexicon.txt``, ``lexiconp.txt`` and ``lexiconp_silprob.txt``, and of the Montreal Forced Aligner's dictionaries.

    Example:
        >>> parse_lexicon(["read R EH1 D # past", "READ R IY1 D"], case="upper").entries
        {'READ': (('R', 'EH1', 'D'), ('R', 'IY1', 'D'))}
    """
    split = ((number, _COMMENT.sub("", line).split()) for number, line in enumerate(lines, start=1))
    rows = [_Row(number, each[0], each[1:]) for number, each in split if each]
    num_numbers = _count_numbers(rows, where)
    if num_numbers:
        numbers = "number after each word is" if num_numbers == 1 else f"{num_numbers} numbers after each word are"
        used = "the likeliest pronunciation of a word comes first, and the rest of them is dropped"
        logger.warning("%s: the %s taken for probabilities: %s", where, numbers, used)
    spoken: dict[str, list[tuple[float, Pronunciation]]] = {}
    for row in rows:
        variant = _VARIANT.fullmatch(row.word)
        word = variant["word"] if variant else row.word
        word = word if case == "keep" else word.upper() if case == "upper" else word.lower()
        phones = row.phones(num_numbers, where)
        probability = float(row.fields[0]) if num_numbers else 1.0
        spoken.setdefault(word, []).append((probability, tuple(phones if keep_stress else map(strip_stress, phones))))
    return Lexicon({word: _likeliest_first(each) for word, each in spoken.items()})


class _Row(NamedTuple):
    """A line: its number, its word and what follows it."""

    number: int
    word: str
    fields: list[str]

    def phones(self, num_numbers: int, where: str) -> list[str]:
        """Returns what follows the numbers after the word."""
        phones = self.fields[num_numbers:]
        if not phones:
            raise DataError(f"{where}:{self.number}", f"{self.word} has no phones", _FORM)
        if any(map(_DECIMAL.fullmatch, phones)):
            raise DataError(f"{where}:{self.number}", f"{self.word} has a number where a phone must be", _FORM)
        return phones

    @property
    def num_leading(self) -> int:
        """Numbers after the word, one of which may be a phone."""
        numbers = takewhile(lambda field: _DECIMAL.fullmatch(field) or _WHOLE.fullmatch(field), self.fields)
        return sum(1 for _ in numbers)


def _count_numbers(rows: Sequence[_Row], where: str) -> int:
    """Returns how many numbers that are no phones stand after the word in every line.

    A phone has no decimal point, so a column of numbers with one is none of phones; whole numbers before it and, where
    there are four, after it belong to it. Whole numbers alone are phones, but for a column of 0 and 1 alone whose
    numbers are phones nowhere else.

    Raises:
        DataError: most lines have such a number, and one has not.
    """
    rows = [row for row in rows if row.fields]
    starts = [row for row in rows if _DECIMAL.fullmatch(row.fields[0])]
    common = min((row.num_leading for row in rows), default=0)
    if not starts:
        later = {phone for row in rows for phone in row.fields[1:]}
        first = {row.fields[0] for row in rows}
        return int(common > 0 and len(rows) > 1 and first <= {"0", "1"} and not first & later)
    if common < 1:
        if 2 * len(starts) > len(rows):
            row = next(row for row in rows if row.num_leading < 1)
            raise DataError(f"{where}:{row.number}", f"{row.word} has no probability, as other words have", _FORM)
        return 0
    last = max(place for row in rows for place in range(common) if _DECIMAL.fullmatch(row.fields[place])) + 1
    return next((size for size in _COLUMNS if last <= size <= common), last)


def _likeliest_first(spoken: list[tuple[float, Pronunciation]]) -> tuple[Pronunciation, ...]:
    return tuple(dict.fromkeys(phones for _, phones in sorted(spoken, key=lambda each: -each[0])))
