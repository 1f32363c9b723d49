from __future__ import annotations

import json

import pytest
from lhotse import CutSet, MonoCut, SupervisionSegment
from lhotse.supervision import AlignmentItem

from asr.cli.score import main
from asr.corpora.manifests import write_cuts
from asr.decoding.hypothesis import Hypothesis
from asr.scoring.hypotheses import write_hypotheses

TEXTS = {"u1": ("anna", "the cat"), "u2": ("anna", "sat"), "u3": ("bert", "on the mat")}


@pytest.fixture
def folder(tmp_path):
    cuts = []
    for name, (speaker, text) in TEXTS.items():
        phones = [AlignmentItem(symbol, 0.1 * place, 0.1) for place, symbol in enumerate(["h#", "aa", "h#"])]
        supervision = SupervisionSegment(name, name, 0.0, 2.0, text=text, speaker=speaker, alignment={"phone": phones})
        cuts.append(MonoCut(name, 0.0, 2.0, 0, supervisions=[supervision]))
    write_cuts(CutSet.from_cuts(cuts), tmp_path / "test_cuts.jsonl.gz")
    write(tmp_path / "right.jsonl", {name: text for name, (_, text) in TEXTS.items()})
    write(tmp_path / "wrong.jsonl", {"u1": "the cat", "u2": "sad", "u3": "on mat"})
    write(tmp_path / "phones.jsonl", {"u1": "sil aa sil", "u2": "aa", "u3": "sil aa sil"})
    return tmp_path


def write(path, texts: dict[str, str]) -> None:
    write_hypotheses(path, [(name, [Hypothesis(text, (), (), -1.0, 1.0)]) for name, text in texts.items()])


def run(folder, *arguments: str) -> int:
    names = [str(folder / argument) if argument.endswith((".jsonl", ".json")) else argument for argument in arguments]
    return main(["--cuts", str(folder / "test_cuts.jsonl.gz"), *names])


def test_one_row_for_each_file_and_unit(folder, capsys):
    status = run(folder, "--hyps", "right.jsonl", "wrong.jsonl", "--unit", "word", "char", "--policy", "verbatim")
    lines = capsys.readouterr().out.splitlines()
    assert status == 0
    assert lines[0].startswith("text policy verbatim (hash ")
    assert [line.split()[:2] for line in lines[3:]] == [
        ["right", "word"],
        ["right", "char"],
        ["wrong", "word"],
        ["wrong", "char"],
    ]
    assert lines[5].split()[2:8] == ["6", "1", "1", "0", "2", "33.33"]


def test_phones_are_folded_by_the_policy_and_json_is_written(folder, capsys):
    status = run(
        folder, "--hyps", "phones.jsonl", "--unit", "phone", "--policy", "timit-39", "--json", "report.json", "--quiet"
    )
    assert status == 0
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert report["scores"][0]["num_ref"] == 9
    assert report["scores"][0]["deletions"] == 2
    assert capsys.readouterr().err == ""


def test_speakers_and_worst_utterances(folder, capsys):
    assert run(folder, "--hyps", "wrong.jsonl", "--policy", "verbatim", "--per-speaker", "--worst", "5") == 0
    out = capsys.readouterr().out
    assert "bert" in out
    assert "  ref  sat" in out
    assert "u3: 1 errors" in out


def test_files_of_one_name_are_told_apart(folder, capsys):
    (folder / "b").mkdir()
    write(folder / "b" / "right.jsonl", dict.fromkeys(TEXTS, ""))
    assert run(folder, "--hyps", "right.jsonl", "b/right.jsonl", "--policy", "verbatim") == 0
    assert f"{folder}/b/right.jsonl" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["--hyps", "no.jsonl", "--policy", "verbatim"], 1, "no.jsonl: no such file; make it with: asr decode"),
        (["--hyps", "right.jsonl", "--policy", "loud"], 2, "text policy 'loud': there is none of that name"),
        (
            ["--hyps", "few.jsonl", "--policy", "verbatim"],
            1,
            "few.jsonl: 2 utterances are without a hypothesis: u2, u3",
        ),
        (
            ["--hyps", "many.jsonl", "--policy", "verbatim"],
            1,
            "many.jsonl: 1 utterance is not among the references: u9",
        ),
        (["--hyps", "right.jsonl", "--policy", "timit-39"], 2, "--policy: timit-39 folds phones"),
        (["--hyps", "right.jsonl", "--policy", "verbatim", "--unit", "word", "phone"], 2, "--unit: phones and words"),
        (
            ["--hyps", "right.jsonl", "--policy", "verbatim", "--worst", "-1"],
            2,
            "--worst: -1 utterances; give 0 or more",
        ),
    ],
)
def test_what_goes_wrong_is_one_line(folder, capsys, arguments, status, line):
    write(folder / "few.jsonl", {"u1": "the cat"})
    write(folder / "many.jsonl", dict.fromkeys((*TEXTS, "u9"), ""))
    assert run(folder, *arguments) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert line in captured.err
    assert captured.err.startswith("asr score: ")
    assert captured.err.count("\n") == 1


def test_missing_cuts(folder, capsys):
    assert main(["--cuts", "none.jsonl.gz", "--hyps", str(folder / "right.jsonl"), "--policy", "verbatim"]) == 1
    assert "none.jsonl.gz" in capsys.readouterr().err
