"""What tools/bench_portable.py runs, and what it makes of the times."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

TOOL = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "bench_portable.py"))


def test_factors_are_of_what_all_take_beyond_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for seconds in (3, 1, 2):
        soundfile.write(tmp_path / f"{seconds}.wav", np.zeros(8000 * seconds), 8000)
    shortest, longest = (str((tmp_path / name).resolve()) for name in ("1.wav", "3.wav"))

    def times(command: Sequence[str], folder: str) -> tuple[float, float]:
        assert command[0] == "small/python"
        assert not list(Path(folder).iterdir())
        return (1.0, 0.5) if longest in command else (0.25, 0.2) if shortest in command else (0.125, 0.1)

    monkeypatch.setitem(TOOL["main"].__globals__, "time_process", times)
    monkeypatch.setitem(TOOL["main"].__globals__, "installed_bytes", lambda python: 140_600_000)
    TOOL["main"](["a.asr", "--audio", str(tmp_path), "--python", "small/python", "--rounds", "2"])
    assert capsys.readouterr().out.splitlines() == [
        "small/python: 141 MB of packages",
        "3 recordings of 6 s, the shortest of 1.0 s",
        "                          clock  processor",
        "interpreter              0.12 s     0.10 s",
        "import                   0.12 s     0.10 s",
        "a.asr: first words       0.25 s     0.20 s",
        "a.asr: real-time factor  0.1500     0.0600",
    ]


def test_processes_are_timed_and_their_failures_end_the_tool(tmp_path: Path) -> None:
    clock, used = TOOL["time_process"]([sys.executable, "-c", "import time; time.sleep(0.1)"], str(tmp_path))
    assert clock > 0.1
    assert 0 < used < clock
    with pytest.raises(SystemExit, match=r"ended with status 1: no such model$"):
        TOOL["time_process"]([sys.executable, "-c", "raise SystemExit('no such model')"], str(tmp_path))


def test_an_environment_is_as_large_as_its_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TOOL["main"].__globals__, "FOLDER", f"print({str(tmp_path)!r})")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.py").write_bytes(bytes(1_000_000))
    assert 1_000_000 <= TOOL["installed_bytes"](sys.executable) < 1_100_000
