"""--hotwords of asr transcribe and asr decode: what they change, and one line for what cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from asr.cli import decode, transcribe
from asr.lm.kneser_ney import estimate
from asr.lm.storage import save_ngram
from asr.scoring.hypotheses import read_texts
from tests.conftest import TinyCorpus


def texts(checkpoint: Path, corpus: TinyCorpus, out: Path, *options: str) -> dict[str, str]:
    cuts = ["--cuts", str(corpus.data / "dev_cuts.jsonl.gz"), "--workers", "0"]
    assert decode.main(["--checkpoint", str(checkpoint), *cuts, "--out", str(out), *options]) == 0
    return read_texts(out)


@pytest.fixture
def names(tmp_path: Path) -> Path:
    path = tmp_path / "names.txt"
    path.write_text("CACAC\nBB\t2\n", encoding="utf-8")
    return path


def test_decode_favours_hot_words(checkpoint: Path, tiny_corpus: TinyCorpus, tmp_path: Path, names: Path) -> None:
    beam, hot = ["--beam-size", "8"], ["--hotwords", str(names)]
    plain = texts(checkpoint, tiny_corpus, tmp_path / "plain", *beam)
    assert texts(checkpoint, tiny_corpus, tmp_path / "none", *beam, *hot, "--hotword-score", "0") == plain
    favoured = texts(checkpoint, tiny_corpus, tmp_path / "hot", *beam, *hot, "--hotword-score", "9")
    words = " ".join(favoured.values()).split()
    assert words.count("BB") + words.count("CACAC") > " ".join(plain.values()).split().count("BB")


def test_decode_adds_hot_words_to_the_lexicon(
    checkpoint: Path, tiny_corpus: TinyCorpus, tmp_path: Path, names: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lm = tmp_path / "2.npz"
    save_ngram(estimate([["AB", "CA"], ["BC", "AAC"]], 2), lm)
    words = ["--beam-size", "8", "--lexicon", str(lm), "--lm", str(lm), "--hotwords", str(names)]
    favoured = texts(checkpoint, tiny_corpus, tmp_path / "hot", *words, "--hotword-score", "9")
    assert {"BB", "CACAC"} & set(" ".join(favoured.values()).split())
    printed = capsys.readouterr().err
    assert "lexicon: 6 words" in printed
    assert "2 of 6 words are not in it and count as <unk>" in printed


def test_transcribe_favours_hot_words(
    checkpoint: Path, tiny_corpus: TinyCorpus, names: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audio = [str(path) for path in sorted(tiny_corpus.data.glob("dev-*.wav"))]
    common = ["--checkpoint", str(checkpoint), "--device", "cpu", "--format", "jsonl", "--beam-size", "8", "--quiet"]

    def said(*options: str) -> list[str]:
        assert transcribe.main([*audio, *common, *options]) == 0
        return [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()]

    plain = said()
    assert said("--hotwords", str(names), "--hotword-score", "0") == plain
    assert said("--hotwords", str(names), "--hotword-score", "9") != plain


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--hotwords"], "--hotwords: greedy decoding takes no hot words; give --beam-size of 2 or more"),
        (["--hotword-score", "2"], "--hotword-score: there are no hot words; give --hotwords, or leave it out"),
        (["--g2p", "best.ckpt"], "--g2p: there are no hot words"),
        (["--beam-size", "8", "--hotword-score", "-1", "--hotwords"], "--hotword-score: -1 is below 0; give 0 or more"),
    ],
)
def test_what_cannot_be_is_one_line(
    options: list[str], message: str, names: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [*options, str(names)] if "--hotwords" in options else options
    (tmp_path / "a.wav").touch()
    assert transcribe.main([str(tmp_path), "--checkpoint", "none.ckpt", *given]) == 2
    assert message in capsys.readouterr().err
    assert decode.main(["--cuts", "none", "--checkpoint", "none.ckpt", *given]) == 2
    assert message in capsys.readouterr().err


def test_a_word_that_the_model_cannot_spell_is_named_with_its_line(
    checkpoint: Path, tiny_corpus: TinyCorpus, names: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names.write_text("AB\nDAD\n", encoding="utf-8")
    cuts = ["--cuts", str(tiny_corpus.data / "dev_cuts.jsonl.gz"), "--beam-size", "4", "--hotwords", str(names)]
    assert decode.main(["--checkpoint", str(checkpoint), *cuts]) == 1
    assert f"{names}:2: 'D' not in the table of 5 tokens; write it as the model does" in capsys.readouterr().err
