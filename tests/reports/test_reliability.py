"""Reliability curves are drawn, bins without words left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from asr.reports.reliability import draw_reliability
from asr.scoring.reliability import reliability


def test_curves_are_drawn_whole(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    confidences, groups = generator.uniform(0.35, 1.0, 60), np.arange(60) % 4
    right = (generator.uniform(size=60) < confidences).astype(np.float64)
    measured = {"before": reliability(confidences**2, right, groups), "after": reliability(confidences, right, groups)}
    draw_reliability(measured, tmp_path / "r.png", "dev")
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
    draw_reliability({"one": measured["after"]}, tmp_path / "r.svg")
    text = (tmp_path / "r.svg").read_text(encoding="utf-8")
    assert text.rstrip().endswith("</svg>")
