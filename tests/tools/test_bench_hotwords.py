"""What tools/bench_hotwords.py counts, and that it measures a model's search with and without a list."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from asr.lm.kneser_ney import estimate
from asr.lm.storage import save_ngram
from asr.text.policy import get_policy
from tests.conftest import TinyCorpus
from tests.transcription.tiny_models import save_checkpoint

TOOL = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "bench_hotwords.py"))


def test_phrases_are_found_missed_or_false_utterance_by_utterance() -> None:
    refs, hyps = ["a b c", "a b", "d"], ["a b a b", "a c", "d d"]
    found = TOOL["Found"].of(refs, hyps, [("a", "b"), ("d",)])
    assert (found.num_said, found.num_found, found.num_false) == (3, 2, 2)


def test_names_are_rare_words_of_a_language_model_that_are_no_forms_of_others(tmp_path: Path) -> None:
    save_ngram(
        estimate([["THE", "CAT", "MAKE"], ["THE", "COW"], ["A", "DOG", "THE"], ["DOG", "THE"]], 2), tmp_path / "2.npz"
    )
    known = TOOL["read_known"]([str(tmp_path / "2.npz")], get_policy("upper-no-punctuation"))
    assert set(known) == {"THE", "CAT", "MAKE", "COW", "A", "DOG"}
    assert 0 < known["COW"] < known["THE"] < 1
    chosen = TOOL["choose"](["DOG CATS UNCAS", "MAKING DOG'S COW"], known, 2, 9, names=True)
    assert chosen[:2] == ["UNCAS", "COW"]
    assert set(chosen[2:]) == {"CAT", "MAKE", "THE"}


def test_a_row_is_measured_for_each_score(
    tiny_corpus: TinyCorpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint, names = save_checkpoint(tmp_path / "tiny.ckpt"), tmp_path / "names.txt"
    cuts = str(tiny_corpus.data / "dev_cuts.jsonl.gz")
    words = ["--known", str(tiny_corpus.data / "train_cuts.jsonl.gz"), "--rare", "3", "--phrases", "5"]
    options = ["--beam-size", "4", "--scores", "0", "2", "--rounds", "1", "--save", str(names)]
    TOOL["main"]([str(checkpoint), "--cuts", cuts, *words, *options])
    assert len(names.read_text(encoding="utf-8").split()) == 5
    printed = capsys.readouterr().out
    assert printed.startswith("8 utterances, ")
    assert len(re.findall(r"^(0|2) +\d+/\d+ ", printed, re.MULTILINE)) == 2
