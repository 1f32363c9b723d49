"""Every kind of damage to TIMIT has a complaint that names it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from asr.corpora.timit import prepare
from asr.corpora.timit_layout import complaints, read_layout
from asr.corpora.timit_speakers import TRAIN_SPEAKERS_BY_DIALECT
from asr.errors import DataError
from tests.corpora.timit_trees import SENTENCES, lower, make_small


def test_a_long_list_of_complaints_is_cut(whole: Path, tmp_path: Path) -> None:
    root = tmp_path / "timit"
    shutil.copytree(whole / "TIMIT", root, copy_function=os.link)
    shutil.rmtree(root / "TRAIN" / "DR8")
    with pytest.raises(DataError, match=r"22 complaints: .* and 2 more; copy the corpus again"):
        prepare(root)


def test_damage_to_timit_is_named(whole: Path, tmp_path: Path) -> None:
    root = tmp_path / "timit"
    shutil.copytree(whole / "TIMIT", root, copy_function=os.link)
    assert complaints(read_layout(root)) == []
    shutil.rmtree(root / "TRAIN" / "DR1" / "FCJF0")
    shutil.rmtree(root / "TEST" / "DR1" / "FDHC0")
    (root / "TRAIN" / "DR1" / "FDAW0" / "SX127.PHN").unlink()
    for kind in ("WAV", "TXT", "WRD", "PHN"):
        (root / "TRAIN" / "DR1" / "FDML0" / f"SI648.{kind}").unlink()
    (root / "TEST" / "DR1" / "FADG0").rename(root / "TRAIN" / "DR1" / "FADG0")
    (root / "TRAIN" / "DR2" / "FAEM0").rename(root / "TRAIN" / "DR2" / "FZZZ0")
    found = complaints(read_layout(root))
    assert found == [
        "TRAIN: speaker FCJF0 is missing (train)",
        "TRAIN: speaker FAEM0 is missing (train)",
        "speaker FADG0 is in TRAIN/DR1 but belongs in TEST (dev)",
        "TEST: speaker FDHC0 is missing (test)",
        "TRAIN/DR2/FZZZ0: no split has this speaker",
        "TEST: 166 speakers instead of 168",
        "TRAIN/DR1/FDML0: 7 sentences instead of 8 (SI1027 SI1657 SX127 SX217 SX307 SX37 SX397)",
        "TRAIN/DR1/FDAW0/SX127.PHN is missing",
    ]
    with pytest.raises(DataError, match="8 complaints: TRAIN: speaker FCJF0 is missing"):
        prepare(root)


@pytest.mark.parametrize("kind", ["WAV", "TXT", "WRD", "PHN"])
def test_a_missing_file_of_each_kind_is_named(kind: str, small: Path) -> None:
    (small / "TEST" / "DR2" / "MBBB0" / f"SI1.{kind}").unlink()
    with pytest.raises(DataError, match=rf"1 complaint: TEST/DR2/MBBB0/SI1\.{kind} is missing; copy the corpus again"):
        prepare(small)


@pytest.mark.parametrize("sphere", [False, True])
def test_truncated_audio_is_named(sphere: bool, tmp_path: Path) -> None:
    root = make_small(tmp_path / "corpus", sphere=sphere)
    path = root / "TEST" / "DR2" / "MBBB0" / "SI1.WAV"
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(DataError, match=r"1 complaint: \S*MBBB0/SI1\.WAV: "):
        prepare(root)


def test_more_damage_to_timit_is_named(whole: Path, tmp_path: Path) -> None:
    root = tmp_path / "timit"
    shutil.copytree(whole / "TIMIT", root, copy_function=os.link)
    for name in SENTENCES[2:]:
        for kind in ("WAV", "TXT", "WRD", "PHN"):
            (root / "TRAIN" / "DR1" / "FCJF0" / f"{name}.{kind}").unlink()
    (root / "TRAIN" / "DR3" / "FALK0").rename(root / "TRAIN" / "DR4" / "FALK0")
    shutil.copytree(root / "TEST" / "DR1" / "FDHC0", root / "TEST" / "DR2" / "FNEW0", copy_function=os.link)
    assert complaints(read_layout(root)) == [
        "TRAIN: speaker FCJF0 has SA sentences alone (train)",
        "speaker FALK0 is in TRAIN/DR4 but belongs in TRAIN/DR3",
        "TEST: 169 speakers instead of 168",
    ]


def test_all_complaints_are_written_where_it_is_asked_for(whole: Path, tmp_path: Path) -> None:
    root, file = tmp_path / "timit", tmp_path / "out" / "complaints.txt"
    shutil.copytree(whole / "TIMIT", root, copy_function=os.link, ignore=lambda _, names: set(names) & {"DR8"})
    with pytest.raises(DataError, match=rf"22 complaints: .* and 2 more; all are in {file}; copy"):
        prepare(root, complaints_file=file)
    expected = [f"TRAIN: speaker {name} is missing (train)" for name in TRAIN_SPEAKERS_BY_DIALECT["DR8"]]
    assert file.read_text().splitlines() == expected


def test_complaints_go_when_the_corpus_is_whole(small: Path, tmp_path: Path) -> None:
    (tmp_path / "complaints.txt").write_text("SI1.PHN is missing")
    prepare(small, complaints_file=tmp_path / "complaints.txt")
    assert not (tmp_path / "complaints.txt").exists()


def test_files_in_upper_and_in_lower_case_are_not_taken_for_one_another(small: Path) -> None:
    folder = small / "TRAIN" / "DR1" / "FAAA0"
    shutil.copy(folder / "SI1.PHN", folder / "si1.phn")
    with pytest.raises(DataError, match=r"1 complaint: TRAIN/DR1/FAAA0/SI1\.PHN is there again as \S*/si1\.phn"):
        prepare(small)
    shutil.copytree(small / "TRAIN", small / "train")
    with pytest.raises(DataError, match="corpus: has TRAIN and train; put them together"):
        prepare(small)


def test_mixed_case_is_read(small: Path) -> None:
    lower(small / "TEST" / "DR2")
    (small / "TEST").rename(small / "Test")
    assert [cut.id for cut in prepare(small)["dev"]] == ["MBBB0_SI1", "MBBB0_SX2"]


def test_sa_sentences_alone_are_no_corpus(small: Path) -> None:
    for path in small.rglob("S[IX]*"):
        if path.name != "SPLITS.TXT" and path.is_file():
            path.unlink()
    with pytest.raises(DataError, match="only SA sentences are in its TRAIN and TEST"):
        prepare(small)
