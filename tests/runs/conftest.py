from __future__ import annotations

import pytest

from tests.conftest import TinyCorpus


@pytest.fixture
def in_its_folder(tiny_corpus: TinyCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs a test in the folder of the tiny corpus, whose paths in settings are relative."""
    monkeypatch.chdir(tiny_corpus.root)
