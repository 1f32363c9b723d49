from __future__ import annotations

import json

import pytest

from asr.errors import DataError
from asr.scoring.frequency import WordFrequencies
from asr.scoring.references import Reference
from asr.scoring.report import Report, score
from asr.text.policy import get_policy

POLICY = get_policy("upper-no-punctuation")
REFERENCES = (
    Reference("u1", "The cat sat.", "anna", 1800.0),
    Reference("u2", "on the mat", "bert", 900.0),
    Reference("u3", "yes", "anna", 900.0),
)
HYPOTHESES = {"u1": "cat sad", "u2": "ON THE MAT", "u3": "yes yes"}


def make(**settings) -> Report:
    references = tuple(settings.get("references", REFERENCES))
    units = settings.get("units", ["word"])
    return Report(POLICY, references, tuple(score("greedy", references, HYPOTHESES, unit, POLICY) for unit in units))


def test_counts_over_all_and_per_speaker():
    (scored,) = make().scores
    assert (scored.counts.hits, scored.counts.substitutions, scored.counts.deletions, scored.counts.insertions) == (
        5,
        1,
        1,
        1,
    )
    assert {name: counts.errors for name, counts in scored.speakers.items()} == {"anna": 3, "bert": 0}
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
    (scored,) = report["scores"]
    assert (scored["label"], scored["unit"], scored["num_ref"], scored["errors"]) == ("greedy", "word", 7, 3)
    assert scored["rate"] == pytest.approx(3 / 7)
    assert scored["speakers"]["anna"]["rate"] == pytest.approx(3 / 4)
    assert scored["interval"] == [0.0, 0.75]


FREQUENCIES = WordFrequencies(("book.txt",), {"THE": 1200, "ON": 30, "MAT": 9, "CAT": 2, "SAD": 5})
CHAPTERS = {"u1": "anna-1", "u2": "bert-7", "u3": "anna-2"}


def make_detailed(**settings) -> Report:
    references = tuple(settings.get("references", REFERENCES))
    scores = tuple(
        score("greedy", references, HYPOTHESES, unit, POLICY, frequencies=FREQUENCIES) for unit in ("word", "char")
    )
    return Report(POLICY, references, scores, settings.get("chapters", CHAPTERS), FREQUENCIES)


def test_words_by_frequency_speakers_and_chapters():
    lines = make_detailed().to_text(details=True).split("\n")
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
    assert "not known of every utterance" in make_detailed(chapters={"u1": "anna-1"}).to_text(details=True)
    assert "chapters" not in make_detailed().to_text()


def test_json_has_frequencies_and_chapters():
    report = json.loads(json.dumps(make_detailed().to_dict(), allow_nan=False))
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
    assert plain["scores"][0]["chapters"] == {}


def test_unknown_speakers_are_said_to_be():
    report = make(references=[*REFERENCES[:2], Reference("u3", "yes", None, 900.0)])
    assert "unknown speakers" in report.to_text()
    assert "bootstrap over utterances" in report.to_text()
    assert "not known of every utterance" in report.to_text(per_speaker=True)
    assert (report.to_dict()["num_speakers"], report.to_dict()["interval"]["over"]) == (None, "utterances")
    assert report.scores[0].interval is not None


def test_empty_references_and_a_single_speaker():
    silence = (Reference("u1", "...", "anna", 1.0),)
    report = Report(POLICY, silence, (score("greedy", silence, {"u1": "a"}, "word", POLICY),))
    assert report.to_text().endswith("greedy      word    0    0    0    1       1     inf              -")
    assert report.to_dict()["scores"][0]["rate"] is None
    perfect = Report(POLICY, silence, (score("greedy", silence, {"u1": ""}, "word", POLICY),))
    assert "none has an error" in perfect.to_text(num_worst=3)


def test_the_policy_is_applied_to_both_sides_and_names_what_it_refuses():
    phones = (Reference("u1", "h# sh ix bcl b", "anna", 1.0),)
    policy = get_policy("timit-39")
    assert score("x", phones, {"u1": "sil sh ih sil b"}, "phone", policy).counts.errors == 0
    with pytest.raises(DataError, match="hypothesis u1"):
        score("x", phones, {"u1": "sil xx"}, "phone", policy)


def test_what_does_not_join_names_the_file():
    with pytest.raises(DataError, match=r"h\.jsonl: 1 utterance is without a hypothesis: u3"):
        score("greedy", REFERENCES, {"u1": "", "u2": ""}, "word", POLICY, "h.jsonl")
