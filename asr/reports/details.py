"""The errors of every utterance in score files, by speaker and by length."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.errors import DataError
from asr.records import Record
from asr.reports.summary import SCORES_KIND, SCORES_REMEDY
from asr.scoring.bootstrap import bootstrap_interval
from asr.scoring.counts import ErrorCounts, read_counts
from asr.scoring.rules import RuleId

_LENGTHS = (5, 10, 15, 20, 30, 40, 60, 80, 120)  # tokens of the reference at which a group of lengths ends


@dataclass(frozen=True)
class UtteranceErrors:
    """The errors of an utterance.

    Attributes:
        speaker: who said it, None if nobody knows.
        counts: its errors.
    """

    speaker: str | None
    counts: ErrorCounts


@dataclass(frozen=True)
class Details:
    """The errors of one file of hypotheses under one rule.

    Attributes:
        source: the score file.
        label: what it calls the hypotheses.
        split: name of the test set.
        rule: how they were scored.
        counts: errors of all utterances.
        utterances: errors of each, by its id.
    """

    source: Path
    label: str
    split: str
    rule: RuleId
    counts: ErrorCounts
    utterances: Mapping[str, UtteranceErrors]


@dataclass(frozen=True)
class Part:
    """The errors of a group of utterances.

    Attributes:
        name: of the group.
        num_utterances: in it.
        counts: their errors.
        interval: 95 % interval of the rate over the utterances, as fractions; None if there is none.
    """

    name: str
    num_utterances: int
    counts: ErrorCounts
    interval: tuple[float, float] | None


def read_details(exp_dir: Path) -> list[Details]:
    """Reads all score files of a run, ``*_scores.json``; scores without errors by utterance are skipped.

    Raises:
        DataError: a file is of another kind.
    """
    found = []
    for file in sorted(exp_dir.glob("*_scores.json")):
        report = Record.read(file, SCORES_KIND, SCORES_REMEDY)
        for each in report.records("scores"):
            if each.has("utterances"):
                split = report.record("split").text("name")
                rule, utterances = RuleId.read(each, report), _utterances(each)
                found.append(Details(file, each.text("label"), split, rule, read_counts(each), utterances))
    return found


def choose_details(found: Sequence[Details], split: str | None, label: str | None, where: Path) -> Details:
    """Returns the scores that a page details: the hypotheses with the fewest errors on the last test set.

    Args:
        found: what :func:`read_details` returned.
        split: name of the test set; None for any.
        label: label of the hypotheses; None for any.
        where: folder of the run, for errors.

    Raises:
        DataError: there are no such scores.
    """
    fitting = [each for each in found if split in (None, each.split) and label in (None, each.label)]
    if not fitting:
        wanted = " of ".join(filter(None, (label, split))) or "hypotheses"
        raise DataError(where, f"no scores of {wanted} are in its *_scores.json", "score them with asr score --json")
    last = [each for each in fitting if each.split == fitting[-1].split]
    return min(last, key=lambda each: each.counts.rate)


def by_speaker(details: Details) -> list[Part]:
    """Returns the errors of each speaker, the highest rate first; none if a speaker is unknown."""
    groups: dict[str, list[ErrorCounts]] = defaultdict(list)
    for utterance in details.utterances.values():
        if utterance.speaker is None:
            return []
        groups[utterance.speaker].append(utterance.counts)
    parts = [_part(name, counts) for name, counts in groups.items()]
    return sorted(parts, key=lambda part: (-part.counts.rate, part.name))


def by_length(details: Details) -> list[Part]:
    """Returns the errors of utterances of similar length in reference tokens, the shortest first."""
    groups: dict[int, list[ErrorCounts]] = defaultdict(list)
    for utterance in details.utterances.values():
        groups[sum(utterance.counts.num_ref > end for end in _LENGTHS)].append(utterance.counts)
    starts = (0, *(end + 1 for end in _LENGTHS))
    ends = (*(f" to {end}" for end in _LENGTHS), " and more")
    return [_part(f"{starts[place]}{ends[place]}", groups[place]) for place in sorted(groups)]


def _part(name: str, counts: Sequence[ErrorCounts]) -> Part:
    return Part(name, len(counts), sum(counts, ErrorCounts()), bootstrap_interval(counts))


def _utterances(score: Record) -> dict[str, UtteranceErrors]:
    utterances = score.record("utterances")
    found = {}
    for name in utterances.fields:
        each = utterances.record(name)
        found[name] = UtteranceErrors(each.text("speaker") if each.has("speaker") else None, read_counts(each))
    return found
