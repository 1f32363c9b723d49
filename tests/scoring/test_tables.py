from __future__ import annotations

from asr.scoring.tables import aligned_lines, display_width, table


def test_columns_stand_under_each_other_in_any_script():
    lines = table([["a", "1"], ["語語", "10"], ["e\u0301", "100"]], num_left=1).split("\n")
    assert lines == ["a       1", "語語   10", "e\u0301     100"]
    assert {display_width(line) for line in lines} == {9}


def test_long_alignments_are_broken_into_blocks():
    text = " ".join(["word"] * 40)
    lines = aligned_lines(text, text, "word")
    assert max(map(len, lines)) <= 110
    assert sum(line.count("word") for line in lines if line.startswith("  ref")) == 40


def test_nothing_said_and_nothing_heard():
    assert aligned_lines("", "", "word") == []
    assert aligned_lines("", "a", "word") == ["  ref  *", "  hyp  a", "       I"]
