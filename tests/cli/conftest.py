"""Models that tests of several verbs share."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.cli import train
from asr.corpora.manifests import read_cuts
from asr.lm.kneser_ney import estimate
from asr.lm.storage import save_ngram
from tests.conftest import TinyCorpus
from tests.helpers.training import SMALL


@pytest.fixture(scope="session")
def checkpoint(tiny_corpus: TinyCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of characters that has learnt a little."""
    exp_dir = tmp_path_factory.mktemp("exp")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tiny_corpus.root)
        assert train.main([*SMALL, "trainer.max_epochs=10", "data.batch_seconds=4.0", f"exp_dir={exp_dir}"]) == 0
    return exp_dir / "best.ckpt"


@pytest.fixture(scope="session")
def bigram(tiny_corpus: TinyCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bigram of the characters of the training transcripts."""
    path = tmp_path_factory.mktemp("lm") / "characters.arpa"
    cuts = read_cuts(tiny_corpus.data / "train_cuts.jsonl.gz")
    save_ngram(estimate([list(cut.supervisions[0].text.replace(" ", "|")) for cut in cuts], 2), path)
    return path
