"""tools/bench_transcribe.py measures what it says, and tools/check_joined.py joins everything."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from asr.text.policy import get_policy
from asr.transcription.recognizer import Recognizer
from tests.transcription.tiny_models import save_checkpoint

TOOLS = Path(__file__).parents[2] / "tools"
BENCH = runpy.run_path(str(TOOLS / "bench_transcribe.py"))
CHECK = runpy.run_path(str(TOOLS / "check_joined.py"))


def test_recordings_are_as_long_as_asked(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(8000, 0.5), 16000)
    files = [str(tmp_path / "a.wav")]
    assert BENCH["write"](tmp_path / "once.flac", BENCH["looped"](files, 0)) == 0.5
    assert BENCH["write"](tmp_path / "long.flac", BENCH["looped"](files, 40.25), channels=2) == 40.25
    samples, _ = soundfile.read(tmp_path / "long.flac")
    assert samples.shape == (644000, 2)
    assert np.allclose(samples[:, 0], 0.5, atol=1e-4)
    assert not samples[:480000, 1].any()
    assert np.allclose(samples[480000:, 1], 0.5, atol=1e-4)


@pytest.mark.parametrize("kind", BENCH["SILENCES"])
def test_silence_is_faint(kind: str) -> None:
    blocks = list(BENCH["silence"](kind, 90.5))
    assert sum(map(len, blocks)) == 1448000
    assert max(np.abs(block).max() for block in blocks) < 0.01


def test_rows_leave_out_the_start_and_compare_silence_with_speech() -> None:
    start = BENCH["Row"]("start", 1.0, 2.0, 3.0, 10)
    speech = BENCH["Row"]("speech", 100.0, 4.0, 5.0, 2 * 10**9).without(start)
    zeros = BENCH["Row"]("zeros", 7200.0, 5.6, 6.0, 10**9).without(start)
    assert speech.line(None) == "speech | 100 s | 0.02000 | 0.02000 | 2.00 GB"
    assert zeros.line(speech) == "zeros | 2.00 h | 0.00050 | 0.00042 | 1.00 GB | 40 times as fast as speech"


def test_joined_recordings_are_counted_as_a_whole(tmp_path: Path) -> None:
    recognizer = Recognizer.from_checkpoint(save_checkpoint(tmp_path / "tiny.ckpt"))
    waveforms = [0.1 * torch.randn(16000, generator=torch.Generator().manual_seed(seed)) for seed in range(3)]
    assert len(CHECK["joined"](waveforms, 0.5, 16000)) == 3 * 24000
    policy = get_policy("verbatim")
    found = dict(CHECK["measure"](recognizer, waveforms, ["A B", "C", "D"], policy, [0.0, 0.5], exact=True))
    names = ["one by one", *(f"joined, {gap} s apart{how}" for gap in ("0", "0.5") for how in ("", ", exact"))]
    assert list(found) == names
    assert all(rate >= 0 for rate in found.values())
