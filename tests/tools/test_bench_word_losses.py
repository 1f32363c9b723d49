"""tools/bench_word_losses.py times three ways to train a language model."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

TOOL = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "bench_word_losses.py"))


def test_all_ways_are_timed_in_turns(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ["--words", "50", "--embedding-dim", "4", "--hidden-dim", "4", "--samples", "10", "--rounds", "1"]
    monkeypatch.setattr(sys, "argv", ["bench_word_losses.py", *sizes])
    TOOL["main"]()
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["all words at once", "all words, block by block", "10 words"]
    assert lines[0].endswith("ratio 1.00")
    assert all(re.fullmatch(r".*: \d+\.\d{3} s for 2,080 words, ratio \d+\.\d\d", line) for line in lines)
