from __future__ import annotations

import json
from dataclasses import replace

import pytest

from asr.errors import DataError
from asr.scoring.comparison import Run, compare, read_run
from asr.scoring.counts import ErrorCounts
from asr.scoring.protocol_report import ProtocolReport, describe_split, score_protocol
from asr.scoring.protocols import get_protocol
from asr.scoring.references import Reference


def make_run(label: str, errors: list[int], speakers: str | None = "aabb") -> Run:
    counts = {f"u{number}": ErrorCounts(10 - n, n) for number, n in enumerate(errors)}
    names = dict(zip(counts, speakers or [None] * len(errors), strict=True))
    return Run(label, f"{label}.json", "protocol 39-merged (1)", "abcd", counts, names)


def test_difference_of_two_runs():
    comparison = compare([make_run("old", [4, 3, 5, 4])], [make_run("new", [3, 3, 2, 4])])
    assert comparison.rates == (0.4, 0.3)
    assert comparison.over == "speakers"
    low, high, share = comparison.interval
    assert (low, high) == pytest.approx((-0.15, -0.05))  # of both speakers, or of one of them twice
    assert share == 1.0
    assert comparison.test.num_different == 2
    text = comparison.to_text()
    assert text.startswith("protocol 39-merged (1); 4 utterances (hash abcd)\n")
    assert "second minus first: -10.00 points, -25.0 % relative" in text
    assert "bootstrap over speakers\n" in text


def test_runs_of_a_system_are_averaged():
    first = [make_run("old0", [4, 3, 5, 4]), make_run("old1", [4, 3, 3, 2])]
    second = [make_run("new0", [3, 3, 2, 4]), make_run("new1", [3, 1, 2, 2]), make_run("new2", [3, 2, 2, 3])]
    comparison = compare(first, second)
    assert comparison.rates == (pytest.approx(0.35), pytest.approx(0.25))
    assert comparison.test.mean == pytest.approx(-1.0)
    assert "bootstrap over speakers and runs" in comparison.to_text()
    assert "40.00 30.00" in comparison.to_text()
    report = json.loads(json.dumps(comparison.to_dict(), allow_nan=False))
    assert [run["label"] for run in report["second"]] == ["new0", "new1", "new2"]
    assert report["difference"] == pytest.approx(-0.1)


def test_a_run_against_itself():
    comparison = compare([make_run("a", [1, 2, 3, 4])], [make_run("a", [1, 2, 3, 4])])
    assert comparison.interval == (0.0, 0.0, 0.0)
    assert comparison.test.p_value == 1.0


def test_unknown_speakers_are_replaced_by_utterances():
    comparison = compare([make_run("a", [1, 2, 3], None)], [make_run("b", [1, 2, 2], None)])
    assert comparison.over == "utterances"
    assert comparison.to_dict()["interval"]["over"] == "utterances"


def test_infinite_statistics_are_null_in_json():
    comparison = compare([make_run("a", [1, 2, 3, 4])], [make_run("b", [2, 3, 4, 5])])
    assert json.loads(json.dumps(comparison.to_dict(), allow_nan=False))["matched_pairs"]["z"] is None
    assert "two-sided p < 0.0001" in comparison.to_text()


def test_what_cannot_be_compared_is_refused():
    run = make_run("a", [1, 2, 3, 4])
    with pytest.raises(
        DataError, match=r"a\.json: is scored under protocol 61 \(2\), a\.json under protocol 39-merged"
    ):
        compare([run], [replace(run, rule="protocol 61 (2)")])
    with pytest.raises(DataError, match="is scored on other utterances or references"):
        compare([run], [replace(run, split="ffff")])
    with pytest.raises(DataError, match="is scored on other utterances or references"):
        compare([run], [make_run("b", [1, 2, 3], "aab")])


def test_runs_are_read_from_score_files(tmp_path):
    references = (Reference("u1", "h# ix h#", "anna", 1.0), Reference("u2", "h# ae h#", "bert", 1.0))
    hyps = {"u1": "h# ix", "u2": "h# ae h#"}
    scores = [score_protocol("x", references, hyps, get_protocol(name), "x") for name in ("39-merged", "61")]
    report = ProtocolReport(describe_split("test_cuts.jsonl.gz", references), references, tuple(scores))
    path = tmp_path / "scores.json"
    path.write_text(json.dumps(report.to_dict()))
    run = read_run(path, "61")
    assert run == Run.from_score(scores[1], str(path), report.rule_of(scores[1]), report.split.hash)
    assert run.rate == pytest.approx(1 / 6)
    with pytest.raises(DataError, match=r"holds 2 scores to compare \(x under 39-merged, x under 61\); name one with"):
        read_run(path)
    with pytest.raises(DataError, match="holds 0 scores to compare"):
        read_run(path, "39-no-silence")


@pytest.mark.parametrize("text", [None, "", "[]", '{"scores": [{"label": "x"}]}'])
def test_other_files_are_named(tmp_path, text):
    path = tmp_path / "x.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=r"x\.json: has no errors by utterance under a protocol .*; make it with"):
        read_run(path)
