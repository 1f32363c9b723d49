"""Error rates with all that is needed to know what they mean."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

from asr.scoring.bootstrap import bootstrap_interval
from asr.scoring.counts import AlignedToken, ErrorCounts, Unit, align_texts, count_errors
from asr.scoring.frequency import FrequencyErrors, WordFrequencies, count_by_frequency
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
        frequency: the errors by frequency of the words; None where no frequencies are known.
    """

    reference: Reference
    ref: str
    hyp: str
    counts: ErrorCounts
    places: tuple[AlignedToken, ...] | None = None
    frequency: FrequencyErrors | None = None

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

    @cached_property
    def frequency(self) -> FrequencyErrors | None:
        """Errors of all utterances by frequency of the words; None where no frequencies are known."""
        known = [utterance.frequency for utterance in self.utterances if utterance.frequency is not None]
        return sum(known, FrequencyErrors()) if len(known) == len(self.utterances) else None

    def groups(self, by: Literal["speaker", "sex", "dialect"]) -> dict[str, ErrorCounts] | None:
        """Gives the errors of each speaker, sex or dialect, by name; None if that of an utterance is not known."""
        parts = self.parts(self.names(by))
        return None if parts is None else {name: part.counts for name, part in parts.items()}

    def names(self, by: Literal["speaker", "sex", "dialect"]) -> dict[str, str | None]:
        """Gives the speaker, sex or dialect of each utterance, by its id."""
        return {utterance.utterance_id: getattr(utterance.reference, by) for utterance in self.utterances}

    def parts(self, names: Mapping[str, str | None]) -> dict[str, Self] | None:
        """Gives the score of the utterances of each name, names in their order; None if one has no name.

        Args:
            names: such as the speaker of an utterance, by utterance id.
        """
        parts: dict[str, list[ScoredUtterance]] = defaultdict(list)
        for utterance in self.utterances:
            name = names.get(utterance.utterance_id)
            if name is None:
                return None
            parts[name].append(utterance)
        return {name: replace(self, utterances=tuple(own)) for name, own in sorted(parts.items())}

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
    frequencies: WordFrequencies | None = None,
) -> Score:
    """Scores hypotheses; the same text policy is applied to both sides.

    Args:
        label: what the table calls the hypotheses.
        references: what was said.
        hypotheses: raw text by utterance id.
        unit: what is counted.
        policy: the text policy.
        where: where the hypotheses come from, for the errors; the label if not given.
        frequencies: of the words of a text under the same policy; where the unit is words, errors are counted by them.

    Raises:
        DataError: ids do not match, or the policy refuses a text.
    """
    pairs = join(references, hypotheses, label if where is None else where)
    refs = [policy.apply(reference.text, f"reference {reference.utterance_id}") for reference, _ in pairs]
    hyps = [policy.apply(hyp, f"hypothesis {reference.utterance_id}") for reference, hyp in pairs]
    counts = count_errors(refs, hyps, unit)
    by_frequency: list[FrequencyErrors | None] = [None] * len(pairs)
    if frequencies is not None and unit == "word":
        by_frequency = [count_by_frequency(places, frequencies.counts) for places in align_texts(refs, hyps, unit)]
    utterances = tuple(
        ScoredUtterance(reference, ref, hyp, errors, frequency=frequency)
        for (reference, _), ref, hyp, errors, frequency in zip(pairs, refs, hyps, counts, by_frequency, strict=True)
    )
    return Score(label, unit, utterances)


