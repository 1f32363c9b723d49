"""The phone sets of TIMIT and how they fold: 61 as transcribed, 48 to train on, 39 to score with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal

from asr.errors import DataError

PhoneSet = Literal["61", "48", "39"]

SILENCE = "sil"

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
    | dict.fromkeys(("h#", "pau"), SILENCE)
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


def fold(phones: Iterable[str], to: PhoneSet, where: str = "") -> list[str]:
    """Folds phones into a set; those that are in it already stay.

    For 48 and 39, ``q`` is removed, and after that neighbouring silences become one.

    Args:
        phones: phones of TIMIT's 61, or of a set that lies between them and the one asked for.
        to: the set to fold into.
        where: utterance id or place, for the error.

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
        if to == "61" or folding[phone] != SILENCE or folded[-1:] != [SILENCE]:
            folded.append(folding[phone])
    return folded
