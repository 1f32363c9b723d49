"""The picture of learning curves."""

from __future__ import annotations

from pathlib import Path

from asr.reports.curves import draw_history, smoothed
from asr.reports.history import read_history
from asr.reports.html.training import curves_section
from tests.reports.events import write_events


def test_the_picture_has_a_panel_for_each_curve(tmp_path: Path) -> None:
    names = ["train/loss_step", "train/gradient_norm", "train/blank_ratio", "lr-SGD", "val/loss", "val/wer", "val/cer"]
    write_events(tmp_path, 1000, [(name, step, 0.5 + step / 100) for name in names for step in range(0, 40, 4)])
    draw_history(read_history(tmp_path), tmp_path / "curves.svg", title="a run")
    picture = (tmp_path / "curves.svg").read_text(encoding="utf-8")
    assert picture.count('id="axes_') == 5
    assert "char: " not in picture
    draw_history(read_history(tmp_path), tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_picture_of_two_heads(tmp_path: Path) -> None:
    names = ["val/loss", "val/per", "val/char_loss", "val/char_cer", "val/char_wer"]
    write_events(tmp_path, 1000, [(name, step, 0.5) for name in names for step in range(2)])
    history = read_history(tmp_path)
    assert history.error_rate == history.curves["val/per"]
    rates = {"val/per": "phones", "val/char_wer": "char: words", "val/char_cer": "char: characters"}
    assert list(history.error_rates.items()) == list(rates.items())
    draw_history(history, tmp_path / "curves.svg")
    picture = (tmp_path / "curves.svg").read_text(encoding="utf-8")
    for label in ("phones (PER)", "char: words (WER)", "char: characters (CER)", "dev, char"):
        assert label in picture
    section = str(curves_section(history))
    assert "char: characters, %" in section
    assert "dev, char" in section


def test_the_picture_of_a_run_that_logged_little(tmp_path: Path) -> None:
    write_events(tmp_path, 1000, [("train/loss_step", 0, 3.0)])
    draw_history(read_history(tmp_path), tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_smoothing_keeps_constants_and_takes_out_spikes() -> None:
    assert smoothed([2.0] * 5) == [2.0] * 5
    assert smoothed([1.0, 1.0, 50.0, 1.0, 1.0], window=3) == [1.0] * 5
    assert smoothed([]) == []
