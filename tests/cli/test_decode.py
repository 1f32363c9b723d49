"""asr decode: hypotheses for every cut, the same alone and in batches, and one line for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lhotse import CutSet

from asr.cli import train
from asr.cli._decoders import DecoderParts, DecoderSettings
from asr.cli._tuning import DevSet, halve
from asr.cli.decode import main
from asr.corpora.manifests import read_cuts
from asr.errors import DataError
from asr.lm.kneser_ney import estimate
from asr.lm.storage import save_ngram
from asr.scoring.counts import ErrorCounts, count_errors
from asr.scoring.hypotheses import read_hypotheses
from tests.conftest import TinyCorpus
from tests.helpers.training import SMALL


@pytest.fixture(scope="module")
def checkpoint(tiny_corpus: TinyCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    exp_dir = tmp_path_factory.mktemp("exp")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tiny_corpus.root)
        assert train.main([*SMALL, "trainer.max_epochs=10", "data.batch_seconds=4.0", f"exp_dir={exp_dir}"]) == 0
    return exp_dir / "best.ckpt"


@pytest.mark.parametrize(("flags", "label"), [([], "greedy"), (["--beam-size", "4", "--nbest", "3"], "beam4")])
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
        assert 1 <= len(nbest) <= (3 if flags else 1)
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


@pytest.fixture(scope="module")
def bigram(tiny_corpus: TinyCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bigram of the characters of the training transcripts."""
    path = tmp_path_factory.mktemp("lm") / "characters.arpa"
    cuts = read_cuts(tiny_corpus.data / "train_cuts.jsonl.gz")
    save_ngram(estimate([list(cut.supervisions[0].text.replace(" ", "|")) for cut in cuts], 2), path)
    return path


@pytest.mark.parametrize("search", [["--exact"], ["--beam-size", "8"]])
def test_weights_are_tuned_on_dev_and_kept(
    checkpoint: Path,
    tiny_corpus: TinyCorpus,
    bigram: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    search: list[str],
) -> None:
    common = ["--checkpoint", str(checkpoint), "--cuts", str(tiny_corpus.data / "dev_cuts.jsonl.gz"), "--workers", "0"]
    settings = tmp_path / "tuned.json"
    assert main([*common, "--lm", str(bigram), *search, "--tune", str(settings)]) == 0
    printed = capsys.readouterr()
    found = json.loads(settings.read_text(encoding="utf-8"))
    rates = {(weight, score): rate for weight, score, _, rate in found["tried"]}
    assert found["error_rate"] == min(rates.values()) == rates[found["lm_weight"], found["token_score"]]
    assert found["error_rate"] <= min(rates[0.0, 0.0], found["greedy_error_rate"])
    assert printed.err.count("of words\n") == len(rates) + 1  # and greedy
    assert main([*common, "--settings", str(settings)]) == 0
    hyps = read_hypotheses(checkpoint.with_name("dev_tuned.jsonl"))
    refs = {cut.id: cut.supervisions[0].text for cut in read_cuts(tiny_corpus.data / "dev_cuts.jsonl.gz")}
    counts = sum(count_errors([refs[name] for name in hyps], [h[0].text for h in hyps.values()], "word"), ErrorCounts())
    assert counts.rate == found["error_rate"]


