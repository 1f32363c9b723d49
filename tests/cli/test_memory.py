"""asr memory as people use it."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.cli.memory import main

SMALL = ["--hidden-dim", "6", "--batch-size", "2", "--quiet"]


def test_trains_measures_and_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--task", "copy", "--cell", "gru", "--length", "5", "--steps", "2", "--seed", "3", *SMALL]) == 0
    line = capsys.readouterr().out
    assert line.startswith("copy, gru, T = 5, seed 3: held-out loss ")
    assert "of the 0.83178 without memory, after 2 steps" in line
    assert (tmp_path / "exp/memory/copy/gru_T5_seed3.json").exists()
    assert main(["--task", "gradient", "--length", "20", "--chrono", *SMALL]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("gradient, lstm_chrono, T = 20, seed 0: gradient relative to lag 0: ")
    assert printed.endswith(" at lag 10\n")
    for task in ("copy", "gradient"):
        assert main(["--task", task, "--draw"]) == 0
        assert capsys.readouterr().out == f"exp/memory/{task}.png\n"
        assert (tmp_path / f"exp/memory/{task}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--task", "copy", "--cell", "nose"], 2, "--cell: 'nose' is no cell; use one of "),
        (["--task", "adding", "--length", "1"], 2, "--length: 1 frames; give 2 or more"),
        (["--task", "copy", "--length", "2", "--chrono"], 2, "--length: 2 frames; give 3 or more"),
        (["--task", "copy", "--steps", "0"], 2, "--steps: 0; give more than 0"),
        (["--task", "copy", "--learning-rate", "nan"], 2, "--learning-rate: nan; give more than 0"),
        (["--task", "copy", "--cell", "rnn", "--chrono"], 2, "rnn"),
        (["--task", "adding", "--draw"], 1, "no curves are there; run asr memory --task adding first"),
    ],
)
def test_what_cannot_be_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, message: str
) -> None:
    assert main([*arguments, "--out-dir", str(tmp_path)]) == status
    line = capsys.readouterr().err.strip()
    assert line.startswith("asr memory: ")
    assert message in line
    assert "\n" not in line
    assert not list(tmp_path.iterdir())
