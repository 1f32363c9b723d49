"""Graphemes: what people see as one character, be it one code point or many."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

_ZWNJ, _ZWJ = "\u200c", "\u200d"
_SARA_AM = "\u0e33\u0eb3"  # vowels of Thai and Lao that Unicode calls letters
_PREPENDED = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\u0d4e")
_VIRAMAS = frozenset("\u094d\u09cd\u0acd\u0b4d\u0c4d\u0d4d\u1039\u17d2")  # a consonant joins on to them
_MODIFIERS = "\ufe0f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"  # skin tones among them


def graphemes(text: str) -> Iterator[str]:
    r"""Yields the graphemes of a text; joined, they are the text.

    **Source**: extended grapheme clusters of Unicode's annex 29 (version 17), with general categories in place of its
    tables: marks are all of category M, and pictographs all symbols.

    Example:
        >>> list(map(len, graphemes("n\u0303กำ🇩🇪")))
        [2, 2, 2]
    """
    begin = 0
    for place in range(1, len(text)):
        if not _goes_on(text, begin, place):
            yield text[begin:place]
            begin = place
    if text:
        yield text[begin:]


def num_graphemes(text: str) -> int:
    """Returns the number of graphemes of a text.

    Example:
        >>> num_graphemes("กำ"), num_graphemes("abc")
        (1, 3)
    """
    return len(text) if text.isascii() and "\r" not in text else sum(1 for _ in graphemes(text))


def _goes_on(text: str, begin: int, place: int) -> bool:
    """Says whether the grapheme that begins at ``begin`` continues at ``place``."""
    before, character = text[place - 1], text[place]
    if before == "\r" and character == "\n":
        return True
    if _breaks(before) or _breaks(character):
        return False
    if _extends(character) or before in _PREPENDED or _is_syllable_going_on(before, character):
        return True
    if _is_regional(before) and _is_regional(character):
        return (place - begin) % 2 == 1
    if before == _ZWJ and _is_pictograph(character):
        return _is_pictograph(text[begin:place].rstrip(_ZWJ).rstrip(_MODIFIERS)[-1:])
    return unicodedata.category(character) == "Lo" and _joins_virama(text[begin:place], character)


def _breaks(character: str) -> bool:
    is_control = unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp")
    return is_control and not _extends(character) and character not in _PREPENDED


def _extends(character: str) -> bool:
    is_mark = unicodedata.category(character)[0] == "M"
    is_modifier = "\U0001f3fb" <= character <= "\U0001f3ff" or "\U000e0020" <= character <= "\U000e007f"
    return is_mark or is_modifier or character in (_ZWNJ, _ZWJ, *_SARA_AM, "\uff9e", "\uff9f")


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _is_pictograph(text: str) -> bool:
    return bool(text) and unicodedata.category(text) in ("So", "Sm") and not _is_regional(text)


def _joins_virama(text: str, consonant: str) -> bool:
    """Says whether a text ends in a virama of the consonant's script, with marks and joiners after it at most."""
    for character in reversed(text):
        if character in _VIRAMAS:
            return ord(character) >> 7 == ord(consonant) >> 7  # each of these scripts has a block of 128 characters
        if character == _ZWNJ or not _extends(character):
            return False
    return False


def _is_syllable_going_on(before: str, character: str) -> bool:
    """Says whether a letter of Hangul continues the syllable: leading consonant, vowel, trailing consonant."""
    first, second = _hangul(before), _hangul(character)
    return (first == "L" and second in ("L", "V", "LV", "LVT")) or (
        (first in ("LV", "V") and second in ("V", "T")) or (first in ("LVT", "T") and second == "T")
    )


def _hangul(character: str) -> str:
    if "\u1100" <= character <= "\u115f" or "\ua960" <= character <= "\ua97c":
        return "L"
    if "\u1160" <= character <= "\u11a7" or "\ud7b0" <= character <= "\ud7c6":
        return "V"
    if "\u11a8" <= character <= "\u11ff" or "\ud7cb" <= character <= "\ud7fb":
        return "T"
    if "\uac00" <= character <= "\ud7a3":
        return "LVT" if (ord(character) - 0xAC00) % 28 else "LV"
    return ""
