"""Trees of TIMIT that the tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora.timit_trees import make_small, make_whole


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A corpus of the test's own, to be damaged."""
    return make_small(tmp_path / "corpus")


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All names of TIMIT, for all tests: who damages it takes a copy."""
    return make_whole(tmp_path_factory.mktemp("whole"))