@dataclass(frozen=True)
class Report:
    """Scores against the same references under the same text policy.

    Attributes:
        policy: what was done to both sides.
        references: what was said.
        scores: of each set of hypotheses in each unit.
        chapters: the chapter of each utterance that is of one, by utterance id.
        frequencies: of words in a text; None where errors are not counted by them.
    """

    policy: TextPolicy
    references: tuple[Reference, ...]
    scores: tuple[Score, ...]
    chapters: Mapping[str, str] = field(default_factory=dict)
    frequencies: WordFrequencies | None = None

    def to_text(self, per_speaker: bool = False, num_worst: int = 0, details: bool = False) -> str:
        """Gives tables for a terminal, rates in percent.

        Args:
            per_speaker: adds a table of speakers for each score.
            num_worst: adds this many of the worst utterances of each score, with their alignment.
            details: adds tables of speakers and of chapters for each score.
        """
        rows = [["hypotheses", "unit", *ERROR_COLUMNS, "95 % interval"]]
        rows += [[s.label, s.unit, *error_cells(s.counts), percent_interval(s.interval)] for s in self.scores]
        parts = [f"{self._heading()}\n\n{table(rows, num_left=2)}"]
        for each in self.scores:
            title = f"{each.label}, {each.unit}"
            if each.frequency is not None:
                parts.append(f"{title}, by frequency of the word that was said:\n{each.frequency.to_text()}")
            if per_speaker or details:
                parts.append(f"{title}, speakers:\n{group_table(each, 'speaker')}")
            if details:
                parts.append(f"{title}, chapters:\n{names_table(each, 'chapter', self.chapters)}")
            if num_worst:
                parts.append(f"{title}, worst utterances:\n\n{worst_text(each, num_worst)}")
        return "\n\n".join(parts)

    def rule_of(self, score: Score) -> str:
        """Gives the name and hash of what a score was measured by."""
        return f"text policy {self.policy.name} ({self.policy.hash}), {score.unit}s"

    def _heading(self) -> str:
        seconds = sum(reference.duration for reference in self.references)
        speakers = count_speakers(self.references)
        frequencies = "" if self.frequencies is None else f"\nfrequencies: {self.frequencies}"
        return (
            f"text policy {self.policy.name} (hash {self.policy.hash}); {len(self.references)} utterances, "
            f"{'unknown' if speakers is None else speakers} speakers, {seconds / 3600:.2f} h; "
            f"bootstrap over {'utterances' if speakers is None else 'speakers'}{frequencies}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Gives all of it as plain values, for JSON; rates are fractions, null where they are infinite."""
        frequencies = {} if self.frequencies is None else {"frequencies": self.frequencies.to_dict()}
        return {
            "policy": {"name": self.policy.name, "hash": self.policy.hash},
            "num_utterances": len(self.references),
            "num_speakers": count_speakers(self.references),
            "seconds": sum(reference.duration for reference in self.references),
            "interval": {
                "level": 0.95,
                "over": "utterances" if count_speakers(self.references) is None else "speakers",
            },
            **frequencies,
            "scores": [self._score_dict(each) for each in self.scores],
        }

    def _score_dict(self, each: Score) -> dict[str, Any]:
        groups = {"speakers": each.parts(each.names("speaker")), "chapters": each.parts(self.chapters)}
        return {
            "label": each.label,
            "unit": each.unit,
            **counts_dict(each.counts),
            "interval": each.interval,
            **{by: {name: _part_dict(part) for name, part in (parts or {}).items()} for by, parts in groups.items()},
            **({} if each.frequency is None else {"frequency": each.frequency.to_dict()}),
        }


def _part_dict(part: Score) -> dict[str, Any]:
    oovs = {} if part.frequency is None else {"num_oovs": part.frequency.num_oovs, "oov_rate": part.frequency.oov_rate}
    return {**counts_dict(part.counts), **oovs}


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
    return names_table(scored, by, scored.names(by))


def names_table(scored: Score, by: str, names: Mapping[str, str | None]) -> str:
    """Gives a table of the errors of the utterances of each name, with the OOV rate where frequencies are known.

    Args:
        scored: the errors.
        by: what the names are of.
        names: by utterance id.
    """
    parts = scored.parts(names)
    if parts is None:
        return "not known of every utterance"
    rows = [[by, "utterances", *ERROR_COLUMNS, *([] if scored.frequency is None else ["OOV %"])]]
    for name, part in parts.items():
        oovs = [] if part.frequency is None else [f"{100 * part.frequency.oov_rate:.2f}"]
        rows.append([name, str(len(part.utterances)), *error_cells(part.counts), *oovs])
    return table(rows, num_left=1)


def worst_text(scored: Score, number: int) -> str:
    """Gives the utterances with the most errors, aligned."""
    parts = []
    for utterance in scored.worst(number):
        counts = utterance.counts
        title = f"{utterance.utterance_id}: {counts.errors} errors, {counts.num_ref} in the reference"
        parts.append("\n".join([title, *lines_of_places(utterance.align(scored.unit))]))
    return "\n\n".join(parts) or "none has an error"
