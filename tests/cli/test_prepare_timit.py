"""asr prepare timit: the cuts, the full test set with its warning, and the list of what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.cli.prepare import main
from asr.corpora.manifests import read_cuts


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A corpus with the layout of TIMIT and splits of its own."""
    generator = np.random.default_rng(0)
    for place in ("train/dr1/faaa0", "test/dr2/mbbb0", "test/dr3/mccc0"):
        folder = tmp_path / "timit" / place
        folder.mkdir(parents=True)
        for name in ("sa1", "si1", "sx2"):
            soundfile.write(folder / f"{name}.wav", 0.1 * generator.standard_normal(3200), 16000)
            (folder / f"{name}.txt").write_text("0 3200 She had.\n")
            (folder / f"{name}.wrd").write_text("200 900 she\n900 1600 had\n")
            (folder / f"{name}.phn").write_text("0 200 h#\n200 500 sh\n500 900 iy\n900 3200 h#\n")
    (tmp_path / "timit" / "splits.txt").write_text("faaa0 train\nmbbb0 dev\nmccc0 test\n")
    return tmp_path / "timit"


def test_cuts_are_written(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "data"
    arguments = ["timit", "--corpus-dir", str(corpus), "--out", str(out), "--jobs", "1"]
    assert main(arguments) == 0
    assert {file.name for file in out.glob("*_cuts.jsonl.gz")} == {
        f"{split}_cuts.jsonl.gz" for split in ("train", "dev", "test")
    }
    assert "test_full" not in capsys.readouterr().err
    assert main([*arguments, "--full-test", "--policy", "timit-39"]) == 0
    captured = capsys.readouterr()
    assert "test_full contains the speakers of dev" in captured.err
    assert "3 phones under timit-39" in captured.out
    assert {cut.id for cut in read_cuts(out / "test_full_cuts.jsonl.gz")} == {
        f"{speaker}_{name}" for speaker in ("MBBB0", "MCCC0") for name in ("SI1", "SX2")
    }


def test_what_is_missing_is_listed_before_anything_is_written(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (corpus / "test/dr2/mbbb0/si1.phn").unlink()
    (corpus / "train/dr1/faaa0/sx2.wav").unlink()
    out = tmp_path / "data"
    assert main(["timit", "--corpus-dir", str(corpus), "--out", str(out)]) == 1
    missing = ["TEST/DR2/MBBB0/SI1.PHN is missing", "TRAIN/DR1/FAAA0/SX2.WAV is missing"]
    line = f"2 complaints: {'; '.join(missing)}; all are in {out}/complaints.txt"
    assert line in capsys.readouterr().err
    assert [file.name for file in out.iterdir()] == ["complaints.txt"]
    assert (out / "complaints.txt").read_text().splitlines() == missing
