"""The sets of tools/worsen_cuts.py hold the same utterances, worsened as the tool says."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest
import torch

from asr.corpora.manifests import read_cuts
from asr.data.dataset import read_waveform
from tests.conftest import TinyCorpus

TOOL = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "worsen_cuts.py"))


def test_each_condition_is_what_it_says(
    tiny_corpus: TinyCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tiny_corpus.data / "dev_cuts.jsonl.gz"
    monkeypatch.setattr(sys, "argv", ["worsen_cuts.py", str(file), "--out", str(tmp_path)])
    TOOL["main"]()
    before = list(read_cuts(file))
    made = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert [path.name for path in made] == [
        f"{name}_cuts.jsonl.gz" for name in ("room", "noise", "room_noise", "telephone")
    ]
    for path in made:
        for old, new in zip(before, read_cuts(path), strict=True):
            assert (old.id, old.duration) == (new.id, new.duration)
            assert [each.text for each in old.supervisions] == [each.text for each in new.supervisions]
            clean, worse = read_waveform(old, 16000), read_waveform(new, 16000)
            if path.name.startswith("noise"):
                ratio = clean.square().sum() / (worse - clean).square().sum()
                assert 10 * ratio.log10().item() == pytest.approx(15.0, abs=0.2)
            if path.name.startswith("telephone"):
                power = torch.fft.rfft(worse).abs().square()
                above = power[int(3700 / 8000 * len(power)) :].sum() / power.sum()
                assert 1e-7 < above < 2e-6


def test_what_would_be_clipped_is_softer() -> None:
    steps = TOOL["conditions"](TOOL["FrontEnd"]())["noise"]
    loud = 0.99 * torch.sin(torch.arange(8000) / 5)
    assert TOOL["worsened"](loud, steps, "a").abs().max().item() == pytest.approx(1.0)
    assert torch.equal(TOOL["worsened"](loud, steps, "a"), TOOL["worsened"](loud, steps, "a"))
    assert not torch.equal(TOOL["worsened"](loud, steps, "a"), TOOL["worsened"](loud, steps, "b"))
