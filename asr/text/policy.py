"""Named text policies: what is done to a transcript before it is trained on or scored."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from types import MappingProxyType
from typing import Literal

from asr.errors import ConfigError, DataError
from asr.text.arpabet import fold_arpabet
from asr.text.phones import PhoneSet, fold
from asr.text.punctuation import APOSTROPHES, TYPOGRAPHIC, remove, remove_as_at_first


@dataclass(frozen=True)
class TextPolicy:
    """What is done to a text, the same to references and hypotheses.

    Punctuation is what Unicode calls punctuation (P) or symbols (S). When it is removed, every such character becomes a
    blank, hyphens and dashes too, so that "well-known" is two words; combining marks, variation selectors and joiners
    go with the character that they belong to, so that of an emoji nothing is left. Only an apostrophe between two
    letters or digits stays ("don't"), and so do the middle dot of Catalan and the geresh of Hebrew. Invisible controls
    go; letters, marks and digits of any script stay, with the joiners that spell words in Indic scripts and Persian.

    Attributes:
        name: what recipes and reports call it.
        unicode: normal form; composed and decomposed letters become the same.
        case: "keep", "upper" or "lower", by Unicode's rules.
        punctuation: "keep" or "remove".
        numbers: "keep", or "refuse" to raise an error at a digit or another number character: how it is spoken is
            not guessed.
        phones: set that phone transcripts are folded into, one of TIMIT's or "arpabet-39"; None for words.
        apostrophes: where punctuation is removed, characters that are one with the apostrophe between letters or
            digits. Those that Unicode calls letters stay at the edge of a word.
        graphemes: where punctuation is removed, whether marks, selectors and joiners go with their character. Without,
            they stay, as in the first version of the policies, which checkpoints of that time still name.
    """

    name: str
    unicode: Literal["NFC", "NFKC"] = "NFC"
    case: Literal["keep", "upper", "lower"] = "keep"
    punctuation: Literal["keep", "remove"] = "keep"
    numbers: Literal["keep", "refuse"] = "keep"
    phones: PhoneSet | Literal["arpabet-39"] | None = None
    apostrophes: str = TYPOGRAPHIC
    graphemes: bool = False

    @property
    def hash(self) -> str:
        """8 hex digits that change with the content of the policy, not with its name."""
        content = {key: value for key, value in asdict(self).items() if key != "name"}
        for field in _ADDED:  # the first policies have no such fields, and keep their hashes
            if content[field.name] == field.default:
                del content[field.name]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]

    @property
    def reference(self) -> str:
        """Name and hash, by which :func:`get_policy` finds just this version of it."""
        return f"{self.name}@{self.hash}"

    def apply(self, text: str, where: str = "") -> str:
        """Returns the text under this policy, with single blanks between words and none at the ends.

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
            without = remove(text, self.apostrophes) if self.graphemes else remove_as_at_first(text)
            text = unicodedata.normalize(self.unicode, without)
        return " ".join(text.split())


_ADDED = tuple(field for field in fields(TextPolicy) if field.name in ("apostrophes", "graphemes"))


def _refuse_numbers(text: str, policy: str, where: str) -> None:
    for word in text.split():
        if any(unicodedata.category(character)[0] == "N" for character in word):
            found = f"{word!r} holds a number, which policy {policy} refuses"
            raise DataError(where, found, "write it out as it is spoken")


_FIRST = (
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


def _current(policy: TextPolicy) -> TextPolicy:
    if policy.punctuation == "keep":
        return policy
    return replace(policy, apostrophes=APOSTROPHES, graphemes=True)


POLICIES: Mapping[str, TextPolicy] = MappingProxyType({policy.name: _current(policy) for policy in _FIRST})
"""The policies by name."""

_VERSIONS = {policy.reference: policy for policy in (*_FIRST, *POLICIES.values())}


def get_policy(name: str) -> TextPolicy:
    """Returns the policy of that name, or the version of it that ``NAME@HASH`` names.

    Raises:
        ConfigError: there is none; the message lists the names.

    Example:
        >>> get_policy("verbatim") == get_policy("verbatim@be65088a")
        True
    """
    found = POLICIES.get(name) or _VERSIONS.get(name)
    if found is None:
        raise ConfigError(f"text policy {name!r}", "there is none of that name", f"choose from {', '.join(POLICIES)}")
    return found


def recorded_policy(name: str) -> TextPolicy:
    """Returns the policy that a checkpoint names: without a hash, the first version of that name.

    Raises:
        ConfigError: there is none.
    """
    first = {policy.name: policy for policy in _FIRST}
    return first.get(name) or get_policy(name)
