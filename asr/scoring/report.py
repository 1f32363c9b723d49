"""Error rates with all that is needed to know what they mean."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from asr.scoring.bootstrap import bootstrap_interval
from asr.scoring.counts import AlignedToken, ErrorCounts, Unit, align_texts, count_errors
from asr.scoring.references import Reference, join
from asr.scoring.tables import lines_of_places, table
from asr.text.policy import TextPolicy

ERROR_COLUMNS = ["ref", "sub", "del", "ins", "errors", "rate %"]


@dataclass(frozen=True)
class ScoredUtterance:
    """An utterance with its errors.

    Attributes:
        reference: what was said, and by whom.
        ref: the reference after the text policy or protocol.
        hyp: the hypothesis after the same.
        counts: the errors.
        places: the alignment, None where it is to be found from the texts.
    """

    reference: Reference
    ref: str
    hyp: str
    counts: ErrorCounts
    places: tuple[AlignedToken, ...] | None = None

    @property
    def utterance_id(self) -> str:
        """Unique in the test set."""
        return self.reference.utterance_id

    def align(self, unit: Unit) -> Sequence[AlignedToken]:
        """Gives the alignment of its tokens."""
        return align_texts([self.ref], [self.hyp], unit)[0] if self.places is None else self.places


@dataclass(frozen=True)
class Score:
    """One set of hypotheses, scored in one unit.

    Attributes:
        label: what the table calls the hypotheses.
        unit: what is counted.
        utterances: every utterance with its errors, in the order of the references.
    """

    label: str
    unit: Unit
    utterances: tuple[ScoredUtterance, ...]

    @cached_property
    def counts(self) -> ErrorCounts:
        """Errors of all utterances."""
        return sum((utterance.counts for utterance in self.utterances), ErrorCounts())

    @cached_property
    def speakers(self) -> dict[str, ErrorCounts] | None:
        """Errors of each speaker, by name; None if the speaker of an utterance is not known."""
        return self.groups("speaker")

    def groups(self, by: Literal["speaker", "sex", "dialect"]) -> dict[str, ErrorCounts] | None:
        """Gives the errors of each speaker, sex or dialect, by name; None if that of an utterance is not known."""
        groups: dict[str, ErrorCounts] = defaultdict(ErrorCounts)
        for utterance in self.utterances:
            name: str | None = getattr(utterance.reference, by)
            if name is None:
                return None
            groups[name] += utterance.counts
        return dict(sorted(groups.items()))

    @cached_property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % bootstrap interval of the rate, over speakers, or over utterances if these are not known."""
        speakers = self.speakers
        groups = [utterance.counts for utterance in self.utterances] if speakers is None else list(speakers.values())
        return bootstrap_interval(groups)

    def worst(self, number: int) -> list[ScoredUtterance]:
        """Gives the utterances with the most errors, most first; none without errors."""
        wrong = [utterance for utterance in self.utterances if utterance.counts.errors]
        return sorted(wrong, key=lambda u: (-u.counts.errors, -u.counts.rate, u.utterance_id))[:number]


def score(
    label: str,
    references: Sequence[Reference],
    hypotheses: Mapping[str, str],
    unit: Unit,
    policy: TextPolicy,
    where: str | Path | None = None,
) -> Score:
    """Scores hypotheses; the same text policy is applied to both sides.

    Args:
        label: what the table calls the hypotheses.
        references: what was said.
        hypotheses: raw text by utterance id.
        unit: what is counted.
        policy: the text policy.
        where: where the hypotheses come from, for the errors; the label if not given.

    Raises:
        DataError: ids do not match, or the policy refuses a text.
    """
    pairs = join(references, hypotheses, label if where is None else where)
    refs = [policy.apply(reference.text, f"reference {reference.utterance_id}") for reference, _ in pairs]
    hyps = [policy.apply(hyp, f"hypothesis {reference.utterance_id}") for reference, hyp in pairs]
    counts = count_errors(refs, hyps, unit)
    return Score(
        label,
        unit,
        tuple(
            ScoredUtterance(reference, ref, hyp, errors)
            for (reference, _), ref, hyp, errors in zip(pairs, refs, hyps, counts, strict=True)
        ),
    )


