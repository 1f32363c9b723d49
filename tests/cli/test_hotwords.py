"""--hotwords of asr transcribe and asr decode: what they change, and one line for what cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from asr import Hotwords, Recognizer
from asr.cli import decode, export, transcribe
from asr.lm.kneser_ney import estimate
from asr.lm.storage import save_ngram
from asr.scoring.hypotheses import read_texts
from tests.checkpoints.model_files import save_acoustic, save_phones, save_word_settings
from tests.conftest import TinyCorpus
from tests.transcription.tiny_models import save_pronouncer


def texts(checkpoint: Path, corpus: TinyCorpus, out: Path, *options: str) -> dict[str, str]:
    cuts = ["--cuts", str(corpus.data / "dev_cuts.jsonl.gz"), "--workers", "0"]
    assert decode.main(["--checkpoint", str(checkpoint), *cuts, "--out", str(out), *options]) == 0
    return read_texts(out)


def said(capsys: pytest.CaptureFixture[str], *options: str | Path) -> list[str]:
    assert transcribe.main(["--device", "cpu", "--format", "jsonl", "--quiet", *map(str, options)]) == 0
    return [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()]


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
    assert "2 of 6 words are not in it and share <unk>" in printed


def test_transcribe_favours_hot_words(
    checkpoint: Path, tiny_corpus: TinyCorpus, names: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audio = [str(path) for path in sorted(tiny_corpus.data.glob("dev-*.wav"))]
    common = [*audio, "--checkpoint", str(checkpoint), "--beam-size", "8"]
    plain, hot = said(capsys, *common), [*common, "--hotwords", str(names), "--hotword-score"]
    assert said(capsys, *hot, "0") == plain
    assert said(capsys, *hot, "9") != plain


def test_a_model_file_of_letters_and_words_favours_hot_words(
    tmp_path: Path, make_audio: Callable[..., Path], names: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = save_word_settings(tmp_path)
    settings.save(tmp_path / "3gram.json")
    parts = ["--checkpoint", save_acoustic(tmp_path / "a.ckpt"), "--settings", str(tmp_path / "3gram.json")]
    assert export.main([*parts, "--out", str(tmp_path / "a.asr"), "--quiet"]) == 0
    audio = [make_audio(tmp_path / f"{seed}.wav", seed, seconds=0.6) for seed in range(2)]
    model, hot = ["--model", str(tmp_path / "a.asr")], ["--hotwords", str(names), "--hotword-score"]
    plain = said(capsys, *audio, *model)
    assert said(capsys, *audio, *model, *hot, "0") == plain
    favoured = said(capsys, *audio, *model, *hot, "30")
    assert {"CACAC", "BB"} & set(" ".join(favoured).split())
    assert said(capsys, *audio, *parts, *hot, "30") == favoured
    recognizer = Recognizer.from_file(tmp_path / "a.asr", hotwords=Hotwords.read(names, 30.0))
    assert [each.text for each in recognizer.transcribe(audio)] == favoured
    assert transcribe.main([*map(str, audio), *model, "--beam-size", "1", *hot, "1"]) == 2
    assert "--hotwords: greedy decoding takes no hot words; give --beam-size" in capsys.readouterr().err


def test_a_model_file_of_phones_has_hot_words_pronounced(
    tmp_path: Path, make_audio: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    save_phones(tmp_path).save(tmp_path / "words.json")
    parts = ["--checkpoint", str(tmp_path / "phones.ckpt"), "--settings", str(tmp_path / "words.json")]
    assert export.main([*parts, "--out", str(tmp_path / "a.asr"), "--quiet"]) == 0
    audio, names = make_audio(tmp_path / "a.wav", 0, seconds=1.0), tmp_path / "names.txt"
    names.write_text("Habbah\n", encoding="utf-8")
    arguments = ["--model", tmp_path / "a.asr", "--hotwords", names, "--hotword-score", "30", audio]
    assert transcribe.main(list(map(str, arguments))) == 1
    remedy = "give it after a second tab, or a pronunciation model (--g2p)"
    assert f"{names}:1: HABBAH is not in the lexicon, and has no pronunciation; {remedy}\n" in capsys.readouterr().err
    g2p = save_pronouncer(tmp_path / "g2p.ckpt", letters="ABH", phones="AH B")
    favoured = said(capsys, *arguments, "--g2p", g2p)
    assert "HABBAH" in " ".join(favoured).split()
    assert export.main([*parts, "--g2p", str(g2p), "--out", str(tmp_path / "a.asr"), "--quiet"]) == 0
    assert transcribe.main([*map(str, arguments), "--device", "cpu"]) == 0
    out, err = capsys.readouterr()
    assert out.split() == " ".join(favoured).split()
    assert "hot words: 1 words have a pronunciation from their letters: HABBAH (" in err
    names.write_text("Habbax\n", encoding="utf-8")
    assert transcribe.main(list(map(str, arguments))) == 1
    line = f"{names}:1: HABBAX is not in the lexicon, and has no pronunciation; give it after a second tab\n"
    assert line in capsys.readouterr().err


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
