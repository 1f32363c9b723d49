"""tools/check_alignment.py tunes and measures on tones, which are heard without error."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest
from lhotse import CutSet, MonoCut, Recording
from lhotse.supervision import AlignmentItem, SupervisionSegment

from asr.corpora.manifests import write_cuts
from asr.transcription.aligner import Aligner, AlignerSettings
from tests.transcription.tone_aligner import LETTERS, SPACE, aligner, record

TOOL = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "check_alignment.py"))
TEXTS = ("ABA CAB", "DAD CBA", "BAC DBA", "CDC ABD", "ADB BCB", "DCB ACD", "CBA DAC", "BDA CDA", "ACB DCB", "DBC BAD")


def make_cut(folder: Path, name: str, text: str, speaker: str) -> MonoCut:
    """Writes a recording of a text whose words are said 20 ms after the reference has them."""
    said = [LETTERS.ids["|" if letter == " " else letter] for letter in text]
    recording = Recording.from_file(record(folder / f"{name}.wav", 0.42, *said, SPACE, 0.3), recording_id=name)
    items = [AlignmentItem(word, 0.4 + 0.8 * place, 0.6) for place, word in enumerate(text.split())]
    supervision = SupervisionSegment(
        name, name, 0.0, recording.duration, text=text, speaker=speaker, alignment={"word": items}
    )
    return MonoCut(name, 0.0, recording.duration, 0, [supervision], recording=recording)


def test_tables_and_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = [
        make_cut(tmp_path, f"{who}{place}", text, who) for who in ("anna", "ben") for place, text in enumerate(TEXTS)
    ]
    write_cuts(CutSet.from_cuts(made), tmp_path / "cuts.jsonl.gz")
    (tmp_path / "other.txt").write_text("BBDBB DBBAB\nADDAD BADAB\n")
    monkeypatch.setattr(Aligner, "from_checkpoint", lambda *_: aligner())
    for name, few in (("SHARES", (0.5,)), ("LIMITS", (0.0,)), ("SHIFTS", (0.0, -0.02)), ("GRID", ((4.0, 2.0, 2.0),))):
        monkeypatch.setitem(TOOL["main"].__globals__, name, few)
    told = ["--cuts", tmp_path / "cuts.jsonl.gz", "--foreign", tmp_path / "other.txt", "--out", tmp_path / "out"]
    told += ["--dev", "anna", "--tune", tmp_path / "align.json"]
    monkeypatch.setattr(sys, "argv", ["check_alignment.py", "tones.ckpt", *map(str, told)])
    assert TOOL["main"]() == 0
    settings = AlignerSettings.load(tmp_path / "align.json")
    assert (settings.boundaries.shift, settings.penalties.gap) == (-0.02, 4.0)
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert rows[2] == "| words | 20 | 0 | 100.0 | +0 |"
    assert rows[5:] == ["| missing | 2 | 1.000 | 1.000 |", "| untranscribed | 2 | 1.000 | 1.000 |"]


def test_a_table_without_tuning_says_how_late_times_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_cuts(CutSet.from_cuts([make_cut(tmp_path, "a", "ABA CAB", "anna")]), tmp_path / "cuts.jsonl.gz")
    monkeypatch.setattr(Aligner, "from_checkpoint", lambda *_: aligner())
    told = ["tones.ckpt", "--cuts", str(tmp_path / "cuts.jsonl.gz"), "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["check_alignment.py", *told])
    assert TOOL["main"]() == 0
    assert capsys.readouterr().out.splitlines()[-1] == "| words | 2 | 20 | 100.0 | +20 |"
