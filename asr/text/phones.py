"""The phone sets of TIMIT and how they fold: 61 as transcribed, 48 to train on, 39 to score with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal

from asr.errors import DataError

PhoneSet = Literal["61", "48", "39"]

SILENCE = "sil"
SILENCES = frozenset((SILENCE, "h#", "pau"))
"""What stands for silence at the ends of utterances, in all sets."""

TIMIT_61 = (
    *("aa", "ae", "ah", "ao", "aw", "ax", "ax-h", "axr", "ay", "b", "bcl", "ch", "d", "dcl", "dh", "dx", "eh", "el"),
    *("em", "en", "eng", "epi", "er", "ey", "f", "g", "gcl", "h#", "hh", "hv", "ih", "ix", "iy", "jh", "k", "kcl"),
    *("l", "m", "n", "ng", "nx", "ow", "oy", "p", "pau", "pcl", "q", "r", "s", "sh", "t", "tcl", "th", "uh", "uw"),
    *("ux", "v", "w", "y", "z", "zh"),
)
"""The phones of TIMIT's ``.PHN`` files. **Source**: TIMIT, DOC/PHONCODE.DOC."""

_REMOVED = "q"  # the glottal stop is in neither of the smaller sets

_TO_48 = (
    {"ax-h": "ax", "axr": "er", "hv": "hh", "em": "m", "nx": "n", "eng": "ng", "ux": "uw"}
    | dict.fromkeys(("pcl", "tcl", "kcl"), "cl")
    | dict.fromkeys(("bcl", "dcl", "gcl"), "vcl")
    | dict.fromkeys(sorted(SILENCES - {SILENCE}), SILENCE)
)
_FROM_48_TO_39 = {"ao": "aa", "ax": "ah", "ix": "ih", "el": "l", "en": "n", "zh": "sh"} | dict.fromkeys(
    ("cl", "vcl", "epi"), SILENCE
)


def _folding(to: PhoneSet) -> dict[str, str]:
    if to == "61":
        return {phone: phone for phone in TIMIT_61}
    to_48 = {phone: _TO_48.get(phone, phone) for phone in TIMIT_61 if phone != _REMOVED}
    to_48 |= {phone: phone for phone in to_48.values()}
    if to == "48":
        return to_48
    return {phone: _FROM_48_TO_39.get(folded, folded) for phone, folded in to_48.items()}


FOLDINGS: Mapping[PhoneSet, Mapping[str, str]] = MappingProxyType(
    {to: MappingProxyType(_folding(to)) for to in ("61", "48", "39")}
)
"""For each set, what every phone of it and of the larger sets becomes; ``q`` is in none but the 61.

**Source**: K.-F. Lee and H.-W. Hon, "Speaker-independent phone recognition using hidden Markov models", IEEE Trans.
ASSP 37(11), 1989, tables I and II.
"""

PHONE_SETS: Mapping[PhoneSet, frozenset[str]] = MappingProxyType(
    {to: frozenset(folding.values()) for to, folding in FOLDINGS.items()}
)
"""The phones of each set. Those of the 39 are all in the 48, too; ``sil``, ``cl`` and ``vcl`` are not in the 61."""

BROAD_CLASSES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        name: frozenset(phones.split())
        for name, phones in (
            ("stops", "b d g p t k dx q"),
            ("affricates", "jh ch"),
            ("fricatives", "s sh z zh f th v dh"),
            ("nasals", "m n ng em en eng nx"),
            ("semivowels and glides", "l r w y hh hv el"),
            ("vowels", "iy ih eh ey ae aa aw ay ah ao oy ow uh uw ux er ax ix axr ax-h"),
            ("silence", "bcl dcl gcl pcl tcl kcl cl vcl pau epi h# sil"),
        )
    }
)
"""Broad classes that the phones of all three sets fall into, each phone into one.

**Source**: the groups of TIMIT's DOC/PHONCODE.DOC, where the closures of stops stand beside their releases. They are
with silence here, as they fold into it.
"""


def broad_class(phone: str) -> str:
    """Returns the name of a phone's broad class.

    Raises:
        DataError: the phone is in none of TIMIT's sets.

    Example:
        >>> broad_class("ng"), broad_class("tcl")
        ('nasals', 'silence')
    """
    for name, phones in BROAD_CLASSES.items():
        if phone in phones:
            return name
    raise DataError(repr(phone), "is no phone of TIMIT", "check the transcript")


def fold(phones: Iterable[str], to: PhoneSet, where: str = "", *, merge_silences: bool = True) -> list[str]:
    """Folds phones into a set; those that are in it already stay.

    For 48 and 39, ``q`` is removed, and after that neighbouring silences become one.

    Args:
        phones: phones of TIMIT's 61, or of a set that lies between them and the one asked for.
        to: the set to fold into.
        where: utterance id or place, for the error.
        merge_silences: False leaves each of neighbouring silences in its place.

    Raises:
        DataError: a phone is in none of these sets.

    Example:
        >>> fold(["h#", "q", "pau", "ao", "ix", "tcl", "t"], "39")
        ['sil', 'aa', 'ih', 'sil', 't']
    """
    folding = FOLDINGS[to]
    folded: list[str] = []
    for phone in phones:
        if phone == _REMOVED and to != "61":
            continue
        if phone not in folding:
            raise DataError(where, f"{phone!r} is no phone that folds into the {to} of TIMIT", "check the transcript")
        is_repeated = folding[phone] == SILENCE and folded[-1:] == [SILENCE]
        if not (merge_silences and is_repeated):
            folded.append(folding[phone])
    return folded
