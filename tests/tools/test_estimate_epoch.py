"""tools/estimate_epoch.py trains on made-up batches and says what an epoch costs."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

TOOL = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "estimate_epoch.py"))
TINY = [
    "experiment=an4/blstm",
    "model.encoder.init_args.hidden_dim=4",
    "model.encoder.init_args.num_layers=1",
    "model.encoder.init_args.conv_channels=2",
    "data.batch_seconds=20",
]


@pytest.mark.filterwarnings("ignore")  # the tool silences Lightning's warnings for its own process
@pytest.mark.parametrize("cuts", ["data/x/train_cuts.jsonl.gz", "data/x/features/train_cuts.jsonl.gz"])
def test_steps_are_timed_and_an_epoch_follows(
    cuts: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    heads = ["+model.heads.char={tokens: tokens_char.txt, text_policy: verbatim}"] if "features" in cuts else []
    options = ["--hours", "0.1", "--devices", "2", "--steps", "2", "--device", "cpu"]
    told = [*TINY, *heads, f"data.train_cuts=[{cuts}]", *options]
    monkeypatch.setattr(sys, "argv", ["estimate_epoch.py", *told])
    assert TOOL["main"]() == 0
    first, step, throughput, epoch, *_ = capsys.readouterr().out.splitlines()
    assert first.endswith("cached features" if "features" in cuts else "waveforms")
    assert step.endswith("s of speech (2 steps after 5 of warm-up)")
    rate = float(throughput.split()[4].replace(",", ""))
    minutes = float(epoch.split(": ")[1].split()[0].replace(",", ""))
    assert minutes == pytest.approx(0.1 * 3600 / (2 * rate) / 60, abs=0.01, rel=0.02)


def test_what_cannot_be_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["estimate_epoch.py", *TINY, "--hours", "0.001", "--devices", "8"])
    assert TOOL["main"]() == 2
    assert capsys.readouterr().err == "estimate_epoch: --hours: 0.001 are 1 utterances for 8 devices; give more\n"
