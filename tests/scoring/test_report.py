from __future__ import annotations

import json
from dataclasses import replace

import pytest

from asr.scoring.frequency import WordFrequencies
from asr.scoring.protocols import get_protocol
from asr.scoring.references import Reference
from asr.scoring.report import Report, make_report
from asr.scoring.rules import PolicyRule
from asr.text.policy import get_policy

POLICY = get_policy("upper-no-punctuation")
REFERENCES = (
    Reference("u1", "The cat sat.", "anna", 1800.0, chapter="anna-1"),
    Reference("u2", "on the mat", "bert", 900.0, chapter="bert-7"),
    Reference("u3", "yes", "anna", 900.0, chapter="anna-2"),
)
HYPOTHESES = {"u1": "cat sad", "u2": "ON THE MAT", "u3": "yes yes"}
SPOKEN = (
    Reference("FAAA0_SI1", "h# sh iy pau h#", "FAAA0", 2.0, "F", "DR1"),
    Reference("MBBB0_SX2", "h# m aa tcl t h#", "MBBB0", 1.0, "M", "DR2"),
)
HEARD = {"FAAA0_SI1": "h# s iy h#", "MBBB0_SX2": "h# m aa t h#"}


def make(units=("word",), references=REFERENCES, hyps=HYPOTHESES, frequencies=None) -> Report:
    rules = [PolicyRule(POLICY, unit) for unit in units]
    return make_report({"x/greedy.jsonl": hyps}, references, "test_cuts.jsonl.gz", rules, frequencies)


def make_of_phones(*names: str) -> Report:
    rules = [get_protocol(name) for name in names]
    return make_report({"greedy.jsonl": HEARD}, SPOKEN, "data/timit/test_cuts.jsonl.gz", rules)


def test_counts_over_all_and_per_speaker():
    (scored,) = make().scores
    assert (scored.counts.hits, scored.counts.substitutions, scored.counts.deletions, scored.counts.insertions) == (
        5,
        1,
        1,
        1,
    )
    assert {name: part.counts.errors for name, part in scored.parts("speaker").items()} == {"anna": 3, "bert": 0}
    low, high = scored.interval
    assert (low, high) == (0.0, 3 / 4)


def test_text():
    assert make(units=["word", "char"]).to_text(per_speaker=True, num_worst=1).split("\n") == [
        f"text policy upper-no-punctuation (hash {POLICY.hash}); 3 utterances, 2 speakers, 1.00 h; "
        "bootstrap over speakers",
        "",
        "hypotheses  unit  ref  sub  del  ins  errors  rate %  95 % interval",
        "greedy      word    7    1    1    1       3   42.86  0.00 to 75.00",
        "greedy      char   24    1    4    4       9   37.50  0.00 to 64.29",
        "",
        "greedy, word, speakers:",
        "speaker  utterances  ref  sub  del  ins  errors  rate %",
        "anna              2    4    1    1    1       3   75.00",
        "bert              1    3    0    0    0       0    0.00",
        "",
        "greedy, word, worst utterances:",
        "",
        "u1: 2 errors, 3 in the reference",
        "  ref  THE  CAT  SAT",
        "  hyp  ***  CAT  SAD",
        "       D         S",
        "",
        "greedy, char, speakers:",
        "speaker  utterances  ref  sub  del  ins  errors  rate %",
        "anna              2   14    1    4    4       9   64.29",
        "bert              1   10    0    0    0       0    0.00",
        "",
        "greedy, char, worst utterances:",
        "",
        "u1: 5 errors, 11 in the reference",
        "  ref  T  H  E  ␣  C  A  T  ␣  S  A  T",
        "  hyp  *  *  *  *  C  A  T  ␣  S  A  D",
        "       D  D  D  D                    S",
    ]


