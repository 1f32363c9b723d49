"""Folders with the layout of TIMIT, made for the tests."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import soundfile

from asr.corpora.timit_speakers import (
    CORE_TEST_SPEAKERS,
    DEV_SPEAKERS,
    NUM_TEST_SPEAKERS,
    TRAIN_SPEAKERS_BY_DIALECT,
)

SENTENCES = ("SA1", "SA2", "SI1027", "SI1657", "SI648", "SX127", "SX217", "SX307", "SX37", "SX397")
TEXT = "0 3200 She had your dark suit.\n"
WORDS = "200 900 she\n850 1600 had\n"
PHONES = "0 200 h#\n200 500 sh\n500 900 iy\n900 3200 h#\n"
OTHERS = tuple(f"M{a}{b}X9" for a in "QUXYZ" for b in "ABCDEFGHJKLMNPQRSTVW")[: NUM_TEST_SPEAKERS - 74]


def make_sentence(folder: Path, name: str, *, sphere: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tone = 0.1 * np.sin(np.arange(3200) / 10)
    soundfile.write(folder / f"{name}.WAV", tone, 16000, subtype="PCM_16", format="NIST" if sphere else "WAV")
    for kind, text in (("TXT", TEXT), ("WRD", WORDS), ("PHN", PHONES)):
        (folder / f"{name}.{kind}").write_text(text)


def make_small(root: Path, *, sphere: bool = False) -> Path:
    """Makes a corpus with splits of its own, of three speakers with three sentences each, one of them SA1."""
    for place in ("TRAIN/DR1/FAAA0", "TEST/DR2/MBBB0", "TEST/DR3/MCCC0"):
        for name in ("SA1", "SI1", "SX2"):
            make_sentence(root / place, name, sphere=sphere)
    (root / "SPLITS.TXT").write_text("FAAA0 train\nMBBB0 dev\nMCCC0 test\n")
    return root


def make_whole(root: Path) -> Path:
    """Makes a tree with all names of TIMIT: 630 speakers with 10 sentences; its files are links to one sentence."""
    make_sentence(root / "model", "X", sphere=True)
    places = [f"TRAIN/{dialect}/{name}" for dialect, names in TRAIN_SPEAKERS_BY_DIALECT.items() for name in names]
    places += [f"TEST/DR1/{name}" for name in (*DEV_SPEAKERS, *CORE_TEST_SPEAKERS, *OTHERS)]
    for place in places:
        folder = root / "TIMIT" / place
        folder.mkdir(parents=True)
        for name in SENTENCES:
            for kind in ("WAV", "TXT", "WRD", "PHN"):
                os.link(root / "model" / f"X.{kind}", folder / f"{name}.{kind}")
    return root


def lower(folder: Path) -> None:
    """Returns all files and folders below names in lower case."""
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rename(path.with_name(path.name.lower()))
