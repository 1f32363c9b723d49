from __future__ import annotations

import json
from dataclasses import replace

import pytest

from asr.errors import DataError
from asr.scoring.comparison import Run, compare, read_run, runs_of
from asr.scoring.counts import ErrorCounts
from asr.scoring.protocols import get_protocol
from asr.scoring.references import Reference
from asr.scoring.report import make_report
from asr.scoring.rules import PolicyRule, RuleId
from asr.text.policy import get_policy

MERGED = RuleId("protocol", "39-merged", "1", "phone")


def make_run(label: str, errors: list[int], speakers: str | None = "aabb") -> Run:
    counts = {f"u{number}": ErrorCounts(10 - n, n) for number, n in enumerate(errors)}
    names = dict(zip(counts, speakers or [None] * len(errors), strict=True))
    return Run(label, f"{label}.json", MERGED, "abcd", counts, names)


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
    others = {
        RuleId("protocol", "61", "2", "phone"): r"protocol 61 \(2\), a\.json under protocol 39-merged.*one protocol$",
        RuleId("policy", "verbatim", "3", "word"): r"text policy verbatim \(3\), words, a\.json under protocol",
    }
    for rule, message in others.items():
        with pytest.raises(DataError, match=rf"a\.json: is scored under {message}"):
            compare([run], [replace(run, rule=rule)])
    words = replace(run, rule=RuleId("policy", "verbatim", "3", "word"))
    with pytest.raises(DataError, match=r"chars, a\.json under .* words: .*one text policy and in one unit$"):
        compare([words], [replace(run, rule=replace(words.rule, unit="char"))])
    with pytest.raises(DataError, match="is scored on other utterances or references"):
        compare([run], [replace(run, split="ffff")])
    with pytest.raises(DataError, match="is scored on other utterances or references"):
        compare([run], [make_run("b", [1, 2, 3], "aab")])


def save_report(path, rules, references, hyps):
    report = make_report({"x.jsonl": hyps}, references, "test_cuts.jsonl.gz", rules)
    path.write_text(json.dumps(report.to_dict()))
    return [replace(run, where=str(path)) for run in runs_of(report)]


def test_runs_under_protocols_are_read_from_score_files(tmp_path):
    references = (Reference("u1", "h# ix h#", "anna", 1.0), Reference("u2", "h# ae h#", "bert", 1.0))
    path = tmp_path / "scores.json"
    rules = [get_protocol(name) for name in ("39-merged", "61")]
    merged, run = save_report(path, rules, references, {"u1": "h# ix", "u2": "h# ae h#"})
    assert (read_run(path, "39-merged"), read_run(path, "61", "phone")) == (merged, run)
    assert run.rate == pytest.approx(1 / 6)
    with pytest.raises(DataError, match=r"holds 2 scores to compare \(x under 39-merged, x under 61\); name one with"):
        read_run(path)
    with pytest.raises(DataError, match="holds 0 scores to compare"):
        read_run(path, "39-no-silence")


def test_runs_under_a_policy_are_read_from_score_files(tmp_path):
    references = (Reference("u1", "the cat", "anna", 1.0), Reference("u2", "sat", None, 1.0))
    path = tmp_path / "scores.json"
    rules = [PolicyRule(get_policy("verbatim"), unit) for unit in ("word", "char")]
    words, characters = save_report(path, rules, references, {"u1": "the hat", "u2": "sat"})
    assert (read_run(path, "verbatim", "word"), read_run(path, unit="char")) == (words, characters)
    assert (words.rate, characters.rate) == (pytest.approx(1 / 3), 0.1)
    assert words.speakers == {"u1": "anna", "u2": None}
    scored = r"holds 2 scores to compare \(x under verbatim in words, x under verbatim in chars\)"
    with pytest.raises(DataError, match=rf"{scored}; name one with --policy and --unit, of one file of hypotheses"):
        read_run(path)


def test_policies_were_written_once_for_the_whole_file(tmp_path):
    path = tmp_path / "scores.json"
    (run,) = save_report(
        path, [PolicyRule(get_policy("verbatim"), "word")], [Reference("u", "a b", "s", 1.0)], {"u": "a"}
    )
    state = json.loads(path.read_text())
    (scored,) = state["scores"]
    del scored["policy"]
    path.write_text(json.dumps(state))
    assert read_run(path) == run
    del scored["utterances"]
    path.write_text(json.dumps(state))
    with pytest.raises(
        DataError, match=r"has no errors by utterance \(scores\[0\]: has no 'utterances'\); make it with"
    ):
        read_run(path)


@pytest.mark.parametrize("text", [None, "", "[]", '{"scores": [{"label": "x"}]}'])
def test_other_files_are_named(tmp_path, text):
    path = tmp_path / "x.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=r"x\.json: has no errors by utterance .*; make it with"):
        read_run(path)