def test_json_has_the_same_numbers():
    report = json.loads(json.dumps(make().to_dict(), allow_nan=False))
    assert report["policy"] == {"name": "upper-no-punctuation", "hash": POLICY.hash}
    assert (report["num_utterances"], report["num_speakers"], report["seconds"]) == (3, 2, 3600.0)
    assert report["interval"] == {"level": 0.95, "over": "speakers"}
    assert report["split"] == {"name": "test", "hash": make().split.hash}
    (scored,) = report["scores"]
    assert scored["policy"] == report["policy"]
    assert scored["utterances"]["u2"] == {
        "speaker": "bert",
        "hits": 3,
        "substitutions": 0,
        "deletions": 0,
        "insertions": 0,
    }
    assert (
        sum(each["substitutions"] + each["deletions"] + each["insertions"] for each in scored["utterances"].values())
        == 3
    )
    assert (scored["label"], scored["unit"], scored["num_ref"], scored["errors"]) == ("greedy", "word", 7, 3)
    assert scored["rate"] == pytest.approx(3 / 7)
    assert scored["speakers"]["anna"]["rate"] == pytest.approx(3 / 4)
    assert scored["interval"] == [0.0, 0.75]


FREQUENCIES = WordFrequencies(("book.txt",), {"THE": 1200, "ON": 30, "MAT": 9, "CAT": 2, "SAD": 5})


def test_words_by_frequency_speakers_and_chapters():
    lines = make(("word", "char"), frequencies=FREQUENCIES).to_text(details=True).split("\n")
    assert lines[1] == "frequencies: 1,246 words of book.txt, 5 different ones"
    assert lines[7:32] == [
        "greedy, word, by frequency of the word that was said:",
        "in the text  ref  sub  del  wrong  rate %",
        "0              2    1    0      1   50.00",
        "1-9            2    0    0      0    0.00",
        "10-99          1    0    0      0    0.00",
        "100-999        0    0    0      0       -",
        "1000+          2    0    1      1   50.00",
        "all            7    1    1      2   28.57",
        "OOV rate 28.57 %: 2 of 7 words are not in the text; 1 insertions",
        "",
        "greedy, word, speakers:",
        "speaker  utterances  ref  sub  del  ins  errors  rate %  OOV %",
        "anna              2    4    1    1    1       3   75.00  50.00",
        "bert              1    3    0    0    0       0    0.00   0.00",
        "",
        "greedy, word, chapters:",
        "chapter  utterances  ref  sub  del  ins  errors  rate %   OOV %",
        "anna-1            1    3    1    1    0       2   66.67   33.33",
        "anna-2            1    1    0    0    1       1  100.00  100.00",
        "bert-7            1    3    0    0    0       0    0.00    0.00",
        "",
        "greedy, char, speakers:",
        "speaker  utterances  ref  sub  del  ins  errors  rate %",
        "anna              2   14    1    4    4       9   64.29",
        "bert              1   10    0    0    0       0    0.00",
    ]
    some = [*REFERENCES[:2], replace(REFERENCES[2], chapter=None)]
    assert make(references=some).to_text(details=True).endswith("greedy, word, chapters:\nnot known of every utterance")
    assert "chapters" not in make(("word", "char"), frequencies=FREQUENCIES).to_text()


def test_json_has_frequencies_and_chapters():
    report = json.loads(json.dumps(make(("word", "char"), frequencies=FREQUENCIES).to_dict(), allow_nan=False))
    assert report["frequencies"] == {"files": ["book.txt"], "num_words": 1246, "num_types": 5}
    words, characters = report["scores"]
    assert (words["frequency"]["num_oovs"], words["frequency"]["insertions"]) == (2, 1)
    assert words["frequency"]["oov_rate"] == pytest.approx(2 / 7)
    assert [each["num_ref"] for each in words["frequency"]["bins"]] == [2, 2, 1, 0, 2]
    assert {name: (each["errors"], each["oov_rate"]) for name, each in words["chapters"].items()} == {
        "anna-1": (2, pytest.approx(1 / 3)),
        "anna-2": (1, 1.0),
        "bert-7": (0, 0.0),
    }
    assert words["speakers"]["anna"]["num_oovs"] == 2
    assert "frequency" not in characters
    assert characters["chapters"]["anna-1"]["errors"] == 5
    plain = make().to_dict()
    assert "frequencies" not in plain
    assert (
        make(references=[replace(each, chapter=None) for each in REFERENCES]).to_dict()["scores"][0]["chapters"] == {}
    )


