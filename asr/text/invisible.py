"""Invisible characters: those that spell words, and those that other programs left behind."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from itertools import islice

JOINERS = "\u200c\u200d"
"""Zero-width non-joiner and joiner: they spell words in Indic scripts and Persian, and hold emoji together."""

_IGNORABLE = frozenset(
    chr(code)
    for first, last in (
        *((0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x3164, 0x3164), (0xFE00, 0xFE0F)),
        *((0xFFA0, 0xFFA0), (0xE0100, 0xE01EF)),
    )
    for code in range(first, last + 1)
)
"""What Unicode calls ignorable and neither control nor format: variation selectors, fillers, the grapheme joiner.

**Source**: DerivedCoreProperties.txt of Unicode 14, Default_Ignorable_Code_Point.
"""

_VIRAMA = 9  # combining class of what kills a vowel in Indic scripts
_CURSIVE = frozenset(
    "ARABIC SYRIAC MANDAIC MONGOLIAN NKO PHAGS-PA MANICHAEAN PSALTER ADLAM HANIFI SOGDIAN".split()  # noqa: SIM905
)


def is_control(character: str) -> bool:
    r"""Says whether a character is a control or a format character, and no white space."""
    return unicodedata.category(character) in ("Cc", "Cf") and not character.isspace()


def without_invisible(text: str) -> str:
    r"""Removes what is invisible: controls, variation selectors, enclosing marks, and joiners that join nothing.

    A joiner stays beside the virama of an Indic script and between two letters of a script whose letters join.

    **Source**: for joiners RFC 5892, appendix A.1 and A.2; beyond it the joiner before a virama, with which Bengali
    writes ra and ya.

    Example:
        >>> without_invisible("1\ufe0f\u20e3 auf\u200clage"), without_invisible("می\u200cخواهم") == "می\u200cخواهم"
        ('1 auflage', True)
    """
    seen = [
        character
        for character in text
        if character in JOINERS
        or not (is_control(character) or character in _IGNORABLE or unicodedata.category(character) == "Me")
    ]
    kept: list[str] = []
    for place, character in enumerate(seen):
        if character not in JOINERS or _joins(reversed(kept), islice(seen, place + 1, None)):
            kept.append(character)
    return "".join(kept)


def _joins(before: Iterable[str], after: Iterable[str]) -> bool:
    """Says whether a joiner between two texts, each read from the joiner outwards, spells a word."""
    ends = [_to_base(before), _to_base(after)]
    if any(unicodedata.combining(character) == _VIRAMA for end in ends for character in end):
        return True
    return all(end and _is_cursive(end[-1]) for end in ends)


def _to_base(characters: Iterable[str]) -> list[str]:
    """Returns combining marks up to the character that they stand on, whose order among themselves does not count."""
    found = []
    for character in characters:
        found.append(character)
        if not unicodedata.combining(character):
            break
    return found


def _is_cursive(character: str) -> bool:
    return unicodedata.name(character, "").partition(" ")[0] in _CURSIVE and unicodedata.category(character)[0] in "LM"
