"""Two systems on the same utterances under the same rule: how far apart, and how surely."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from asr.errors import DataError
from asr.records import Record
from asr.scoring.bootstrap import LEVEL, bootstrap_difference
from asr.scoring.counts import ErrorCounts, read_counts
from asr.scoring.rules import RuleId
from asr.scoring.significance import ENOUGH_PAIRS, MatchedPairs, matched_pairs
from asr.scoring.tables import table

if TYPE_CHECKING:
    from asr.scoring.report import Report

_REMEDY = "make it with: asr score --json FILE"


@dataclass(frozen=True)
class Run:
    """The errors of one run of a system, utterance by utterance.

    Attributes:
        label: what the table calls it.
        where: the file it comes from, for the errors.
        rule: what it was scored under.
        split: hash of the utterances and their references.
        counts: errors by utterance id.
        speakers: who said the utterance, by its id; None if nobody knows.
    """

    label: str
    where: str
    rule: RuleId
    split: str
    counts: Mapping[str, ErrorCounts]
    speakers: Mapping[str, str | None]

    @property
    def rate(self) -> float:
        """Its error rate, as a fraction."""
        return sum(self.counts.values(), ErrorCounts()).rate


def runs_of(report: Report) -> list[Run]:
    """Returns the runs that a report has, one for each score."""
    runs = []
    for each in report.scores:
        counts = {utterance.utterance_id: utterance.counts for utterance in each.utterances}
        speakers = {utterance.utterance_id: utterance.reference.speaker for utterance in each.utterances}
        runs.append(Run(each.label, each.where, each.rule.id, report.split.hash, counts, speakers))
    return runs


def read_run(path: str | Path, name: str | None = None, unit: str | None = None) -> Run:
    """Reads one run from what ``asr score --json`` wrote.

    Args:
        path: the JSON file.
        name: of the text policy or protocol, where the file may hold several; None if it holds one.
        unit: what was counted, likewise.

    Raises:
        DataError: the file is something else, or does not hold exactly one such score.
    """
    report = Record.read(path, "has no errors by utterance", _REMEDY)
    scores = [(each, RuleId.read(each, report)) for each in report.records("scores")]
    found = [(each, rule) for each, rule in scores if name in (None, rule.name) and unit in (None, rule.unit)]
    if len(found) != 1:
        scored = ", ".join(f"{each.text('label')} under {_short(rule)}" for each, rule in scores)
        options = "--protocol" if all(rule.kind == "protocol" for _, rule in scores) else "--policy and --unit"
        remedy = f"name one with {options}, of one file of hypotheses"
        raise DataError(path, f"holds {len(found)} scores to compare ({scored})", remedy)
    return _run(*found[0], path, report.record("split").text("hash"))


def _short(rule: RuleId) -> str:
    return rule.name if rule.kind == "protocol" else f"{rule.name} in {rule.unit}s"


def _run(score: Record, rule: RuleId, path: str | Path, split: str) -> Run:
    by_utterance = score.record("utterances")
    if not by_utterance.fields:
        raise score.error("utterances", "errors by utterance: it is empty")
    utterances = {key: by_utterance.record(key) for key in by_utterance.fields}
    counts = {key: read_counts(each) for key, each in utterances.items()}
    speakers = {key: each.text("speaker") if each.has("speaker") else None for key, each in utterances.items()}
    return Run(score.text("label"), str(path), rule, split, counts, speakers)


@dataclass(frozen=True)
class Comparison:
    """Two systems, of one or several runs each; make it with :func:`compare`.

    Attributes:
        first: runs of the system that is compared with.
        second: runs of the system in question.
    """

    first: tuple[Run, ...]
    second: tuple[Run, ...]

    @property
    def rates(self) -> tuple[float, float]:
        """Mean error rates of both, as fractions."""
        first, second = (statistics.fmean(run.rate for run in runs) for runs in (self.first, self.second))
        return first, second

    @cached_property
    def test(self) -> MatchedPairs | None:
        """Matched pairs by utterance."""
        return matched_pairs([self._mean(self.second, key) - self._mean(self.first, key) for key in self._ids])

    @cached_property
    def interval(self) -> tuple[float, float, float] | None:
        """The 95 % bootstrap interval of second minus first, and the share of samples in which the second is better."""
        groups: dict[str, list[str]] = {}
        for key in self._ids:
            groups.setdefault(key if self.over == "utterances" else str(self.first[0].speakers[key]), []).append(key)
        errors = [
            np.array([[sum(run.counts[key].errors for key in keys) for run in runs] for keys in groups.values()])
            for runs in (self.first, self.second)
        ]
        num_ref = np.array([sum(self.first[0].counts[key].num_ref for key in keys) for keys in groups.values()])
        return bootstrap_difference(errors[0], errors[1], num_ref)

    @property
    def over(self) -> str:
        """What the bootstrap draws: speakers, or utterances where a speaker is not known."""
        return "utterances" if None in self.first[0].speakers.values() else "speakers"

    @property
    def _ids(self) -> list[str]:
        return list(self.first[0].counts)

    @staticmethod
    def _mean(runs: Sequence[Run], key: str) -> float:
        return statistics.fmean(run.counts[key].errors for run in runs)

    def to_text(self) -> str:
        """Returns a table of the runs and their difference, rates in percent."""
        rows = [["system", "runs", "mean rate %", "deviation", "rates %"]]
        for name, runs in (("first", self.first), ("second", self.second)):
            rates = [100 * run.rate for run in runs]
            spread = f"{statistics.stdev(rates):.2f}" if len(rates) > 1 else "-"
            label = f"{name} ({', '.join(dict.fromkeys(run.label for run in runs))})"
            each = " ".join(f"{rate:.2f}" for rate in rates)
            rows.append([label, str(len(runs)), f"{statistics.fmean(rates):.2f}", spread, each])
        lines = [f"{self.first[0].rule}; {len(self._ids)} utterances (hash {self.first[0].split})", "", table(rows, 1)]
        return "\n".join([*lines, "", *self._difference_lines()])

    def _difference_lines(self) -> list[str]:
        first, second = self.rates
        relative = f", {100 * (second - first) / first:+.1f} % relative" if first else ""
        lines = [f"second minus first: {100 * (second - first):+.2f} points{relative}"]
        if self.interval is not None:
            low, high, share = self.interval
            drawn = self.over + (" and runs" if max(len(self.first), len(self.second)) > 1 else "")
            lines.append(f"  95 % interval {100 * low:+.2f} to {100 * high:+.2f} points, bootstrap over {drawn}")
            lines.append(f"  the second has fewer errors in {100 * share:.1f} % of the samples")
        if self.test is not None:
            differing = f"{self.test.num_different} of {self.test.num_pairs} utterances differ"
            lines.append(f"  matched pairs by utterance: z {self.test.z:+.2f}, two-sided p {_p(self.test.p_value)}")
            few = f"; fewer than {ENOUGH_PAIRS} utterances make p doubtful" if len(self._ids) < ENOUGH_PAIRS else ""
            lines.append(f"  {differing}{few}")
        return lines

    def to_dict(self) -> dict[str, object]:
        """Returns all of it as plain values, for JSON; rates are fractions, null where they are infinite."""
        test = None if self.test is None else asdict(self.test)
        if test is not None and math.isinf(test["z"]):
            test["z"] = None
        low, high, share = self.interval or (None, None, None)
        first, second = self.rates
        return {
            "rule": str(self.first[0].rule),
            "split": self.first[0].split,
            "first": [{"label": run.label, "file": run.where, "rate": _finite(run.rate)} for run in self.first],
            "second": [{"label": run.label, "file": run.where, "rate": _finite(run.rate)} for run in self.second],
            "difference": _finite(second - first),
            "interval": {"level": LEVEL, "over": self.over, "low": low, "high": high, "share_second_better": share},
            "matched_pairs": test,
        }


def compare(first: Sequence[Run], second: Sequence[Run]) -> Comparison:
    """Compares two systems.

    Args:
        first: runs of the system that is compared with, such as one for each seed.
        second: runs of the system in question.

    Raises:
        DataError: the runs were not scored under one rule and on the same utterances.
    """
    base = first[0]
    for run in (*first, *second):
        if run.rule != base.rule:
            found = f"is scored under {run.rule}, {base.where} under {base.rule}: their rates are not comparable"
            one = "protocol" if base.rule.kind == "protocol" else "text policy and in one unit"
            raise DataError(run.where, found, f"score both under one {one}")
        lengths, expected = ({key: n.num_ref for key, n in each.counts.items()} for each in (run, base))
        if run.split != base.split or lengths != expected:
            found = f"is scored on other utterances or references (hash {run.split}) than {base.where} ({base.split})"
            raise DataError(run.where, found, "score both with the same cuts")
    return Comparison(tuple(first), tuple(second))


def _p(value: float) -> str:
    return f"{value:.4f}" if value >= 0.0001 else "< 0.0001"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
