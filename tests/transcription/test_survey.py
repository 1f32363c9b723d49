from pathlib import Path

import pytest
import soundfile

from asr.transcription.inputs import Recording
from asr.transcription.survey import estimate_seconds
from tests.audio.sounds import speech


def recordings(folder: Path, *seconds: float) -> list[Recording]:
    found = []
    for place, length in enumerate(seconds):
        path = folder / f"{place}.wav"
        soundfile.write(path, speech(length), 16000)
        found.append(Recording(path, Path(path.name)))
    return found


def test_a_few_recordings_are_measured_and_what_cannot_be_read_counts_nothing(tmp_path: Path) -> None:
    found = [*recordings(tmp_path, 1.0, 2.5), Recording(tmp_path / "gone.wav", Path("gone"))]
    found.append(Recording(Path("-"), Path("stdin"), found[0].path.read_bytes()))
    assert estimate_seconds(found) == pytest.approx(4.5)


def test_many_are_estimated_by_their_size_from_those_that_time_allows(tmp_path: Path) -> None:
    found = recordings(tmp_path, 1.0, 3.0)
    assert estimate_seconds(found, patience=0.0) == pytest.approx(4.0, rel=0.02)


def test_where_no_header_tells_there_is_no_estimate(tmp_path: Path) -> None:
    assert estimate_seconds([]) is None
    assert estimate_seconds([Recording(tmp_path / "gone.wav", Path("gone"))]) is None
