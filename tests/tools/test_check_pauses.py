"""The test sets of tools/check_pauses.py hold what they say, and the table says what was measured."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest
import torch
from lhotse.supervision import AlignmentItem

from asr.corpora.manifests import read_cuts
from asr.data.dataset import read_waveform
from tests.conftest import TinyCorpus
from tests.transcription.tiny_models import save_checkpoint

TOOL = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "check_pauses.py"))


def test_sets_hold_all_words_and_their_pauses(tiny_corpus: TinyCorpus, tmp_path: Path) -> None:
    cuts = list(read_cuts(tiny_corpus.data / "dev_cuts.jsonl.gz"))[:7]
    for cut in cuts:
        cut.supervisions[0].alignment = {"word": [AlignmentItem(cut.supervisions[0].text, 0.1, 0.2)]}
    audio = {cut.id: read_waveform(cut, 16000) for cut in cuts}
    sets = {name: list(read_cuts(file)) for name, file in TOOL["make_sets"](cuts, [0.5], tmp_path)}
    assert len(sets) == 2 + 3 * 3
    words = sorted(word for cut in cuts for word in cut.supervisions[0].text.split())
    for name, made in sets.items():
        assert sorted(word for cut in made for word in cut.supervisions[0].text.split()) == words
        assert len({cut.supervisions[0].speaker for cut in made}) == 4
        pairs = name == "joined" or name.endswith("between")
        assert len(made) == (4 if pairs else 7)
        seconds = sum(cut.duration for cut in made) - sum(cut.duration for cut in cuts)
        expected = 0.0 if name in ("plain", "joined") else 0.5 * (3 if pairs else 7)
        assert seconds == pytest.approx(expected, abs=1e-3)
        for cut in made:
            waveform, parts = read_waveform(cut, 16000), [audio[each] for each in cut.id.split("+")]
            clock = 8000 if name.endswith("before") else 0
            for part, item in zip(parts, cut.supervisions[0].alignment["word"], strict=True):
                assert torch.allclose(waveform[clock : clock + len(part)], part, atol=1e-4)
                assert item.start == pytest.approx(clock / 16000 + 0.1)
                clock += len(part) + (8000 if name.endswith("between") else 0)
    quiet = {name: read_waveform(made[0], 16000)[:8000] for name, made in sets.items() if name.endswith("before")}
    assert (quiet["zeros0.5_before"] == 0).all()
    assert set((quiet["dither0.5_before"] * 32768).tolist()) == {-1.0, 0.0, 1.0}
    assert torch.allclose(quiet["start0.5_before"], audio[cuts[0].id][:1600].repeat(5), atol=1e-4)


def test_three_are_joined_where_one_would_be_left(tiny_corpus: TinyCorpus) -> None:
    cuts = list(read_cuts(tiny_corpus.data / "train_cuts.jsonl.gz"))[:21]
    sizes = [len(group) for group in TOOL["pair"](cuts)]
    assert sum(sizes) == 21
    assert sorted(sizes) == [2] * 6 + [3] * 3


@pytest.mark.parametrize("reader", ["decode", "transcribe"])
def test_the_table_says_what_was_measured(
    reader: str,
    tiny_corpus: TinyCorpus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    checkpoint = save_checkpoint(tmp_path / "a.ckpt")
    dev, out = str(tiny_corpus.data / "dev_cuts.jsonl.gz"), tmp_path / "pauses"
    told = [str(checkpoint), "--cuts", dev, "--out", str(out), "--policy", "verbatim", "--unit", "char"]
    told += ["--seconds", "0.5", "--kinds", "zeros"]
    monkeypatch.setattr(sys, "argv", ["check_pauses.py", *told, "--tolerance", "1000", "--reader", reader])
    assert TOOL["main"]() == 0
    lines = capsys.readouterr().out.splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert table[0] == "| error rate, % | zeros |"
    assert [row.split(" | ")[0] for row in table[2:]] == ["| 0.5 s before", "| 0.5 s after", "| 0.5 s between"]
    rate = json.loads((out / "zeros0.5_after_scores.json").read_text())["scores"][0]["rate"]
    assert table[3] == f"| 0.5 s after | {100 * rate:.2f} |"
    monkeypatch.setattr(sys, "argv", ["check_pauses.py", *told, "--tolerance", "-1000"])
    assert TOOL["main"]() == 1
