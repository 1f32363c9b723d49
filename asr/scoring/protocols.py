"""Named protocols of phone recognition on TIMIT: how references and hypotheses are folded, and what silence costs.

Published error rates were measured under different ones and are not comparable across them. Each protocol does the
same to references and hypotheses, and is frozen: its hash changes with whatever changes a number.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Literal

from asr.errors import ConfigError, DataError
from asr.scoring.counts import AlignedToken, align_texts
from asr.scoring.forgiving import align_forgiving
from asr.scoring.rules import Group, RuleId, ScoringRule
from asr.scoring.splits import Split
from asr.text.phones import FOLDINGS, PHONE_SETS, SILENCE, PhoneSet, fold

SilencePolicy = Literal["counted", "merged", "optional", "deletable", "removed"]

SILENCE_POLICIES: Mapping[SilencePolicy, str] = MappingProxyType(
    {
        "counted": "every silence counts as a phone, neighbouring ones each for itself",
        "merged": "neighbouring silences become one, which counts as a phone",
        "optional": "neighbouring silences become one; inserting or deleting it costs nothing",
        "deletable": "neighbouring silences become one; deleting it costs nothing, inserting it does",
        "removed": "silences are removed from both sides",
    }
)
"""What is done about silence, in words."""

_SA_POLICY = "SA sentences are left out"
_SA_SENTENCE = re.compile(r"(^|[_\-/.])SA[12]$", re.IGNORECASE)
_SHOWN = 3


@dataclass(frozen=True)
class Protocol(ScoringRule):
    """How phone error rates are measured.

    Attributes:
        name: what reports call it.
        labels: the phone sets that hypotheses and references may be written in.
        phones: the set that both are folded into and compared in.
        silence: what is done about silence after folding, see :data:`SILENCE_POLICIES`.
        source: who measures like this, and what is not known about it.
    """

    columns: ClassVar[tuple[str, ...]] = ("labels", "protocol")
    tables: ClassVar[Mapping[Group, str]] = MappingProxyType({"sex": "", "dialect": "", "speaker": ""})
    has_confusions: ClassVar[bool] = True

    name: str
    labels: tuple[PhoneSet, ...]
    phones: PhoneSet
    silence: SilencePolicy
    source: str

    @property
    def hash(self) -> str:
        """8 hex digits that change with what is measured, not with the name or the words of its source."""
        return _hash([self.labels, dict(FOLDINGS[self.phones]), self.silence, _SA_POLICY])

    @property
    def id(self) -> RuleId:
        """Kind, name, hash and unit."""
        return RuleId("protocol", self.name, self.hash, "phone")

    def card(self) -> dict[str, object]:
        """Returns the protocol's part of a score card: each choice in words, with a hash of its own."""
        return {"name": self.name, "hash": self.hash, **self._choices, "source": self.source}

    def card_lines(self) -> list[str]:
        """Returns the same as lines."""
        choices = [
            f"  {name.replace('_', ' '):9}  {choice['what']} (hash {choice['hash']})"
            for name, choice in self._choices.items()
        ]
        return [f"protocol {self.name} (hash {self.hash}): {self.source}", *choices]

    @property
    def _choices(self) -> dict[str, dict[str, str]]:
        removed = "" if self.phones == "61" else ", q removed"
        what = f"{_either(self.labels)} labels folded to {self.phones}{removed}"
        if self.labels == (self.phones,):
            what = f"{self.phones} labels as they are"
        return {
            "phone_map": {"what": what, "hash": _hash([self.labels, dict(FOLDINGS[self.phones])])},
            "silence": {"what": SILENCE_POLICIES[self.silence], "hash": _hash(self.silence)},
            "sa": {"what": _SA_POLICY, "hash": _hash(_SA_POLICY)},
        }

    def scope(self, split: Split, _seconds: float, /) -> str:
        """Returns the split, and whether it is an official one."""
        return str(split)

    def cells(self, labels: PhoneSet | None, /) -> list[str]:
        """Returns the labels of the hypotheses and the name."""
        return [str(labels), self.name]

    def apply(self, text: str, where: str = "") -> str:
        """Returns the phones that are compared, between blanks.

        Args:
            text: phones between blanks.
            where: utterance id or place, for the error.

        Raises:
            DataError: a phone does not fold into the protocol's set.

        Example:
            >>> get_protocol("39-merged").apply("h# pau ix q tcl t h#")
            'sil ih sil t sil'
            >>> get_protocol("39-no-silence").apply("h# pau ix q tcl t h#")
            'ih t'
        """
        phones = fold(text.split(), self.phones, where, merge_silences=self.silence != "counted")
        return " ".join(phone for phone in phones if phone != SILENCE or self.silence != "removed")

    def align(self, refs: Sequence[str], hyps: Sequence[str]) -> list[list[AlignedToken]]:
        """Aligns hypotheses with references, both as :meth:`apply` returned them, at the least cost."""
        if self.silence in ("optional", "deletable"):
            free = self.silence == "optional"
            pairs = zip(refs, hyps, strict=True)
            return [align_forgiving(ref.split(), hyp.split(), free_insertions=free) for ref, hyp in pairs]
        return align_texts(refs, hyps, "phone")

    def check(
        self, refs: Mapping[str, str], hyps: Mapping[str, str], cuts: str | Path, where: str | Path, /
    ) -> PhoneSet:
        """Returns the phone set of the hypotheses, after checking that the protocol leaves nothing of them out.

        Raises:
            DataError: there are SA sentences, or labels that the protocol does not take.
        """
        refuse_sa(refs, cuts)
        self.check_labels(refs, cuts)
        return self.check_labels(hyps, where)

    def check_labels(self, texts: Mapping[str, str], where: str | Path) -> PhoneSet:
        """Returns the phone set that texts are written in, after checking that this protocol takes it.

        Args:
            texts: phones between blanks, by utterance id.
            where: the file they come from, for the errors.

        Returns:
            The smallest set that holds all their phones: a file without silence may be of a larger one.

        Raises:
            DataError: their phones are not of one set, or of one that does not fold into what is compared.
        """
        found = find_labels(texts, where)
        if not any(labels in self.labels for labels in found):
            wanted = _either(self.labels)
            others = [each.name for each in PROTOCOLS.values() if found[-1] in each.labels]
            raise DataError(
                where,
                f"holds {found[-1]}-phone labels, protocol {self.name} needs {wanted}",
                f"choose from {', '.join(others)}, or train on {wanted}",
            )
        return next(labels for labels in reversed(found) if labels in self.labels)


