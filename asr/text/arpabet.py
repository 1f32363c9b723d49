"""The phones of English as CMU's dictionary and most forced aligners write them, with stress and without."""

from __future__ import annotations

from collections.abc import Iterable

from asr.errors import DataError

ARPABET_39 = (
    *("AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH"),
    *("K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH"),
)
"""The phones of CMU's dictionary without stress, 15 vowels and 24 consonants.

They are not the 39 that TIMIT is scored with: AO and ZH are here, and dx and sil are not.

**Source**: ``cmudict.phones`` of the CMU Pronouncing Dictionary.
"""

PAUSES = frozenset({"", "SP", "SIL", "<EPS>"})
"""What forced aligners write where nobody speaks, in upper case."""

_STRESSES = "012"  # none, primary, secondary
_KNOWN = frozenset(ARPABET_39)


def strip_stress(phone: str) -> str:
    """Returns a phone without the digit of its stress, the rest as it is."""
    return phone[:-1] if len(phone) > 1 and phone[-1] in _STRESSES else phone


def fold_arpabet(phones: Iterable[str], where: str = "") -> list[str]:
    """Folds phones into :data:`ARPABET_39`: upper case, without stress and without pauses.

    Args:
        phones: ARPAbet in upper or lower case, with stress or without.
        where: utterance id or place, for the error.

    Raises:
        DataError: a phone is none of the 39.

    Example:
        >>> fold_arpabet(["sil", "HH", "ah0", "L", "OW1", "sp"])
        ['HH', 'AH', 'L', 'OW']
    """
    folded = []
    for phone in phones:
        if is_pause(phone):
            continue
        name = strip_stress(phone).upper()
        if name not in _KNOWN:
            raise DataError(where, f"{phone!r} is none of the 39 phones of ARPAbet", "check the transcript")
        folded.append(name)
    return folded


def is_pause(symbol: str) -> bool:
    """Says whether a symbol of an aligner is a pause and no speech."""
    return symbol.upper() in PAUSES
