"""The study of memory as people use it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.memory import __main__ as memory
from tools.memory.__main__ import main
from tools.memory.study import Curve, Trial, read_curve

SMALL = ["--hidden-dim", "6", "--batch-size", "2", "--quiet"]


def test_trains_measures_and_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--task", "copy", "--cell", "gru", "--length", "5", "--steps", "2", "--seed", "3", *SMALL]) == 0
    line = capsys.readouterr().out
    assert line.startswith("copy, gru, T = 5, seed 3: held-out loss ")
    assert "of the 0.83178 without memory, after 2 steps" in line
    assert [file.name for file in (tmp_path / "exp/memory/copy").iterdir()] == ["gru_T5_seed3.json"]
    assert main(["--task", "gradient", "--length", "20", "--chrono", *SMALL]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("gradient, lstm_chrono, T = 20, seed 0: gradient relative to lag 0: ")
    assert printed.endswith(" at lag 10\n")
    for task in ("copy", "gradient"):
        assert main(["--task", task, "--draw"]) == 0
        assert capsys.readouterr().out == f"exp/memory/{task}.png\n"
        assert (tmp_path / f"exp/memory/{task}.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_that_is_interrupted_leaves_the_curve_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["--task", "adding", "--length", "5", "--steps", "4", *SMALL]

    def interrupt(message: str) -> None:
        if message.startswith("step 3: "):
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(memory, "log", interrupt)
        assert main(arguments) == 130
    folder = tmp_path / "exp/memory/adding"
    assert [file.name for file in folder.iterdir()] == ["lstm_T5_seed0.partial.json"]
    so_far = read_curve(folder / "lstm_T5_seed0.partial.json")
    assert so_far.places == (0, 1, 2)
    assert main(["--task", "adding", "--draw"]) == 0
    assert main(arguments) == 0
    assert [file.name for file in folder.iterdir()] == ["lstm_T5_seed0.json"]
    curve = read_curve(folder / "lstm_T5_seed0.json")
    assert (curve.places, curve.values[:3]) == ((0, 1, 2, 3, 4), so_far.values)


@pytest.mark.parametrize(
    ("arguments", "steps", "learning_rate", "cycle_steps"),
    [
        (["--task", "copy"], 10_000, 0.03, 10_000),
        (["--task", "copy", "--steps", "7", "--learning-rate", "0.5"], 7, 0.5, 7),
        (["--task", "adding"], 5000, 0.01, 0),
        (["--task", "adding", "--steps", "7"], 7, 0.01, 0),
    ],
)
def test_the_task_decides_the_learning_rate(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    steps: int,
    learning_rate: float,
    cycle_steps: int,
) -> None:
    tried: list[tuple[Trial, int]] = []

    def learn(trial: Trial, max_steps: int, *_: object) -> Curve:
        tried.append((trial, max_steps))
        return Curve(trial, (0, max_steps), (0.1, 0.1), 1, 0.0)

    monkeypatch.setattr(memory, "learn", learn)
    assert main([*arguments, "--out-dir", str(tmp_path)]) == 0
    [(trial, max_steps)] = tried
    assert (max_steps, trial.learning_rate, trial.cycle_steps) == (steps, learning_rate, cycle_steps)


def test_help_says_which_task_has_a_cycle(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        main(["--help"])
    printed = capsys.readouterr().out
    assert (
        "of Adam; copy: peak of one cycle over all --steps, else constant (default: adding 0.01, copy 0.03, xor 0.01)\n"
        in printed
    )
    assert "optimiser steps (default: adding 5000, copy 10000, xor 5000)\n" in printed


def test_options_of_its_recipe_exist(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    recipe = Path(__file__).parents[3] / "recipes/memory"
    lines = "".join((recipe / name).read_text(encoding="utf-8") for name in ("README.md", "run.sh")).splitlines()
    named = [word for line in lines if re.search("tools.memory|study|run (copy|adding)", line) for word in line.split()]
    options = {word for word in named if re.fullmatch("--[a-z-]+", word)}
    assert {"--task", "--chrono", "--steps", "--draw"} <= options <= known


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--task", "copy", "--cell", "nose"], 2, "--cell: 'nose' is no cell; use one of "),
        (["--task", "adding", "--length", "1"], 2, "--length: 1 frames; give 2 or more"),
        (["--task", "copy", "--length", "2", "--chrono"], 2, "--length: 2 frames; give 3 or more"),
        (["--task", "copy", "--steps", "0"], 2, "--steps: 0; give more than 0"),
        (["--task", "copy", "--learning-rate", "nan"], 2, "--learning-rate: nan; give more than 0"),
        (["--task", "copy", "--cell", "rnn", "--chrono"], 2, "rnn"),
        (["--task", "adding", "--draw"], 1, "no curves are there; run python -m tools.memory --task adding first"),
    ],
)
def test_what_cannot_be_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, message: str
) -> None:
    assert main([*arguments, "--out-dir", str(tmp_path)]) == status
    line = capsys.readouterr().err.strip()
    assert line.startswith("python -m tools.memory: ")
    assert message in line
    assert "\n" not in line
    assert not list(tmp_path.iterdir())
