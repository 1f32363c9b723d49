"""Standard output that cannot be written: one line, and a status that says so."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from asr.cli.command import command
from asr.stdout import guarded

ROOT = Path(__file__).parents[1]
COMMANDS = (["asr.cli.main"], ["asr.cli.main", "score", "--help"])


def run(arguments: list[str], stdout: int | None, **environment: str) -> tuple[int, str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run(
        [sys.executable, "-m", *arguments], stdout=stdout, stderr=subprocess.PIPE, env=environment, check=False
    )
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_full_disk_and_a_pipe_that_nobody_reads(arguments: list[str], unbuffered: str) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        status, line = run(arguments, full.fileno(), PYTHONUNBUFFERED=unbuffered)
    name = " ".join(["asr", *arguments[1:2]])
    remedy = "write to where there is room"
    assert (status, line) == (1, f"{name}: stdout cannot be written (No space left on device); {remedy}\n")
    reading, writing = os.pipe()
    os.close(reading)
    status, line = run(arguments, writing, PYTHONUNBUFFERED=unbuffered)
    os.close(writing)
    assert (status, line) == (141, f"{name}: stdout was closed before all was written\n")


def test_a_stdout_that_is_not_there() -> None:
    shell = f"{sys.executable} -m asr.cli.main >&-"
    done = subprocess.run(["bash", "-c", shell], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "asr: stdout cannot be written (it is closed); write to where there is room\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_letters_that_an_encoding_lacks_are_written_as_escapes(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    stdout = io.TextIOWrapper(written, encoding)
    monkeypatch.setattr(sys, "stdout", stdout)
    assert guarded(lambda: 0 * sys.stdout.write("abc é ж"), warn=pytest.fail) == 0
    assert written.getvalue() == "abc é ж".encode(encoding, "backslashreplace")
    assert sys.stdout is stdout


class Failing(io.RawIOBase):
    """A file that takes the first bytes."""

    def __init__(self, error: OSError) -> None:
        self.error, self.room = error, 5

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        if not self.room:
            raise self.error
        size = min(self.room, len(bytes(data)))  # type: ignore[call-overload]
        self.room -= size
        return size


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Returns a function that runs a command with a failing stdout, and returns its status and what it printed."""

    def run(error: OSError, main: Callable[[list[str] | None], int]) -> tuple[int, str]:
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(Failing(error)), "utf-8"))
        status = command(main)([])
        monkeypatch.undo()
        return status, capsys.readouterr().err

    return run


def test_what_was_swallowed_on_the_way_is_told(results: Callable[..., tuple[int, str]]) -> None:
    def swallow(argv: list[str] | None = None) -> int:
        with suppress(OSError):
            sys.stdout.write("results\n")
            sys.stdout.flush()
        return 0

    status, told = results(OSError(errno.EIO, "Input/output error"), swallow)
    assert (status, told.count("\n")) == (1, 1)
    assert "stdout cannot be written (Input/output error); " in told


def test_an_error_of_another_file_is_no_fault_of_stdout(results: Callable[..., tuple[int, str]]) -> None:
    def fail(argv: list[str] | None = None) -> int:
        raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(OSError, match="Input/output error"):
        results(OSError(errno.ENOSPC, "No space left on device"), fail)
