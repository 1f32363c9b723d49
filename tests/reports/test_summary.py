"""Score files side by side: rows, means over runs, and files that are none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from asr.errors import DataError
from asr.reports.summary import ScoredFile, markdown_table, means_table, read_scores, scores_table
from asr.scoring.counts import ErrorCounts
from asr.scoring.protocols import get_protocol
from asr.scoring.references import Reference
from asr.scoring.report import make_report
from asr.scoring.rules import PolicyRule
from asr.text.policy import get_policy


def scored(label: str, hits: int, substitutions: int, interval: tuple[float, float] | None = None) -> ScoredFile:
    return ScoredFile(label, "word", ErrorCounts(hits, substitutions), interval, "verbatim (0a1b2c3d)")


def cells(table: str) -> list[list[str]]:
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_what_a_report_says_is_read_back(tmp_path: Path) -> None:
    policy = get_policy("verbatim")
    references = [Reference(name, "one two three four", name, 1.0) for name in ("a", "b")]
    hyps = {"a": "one two three four", "b": "one two tree"}
    rules = [PolicyRule(policy, unit) for unit in ("word", "char")]
    report = make_report({"dev_greedy.jsonl": hyps}, references, "dev_cuts.jsonl.gz", rules)
    file = tmp_path / "dev_scores.json"
    file.write_text(json.dumps(report.to_dict()), encoding="utf-8")
    word, char = read_scores(file)
    assert (word.label, word.unit, char.unit) == ("dev_greedy", "word", "char")
    assert word.counts == ErrorCounts(hits=6, substitutions=1, deletions=1)
    assert word.interval == report.to_dict()["scores"][0]["interval"]
    assert word.policy == f"verbatim ({policy.hash})"


@pytest.mark.parametrize("text", [None, "", "{}", "[1, 2]", '{"policy": {"name": "x", "hash": "y"}, "scores": [{}]}'])
def test_other_files_are_named(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "dev_scores.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(
        DataError, match=r"dev_scores\.json: cannot be read as scores .*; make it with asr score --json"
    ):
        read_scores(file)


def test_rates_are_in_percent_with_their_policy() -> None:
    table = scores_table([scored("dev_greedy", 90, 10, (0.05, 0.151)), scored("dev_beam16", 95, 5)])
    assert cells(table)[1:] == [
        ["dev_greedy", "word", "100", "10", "0", "0", "10.00", "5.00 to 15.10"],
        ["dev_beam16", "word", "100", "5", "0", "0", "5.00", "-"],
    ]
    assert "Scored under verbatim (0a1b2c3d);" in table


def test_means_over_runs_have_only_what_all_runs_scored() -> None:
    runs = [[scored("test", 90, 10), scored("dev", 1, 1)], [scored("test", 94, 6)], [scored("test", 92, 8)]]
    assert cells(means_table(runs))[1:] == [["test", "word", "8.00", "2.00", "10.00 6.00 8.00"]]


def test_columns_are_even() -> None:
    table = markdown_table([["a", "long head"], ["long cell", "1"]], num_left=1)
    assert len({len(line) for line in table.splitlines()}) == 1


def test_rates_under_several_protocols_are_told_apart_and_never_averaged() -> None:
    first, second = (replace(scored("test", hits, 10), policy=f"{hits} (0)") for hits in (90, 40))
    assert cells(scores_table([first, second]))[1:] == [
        ["test", "word", "90 (0)", "100", "10", "0", "0", "10.00", "-"],
        ["test", "word", "40 (0)", "50", "10", "0", "0", "20.00", "-"],
    ]
    assert cells(means_table([[first, second], [second]]))[1:] == [
        ["test", "word", "40 (0)", "20.00", "0.00", "20.00 20.00"]
    ]


def test_protocol_reports_are_read(tmp_path: Path) -> None:
    references = (Reference("a", "h# ix h#", "anna", 1.0),)
    rules = [get_protocol(name) for name in ("39-merged", "61")]
    report = make_report({"test.jsonl": {"a": "h# ix"}}, references, "test_cuts.jsonl.gz", rules)
    (tmp_path / "test_scores.json").write_text(json.dumps(report.to_dict()), encoding="utf-8")
    read = read_scores(tmp_path / "test_scores.json")
    assert [each.policy for each in read] == [f"{rule.name} ({rule.hash})" for rule in rules]
    assert [each.counts for each in read] == [ErrorCounts(hits=2, deletions=1)] * 2
