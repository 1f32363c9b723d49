"""Hypotheses scored under a rule: every utterance with its errors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self

from asr.scoring.bootstrap import bootstrap_interval
from asr.scoring.confusions import Confusions, find_confusions
from asr.scoring.counts import AlignedToken, ErrorCounts, count_places
from asr.scoring.frequency import FrequencyErrors, WordFrequencies, count_by_frequency
from asr.scoring.references import Reference, join
from asr.scoring.rules import Group, ScoringRule
from asr.text.phones import PhoneSet

_PLURALS: dict[Group, str] = {"speaker": "speakers", "dialect": "dialects", "sex": "sexes", "chapter": "chapters"}


@dataclass(frozen=True)
class ScoredUtterance:
    """An utterance with its errors.

    Attributes:
        reference: what was said, and by whom.
        ref: the reference as the rule compares it.
        hyp: the hypothesis as the rule compares it.
        counts: the errors.
        frequency: the errors by frequency of the words; None where no frequencies are known.
    """

    reference: Reference
    ref: str
    hyp: str
    counts: ErrorCounts
    frequency: FrequencyErrors | None = None

    @property
    def utterance_id(self) -> str:
        """Unique in the test set."""
        return self.reference.utterance_id


@dataclass(frozen=True)
class Score:
    """One set of hypotheses, scored under one rule.

    Attributes:
        label: what the table calls the hypotheses.
        where: the file they come from.
        rule: how they were scored.
        utterances: every utterance with its errors, in the order of the references.
        labels: the phone set that the hypotheses are written in; None where any text is taken.
    """

    label: str
    where: str
    rule: ScoringRule
    utterances: tuple[ScoredUtterance, ...]
    labels: PhoneSet | None = None

    @cached_property
    def counts(self) -> ErrorCounts:
        """Errors of all utterances."""
        return sum((utterance.counts for utterance in self.utterances), ErrorCounts())

    @cached_property
    def frequency(self) -> FrequencyErrors | None:
        """Errors of all utterances by frequency of the words; None where no frequencies are known."""
        known = [utterance.frequency for utterance in self.utterances if utterance.frequency is not None]
        return sum(known, FrequencyErrors()) if len(known) == len(self.utterances) else None

    @cached_property
    def confusions(self) -> Confusions:
        """What was taken for what."""
        return find_confusions(self.align(self.utterances))

    @cached_property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % bootstrap interval of the rate, over speakers, or over utterances if these are not known."""
        speakers = self.parts("speaker")
        groups = self.utterances if speakers is None else speakers.values()
        return bootstrap_interval([group.counts for group in groups])

    def parts(self, by: Group) -> dict[str, Self] | None:
        """Returns the score of each speaker, dialect, sex or chapter, by name; None if one is not known."""
        parts: dict[str, list[ScoredUtterance]] = defaultdict(list)
        for utterance in self.utterances:
            name = getattr(utterance.reference, by)
            if name is None:
                return None
            parts[name].append(utterance)
        return {name: replace(self, utterances=tuple(own)) for name, own in sorted(parts.items())}

    def align(self, utterances: Sequence[ScoredUtterance]) -> list[list[AlignedToken]]:
        """Returns the alignment of each of some utterances."""
        return self.rule.align([each.ref for each in utterances], [each.hyp for each in utterances])

    def worst(self, number: int) -> list[ScoredUtterance]:
        """Returns the utterances with the most errors, most first; none without errors."""
        wrong = [utterance for utterance in self.utterances if utterance.counts.errors]
        return sorted(wrong, key=lambda u: (-u.counts.errors, -u.counts.rate, u.utterance_id))[:number]

    def to_dict(self) -> dict[str, object]:
        """Returns all of it as plain values, for JSON; rates are fractions, null where they are infinite."""
        rule = self.rule.id
        parts = {by: self.parts(by) or {} for by in _PLURALS if by in self.rule.tables}
        return {
            "label": self.label,
            "unit": rule.unit,
            **({} if self.labels is None else {"labels": self.labels}),
            rule.kind: {"name": rule.name, "hash": rule.hash},
            **self.counts.to_dict(),
            "interval": self.interval,
            **{_PLURALS[by]: {name: _part(part) for name, part in own.items()} for by, own in parts.items()},
            **({} if self.frequency is None else {"frequency": self.frequency.to_dict()}),
            **({"confusions": self.confusions.to_dict()} if self.rule.has_confusions else {}),
            "utterances": {
                utterance.utterance_id: {"speaker": utterance.reference.speaker, **asdict(utterance.counts)}
                for utterance in self.utterances
            },
        }


def _part(part: Score) -> dict[str, object]:
    oovs = {} if part.frequency is None else {"num_oovs": part.frequency.num_oovs, "oov_rate": part.frequency.oov_rate}
    return {**part.counts.to_dict(), **oovs}


def score(
    label: str,
    references: Sequence[Reference],
    hypotheses: Mapping[str, str],
    rule: ScoringRule,
    where: str | Path | None = None,
    cuts: str | Path = "cuts",
    frequencies: WordFrequencies | None = None,
) -> Score:
    """Scores hypotheses; the same is done to both sides.

    Args:
        label: what the table calls the hypotheses.
        references: what was said.
        hypotheses: raw text by utterance id.
        rule: how to score.
        where: the file that the hypotheses come from, for the errors; the label if None.
        cuts: the file that the references come from, for the errors.
        frequencies: of the words of a text under the same policy; where the unit is words, errors are counted by them.

    Raises:
        DataError: ids do not match, or the rule refuses a text.
    """
    where = str(label if where is None else where)
    pairs = join(references, hypotheses, where)
    labels = rule.check({each.utterance_id: each.text for each in references}, hypotheses, cuts, where)
    refs = [rule.apply(reference.text, f"reference {reference.utterance_id}") for reference, _ in pairs]
    hyps = [rule.apply(hyp, f"hypothesis {reference.utterance_id}") for reference, hyp in pairs]
    counted = frequencies.counts if frequencies is not None and rule.id.unit == "word" else None
    utterances = tuple(
        ScoredUtterance(
            reference, ref, hyp, count_places(places), None if counted is None else count_by_frequency(places, counted)
        )
        for (reference, _), ref, hyp, places in zip(pairs, refs, hyps, rule.align(refs, hyps), strict=True)
    )
    return Score(label, where, rule, utterances, labels)
