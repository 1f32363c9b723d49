"""A folder whose transcription is killed without a word: --resume does the rest, and nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
import torch

from asr.cli.transcribe import main
from tests.transcription.tiny_models import save_checkpoint

NUM_FILES, NUM_DONE = 100, 40

KILLED = f"""
import os, signal, sys
from pathlib import Path
from asr.cli.transcribe import main
replace, places = Path.replace, iter(range({NUM_DONE}))

def replace_until_killed(path, target):
    if next(places, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(path, target)

Path.replace = replace_until_killed
main(sys.argv[1:])
"""


def test_what_a_kill_left_is_done_and_nothing_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audio, out = tmp_path / "audio", tmp_path / "out"
    audio.mkdir()
    for seed in range(NUM_FILES):
        samples = 0.1 * torch.randn(4000, generator=torch.Generator().manual_seed(seed))
        soundfile.write(audio / f"{seed:02}.wav", samples.numpy(), 16000)
    model = str(save_checkpoint(tmp_path / "tiny.ckpt"))
    told = ["--checkpoint", model, "--device", "cpu", "--threads", "1", "--format", "json", str(audio), "--out-dir"]
    killed = subprocess.run([sys.executable, "-c", KILLED, *told, str(out)], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    done = {path: path.stat() for path in out.glob("*.json") if not path.name.startswith(".")}
    (half,) = set(out.iterdir()) - done.keys()
    assert len(done) == NUM_DONE
    os.utime(half, (0, 0))  # as if it were a while ago

    assert main([*told, str(out), "--resume"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"asr transcribe: {NUM_DONE} of {NUM_FILES} files are done already, 60 are left"
    assert lines[-1].endswith("; 0 of 60 files failed")
    assert all(path.stat().st_mtime_ns == was.st_mtime_ns for path, was in done.items())
    assert main([*told, str(tmp_path / "whole"), "--quiet"]) == 0
    found, wanted = ({path.name: path.read_text() for path in (tmp_path / name).iterdir()} for name in ("out", "whole"))
    assert found == wanted
    assert len(found) == NUM_FILES
