"""Error rates with all that is needed to know what they mean."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from asr.scoring.bootstrap import bootstrap_interval
from asr.scoring.counts import ErrorCounts, Unit, count_errors
from asr.scoring.references import Reference, join
from asr.scoring.tables import aligned_lines, table
from asr.text.policy import TextPolicy

_ERROR_COLUMNS = ["ref", "sub", "del", "ins", "errors", "rate %"]


@dataclass(frozen=True)
class ScoredUtterance:
    """An utterance with its errors; texts are those after the text policy."""

    utterance_id: str
    speaker: str | None
    ref: str
    hyp: str
    counts: ErrorCounts


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
        speakers: dict[str, ErrorCounts] = defaultdict(ErrorCounts)
        for utterance in self.utterances:
            if utterance.speaker is None:
                return None
            speakers[utterance.speaker] += utterance.counts
        return dict(sorted(speakers.items()))

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
            ScoredUtterance(reference.utterance_id, reference.speaker, ref, hyp, errors)
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
        rows = [["hypotheses", "unit", *_ERROR_COLUMNS, "95 % interval"]]
        rows += [[s.label, s.unit, *_error_cells(s.counts), _percent_interval(s.interval)] for s in self.scores]
        parts = [f"{self._heading()}\n\n{table(rows, num_left=2)}"]
        for each in self.scores:
            title = f"{each.label}, {each.unit}"
            if per_speaker:
                parts.append(f"{title}, speakers:\n{_speaker_table(each)}")
            if num_worst:
                lines = [_utterance_lines(utterance, each.unit) for utterance in each.worst(num_worst)]
                parts.append("\n\n".join([f"{title}, worst utterances:", *(lines or ["none has an error"])]))
        return "\n\n".join(parts)

    def _heading(self) -> str:
        seconds = sum(reference.duration for reference in self.references)
        speakers = self._num_speakers()
        return (
            f"text policy {self.policy.name} (hash {self.policy.hash}); {len(self.references)} utterances, "
            f"{'unknown' if speakers is None else speakers} speakers, {seconds / 3600:.2f} h; "
            f"bootstrap over {'utterances' if speakers is None else 'speakers'}"
        )

    def _num_speakers(self) -> int | None:
        speakers = {reference.speaker for reference in self.references}
        return None if None in speakers else len(speakers)

    def to_dict(self) -> dict[str, Any]:
        """Gives all of it as plain values, for JSON; rates are fractions, null where they are infinite."""
        return {
            "policy": {"name": self.policy.name, "hash": self.policy.hash},
            "num_utterances": len(self.references),
            "num_speakers": self._num_speakers(),
            "seconds": sum(reference.duration for reference in self.references),
            "interval": {"level": 0.95, "over": "utterances" if self._num_speakers() is None else "speakers"},
            "scores": [
                {
                    "label": each.label,
                    "unit": each.unit,
                    **_counts_dict(each.counts),
                    "interval": each.interval,
                    "speakers": {name: _counts_dict(counts) for name, counts in (each.speakers or {}).items()},
                }
                for each in self.scores
            ],
        }


def _counts_dict(counts: ErrorCounts) -> dict[str, Any]:
    rate = None if math.isinf(counts.rate) else counts.rate
    return {**asdict(counts), "num_ref": counts.num_ref, "errors": counts.errors, "rate": rate}


def _error_cells(counts: ErrorCounts) -> list[str]:
    numbers = (counts.num_ref, counts.substitutions, counts.deletions, counts.insertions, counts.errors)
    return [*(str(number) for number in numbers), f"{100 * counts.rate:.2f}"]


def _percent_interval(interval: tuple[float, float] | None) -> str:
    return "-" if interval is None else f"{100 * interval[0]:.2f} to {100 * interval[1]:.2f}"


def _speaker_table(scored: Score) -> str:
    if scored.speakers is None:
        return "not known of every utterance"
    number = defaultdict[str | None, int](int)
    for utterance in scored.utterances:
        number[utterance.speaker] += 1
    rows = [["speaker", "utterances", *_ERROR_COLUMNS]]
    rows += [[name, str(number[name]), *_error_cells(counts)] for name, counts in scored.speakers.items()]
    return table(rows, num_left=1)


def _utterance_lines(utterance: ScoredUtterance, unit: Unit) -> str:
    counts = utterance.counts
    title = f"{utterance.utterance_id}: {counts.errors} errors, {counts.num_ref} in the reference"
    return "\n".join([title, *aligned_lines(utterance.ref, utterance.hyp, unit)])
