from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from lhotse import CutSet
from lhotse.qa import validate

from asr.audio.waveforms import read
from asr.corpora.timit import prepare
from asr.corpora.timit_layout import complaints, read_layout
from asr.corpora.timit_speakers import (
    CORE_TEST_SPEAKERS,
    DEV_SPEAKERS,
    TRAIN_SPEAKERS,
    TRAIN_SPEAKERS_BY_DIALECT,
)
from asr.errors import DataError
from tests.corpora.timit_trees import lower, make_small


def test_speaker_lists() -> None:
    counts = {dialect: len(names) for dialect, names in TRAIN_SPEAKERS_BY_DIALECT.items()}
    assert list(counts.values()) == [38, 76, 76, 68, 70, 35, 77, 22]
    everyone = (*TRAIN_SPEAKERS, *DEV_SPEAKERS, *CORE_TEST_SPEAKERS)
    assert len(everyone) == len(set(everyone)) == 462 + 50 + 24
    assert Counter(name[0] for name in CORE_TEST_SPEAKERS) == {"F": 8, "M": 16}
    assert all(len(name) == 5 and name[0] in "FM" and name[-1].isdigit() for name in everyone)


def test_whole_timit_gives_the_published_splits(whole: Path) -> None:
    splits = prepare(whole, full_test=True)
    assert {name: len(cuts) for name, cuts in splits.items()} == {
        "train": 3696,
        "dev": 400,
        "test": 192,
        "test_full": 1344,
    }
    speakers = {name: {cut.supervisions[0].speaker for cut in cuts} for name, cuts in splits.items()}
    assert {name: len(names) for name, names in speakers.items()} == {
        "train": 462,
        "dev": 50,
        "test": 24,
        "test_full": 168,
    }
    assert speakers["dev"] | speakers["test"] < speakers["test_full"]
    assert not any("_SA" in cut.id for cuts in splits.values() for cut in cuts)
    assert len({cut.id for name in ("train", "dev", "test") for cut in splits[name]}) == 3696 + 400 + 192


def test_what_a_cut_says(small: Path) -> None:
    splits = prepare(small)
    assert {name: [cut.id for cut in cuts] for name, cuts in splits.items()} == {
        "train": ["FAAA0_SI1", "FAAA0_SX2"],
        "dev": ["MBBB0_SI1", "MBBB0_SX2"],
        "test": ["MCCC0_SI1", "MCCC0_SX2"],
    }
    for cuts in splits.values():
        validate(cuts)
    cut = splits["dev"][0]
    (supervision,) = cut.supervisions
    assert supervision.id == cut.recording.id == cut.id == "MBBB0_SI1"
    assert (supervision.text, supervision.speaker) == ("She had your dark suit.", "MBBB0")
    assert supervision.custom == {"sex": "M", "dialect": "DR2"}
    assert [tuple(item)[:3] for item in supervision.alignment["phone"]] == [
        ("h#", 0.0, 0.0125),
        ("sh", 0.0125, 0.01875),
        ("iy", 0.03125, 0.025),
        ("h#", 0.05625, 0.14375),
    ]
    assert [(item.symbol, item.start, item.end) for item in supervision.alignment["word"]] == [
        ("she", 0.0125, 0.05625),
        ("had", 0.053125, 0.1),
    ]
    assert cut.recording.num_samples == 3200


def test_cuts_survive_writing_and_their_audio_is_read(small: Path, tmp_path: Path) -> None:
    cuts = prepare(small)["train"]
    cuts.to_file(tmp_path / "cuts.jsonl.gz")
    again = CutSet.from_file(tmp_path / "cuts.jsonl.gz")[0]
    assert again == cuts[0]
    path = Path(again.recording.sources[0].source)
    assert path.is_absolute()
    assert len(read(path, sample_rate=16000)) == 3200


@pytest.mark.parametrize("levels", ["", "TIMIT", "timit/TIMIT"])
@pytest.mark.parametrize("sphere", [False, True])
def test_case_levels_and_audio_formats(levels: str, sphere: bool, tmp_path: Path) -> None:
    make_small(tmp_path / "corpus" / levels, sphere=sphere)
    expected = [cut.id for cuts in prepare(tmp_path / "corpus").values() for cut in cuts]
    lower(tmp_path / "corpus")
    splits = prepare(tmp_path / "corpus")
    assert [cut.id for cuts in splits.values() for cut in cuts] == expected
    assert {cut.supervisions[0].custom["dialect"] for cut in splits["dev"]} == {"DR2"}


def test_riff_copies_beside_sphere_files(small: Path) -> None:
    folder = small / "TRAIN" / "DR1" / "FAAA0"
    shutil.copy(folder / "SI1.WAV", folder / "SI1.WAV.wav")
    (folder / "SX2.WAV").rename(folder / "SX2.WAV.wav")
    sources = [Path(cut.recording.sources[0].source).name for cut in prepare(small)["train"]]
    assert sources == ["SI1.WAV", "SX2.WAV.wav"]


