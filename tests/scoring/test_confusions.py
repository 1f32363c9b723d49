from __future__ import annotations

from asr.scoring.confusions import find_confusions
from asr.scoring.counts import AlignedToken, ErrorCounts

PLACES = [
    AlignedToken("sil", None, True),
    AlignedToken("m", "n"),
    AlignedToken("m", "n"),
    AlignedToken("m", "m"),
    AlignedToken("t", "iy"),
    AlignedToken("t", None),
    AlignedToken(None, "iy"),
    AlignedToken(None, "sil", True),
    AlignedToken("iy", "ih"),
]


def test_counts_worked_out_by_hand():
    confusions = find_confusions([PLACES[:4], PLACES[4:]])
    assert confusions.substitutions == {("m", "n"): 2, ("t", "iy"): 1, ("iy", "ih"): 1}
    assert (confusions.deletions, confusions.insertions) == ({"t": 1}, {"iy": 1})
    assert confusions.phones == {
        "iy": ErrorCounts(0, 1, 0, 1),
        "m": ErrorCounts(1, 2, 0, 0),
        "sil": ErrorCounts(hits=1),
        "t": ErrorCounts(0, 1, 1, 0),
    }
    assert confusions.classes == {
        "stops": ErrorCounts(0, 1, 1, 0),
        "nasals": ErrorCounts(1, 2, 0, 0),
        "vowels": ErrorCounts(0, 1, 0, 1),
        "silence": ErrorCounts(hits=1),
    }
    assert confusions.within_class == {"nasals": 2, "vowels": 1}


def test_tables_begin_with_the_most_frequent():
    confusions = find_confusions([PLACES])
    lines = confusions.to_text(number=1).splitlines()
    assert lines[:3] == [
        "most frequent:",
        "substituted     deleted     inserted",
        "m > n        2        t  1        iy  1",
    ]
    assert lines[4].split() == ["class", "ref", "sub", "del", "ins", "errors", "rate", "%", "sub", "within"]
    assert "no errors" in find_confusions([[AlignedToken("m", "m")]]).to_text()
    assert confusions.to_dict()["substitutions"][0] == {"ref": "m", "hyp": "n", "count": 2}
    assert confusions.to_dict()["classes"]["nasals"]["substitutions_within"] == 2
