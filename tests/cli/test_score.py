from __future__ import annotations

import json

import pytest
from lhotse import CutSet, MonoCut, SupervisionSegment
from lhotse.supervision import AlignmentItem

from asr.cli.lm import main as lm_main
from asr.cli.score import main
from asr.corpora.manifests import write_cuts
from asr.decoding.hypothesis import Hypothesis, Span
from asr.reports.summary import read_scores, scores_table
from asr.scoring.hypotheses import write_hypotheses

TEXTS = {"u1": ("anna", "the cat"), "u2": ("anna", "sat"), "u3": ("bert", "on the mat")}


@pytest.fixture
def folder(tmp_path):
    cuts = []
    for name, (speaker, text) in TEXTS.items():
        phones = [AlignmentItem(symbol, 0.1 * place, 0.1) for place, symbol in enumerate(["h#", "aa", "h#"])]
        words = [AlignmentItem(word, 0.5 * place, 0.5) for place, word in enumerate(text.split())]
        supervision = SupervisionSegment(
            name,
            name,
            0.0,
            2.0,
            text=text,
            speaker=speaker,
            custom={"sex": "F", "dialect": "DR1", "chapter": f"0{name[1]}"},
            alignment={"phone": phones} | ({"word": words} if name != "u3" else {}),
        )
        cuts.append(MonoCut(name, 0.0, 2.0, 0, supervisions=[supervision]))
    write_cuts(CutSet.from_cuts(cuts), tmp_path / "test_cuts.jsonl.gz")
    write(tmp_path / "right.jsonl", {name: text for name, (_, text) in TEXTS.items()})
    write(tmp_path / "wrong.jsonl", {"u1": "the cat", "u2": "sad", "u3": "on mat"})
    write(tmp_path / "phones61.jsonl", {"u1": "h# aa h#", "u2": "h# pau aa h#", "u3": "h# ae h#"})
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


def test_words_by_frequency_in_text_and_transcripts(folder, capsys):
    (folder / "book.txt").write_text("The cat, the mat.\n\nA rug!\n", encoding="utf-8")
    sources = [str(folder / "book.txt"), str(folder / "test_cuts.jsonl.gz")]
    settings = ["--policy", "upper-no-punctuation", "--unit", "word", "char", "--json", "report.json"]
    assert run(folder, "--hyps", "wrong.jsonl", *settings, "--frequencies", sources[0]) == 0
    captured = capsys.readouterr()
    assert "1 lines without words are no sentences" in captured.err
    assert f"frequencies: 6 words of {sources[0]}, 5 different ones" in captured.out
    assert "OOV rate 33.33 %: 2 of 6 words are not in the text; 0 insertions" in captured.out  # sat, on
    assert captured.out.count("by frequency") == 1
    bins = json.loads((folder / "report.json").read_text(encoding="utf-8"))["scores"][0]["frequency"]["bins"]
    assert [(each["num_ref"], each["substitutions"], each["deletions"]) for each in bins[:2]] == [(2, 1, 0), (4, 0, 1)]
    assert run(folder, "--hyps", "wrong.jsonl", *settings, "--frequencies", *sources) == 0
    assert f"frequencies: 12 words of {', '.join(sources)}, 7 different ones" in capsys.readouterr().out
    assert run(folder, "--hyps", "wrong.jsonl", "--policy", "verbatim", "--frequencies", sources[0]) == 0
    assert "OOV rate 66.67 %" in capsys.readouterr().out  # cat, the know their case: cat, sat, on and mat


def test_details_of_words_are_speakers_and_chapters(folder, capsys):
    assert run(folder, "--hyps", "wrong.jsonl", "--policy", "verbatim", "--details", "--json", "report.json") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["bert", "1", "3", "0", "1", "0", "1", "33.33"] in lines
    assert ["bert-03", "1", "3", "0", "1", "0", "1", "33.33"] in lines
    chapters = json.loads((folder / "report.json").read_text(encoding="utf-8"))["scores"][0]["chapters"]
    assert {name: each["errors"] for name, each in chapters.items()} == {"anna-01": 0, "anna-02": 1, "bert-03": 1}


def test_times_of_words_against_alignments(folder, capsys):
    cuts = CutSet.from_file(folder / "test_cuts.jsonl.gz").subset(cut_ids=["u1", "u2"])
    write_cuts(cuts, folder / "timed_cuts.jsonl.gz")
    heard = {"u1": [Span("The", 0.06, 0.3, 1.0), Span("CAT", 0.54, 1.0, 1.0)], "u2": [Span("sad", 0.0, 0.5, 1.0)]}
    hyps = [
        (name, [Hypothesis(" ".join(w.text for w in words), (), tuple(words), 0.0, 1.0)])
        for name, words in heard.items()
    ]
    write_hypotheses(folder / "timed.jsonl", hyps)
    arguments = ["--hyps", str(folder / "timed.jsonl"), "--policy", "lower-no-punctuation", "--times"]
    assert main(["--cuts", str(folder / "timed_cuts.jsonl.gz"), *arguments]) == 0
    assert capsys.readouterr().out.splitlines()[-2].split() == ["starts", "2", "3", "50", "60", "50"]
    assert run(folder, "--hyps", "right.jsonl", "--policy", "verbatim", "--times") == 1
    assert "u3 has no times of words; prepare the corpus with --alignments" in capsys.readouterr().err
    assert run(folder, "--hyps", "phones.jsonl", "--policy", "timit-39", "--unit", "phone", "--times") == 2
    assert "--times: they are of words, and no words are scored" in capsys.readouterr().err


