"""Named text policies: what is done to a transcript before it is trained on or scored."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Literal

from asr.errors import ConfigError, DataError
from asr.text.arpabet import fold_arpabet
from asr.text.phones import PhoneSet, fold

_APOSTROPHES = dict.fromkeys(map(ord, "\u2018\u2019\uff07"), "'")  # typographic and full-width ones
_INSIDE_WORDS = "'\u00b7\u05f3\u05f4"  # apostrophe; Catalan middle dot; Hebrew geresh and gershayim
_JOINERS = "\u200c\u200d"  # zero-width (non-)joiner: they spell words in Indic scripts and Persian


@dataclass(frozen=True)
class TextPolicy:
    """What is done to a text, the same to references and hypotheses.

    Punctuation is what Unicode calls punctuation (P) or symbols (S). When it is removed, every such character becomes a
    blank, hyphens and dashes too, so that "well-known" is two words. Only an apostrophe between two letters or digits
    stays ("don't"; typographic ones become "'"), and so do the middle dot of Catalan and the geresh of Hebrew.
    Invisible controls go; letters, marks and digits of any script stay.

    Attributes:
        name: what recipes and reports call it.
        unicode: normal form; composed and decomposed letters become the same.
        case: "keep", "upper" or "lower", by Unicode's rules.
        punctuation: "keep" or "remove".
        numbers: "keep", or "refuse" to raise an error at a digit or another number character: how it is spoken is
            not guessed.
        phones: set that phone transcripts are folded into, one of TIMIT's or "arpabet-39"; None for words.
    """

    name: str
    unicode: Literal["NFC", "NFKC"] = "NFC"
    case: Literal["keep", "upper", "lower"] = "keep"
    punctuation: Literal["keep", "remove"] = "keep"
    numbers: Literal["keep", "refuse"] = "keep"
    phones: PhoneSet | Literal["arpabet-39"] | None = None

    @property
    def hash(self) -> str:
        """8 hex digits that change with the content of the policy, not with its name."""
        content = {key: value for key, value in asdict(self).items() if key != "name"}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]

    def apply(self, text: str, where: str = "") -> str:
        """Gives the text under this policy, with single blanks between words and none at the ends.

        Applying it twice changes nothing more.

        Args:
            text: a raw transcript; for phone policies, phones between blanks.
            where: utterance id or place, for the error.

        Raises:
            DataError: a number where numbers are refused, or a phone that is none of the set's.

        Example:
            >>> get_policy("upper-no-punctuation").apply("Well-known,  isn\u2019t it?")
            "WELL KNOWN ISN'T IT"
        """
        text = unicodedata.normalize(self.unicode, text)
        if self.phones == "arpabet-39":
            return " ".join(fold_arpabet(text.split(), where))
        if self.phones is not None:
            return " ".join(fold(text.split(), self.phones, where))
        if self.case != "keep":
            text = unicodedata.normalize(self.unicode, text.upper() if self.case == "upper" else text.lower())
        if self.numbers == "refuse":
            _refuse_numbers(text, self.name, where)
        if self.punctuation == "remove":
            text = unicodedata.normalize(self.unicode, _without_punctuation(text))
        return " ".join(text.split())


def _without_punctuation(text: str) -> str:
    text = "".join(character for character in text.translate(_APOSTROPHES) if not _is_invisible(character))
    kept = []
    for place, character in enumerate(text):
        inside = (
            character in _INSIDE_WORDS and _is_word(text[place - 1 : place]) and _is_word(text[place + 1 : place + 2])
        )
        kept.append(" " if unicodedata.category(character)[0] in "PSZ" and not inside else character)
    return "".join(kept)


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf") and not character.isspace() and character not in _JOINERS


def _is_word(character: str) -> bool:
    return bool(character) and (unicodedata.category(character)[0] in "LMN" or character in _JOINERS)


def _refuse_numbers(text: str, policy: str, where: str) -> None:
    for word in text.split():
        if any(unicodedata.category(character)[0] == "N" for character in word):
            found = f"{word!r} holds a number, which policy {policy} refuses"
            raise DataError(where, found, "write it out as it is spoken")


POLICIES: Mapping[str, TextPolicy] = MappingProxyType(
    {
        policy.name: policy
        for policy in (
            TextPolicy("verbatim"),
            TextPolicy("upper-no-punctuation", case="upper", punctuation="remove"),
            TextPolicy("lower-no-punctuation", case="lower", punctuation="remove"),
            TextPolicy("upper-spelled-out", case="upper", punctuation="remove", numbers="refuse"),
            TextPolicy("lower-spelled-out", case="lower", punctuation="remove", numbers="refuse"),
            TextPolicy("timit-61", phones="61"),
            TextPolicy("timit-48", phones="48"),
            TextPolicy("timit-39", phones="39"),
            TextPolicy("arpabet-39", phones="arpabet-39"),
        )
    }
)
"""The policies by name."""


def get_policy(name: str) -> TextPolicy:
    """Gives the policy of that name.

    Raises:
        ConfigError: there is none; the message lists the names.
    """
    if name not in POLICIES:
        raise ConfigError(f"text policy {name!r}", "there is none of that name", f"choose from {', '.join(POLICIES)}")
    return POLICIES[name]
