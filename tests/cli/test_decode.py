"""asr decode: hypotheses for every cut, the same alone and in batches, and one line for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from asr.cli import transcribe
from asr.cli.decode import main
from asr.corpora.manifests import read_cuts
from asr.decoding.settings import DecoderSettings
from asr.lm.kneser_ney import estimate
from asr.lm.storage import save_ngram
from asr.scoring.hypotheses import read_hypotheses
from tests.conftest import TinyCorpus

LABELLED = [
    ([], "greedy"),
    (["--beam-size", "4", "--nbest", "3"], "beam4"),
    (["--label", "mine"], "mine"),
]


@pytest.mark.parametrize(("flags", "label"), LABELLED)
def test_writes_each_utterance_once_with_times_in_order(
    checkpoint: Path, tiny_corpus: TinyCorpus, capsys: pytest.CaptureFixture[str], flags: list[str], label: str
) -> None:
    cuts = tiny_corpus.data / "dev_cuts.jsonl.gz"
    assert main(["--checkpoint", str(checkpoint), "--cuts", str(cuts), "--workers", "0", *flags]) == 0
    out = checkpoint.with_name(f"dev_{label}.jsonl")
    assert capsys.readouterr().out == f"{out}\n"
    found = read_hypotheses(out)
    assert list(found) == [f"dev-{number:03d}" for number in range(8)]
    for nbest in found.values():
        assert 1 <= len(nbest) <= (3 if label == "beam4" else 1)
        assert [each.score for each in nbest] == sorted((each.score for each in nbest), reverse=True)
        times = [time for token in nbest[0].tokens for time in (token.start, token.end)]
        assert times == sorted(times)


def test_batches_do_not_change_hypotheses(checkpoint: Path, tiny_corpus: TinyCorpus, tmp_path: Path) -> None:
    common = ["--checkpoint", str(checkpoint), "--cuts", str(tiny_corpus.data / "dev_cuts.jsonl.gz"), "--workers", "0"]
    for seconds in ("0.1", "100"):
        assert main([*common, "--batch-seconds", seconds, "--out", str(tmp_path / seconds)]) == 0
    alone, together = (
        [json.loads(line)["text"] for line in (tmp_path / seconds).read_text(encoding="utf-8").splitlines()]
        for seconds in ("0.1", "100")
    )
    assert alone == together


def test_a_model_of_something_else_is_named(
    checkpoint: Path, tiny_corpus: TinyCorpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = [
        "--checkpoint",
        str(checkpoint),
        "--cuts",
        str(tiny_corpus.data / "dev_cuts.jsonl.gz"),
        "--beam-size",
        "4",
    ]
    words, trigram = tmp_path / "words.arpa", tmp_path / "trigram.arpa"
    save_ngram(estimate([["GO", "ON"], ["GO"]], 2), words)
    save_ngram(estimate([["A", "B", "C", "A", "B"], ["C", "A", "B"]], 3), trigram)
    assert main([*common, "--lm", str(words)]) == 1
    assert "language model: knows none of the 4 tokens, such as '|'; train it" in capsys.readouterr().err
    assert main([*common, "--lm", str(trigram), "--exact"]) == 2
    assert "language model: is of order 3; exact search takes a bigram" in capsys.readouterr().err
    assert main([*common[:-2], "--settings", str(words)]) == 1
    assert "words.arpa: is no settings of a decoder" in capsys.readouterr().err


def test_a_weight_of_zero_is_one(checkpoint: Path, tiny_corpus: TinyCorpus, bigram: Path, tmp_path: Path) -> None:
    dev = str(tiny_corpus.data / "dev_cuts.jsonl.gz")
    common = ["--checkpoint", str(checkpoint), "--cuts", dev, "--beam-size", "8"]
    names = ("none", "zero", "half")
    for name, flags in zip(names, ([], ["--lm", str(bigram), "--lm-weight", "0"], ["--lm", str(bigram)]), strict=True):
        assert main([*common, *flags, "--out", str(tmp_path / name)]) == 0
    none, zero, half = ([nbest[0].score for nbest in read_hypotheses(tmp_path / name).values()] for name in names)
    assert zero == pytest.approx(none)
    assert half != pytest.approx(none)


def test_greedy_decoding_that_tuning_chose_gives_one_hypothesis(
    checkpoint: Path, tiny_corpus: TinyCorpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tuned, out = tmp_path / "tuned.json", tmp_path / "hyps.jsonl"
    DecoderSettings().save(tuned)
    common = ["--checkpoint", str(checkpoint), "--cuts", str(tiny_corpus.data / "dev_cuts.jsonl.gz")]
    assert main([*common, "--settings", str(tuned), "--nbest", "3", "--out", str(out)]) == 0
    assert "tuned.json: is greedy decoding, which has 1 hypothesis, not 3" in capsys.readouterr().err
    assert {len(nbest) for nbest in read_hypotheses(out).values()} == {1}


@pytest.mark.parametrize(
    ("flags", "status", "line"),
    [
        (["--cuts", "nowhere.jsonl.gz"], 1, "nowhere.jsonl.gz: no such file"),
        (["--cuts", __file__, "nowhere.jsonl.gz"], 1, "nowhere.jsonl.gz: no such file"),
        (["--cuts", __file__, "--out", __file__], 2, "is what the command reads, and would be overwritten"),
        (["--cuts", __file__, __file__], 2, "--cuts: two have the same name"),
        (["--cuts", "a", "--beam-size", "4", "--beam-threshold", "-1"], 2, "--beam-threshold: -1; give a number above"),
        (["--cuts", "a", "--beam-size", "4", "--lm", "x", "--lm-weight", "-1"], 2, "--lm-weight: -1; give 0 or more"),
        (["--cuts", "a", "b", "--out", "c"], 2, "--out: one file for 2 files of cuts"),
        (["--cuts", "a", "--label", "b/c"], 2, "--label: 'b/c'; give it without --out, and as a part of a file name"),
        (["--cuts", "a", "--label", "b", "--out", "c"], 2, "--label: 'b'; give it without --out"),
        (["--cuts", "a", "--nbest", "2"], 2, "--nbest: 2 with a beam of 1"),
        (["--cuts", "a", "--beam-size", "0"], 2, "--beam-size: 0; give 1 for greedy decoding"),
        (["--cuts", "a", "--exact"], 2, "--exact: there is no --lm"),
        (["--cuts", "a", "--lm", "x.arpa"], 2, "--lm: greedy decoding takes no language model"),
        (
            ["--cuts", "a", "--tune", "x.json"],
            2,
            "--tune: is no longer an option of asr decode; give asr tune decode",
        ),
        (["--cuts", "a", "--cross-tune"], 2, "give asr tune decode --crosswise FILE"),
        (["--cuts", "a", "--tuning-beam-size", "4"], 2, "give asr tune decode --tuning-beam-size N"),
        (["--cuts", "a", "--settings", "x.json", "--lm", "x.arpa"], 2, "--lm: --settings has it already"),
        (["--cuts", "a", "--lexicon", "w"], 2, "--lexicon: greedy decoding takes no lexicon"),
        (["--cuts", "a", "--beam-size", "4", "--silence", "sil"], 2, "--silence: there are no words without a lexicon"),
        (
            ["--cuts", "a", "--beam-size", "4", "--blank-penalty", "1"],
            2,
            "--blank-penalty: there are no words",
        ),
        (
            ["--cuts", "a", "--beam-size", "4", "--hyps-per-state", "2"],
            2,
            "--hyps-per-state: there are no words",
        ),
        (["--cuts", "a", "--beam-size", "4", "--lexicon", "w", "--hyps-per-state", "0"], 2, "--hyps-per-state: 0"),
        (["--cuts", "a", "--beam-size", "4", "--lexicon", "w", "--token-score", "1"], 2, "--token-score: a lexicon"),
        (["--cuts", "a", "--lexicon", "w", "--exact", "--lm", "x.arpa"], 2, "--exact: it searches tokens"),
        (["--cuts", "a", "--beam-size", "4", "--lexicon", "nowhere.txt"], 1, "nowhere.txt"),
        (["--cuts", "a", "--exact", "--lm", "x.arpa", "--nbest", "2"], 2, "--exact: it finds one path"),
        (["--cuts", "a", "--beam-size", "4", "--lm", "nowhere.arpa"], 1, "nowhere.arpa"),
        (["--cuts", __file__, "--device", "warp"], 2, "--device: 'warp' cannot be used"),
        (["--cuts", __file__, "--checkpoint", "nowhere.ckpt"], 1, "nowhere.ckpt: no such file"),
    ],
)
def test_bad_input_gets_one_line(
    checkpoint: Path, capsys: pytest.CaptureFixture[str], flags: list[str], status: int, line: str
) -> None:
    assert main(["--checkpoint", str(checkpoint), *flags]) == status
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert line in error


def test_words_of_a_lexicon(
    checkpoint: Path, tiny_corpus: TinyCorpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dev = tiny_corpus.data / "dev_cuts.jsonl.gz"
    common = ["--checkpoint", str(checkpoint), "--cuts", str(dev), "--workers", "0"]
    refs = [cut.supervisions[0].text.split() for cut in read_cuts(dev)]
    known = sorted({word for ref in refs for word in ref})
    words, bigram = tmp_path / "words.txt", tmp_path / "words.npz"
    words.write_text("\n".join([*known, "ÅÄÖ", "TWO-WORDS"]) + "\n", encoding="utf-8")
    save_ngram(estimate(refs, 2), bigram)
    search = ["--lexicon", str(words), "--beam-size", "8"]
    own = ["--lexicon", str(bigram), "--lm", str(bigram), "--lm-weight", "1"]
    assert main([*common, *own, "--beam-size", "8"]) == 0
    assert f"lexicon: {len(known)} words, {len(known)} spellings\n" in capsys.readouterr().err
    assert main([*common, *search, "--word-score", "1"]) == 0
    assert "words have no spelling in the tokens, such as 'ÅÄÖ'" in capsys.readouterr().err
    hyps = read_hypotheses(checkpoint.with_name("dev_beam8_lexicon.jsonl"))
    assert {word for nbest in hyps.values() for word in nbest[0].text.split()} <= set(known)
    assert main([*common, *search, "--word-score", "1", "--unknown-score", "-1", "--out", str(tmp_path / "open")]) == 0
    assert list(read_hypotheses(tmp_path / "open")) == list(hyps)


def test_files_are_transcribed_as_their_cuts_are_decoded(
    checkpoint: Path, tiny_corpus: TinyCorpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dev, lm = tiny_corpus.data / "dev_cuts.jsonl.gz", tmp_path / "words.npz"
    refs = [cut.supervisions[0].text.split() for cut in read_cuts(dev)]
    save_ngram(estimate([*refs, ["AC", "BABA"]], 2), lm)
    words = DecoderSettings(8, 4, lm=str(lm), lm_weight=0.7, lexicon=(str(lm),), word_score=0.5, blank_penalty=1.0)
    greedy = DecoderSettings()
    paths = [str(tiny_corpus.data / f"dev-{number:03d}.wav") for number in range(8)]
    texts = []
    for number, settings in enumerate((words, greedy)):
        settings.save(tmp_path / "s.json")
        model = ["--checkpoint", str(checkpoint), "--settings", str(tmp_path / "s.json")]
        assert main([*model, "--cuts", str(dev), "--workers", "0", "--out", str(tmp_path / "decoded")]) == 0
        decoded = [nbest[0].text for nbest in read_hypotheses(tmp_path / "decoded").values()]
        capsys.readouterr()
        assert transcribe.main([*model, "--device", "cpu", *paths]) == 0
        printed = capsys.readouterr()
        assert [line.split("\t")[1] for line in printed.out.splitlines()] == decoded
        assert ("lexicon: " in printed.err) == (number == 0)
        texts.append(decoded)
    assert texts[0] != texts[1]