def test_confidences_of_words(folder, capsys):
    sure = {"u1": [("the", 0.9), ("cat", 0.8)], "u2": [("sad", 0.1)], "u3": [("on", 0.9), ("the", 0.9), ("mat", 0.9)]}
    rows = [(name, tuple(Span(text, 0.0, 0.0, each) for text, each in words)) for name, words in sure.items()]
    hyps = [(name, [Hypothesis(" ".join(word.text for word in words), (), words, -1.0, 0.5)]) for name, words in rows]
    write_hypotheses(folder / "sure.jsonl", hyps)
    assert run(folder, "--hyps", "sure.jsonl", "--unit", "word", "char", "--policy", "verbatim", "--confidence") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-5].startswith(f"{folder / 'sure.jsonl'}: ECE 0.117 (")
    assert lines[-5].endswith(", AUC 1.000; 5 of 6 are right")
    assert lines[-4:] == [
        "confidence  words   mean  right",
        "0.1 to 0.2      1  0.100  0.000",
        "0.8 to 0.9      1  0.800  1.000",
        "0.9 to 1.0      4  0.900  1.000",
    ]


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


def test_protocols_with_their_card(folder, capsys):
    names = ["graves-61-39", "39-merged", "39-no-silence"]
    arguments = ["--hyps", "phones61.jsonl", "--protocol", *names, "--json", "report.json", "--details"]
    assert run(folder, *arguments) == 0
    out = capsys.readouterr().out
    assert out.startswith("split test: 3 utterances, 2 speakers, no official split of TIMIT (hash ")
    rows = {cells[2]: cells[3:8] for line in out.splitlines() if (cells := line.split())[:2] == ["phones61", "61"]}
    assert rows == {
        "graves-61-39": ["9", "1", "0", "1", "2"],
        "39-merged": ["9", "1", "0", "0", "1"],
        "39-no-silence": ["3", "1", "0", "0", "1"],
    }
    assert "aa > ae" in out
    assert "DR1" in out
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert [card["name"] for card in report["protocols"]] == names
    assert report["scores"][0]["confusions"]["substitutions"] == [{"ref": "aa", "hyp": "ae", "count": 1}]
    assert report["scores"][0]["sexes"]["F"]["errors"] == 2


def test_two_files_are_compared(folder, capsys):
    write(folder / "worse.jsonl", {"u1": "h# ae h#", "u2": "h# ae h#", "u3": "h# ae"})
    arguments = ["--protocol", "39-merged", "--json", "difference.json"]
    assert run(folder, "--compare", "worse.jsonl", "phones61.jsonl", *arguments) == 0
    out = capsys.readouterr().out
    assert "second minus first: -33.33 points, -75.0 % relative" in out
    assert "fewer than 50 utterances make p doubtful" in out
    report = json.loads((folder / "difference.json").read_text(encoding="utf-8"))
    assert report["matched_pairs"]["num_different"] == 3
    assert report["interval"]["high"] < 0


def test_words_are_compared_under_a_policy(folder, capsys):
    assert run(folder, "--compare", "wrong.jsonl", "right.jsonl", "--policy", "verbatim") == 0
    compared = capsys.readouterr().out
    assert "second minus first: -33.33 points" in compared
    for name in ("wrong", "right"):
        arguments = ["--policy", "verbatim", "--unit", "word", "char", "--json", f"{name}.json"]
        assert run(folder, "--hyps", f"{name}.jsonl", *arguments) == 0
    capsys.readouterr()
    files = [str(folder / "wrong.json"), str(folder / "right.json")]
    assert main(["--compare", *files, "--policy", "verbatim"]) == 0  # words, as above
    assert main(["--compare", *files, "--unit", "word"]) == 0
    assert run(folder, "--compare", "wrong.json", "right.jsonl", "--policy", "verbatim") == 0
    assert capsys.readouterr().out == 3 * compared
    assert run(folder, "--compare", "wrong.json", "right.jsonl", "--policy", "verbatim", "--unit", "char") == 0
    assert capsys.readouterr().out.startswith("text policy verbatim (be65088a), chars; 3 utterances")
    assert main(["--compare", *files]) == 1
    assert "holds 2 scores to compare (wrong under verbatim in words, " in capsys.readouterr().err
    assert run(folder, "--compare", "wrong.json", "right.jsonl", "--policy", "lower-no-punctuation") == 1
    assert "wrong.json: holds 0 scores to compare" in capsys.readouterr().err


