"""A running espeak-ng and a small corpus that the tests of synth share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from asr.corpora.synth import generate
from asr.corpora.synth.espeak import Espeak

SETTINGS = {"minutes": 0.6, "num_speakers": 6, "seed": 3}


@pytest.fixture(scope="session")
def espeak() -> Iterator[Espeak]:
    with Espeak() as running:
        yield running


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished corpus; tests do not change it."""
    folder = tmp_path_factory.mktemp("synth") / "corpus"
    generate(folder, jobs=2, **SETTINGS)
    return folder