def find_labels(texts: Mapping[str, str], where: str | Path) -> list[PhoneSet]:
    """Returns the phone sets that hold all phones of these texts, the largest first; at least one.

    Args:
        texts: phones between blanks, by utterance id.
        where: the file they come from, for the errors.

    Raises:
        DataError: a phone is in none of the sets, or they are mixed.

    Example:
        >>> find_labels({"a": "h# sh iy h#"}, "x.jsonl"), find_labels({"a": "sil sh iy sil"}, "x.jsonl")
        (['61'], ['48', '39'])
    """
    places: dict[str, str] = {}
    for utterance_id, text in texts.items():
        for phone in text.split():
            places.setdefault(phone, utterance_id)
    for phone, utterance_id in places.items():
        if not any(phone in phones for phones in PHONE_SETS.values()):
            raise DataError(where, f"{phone!r} in {utterance_id} is no phone of TIMIT", "check what it was trained on")
    found: list[PhoneSet] = [labels for labels, phones in PHONE_SETS.items() if places.keys() <= phones]
    if not found:
        fine = next(phone for phone in places if phone not in PHONE_SETS["48"])
        folded = next(phone for phone in places if phone not in PHONE_SETS["61"])
        mixed = f"{fine!r} in {places[fine]} is of the 61 labels, {folded!r} in {places[folded]} is of the 48 or 39"
        raise DataError(where, mixed, "write all of it with one set")
    return found


def refuse_sa(utterance_ids: Iterable[str], where: str | Path) -> None:
    """Raises an error if there are SA sentences, which every speaker reads, and which all protocols leave out.

    Args:
        utterance_ids: ids that end in the name of the sentence, such as FADG0_SX379.
        where: the file they come from, for the error.

    Raises:
        DataError: there are; the first three are named.
    """
    sentences = [utterance_id for utterance_id in utterance_ids if _SA_SENTENCE.search(utterance_id)]
    if sentences:
        named = ", ".join(sentences[:_SHOWN]) + (", …" if len(sentences) > _SHOWN else "")
        found = f"holds {len(sentences)} SA sentences, which the protocol leaves out: {named}"
        raise DataError(where, found, "make the cuts with: asr prepare timit")


def get_protocol(name: str) -> Protocol:
    """Returns the protocol of that name.

    Raises:
        ConfigError: there is none; the message lists the names.
    """
    if name not in PROTOCOLS:
        raise ConfigError(f"protocol {name!r}", "there is none of that name", f"choose from {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def _either(labels: tuple[PhoneSet, ...]) -> str:
    return " or ".join(filter(None, (", ".join(labels[:-1]), labels[-1])))


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]


_ANY: tuple[PhoneSet, ...] = ("61", "48", "39")
_GRAVES = """Graves, Mohamed and Hinton 2013: 61 labels in training and decoding, mapped to the 39 of Lee and Hon 1989 \
for scoring. The paper does not say whether neighbouring silences were merged, nor how the glottal stop was treated; \
here they are not merged, and q is removed"""
_KALDI = """as Kaldi's TIMIT recipe and pytorch-kaldi mark reference silence, "(sil)"; their scorer, sclite, aligns \
with weights 4/3/3 where every error weighs 1 here, so that counts may differ a little"""

PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        protocol.name: protocol
        for protocol in (
            Protocol("graves-61-39", ("61",), "39", "counted", _GRAVES),
            Protocol(
                "39-merged", _ANY, "39", "merged", "ESPnet, icefall and SpeechBrain: 7215 phones in the core test"
            ),
            Protocol(
                "39-optional-silence",
                _ANY,
                "39",
                "optional",
                "as many errors as 39-no-silence, over a reference with its silences; milder than 39-deletable-silence",
            ),
            Protocol("39-deletable-silence", _ANY, "39", "deletable", _KALDI),
            Protocol("39-no-silence", _ANY, "39", "removed", "phones of speech alone"),
            Protocol("61", ("61",), "61", "counted", "the transcript as it is, with closures and q"),
        )
    }
)
"""The protocols by name."""