def test_score_files_and_hypotheses_are_compared(folder, capsys):
    for name, protocol in (("a", "39-merged"), ("b", "graves-61-39")):
        assert run(folder, "--hyps", "phones61.jsonl", "--protocol", protocol, "--json", f"{name}.json") == 0
    capsys.readouterr()
    assert main(["--compare", str(folder / "a.json"), "--against", str(folder / "a.json"), str(folder / "a.json")]) == 0
    assert "+0.00 points" in capsys.readouterr().out
    assert run(folder, "--compare", "a.json", "phones.jsonl", "--protocol", "39-merged") == 0
    assert "first (phones61)" in capsys.readouterr().out
    assert main(["--compare", str(folder / "a.json"), str(folder / "b.json")]) == 1
    err = capsys.readouterr().err
    assert "b.json: is scored under protocol graves-61-39 (" in err
    assert "a.json under protocol 39-merged (" in err
    assert err.endswith("their rates are not comparable; score both under one protocol\n")


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["--hyps", "phones.jsonl", "--protocol", "61"], 1, "holds 39-phone labels, protocol 61 needs 61"),
        (["--hyps", "phones.jsonl", "--protocol", "graves"], 2, "protocol 'graves': there is none of that name"),
        (["--hyps", "phones.jsonl", "--protocol", "61", "--unit", "word"], 2, "--protocol: protocols count phones"),
        (["--hyps", "right.jsonl"], 2, "--policy, --protocol: neither is given"),
        (["--compare", "a.jsonl", "b.jsonl", "--protocol", "61", "--details"], 2, "--details: a comparison has none"),
        (["--hyps", "phones.jsonl", "--protocol", "61", "--frequencies", "b"], 2, "--frequencies: they are of words"),
        (
            ["--hyps", "right.jsonl", "--policy", "verbatim", "--unit", "char", "--frequencies", "b"],
            2,
            "--frequencies: they are of words, and no words are scored; give --hyps and --unit word",
        ),
        (
            ["--hyps", "right.jsonl", "--policy", "verbatim", "--frequencies", "none.txt"],
            1,
            "none.txt: no such file",
        ),
        (
            ["--hyps", "right.jsonl", "--policy", "verbatim", "--against", "a.json"],
            2,
            "--against: there is no --compare",
        ),
        (["--compare", "right.jsonl", "--policy", "verbatim"], 2, "--compare: 1 files and no --against"),
        (["--compare", "a.jsonl", "b.jsonl", "--protocol", "61", "39-merged"], 2, "--compare: there is more than one"),
        (["--compare", "none.json", "none.json"], 1, "none.json: has no errors by utterance"),
    ],
)
def test_what_goes_wrong_with_protocols_is_one_line(folder, capsys, arguments, status, line):
    assert run(folder, *arguments) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert line in captured.err
    assert captured.err.count("\n") == 1


def test_hypotheses_need_cuts(folder, capsys):
    assert main(["--hyps", str(folder / "right.jsonl"), "--policy", "verbatim"]) == 2
    assert "--cuts: there are no references for" in capsys.readouterr().err


def test_the_overlap_of_the_language_models_text_is_in_the_report(folder, capsys):
    (folder / "books.txt").write_text("the cat\nwas on the hat\n")
    cuts, overlap = str(folder / "test_cuts.jsonl.gz"), str(folder / "overlap.json")
    arguments = ["overlap", "--text", str(folder / "books.txt"), "--order", "2", "--out", overlap]
    assert lm_main([*arguments, "--against", cuts]) == 0
    verdict = "NOT independent: the text shares 2 of 3 2-grams (66.67 %) and 2 of 3 utterances (u1, u3)"
    line = f"language-model text ({folder / 'books.txt'}) and test: {verdict}"
    assert capsys.readouterr().out == f"{line}\n"
    scored = ("--hyps", "right.jsonl", "--policy", "verbatim", "--overlap", "overlap.json")
    assert run(folder, *scored, "--json", "test_scores.json") == 0
    assert line in capsys.readouterr().out.splitlines()
    assert scores_table(read_scores(folder / "test_scores.json")).endswith(f"\n\n{line}")
    stored = json.loads((folder / "overlap.json").read_text())
    assert (stored["num_short"], stored["utterances"]) == (1, ["u1", "u3"])
    (folder / "overlap.json").write_text(json.dumps(stored | {"split": {"name": "dev", "hash": "0"}}))
    assert run(folder, *scored) == 1
    assert "overlap.json: is about dev (hash 0), not test (hash " in capsys.readouterr().err
    assert run(folder, "--compare", "right.jsonl", "wrong.jsonl", "--policy", "verbatim", *scored[4:]) == 2
