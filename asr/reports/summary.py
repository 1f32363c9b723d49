"""Tables of error rates from score files: of one run, and means over several."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path

from asr.records import Record
from asr.scoring.counts import ErrorCounts, read_counts
from asr.scoring.rules import RuleId
from asr.scoring.tables import pad_row, percent_interval

SCORES_KIND, SCORES_REMEDY = "cannot be read as scores", "make it with asr score --json"
"""Kind and remedy in errors about score files."""


@dataclass(frozen=True)
class ScoredFile:
    """The errors of one hypotheses file in one unit, as written by ``asr score --json``.

    Attributes:
        label: name of the hypotheses, such as "test_greedy".
        unit: what was counted.
        counts: the errors.
        interval: 95 % confidence interval of the rate, as fractions; None if there is none.
        policy: name and hash of the text policy or the protocol.
    """

    label: str
    unit: str
    counts: ErrorCounts
    interval: tuple[float, float] | None
    policy: str


def read_scores(path: str | Path) -> list[ScoredFile]:
    """Reads a file that ``asr score --json`` wrote.

    Raises:
        DataError: the file cannot be read as scores.
    """
    report = Record.read(path, SCORES_KIND, SCORES_REMEDY)
    scored = [(each, RuleId.read(each, report)) for each in report.records("scores")]
    return [
        ScoredFile(each.text("label"), rule.unit, read_counts(each), _interval(each), f"{rule.name} ({rule.hash})")
        for each, rule in scored
    ]


def scores_table(scores: Sequence[ScoredFile]) -> str:
    """Returns a Markdown table of one run: one row per score, rates in percent, with text policy or protocol."""
    policies = sorted({score.policy for score in scores})
    several = len(policies) > 1
    rows = [["hypotheses", "unit", "ref", "sub", "del", "ins", "error rate, %", "95 % interval"]]
    for score in scores:
        counts = score.counts
        numbers = (counts.num_ref, counts.substitutions, counts.deletions, counts.insertions)
        rate = [_percent(counts.rate), percent_interval(score.interval)]
        rows.append([score.label, score.unit, *map(str, numbers), *rate])
    if several:
        rows = [
            [*row[:2], cell, *row[2:]]
            for row, cell in zip(rows, ["scored under", *(s.policy for s in scores)], strict=True)
        ]
    below = f"Scored under {', '.join(policies)}; intervals by bootstrap over speakers."
    return f"{markdown_table(rows, num_left=3 if several else 2)}\n\n{below}"


def means_table(runs: Sequence[Sequence[ScoredFile]]) -> str:
    """Returns a Markdown table of means over runs, such as of several seeds; a row for each score that all runs have.

    Rates under different text policies or protocols are never averaged.
    """
    rates = [{(s.label, s.unit, s.policy): s.counts.rate for s in run} for run in runs]
    several = len({s.policy for run in runs for s in run}) > 1
    rows = [["hypotheses", "unit", "scored under", "mean, %", "deviation", f"the {len(runs)} runs, %"]]
    for key in rates[0]:
        values = [run[key] for run in rates if key in run]
        if len(values) == len(runs):
            spread = _percent(statistics.stdev(values)) if len(values) > 1 and all(map(isfinite, values)) else "-"
            rows.append([*key, _percent(statistics.fmean(values)), spread, " ".join(map(_percent, values))])
    if not several:
        rows = [[*row[:2], *row[3:]] for row in rows]
    return markdown_table(rows, num_left=3 if several else 2)


def markdown_table(rows: Sequence[Sequence[str]], num_left: int) -> str:
    """Returns rows as a Markdown table whose columns also align in plain text.

    Args:
        rows: rows of cells; the first is the header.
        num_left: number of left-aligned columns; the others are right-aligned.

    Example:
        >>> print(markdown_table([["name", "rate"], ["a", "9.1"]], num_left=1))
        | name | rate |
        |:-----|-----:|
        | a    |  9.1 |
    """
    widths = [max(3, *(len(cell) for cell in column)) for column in zip(*rows, strict=True)]
    lines = [f"| {' | '.join(pad_row(row, widths, num_left))} |" for row in rows]
    rules = [":" + "-" * (w + 1) if place < num_left else "-" * (w + 1) + ":" for place, w in enumerate(widths)]
    return "\n".join([lines[0], f"|{'|'.join(rules)}|", *lines[1:]])


def _interval(each: Record) -> tuple[float, float] | None:
    if not each.has("interval"):
        return None
    bounds = dict(zip(("low", "high"), each.items("interval"), strict=False))
    named = replace(each, fields=bounds, place=f"{each.place}interval: ")
    return named.number("low"), named.number("high")


def _percent(rate: float) -> str:
    return f"{100 * rate:.2f}"