def test_other_files_are_left_alone(small: Path) -> None:
    (small / "README.DOC").write_text("x")
    (small / "TRAIN" / "DR1" / "FAAA0" / "SI1.TextGrid").write_text("x")
    (small / "TRAIN" / "DR1" / "FAAA0" / "._SI1.WAV").write_text("x")
    (small / "TRAIN" / "DR1" / "notes.txt").write_text("x")
    assert len(prepare(small)["train"]) == 2


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("SI1.WAV", "no audio at all, but text", "SI1.WAV: is a text file, not audio"),
        ("SI1.WAV", "", "SI1.WAV: is empty"),
        ("SI1.TXT", "She had your dark suit.", "SI1.TXT: is not two sample numbers and a sentence"),
        ("SI1.TXT", "0 3200 \n", "SI1.TXT: is not two sample numbers and a sentence"),
        ("SI1.TXT", "0 3200 Vorführung", "SI1.TXT: cannot be read as text"),
        ("SI1.WRD", "", "SI1.WRD: is empty"),
        ("SI1.PHN", "0 200 h#\n200 x sh\n", "SI1.PHN:2: '200 x sh' is not two sample numbers and a symbol"),
        ("SI1.PHN", "0 200 h#\n200 500 schwa\n", "SI1.PHN:2: 'schwa' is not one of the 61 phones"),
        ("SI1.PHN", "0 200 h#\n100 500 sh\n0 600 iy\n", "SI1.PHN:3: '0 600 iy' is outside"),
        ("SI1.PHN", "0 200 h#\n5000 6000 sh\n", "SI1.PHN:2: '5000 6000 sh' is outside the 3200 samples"),
    ],
)
def test_damaged_files_are_named(name: str, content: str, complaint: str, small: Path) -> None:
    (small / "TEST" / "DR2" / "MBBB0" / name).write_text(content, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        prepare(small)
    assert "1 complaint: " in str(caught.value)
    assert f"MBBB0/{complaint}" in str(caught.value)


def test_stereo_is_refused(small: Path) -> None:
    path = small / "TEST" / "DR2" / "MBBB0" / "SI1.WAV"
    soundfile.write(path, np.zeros((3200, 2)), 16000, format="WAV")
    with pytest.raises(DataError, match=r"SI1.WAV: 3200 samples in 2 channels"):
        prepare(small)


def test_all_damages_are_told_at_once(small: Path) -> None:
    for kind in ("TXT", "PHN"):
        (small / "TEST" / "DR2" / "MBBB0" / f"SI1.{kind}").write_text("?")
        (small / "TRAIN" / "DR1" / "FAAA0" / f"SI1.{kind}").write_text("?")
    with pytest.raises(DataError, match=r"2 complaints: .*MBBB0.*FAAA0") as caught:
        prepare(small)
    assert "\n" not in str(caught.value)


def test_splits_file_and_speakers_must_agree(small: Path) -> None:
    (small / "SPLITS.TXT").write_text("FAAA0 train\nMBBB0 dev\nFDDD0 test\n")
    shutil.copytree(small / "TEST" / "DR2" / "MBBB0", small / "TEST" / "DR4" / "MBBB0")
    assert complaints(read_layout(small)) == [
        "TEST: speaker FDDD0 is missing (test)",
        "speaker MBBB0 is in several places: TEST/DR2, TEST/DR4",
        "TEST/DR3/MCCC0: no split has this speaker",
        "MBBB0_SI1 is there 2 times",
        "MBBB0_SX2 is there 2 times",
    ]


def test_a_name_must_tell_the_sex(small: Path) -> None:
    (small / "TEST" / "DR3" / "MCCC0").rename(small / "TEST" / "DR3" / "XCCC0")
    (small / "SPLITS.TXT").write_text("FAAA0 train\nMBBB0 dev\nXCCC0 test\n")
    assert complaints(read_layout(small)) == ["TEST/DR3/XCCC0: a speaker's name begins with F or M, their sex"]


def test_damaged_splits_file(small: Path) -> None:
    (small / "SPLITS.TXT").write_text("FAAA0 train\nMBBB0 development\n")
    with pytest.raises(DataError, match=r"SPLITS.TXT:2: 'MBBB0 development' is not a speaker and a split"):
        prepare(small)


def test_folders_that_are_no_corpus(small: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such folder"):
        prepare(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: has no folders TRAIN and TEST"):
        prepare(tmp_path / "empty")
    (tmp_path / "hollow" / "TRAIN").mkdir(parents=True)
    with pytest.raises(DataError, match="hollow: has no folder TEST"):
        prepare(tmp_path / "hollow")
    (tmp_path / "hollow" / "TEST").mkdir()
    with pytest.raises(DataError, match="no utterance is in its TRAIN and TEST"):
        prepare(tmp_path / "hollow")