@dataclass(frozen=True)
class Report:
    """Scores against the same references under the same text policy."""

    policy: TextPolicy
    references: tuple[Reference, ...]
    scores: tuple[Score, ...]

    def to_text(self, per_speaker: bool = False, num_worst: int = 0) -> str:
        """Gives tables for a terminal, rates in percent.

        Args:
            per_speaker: adds a table of speakers for each score.
            num_worst: adds this many of the worst utterances of each score, with their alignment.
        """
        rows = [["hypotheses", "unit", *ERROR_COLUMNS, "95 % interval"]]
        rows += [[s.label, s.unit, *error_cells(s.counts), percent_interval(s.interval)] for s in self.scores]
        parts = [f"{self._heading()}\n\n{table(rows, num_left=2)}"]
        for each in self.scores:
            title = f"{each.label}, {each.unit}"
            if per_speaker:
                parts.append(f"{title}, speakers:\n{group_table(each, 'speaker')}")
            if num_worst:
                parts.append(f"{title}, worst utterances:\n\n{worst_text(each, num_worst)}")
        return "\n\n".join(parts)

    def rule_of(self, score: Score) -> str:
        """Gives the name and hash of what a score was measured by."""
        return f"text policy {self.policy.name} ({self.policy.hash}), {score.unit}s"

    def _heading(self) -> str:
        seconds = sum(reference.duration for reference in self.references)
        speakers = count_speakers(self.references)
        return (
            f"text policy {self.policy.name} (hash {self.policy.hash}); {len(self.references)} utterances, "
            f"{'unknown' if speakers is None else speakers} speakers, {seconds / 3600:.2f} h; "
            f"bootstrap over {'utterances' if speakers is None else 'speakers'}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Gives all of it as plain values, for JSON; rates are fractions, null where they are infinite."""
        return {
            "policy": {"name": self.policy.name, "hash": self.policy.hash},
            "num_utterances": len(self.references),
            "num_speakers": count_speakers(self.references),
            "seconds": sum(reference.duration for reference in self.references),
            "interval": {
                "level": 0.95,
                "over": "utterances" if count_speakers(self.references) is None else "speakers",
            },
            "scores": [
                {
                    "label": each.label,
                    "unit": each.unit,
                    **counts_dict(each.counts),
                    "interval": each.interval,
                    "speakers": {name: counts_dict(counts) for name, counts in (each.speakers or {}).items()},
                }
                for each in self.scores
            ],
        }


def count_speakers(references: Sequence[Reference]) -> int | None:
    """Gives the number of speakers; None if one is not known."""
    speakers = {reference.speaker for reference in references}
    return None if None in speakers else len(speakers)


def counts_dict(counts: ErrorCounts) -> dict[str, Any]:
    """Gives counts and rate as plain values, for JSON; the rate is a fraction, null where it is infinite."""
    rate = None if math.isinf(counts.rate) else counts.rate
    return {**asdict(counts), "num_ref": counts.num_ref, "errors": counts.errors, "rate": rate}


def error_cells(counts: ErrorCounts) -> list[str]:
    """Gives the cells below :data:`ERROR_COLUMNS`."""
    numbers = (counts.num_ref, counts.substitutions, counts.deletions, counts.insertions, counts.errors)
    return [*(str(number) for number in numbers), f"{100 * counts.rate:.2f}"]


def percent_interval(interval: tuple[float, float] | None) -> str:
    """Gives an interval of rates in percent, a dash for none."""
    return "-" if interval is None else f"{100 * interval[0]:.2f} to {100 * interval[1]:.2f}"


def group_table(scored: Score, by: Literal["speaker", "sex", "dialect"]) -> str:
    """Gives a table of the errors of each speaker, sex or dialect."""
    groups = scored.groups(by)
    if groups is None:
        return "not known of every utterance"
    number = Counter[str](getattr(utterance.reference, by) for utterance in scored.utterances)
    rows = [[by, "utterances", *ERROR_COLUMNS]]
    rows += [[name, str(number[name]), *error_cells(counts)] for name, counts in groups.items()]
    return table(rows, num_left=1)


def worst_text(scored: Score, number: int) -> str:
    """Gives the utterances with the most errors, aligned."""
    parts = []
    for utterance in scored.worst(number):
        counts = utterance.counts
        title = f"{utterance.utterance_id}: {counts.errors} errors, {counts.num_ref} in the reference"
        parts.append("\n".join([title, *lines_of_places(utterance.align(scored.unit))]))
    return "\n\n".join(parts) or "none has an error"
