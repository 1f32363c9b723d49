"""Utterances to look at and listen to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lhotse import CutSet
from lhotse.supervision import AlignmentItem

from asr.data.spoken import read_spoken
from asr.decoding.hypothesis import Span
from asr.errors import DataError
from tests.conftest import make_cut


def test_audio_and_times(tmp_path: Path) -> None:
    cut = make_cut(tmp_path, "one", "AB", "anna", np.random.default_rng(0))
    cut.supervisions[0].alignment = {"word": [AlignmentItem("B", 0.2, 0.1), AlignmentItem("A", 0.0, 0.1)]}
    CutSet.from_cuts([cut]).to_file(tmp_path / "cuts.jsonl.gz")
    spoken = read_spoken(tmp_path / "cuts.jsonl.gz")["one"]
    assert spoken.said("word") == [Span("A", 0.0, 0.1, 1.0), Span("B", 0.2, pytest.approx(0.3), 1.0)]
    assert spoken.said("phone") == []
    assert len(spoken.waveform(16000)) == cut.num_samples
    (tmp_path / "one.wav").unlink()
    with pytest.raises(DataError, match=r"one: .*one\.wav"):
        spoken.waveform(16000)