def test_unknown_speakers_are_said_to_be():
    report = make(references=[*REFERENCES[:2], Reference("u3", "yes", None, 900.0)])
    assert "unknown speakers" in report.to_text()
    assert "bootstrap over utterances" in report.to_text()
    assert "not known of every utterance" in report.to_text(per_speaker=True)
    assert (report.to_dict()["num_speakers"], report.to_dict()["interval"]["over"]) == (None, "utterances")
    assert report.scores[0].interval is not None


def test_empty_references_and_a_single_speaker():
    silence = (Reference("u1", "...", "anna", 1.0),)
    report = make(references=silence, hyps={"u1": "a"})
    assert report.to_text().endswith("greedy      word    0    0    0    1       1     inf              -")
    assert report.to_dict()["scores"][0]["rate"] is None
    assert "none has an error" in make(references=silence, hyps={"u1": ""}).to_text(num_worst=3)


def test_files_of_one_name_are_told_apart():
    rules = [PolicyRule(POLICY, "word")]
    report = make_report(dict.fromkeys(("a/x.jsonl", "b/x.jsonl", "b/y.jsonl"), HYPOTHESES), REFERENCES, "cuts", rules)
    assert [each.label for each in report.scores] == ["a/x.jsonl", "b/x.jsonl", "y"]
    assert [each.where for each in report.scores] == ["a/x.jsonl", "b/x.jsonl", "b/y.jsonl"]


def test_the_card_names_split_phone_map_silence_and_sa_with_their_hashes():
    report = make_of_phones("39-merged")
    protocol, card = get_protocol("39-merged"), get_protocol("39-merged").card()
    split = f"split test: 2 utterances, 2 speakers, no official split of TIMIT (hash {report.split.hash})"
    assert report.card().splitlines() == [
        f"{split}; bootstrap over speakers",
        f"protocol 39-merged (hash {protocol.hash}): {protocol.source}",
        f"  phone map  61, 48 or 39 labels folded to 39, q removed (hash {card['phone_map']['hash']})",
        f"  silence    neighbouring silences become one, which counts as a phone (hash {card['silence']['hash']})",
        f"  sa         SA sentences are left out (hash {card['sa']['hash']})",
    ]


def test_rows_and_details():
    text = make_of_phones("graves-61-39", "39-deletable-silence").to_text(num_worst=1, details=True)
    rows = [line.split() for line in text.splitlines() if line.startswith("greedy  ")]
    assert [row[2:8] for row in rows] == [
        ["graves-61-39", "11", "1", "2", "0", "3"],
        ["39-deletable-silence", "10", "1", "0", "0", "1"],
    ]
    assert "sh > s" in text
    heads = [line.split()[0] for line in text.splitlines() if line.split()[1:3] == ["utterances", "ref"]]
    assert heads == ["sex", "dialect", "speaker"] * 2
    worst = text.split("greedy, 39-deletable-silence, worst utterances:")[1]
    assert worst.splitlines()[2:] == [
        "FAAA0_SI1: 1 errors, 4 in the reference",
        "  ref  sil  sh  iy  sil",
        "  hyp  sil  s   iy  sil",
        "            S",
    ]


def test_json_has_everything():
    report = json.loads(json.dumps(make_of_phones("39-merged", "39-no-silence").to_dict(), allow_nan=False))
    assert report["split"]["name"] == "test"
    assert [card["hash"] for card in report["protocols"]] == [each["protocol"]["hash"] for each in report["scores"]]
    merged, spoken = report["scores"]
    assert (merged["labels"], merged["num_ref"], merged["errors"], spoken["num_ref"]) == ("61", 10, 2, 5)
    assert {name: n["errors"] for name, n in merged["dialects"].items()} == {"DR1": 1, "DR2": 1}
    assert {name: n["errors"] for name, n in spoken["sexes"].items()} == {"F": 1, "M": 0}
    assert {name: n["errors"] for name, n in merged["speakers"].items()} == {"FAAA0": 1, "MBBB0": 1}
    assert merged["confusions"]["deletions"] == {"sil": 1}
    assert merged["utterances"]["MBBB0_SX2"] == {
        "speaker": "MBBB0",
        "hits": 5,
        "substitutions": 0,
        "deletions": 1,
        "insertions": 0,
    }
