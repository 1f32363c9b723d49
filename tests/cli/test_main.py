from __future__ import annotations

import os
import pickle
import pkgutil
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import soundfile

import asr.cli.command
from asr.cli import info, prepare, transcribe
from asr.cli.command import Progress, command
from asr.cli.main import VERBS, main, summary
from asr.errors import AsrError, CheckpointError, ConfigError, DataError, UsageError
from tests.transcription.tiny_models import save_checkpoint


def run_asr(*arguments: str) -> subprocess.CompletedProcess[str]:
    command_line = [sys.executable, "-m", "asr.cli.main", *arguments]
    root = Path(__file__).parents[2]
    return subprocess.run(command_line, cwd=root, text=True, capture_output=True, check=False)


def test_help_names_every_verb(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["asr"])
    assert main() == 0
    shown = capsys.readouterr().out
    modules = [module.name for module in pkgutil.iter_modules(asr.cli.__path__) if not module.name.startswith("_")]
    assert sorted({*VERBS, "command", "main"}) == modules
    for verb in VERBS:
        assert f"  {verb:<12} {summary(verb)}" in shown
        assert summary(verb)


def test_a_verb_runs_as_a_program_of_its_own() -> None:
    shown = run_asr("score", "--help")
    assert shown.returncode == 0
    assert shown.stdout.startswith("usage: asr score")
    wrong = run_asr("score")
    assert wrong.returncode == 2
    unknown = run_asr("transcripe")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert unknown.stderr.startswith("asr: transcripe: no such verb; the verbs are adapt, ")
    moved = run_asr("memory", "--task", "copy")
    assert (moved.returncode, moved.stdout) == (2, "")
    assert moved.stderr == "asr memory: is no longer a verb; use python -m tools.memory, in a checkout\n"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (AsrError("a.wav", "is empty", "record it again"), 1),
        (DataError("a.wav", "is empty", "record it again"), 1),
        (CheckpointError("a.wav", "is empty", "record it again"), 1),
        (UsageError("a.wav", "is empty", "record it again"), 2),
        (ConfigError("a.wav", "is empty", "record it again"), 2),
    ],
)
def test_errors_become_one_line_and_a_status(error: AsrError, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    @command
    def fail(argv: list[str] | None = None) -> int:
        raise error

    assert fail([]) == status
    assert capsys.readouterr().err.endswith(": a.wav: is empty; record it again\n")
    copied = pickle.loads(pickle.dumps(error))
    assert (type(copied), str(copied), copied.remedy) == (type(error), str(error), "record it again")


def test_only_the_first_ctrl_c_is_heeded(capsys: pytest.CaptureFixture[str]) -> None:
    outside = signal.signal(signal.SIGINT, signal.default_int_handler)  # what shells start with & ignores Ctrl-C
    reached = []

    @command
    def impatient(argv: list[str] | None = None) -> int:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            reached.append("the end")
        return 0

    try:
        assert impatient([]) == 130
        assert reached == ["the end"]
        assert capsys.readouterr().err.count("\n") == 1
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, outside)


def test_interruption_and_bugs(capsys: pytest.CaptureFixture[str]) -> None:
    @command
    def interrupted(argv: list[str] | None = None) -> int:
        raise KeyboardInterrupt

    @command
    def broken(argv: list[str] | None = None) -> int:
        raise ZeroDivisionError

    assert interrupted([]) == 130
    assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(ZeroDivisionError):
        broken([])


@pytest.mark.parametrize(
    ("arguments", "verb"),
    [
        (["folder", 300 * "x", "--out", "out"], prepare),
        (["folder", "a.csv", "--out", 300 * "x"], prepare),
        (["--checkpoint", 300 * "x", "a.wav"], transcribe),
        (["--checkpoint", "a.ckpt", "--out-dir", 300 * "x", "a.wav"], transcribe),
        ([300 * "x"], info),
    ],
)
def test_paths_that_are_too_long_are_one_line(
    arguments: list[str],
    verb: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(asr.cli.command, "_quiet", False)  # put back afterwards
    soundfile.write("a.wav", [0.1, 0.2] * 8000, 16000)
    Path("a.csv").write_text("audio,text\na.wav,A\n")
    save_checkpoint(Path("a.ckpt"))
    assert verb.main(["--quiet", *arguments]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert 300 * "x" in told
    assert "File name too long" in told


def test_progress_ends_with_the_real_time_factor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(asr.cli.command, "_quiet", False)  # as another test may have left it
    bar = Progress(10.0, "features")
    bar.advance(4.0)
    bar.advance(6.0)
    bar.finish()
    last = capsys.readouterr().err
    assert last.startswith("features: 10.0 s of audio in ")
    assert "real-time factor 0.00" in last