def test_each_half_of_the_speakers_is_decoded_with_the_weights_of_the_other(
    checkpoint: Path, tiny_corpus: TinyCorpus, bigram: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cuts = list(read_cuts(tiny_corpus.data / "dev_cuts.jsonl.gz"))
    here, there = halve(cuts, "dev")
    speakers = [{cut.supervisions[0].speaker for cut in half} for half in (here, there)]
    assert not speakers[0] & speakers[1]
    assert len(here) + len(there) == len(cuts)
    dev, out = str(tiny_corpus.data / "dev_cuts.jsonl.gz"), tmp_path / "crossed.jsonl"
    flags = ["--cuts", dev, "--workers", "0", "--lm", str(bigram), "--exact", "--cross-tune", "--out", str(out)]
    assert main(["--checkpoint", str(checkpoint), *flags]) == 0
    assert list(read_hypotheses(out)) == [cut.id for cut in cuts]
    log = capsys.readouterr().err
    assert f"from {len(here)} utterances, for {len(there)} others" in log
    assert f"from {len(there)} utterances, for {len(here)} others" in log


def test_halves_need_two_speakers(tiny_corpus: TinyCorpus) -> None:
    cuts = list(read_cuts(tiny_corpus.data / "dev_cuts.jsonl.gz"))
    one = [cut for cut in cuts if cut.supervisions[0].speaker == cuts[0].supervisions[0].speaker]
    with pytest.raises(DataError, match=r"dev: has 1 speaker; halves need two"):
        halve(one, "dev")


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
    assert "tuned.json: is greedy decoding, which gives 1 hypothesis, not 3" in capsys.readouterr().err
    assert {len(nbest) for nbest in read_hypotheses(out).values()} == {1}


@pytest.mark.parametrize(
    ("flags", "status", "line"),
    [
        (["--cuts", "nowhere.jsonl.gz"], 1, "nowhere.jsonl.gz: no such file"),
        (["--cuts", "a", "b", "--out", "c"], 2, "--out: one file for 2 files of cuts"),
        (["--cuts", "a", "--nbest", "2"], 2, "--nbest: 2 with a beam of 1"),
        (["--cuts", "a", "--beam-size", "0"], 2, "--beam-size: 0; give 1 for greedy decoding"),
        (["--cuts", "a", "--exact"], 2, "--exact: there is no --lm"),
        (["--cuts", "a", "--lm", "x.arpa"], 2, "--lm: greedy decoding takes no language model"),
        (["--cuts", "a", "--cross-tune"], 2, "--cross-tune: greedy decoding has no weights"),
        (["--cuts", "a", "--tune", "x.json"], 2, "--tune: greedy decoding has no weights"),
        (["--cuts", "a", "--settings", "x.json", "--lm", "x.arpa"], 2, "--lm: --settings has it already"),
        (["--cuts", "a", "--lexicon", "w"], 2, "--lexicon: greedy decoding takes no lexicon"),
        (["--cuts", "a", "--beam-size", "4", "--silence", "sil"], 2, "there are no words without a lexicon"),
        (["--cuts", "a", "--beam-size", "4", "--blank-penalty", "1"], 2, "there are no words without a lexicon"),
        (["--cuts", "a", "--beam-size", "4", "--hyps-per-state", "2"], 2, "there are no words without a lexicon"),
        (["--cuts", "a", "--beam-size", "4", "--lexicon", "w", "--hyps-per-state", "0"], 2, "--hyps-per-state: 0"),
        (["--cuts", "a", "--beam-size", "4", "--tuning-beam-size", "4"], 2, "--tuning-beam-size: nothing is tuned"),
        (["--cuts", "a", "--beam-size", "4", "--tune", "x", "--tuning-beam-size", "1"], 2, "--tuning-beam-size: 1"),
        (["--cuts", "a", "--exact", "--lm", "x", "--tune", "x", "--tuning-beam-size", "4"], 2, "--exact has no beam"),
        (["--cuts", "a", "--beam-size", "4", "--lexicon", "w", "--token-score", "1"], 2, "--token-score: a lexicon"),
        (["--cuts", "a", "--lexicon", "w", "--exact", "--lm", "x.arpa"], 2, "--exact: it searches tokens"),
        (["--cuts", "a", "--beam-size", "4", "--lexicon", "nowhere.txt"], 1, "nowhere.txt"),
        (["--cuts", "a", "--exact", "--lm", "x.arpa", "--nbest", "2"], 2, "--exact: it finds one path"),
        (["--cuts", "a", "--beam-size", "4", "--lm", "nowhere.arpa"], 1, "nowhere.arpa"),
        (["--cuts", "a", "--device", "warp"], 2, "--device: 'warp' cannot be used"),
        (["--cuts", "a", "--checkpoint", "nowhere.ckpt"], 1, "nowhere.ckpt: no such file"),
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
    words, bigram, settings = tmp_path / "words.txt", tmp_path / "words.npz", tmp_path / "words.json"
    words.write_text("\n".join([*known, "ÅÄÖ", "TWO-WORDS"]) + "\n", encoding="utf-8")
    save_ngram(estimate(refs, 2), bigram)
    search = ["--lexicon", str(words), "--beam-size", "8"]
    own = ["--lexicon", str(bigram), "--lm", str(bigram), "--lm-weight", "1"]
    assert main([*common, *own, "--beam-size", "8"]) == 0
    assert f"lexicon: {len(known)} words, {len(known)} spellings\n" in capsys.readouterr().err
    assert main([*common, *search, "--lm", str(bigram), "--tune", str(settings)]) == 0
    err = capsys.readouterr().err
    assert f"lexicon: {len(known)} words, {len(known)} spellings\n" in err
    assert "words have no spelling in the tokens, such as 'ÅÄÖ'" in err
    found = json.loads(settings.read_text(encoding="utf-8"))
    assert found["error_rate"] <= min(rate for *_, rate in found["tried"])
    assert found["error_rate"] <= found["greedy_error_rate"]
    assert main([*common, *search, "--word-score", "1"]) == 0
    hyps = read_hypotheses(checkpoint.with_name("dev_beam8_lexicon.jsonl"))
    assert {word for nbest in hyps.values() for word in nbest[0].text.split()} <= set(known)
    assert main([*common, *search, "--word-score", "1", "--unknown-score", "-1", "--out", str(tmp_path / "open")]) == 0
    assert list(read_hypotheses(tmp_path / "open")) == list(hyps)


def test_tuning_gives_greedy_decoding_where_nothing_is_as_good(monkeypatch: pytest.MonkeyPatch) -> None:
    rates, searched = {1: 0.2, 8: 0.25}, set()

    def error_rate(self: DevSet, settings: DecoderSettings, parts: DecoderParts) -> float:
        searched.add((settings.beam_size, settings.nbest))
        return rates[settings.beam_size]

    monkeypatch.setattr(DevSet, "__init__", lambda self: self.__dict__.update(unit="word", greedy_gives_unit=True))
    monkeypatch.setattr(DevSet, "error_rate", error_rate)
    beam = DecoderSettings(beam_size=16, nbest=9, lm="words.arpa", lexicon=("words.txt",))
    best = DevSet().tune(beam, DecoderParts(), beam_size=8)
    assert searched == {(1, 1), (8, 1)}, "only first hypotheses count while weights are tried"
    assert (best.settings, best.error_rate, best.without) == (DecoderSettings(), 0.2, 0.25)
    rates[8] = 0.2
    assert DevSet().tune(beam, DecoderParts(), beam_size=8).settings == beam


def test_words_are_tuned_on_where_a_model_of_phones_has_a_lexicon(
    tiny_corpus: TinyCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tiny_corpus.root)
    for split in ("train", "dev"):
        cuts = CutSet.from_cuts(read_cuts(tiny_corpus.data / f"{split}_cuts.jsonl.gz")).to_eager()
        for cut in cuts:
            cut.supervisions[0].custom = {"phones": " ".join(cut.supervisions[0].text.replace(" ", ""))}
        cuts.to_file(tmp_path / f"{split}_cuts.jsonl.gz")
    (tmp_path / "tokens_phone.txt").write_text("<blank>\nA\nB\nC\n", encoding="utf-8")
    words = {word for cut in read_cuts(tmp_path / "train_cuts.jsonl.gz") for word in cut.supervisions[0].text.split()}
    (tmp_path / "all.dict").write_text("".join(f"{word.lower()} {' '.join(word)}\n" for word in words), "utf-8")
    data = [
        f"data.{name}_cuts=[{tmp_path / split}_cuts.jsonl.gz]" for name, split in (("train", "train"), ("val", "dev"))
    ]
    phones = ["unit=phone", f"model.tokens={tmp_path / 'tokens_phone.txt'}", "model.text_policy=verbatim", *data]
    assert train.main([*SMALL, *phones, "trainer.max_epochs=2", f"exp_dir={tmp_path}"]) == 0
    capsys.readouterr()
    dev = ["--checkpoint", str(tmp_path / "last.ckpt"), "--cuts", str(tmp_path / "dev_cuts.jsonl.gz"), "--workers", "0"]
    search = [*dev, "--beam-size", "4", "--lexicon", str(tmp_path / "all.dict")]
    assert main([*search, "--tune", str(tmp_path / "tuned.json")]) == 0
    printed = capsys.readouterr()
    assert " % of words, " in printed.out
    assert "greedy" not in printed.out + printed.err
    found = json.loads((tmp_path / "tuned.json").read_text(encoding="utf-8"))
    assert (found["unit"], found["greedy_error_rate"]) == ("word", None)
    assert found["text_policy"].startswith("upper-no-punctuation")
    assert main([*dev, "--settings", str(tmp_path / "tuned.json")]) == 0
    hyps = read_hypotheses(tmp_path / "dev_tuned.jsonl")
    assert {word for nbest in hyps.values() for word in nbest[0].text.split()} <= words
    refs = {cut.id: cut.supervisions[0].text for cut in read_cuts(tmp_path / "dev_cuts.jsonl.gz")}
    counts = sum(count_errors([refs[name] for name in hyps], [h[0].text for h in hyps.values()], "word"), ErrorCounts())
    assert counts.rate == found["error_rate"]
