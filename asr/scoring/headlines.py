"""The error rates in a score file, each with the rule that it was measured by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asr.records import Record
from asr.scoring.rules import RuleId


def read_headlines(path: str | Path) -> list[dict[str, Any]]:
    """Returns the error rates that ``asr score --json`` wrote, as plain values: label, rate, interval, rule, split.

    Raises:
        DataError: the file is of another kind.
    """
    report = Record.read(path, "is no score file", "make it with: asr score --json")
    split, interval = report.record("split"), report.record("interval")
    over = {"level": interval.number("level", 0.0, 1.0), "over": interval.text("over")}
    rows: list[dict[str, Any]] = []
    for each in report.records("scores"):
        rate = {"label": each.text("label"), "rate": each.number("rate") if each.has("rate") else None}
        bounds = each.items("interval") if each.has("interval") else None
        measured = {"interval": bounds, **over} if bounds else {}
        counts = {name: each.whole(name) for name in ("errors", "num_ref")}
        rule = {"measured_by": str(RuleId.read(each, report)), "split": split.text("name"), "hash": split.text("hash")}
        rows.append({**rate, **measured, **counts, **rule})
    return rows
