from __future__ import annotations

from asr.scoring.counts import AlignedToken
from asr.scoring.tables import display_width, lines_of_places, table


def test_columns_stand_under_each_other_in_any_script():
    lines = table([["a", "1"], ["語語", "10"], ["e\u0301", "100"]], num_left=1).split("\n")
    assert lines == ["a       1", "語語   10", "e\u0301     100"]
    assert {display_width(line) for line in lines} == {9}


def test_long_alignments_are_broken_into_blocks():
    lines = lines_of_places([AlignedToken("word", "word")] * 40)
    assert max(map(len, lines)) <= 110
    assert sum(line.count("word") for line in lines if line.startswith("  ref")) == 40


def test_nothing_said_and_nothing_heard():
    assert lines_of_places([]) == []
    assert lines_of_places([AlignedToken(None, "a")]) == ["  ref  *", "  hyp  a", "       I"]
