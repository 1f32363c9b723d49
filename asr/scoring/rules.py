"""Rules of scoring: what is done to references and hypotheses alike, and how they are then compared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal

from asr.records import Record
from asr.scoring.counts import AlignedToken, Unit, align_texts
from asr.text.phones import PhoneSet
from asr.text.policy import TextPolicy

if TYPE_CHECKING:
    from asr.scoring.splits import Split

Group = Literal["speaker", "dialect", "sex", "chapter"]
"""What utterances have in common whose errors are counted together."""


@dataclass(frozen=True)
class RuleId:
    """What a rate is measured by: rates of the same are comparable.

    Attributes:
        kind: of the rule.
        name: of the text policy or protocol.
        hash: 8 hex digits that change with what it does.
        unit: what is counted.
    """

    kind: Literal["policy", "protocol"]
    name: str
    hash: str
    unit: str

    @classmethod
    def read(cls, score: Record, report: Record) -> RuleId:
        """Reads it from a score of a report, as ``asr score --json`` wrote them.

        Raises:
            DataError: it is missing.
        """
        kind: Literal["policy", "protocol"] = "protocol" if score.has("protocol") else "policy"
        rule = (score if score.has(kind) else report).record(kind)  # a policy may be the report's
        return cls(kind, rule.text("name"), rule.text("hash"), score.text("unit"))

    def __str__(self) -> str:
        if self.kind == "protocol":
            return f"protocol {self.name} ({self.hash})"
        return f"text policy {self.name} ({self.hash}), {self.unit}s"


class ScoringRule(ABC):
    """How hypotheses are scored, and how reports speak of it.

    Attributes:
        columns: heads of the cells that tell scores under such rules apart.
        tables: what details group utterances by, with what the title of the table adds.
        has_confusions: whether tokens are phones of TIMIT, and details tell which are taken for which.
    """

    columns: ClassVar[tuple[str, ...]]
    tables: ClassVar[Mapping[Group, str]]
    has_confusions: ClassVar[bool]

    @property
    @abstractmethod
    def id(self) -> RuleId:
        """Kind, name, hash and unit."""

    @abstractmethod
    def apply(self, text: str, where: str = "") -> str:
        """Returns a text as it is compared.

        Args:
            text: a raw transcript.
            where: utterance id or place, for the error.

        Raises:
            DataError: the rule refuses it.
        """

    @abstractmethod
    def align(self, refs: Sequence[str], hyps: Sequence[str]) -> list[list[AlignedToken]]:
        """Aligns hypotheses with references, both as :meth:`apply` returned them, at the least cost."""

    @abstractmethod
    def check(
        self, refs: Mapping[str, str], hyps: Mapping[str, str], cuts: str | Path, where: str | Path, /
    ) -> PhoneSet | None:
        """Makes sure that the rule is made for these texts.

        Args:
            refs: raw references, by utterance id.
            hyps: raw hypotheses, by utterance id.
            cuts: the file that the references come from, for the errors.
            where: the file that the hypotheses come from, for the errors.

        Returns:
            The phone set that the hypotheses are written in; None if the rule takes any text.

        Raises:
            DataError: it is not.
        """

    def card(self) -> dict[str, object]:
        """Returns the rule's part of a score card as plain values, for JSON."""
        return {"name": self.id.name, "hash": self.id.hash}

    def card_lines(self) -> list[str]:
        """Returns the same as lines below :meth:`scope`."""
        return []

    @abstractmethod
    def scope(self, split: Split, seconds: float, /) -> str:
        """Returns the line that says what was scored.

        Args:
            split: the utterances.
            seconds: of speech in them.
        """

    @abstractmethod
    def cells(self, labels: PhoneSet | None, /) -> list[str]:
        """Returns the cells below :attr:`columns` for what :meth:`check` returned; the last tells rules apart."""


@dataclass(frozen=True)
class PolicyRule(ScoringRule):
    """Errors in one unit under a text policy, each weighing 1.

    Attributes:
        policy: what is done to both sides.
        unit: what is counted.
    """

    columns: ClassVar[tuple[str, ...]] = ("unit",)
    tables: ClassVar[Mapping[Group, str]] = MappingProxyType({"speaker": ", speakers", "chapter": ", chapters"})
    has_confusions: ClassVar[bool] = False

    policy: TextPolicy
    unit: Unit

    @property
    def id(self) -> RuleId:
        """Kind, name, hash and unit."""
        return RuleId("policy", self.policy.name, self.policy.hash, self.unit)

    def apply(self, text: str, where: str = "") -> str:
        """Returns a text under the policy."""
        return self.policy.apply(text, where)

    def align(self, refs: Sequence[str], hyps: Sequence[str]) -> list[list[AlignedToken]]:
        """Aligns hypotheses with references, see :func:`asr.scoring.counts.align_texts`."""
        return align_texts(refs, hyps, self.unit)

    def check(self, *_: object) -> None:
        """Takes any text."""

    def scope(self, split: Split, seconds: float, /) -> str:
        """Returns policy and size of the test set."""
        return f"text policy {self.policy.name} (hash {self.policy.hash}); {split.size}, {seconds / 3600:.2f} h"

    def cells(self, _labels: PhoneSet | None, /) -> list[str]:
        """Returns the unit."""
        return [self.unit]
