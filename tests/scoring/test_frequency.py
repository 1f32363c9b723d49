from __future__ import annotations

import json
import random

import pytest

from asr.errors import DataError
from asr.scoring.counts import AlignedToken, ErrorCounts, align_texts, count_errors
from asr.scoring.frequency import FrequencyErrors, bin_names, count_by_frequency, count_words

FREQUENCIES = {"once": 1, "nine": 9, "ten": 10, "hundred": 100, "many": 999, "the": 1000, "a": 123456}
PLACES = [
    AlignedToken("zebra", "many"),  # not in the text: a substitution there, whatever it was taken for
    AlignedToken("yak", "yak"),
    AlignedToken("once", "once"),
    AlignedToken("nine", None),
    AlignedToken("ten", "hundred"),
    AlignedToken("hundred", "hundred"),
    AlignedToken("many", None),
    AlignedToken("the", "a"),
    AlignedToken("a", "a"),
    AlignedToken("a", "a"),
    AlignedToken(None, "zebra"),
    AlignedToken(None, "the"),
]
BINS = (
    ErrorCounts(hits=1, substitutions=1),
    ErrorCounts(hits=1, deletions=1),
    ErrorCounts(substitutions=1),
    ErrorCounts(hits=1, deletions=1),
    ErrorCounts(hits=2, substitutions=1),
)


def test_words_are_counted_in_the_bin_of_the_reference():
    found = count_by_frequency(PLACES, FREQUENCIES)
    assert found == FrequencyErrors(BINS, insertions=2)
    assert found.total == ErrorCounts(5, 3, 2, 0)
    assert (found.num_oovs, found.oov_rate) == (2, 0.2)
    halves = [count_by_frequency(half, FREQUENCIES) for half in (PLACES[:5], PLACES[5:])]
    assert sum(halves, FrequencyErrors()) == found


def test_table():
    assert count_by_frequency(PLACES, FREQUENCIES).to_text().split("\n") == [
        "in the text  ref  sub  del  wrong  rate %",
        "0              2    1    0      1   50.00",
        "1-9            2    0    1      1   50.00",
        "10-99          1    1    0      1  100.00",
        "100-999        2    0    1      1   50.00",
        "1000+          3    1    0      1   33.33",
        "all           10    3    2      5   50.00",
        "OOV rate 20.00 %: 2 of 10 words are not in the text; 2 insertions",
    ]
    lines = FrequencyErrors(insertions=1).to_text().split("\n")
    assert lines[1].split() == ["0", "0", "0", "0", "0", "-"]
    assert lines[-1] == "OOV rate 0.00 %: 0 of 0 words are not in the text; 1 insertions"


def test_json_has_the_same_numbers():
    found = json.loads(json.dumps(count_by_frequency(PLACES[:1], FREQUENCIES).to_dict(), allow_nan=False))
    assert (found["num_oovs"], found["oov_rate"], found["insertions"]) == (1, 1.0, 0)
    assert [(each["least"], each["most"], each["num_ref"]) for each in found["bins"]] == [
        (0, 0, 1),
        (1, 9, 0),
        (10, 99, 0),
        (100, 999, 0),
        (1000, None, 0),
    ]
    assert found["bins"][0]["rate"] == 1.0
    assert found["bins"][1]["rate"] is None


def test_sums_are_those_of_the_whole_score():
    generator = random.Random(0)
    words = [*FREQUENCIES, "zebra", "yak"]
    refs, hyps = ([" ".join(generator.choices(words, k=generator.randint(0, 9))) for _ in range(50)] for _ in "rh")
    found = sum((count_by_frequency(p, FREQUENCIES) for p in align_texts(refs, hyps, "word")), FrequencyErrors())
    whole = sum(count_errors(refs, hyps, "word"), ErrorCounts())
    assert found.total + ErrorCounts(insertions=found.insertions) == whole
    assert len(bin_names()) == len(found.bins)
    for name, counts in zip(bin_names(), found.bins, strict=True):
        least = int(name.removesuffix("+").partition("-")[0])
        most = {"0": 0, "1-9": 9, "10-99": 99, "100-999": 999, "1000+": float("inf")}[name]
        expected = sum(least <= FREQUENCIES.get(word, 0) <= most for ref in refs for word in ref.split())
        assert counts.num_ref == expected


def test_a_text_is_counted_and_named():
    found = count_words(iter([["a", "b", "a"], ["c"]]), ["one.txt", "two.txt"])
    assert found.counts == {"a": 2, "b": 1, "c": 1}
    assert found.to_dict() == {"files": ["one.txt", "two.txt"], "num_words": 4, "num_types": 3}
    assert str(found) == "4 words of one.txt, two.txt, 3 different ones"
    with pytest.raises(DataError, match=r"one\.txt: holds no words to count"):
        count_words([], ["one.txt"])
