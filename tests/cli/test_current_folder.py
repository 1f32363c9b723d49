"""Commands import nothing from the folder that they happen to be run in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import asr.cli

ROOT = Path(asr.cli.__file__).parents[2]
LIBRARIES = ["torch", "lightning", "numpy", "hydra", "omegaconf", "yaml", "jsonargparse", "lhotse", "smart_open"]
STANDARD = ["argparse", "contextlib", "difflib", "json", "logging", "multiprocessing", "pathlib", "pkgutil", "random"]
NAMES = [*LIBRARIES, *STANDARD, "socket", "sitecustomize", "types", "warnings", "zipfile"]


@pytest.fixture
def trapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns a folder of recordings, say, with files in it that are named as modules are."""
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text("open('made', 'w')\nraise SystemExit(9)\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_training_imports_nothing_from_here(trapped: Path) -> None:
    command = [sys.executable, "-m", "asr.cli.train", "corpus=a", "name=b", "trainer.accelerator=cpu"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.stderr.splitlines()[-1].startswith("asr train: data/a/tokens_char.txt: no such file"), done.stderr
    assert done.returncode == 1
    assert not (trapped / "made").exists()


@pytest.mark.parametrize("begun_by", ["-m", "/usr/bin/asr"])
def test_the_path_of_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun_by: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    monkeypatch.setattr(sys, "argv", [begun_by, "train"])
    monkeypatch.setattr(sys, "path", [str(tmp_path), "/library", str(tmp_path)])
    asr.cli.close_current_folder()
    is_first = begun_by == "-m" and not sys.flags.safe_path
    assert sys.path == [*([] if is_first else [str(tmp_path)]), "/library", str(tmp_path)]  # PYTHONPATH= is meant
    assert os.environ["PYTHONSAFEPATH"] == "1"


def test_a_checkout_that_is_run_from_its_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    monkeypatch.setattr(sys, "argv", ["-m"])
    monkeypatch.setattr(sys, "path", [str(ROOT), "/library"])
    asr.cli.close_current_folder()
    assert sys.path == (["/library", str(ROOT)] if not sys.flags.safe_path else [str(ROOT), "/library"])
    assert "PYTHONSAFEPATH" not in os.environ


def test_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getcwd", lambda: (_ for _ in ()).throw(FileNotFoundError(2, "gone")))
    asr.cli.close_current_folder()
