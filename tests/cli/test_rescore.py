"""asr rescore: new order and scores, weights tuned on dev, and one line for what is wrong."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lhotse import CutSet, MonoCut, Recording, SupervisionSegment

from asr.checkpoints.language import load_language_model
from asr.cli import decode, train, transcribe, tune
from asr.cli.rescore import main
from asr.corpora.manifests import read_cuts, write_cuts
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.settings import ConfidenceSettings, DecoderSettings, RescoringSettings
from asr.lm.sentence_models import RecurrentSentenceModel
from asr.scoring.counts import ErrorCounts, count_errors
from asr.scoring.hypotheses import read_hypotheses, write_hypotheses
from tests.conftest import TinyCorpus
from tests.helpers.training import LANGUAGE, SENTENCES, SMALL

REFS = {f"utterance{number}": text.upper() for number, text in enumerate(SENTENCES)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Has a language model that knows the sentences, N-best lists that put them last, and cuts of all and of three."""
    folder = tmp_path_factory.mktemp("rescore")
    text = folder / "text.txt"
    text.write_text("\n".join(SENTENCES * 8), encoding="utf-8")
    settings = [f"text=[{text}]", f"exp_dir={folder}", "trainer.max_epochs=12", "--quiet"]
    assert train.main([*LANGUAGE, *settings]) == 0
    nbests, cuts = [], []
    for name, ref in REFS.items():
        words = ref.split()
        texts = [" ".join([*words[:-1], "ZEBRA"]), " ".join([*words, words[0]]), ref]
        scores = [-1.0, -1.5, -2.5]
        nbests.append((name, [Hypothesis(*each, 1.0) for each in zip(texts, [()] * 3, [()] * 3, scores, strict=True)]))
        recording = Recording(name, [], 16000, 16000, 1.0)
        speaker = f"speaker{len(cuts) % 3}"
        supervision = SupervisionSegment(name, name, 0.0, 1.0, text=ref, speaker=speaker)
        cuts.append(MonoCut(name, 0.0, 1.0, 0, recording=recording, supervisions=[supervision]))
    write_hypotheses(folder / "nbest.jsonl", nbests)
    CutSet.from_cuts(cuts).to_file(folder / "dev_cuts.jsonl.gz")
    CutSet.from_cuts(cuts[:3]).to_file(folder / "half_cuts.jsonl.gz")
    CutSet.from_cuts(cuts[:1]).to_file(folder / "one_cuts.jsonl.gz")
    return folder


def common(folder: Path) -> list[str]:
    return ["--nbest", str(folder / "nbest.jsonl"), "--lm", str(folder / "best.ckpt")]


def test_scores_are_the_sum_written_out(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.jsonl"
    flags = ["--weight", "0.3", "--word-score", "-0.2", "--unknown-score", "-5", "--out", str(out)]
    assert main([*common(folder), *flags]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    loaded = load_language_model(folder / "best.ckpt")
    model = RecurrentSentenceModel(loaded.network, loaded.vocabulary)
    own = {
        (name, each.text): each.score
        for name, nbest in read_hypotheses(folder / "nbest.jsonl").items()
        for each in nbest
    }
    found = read_hypotheses(out)
    assert list(found) == list(REFS)
    for name, nbest in found.items():
        assert len(nbest) == 3
        assert [each.score for each in nbest] == sorted((each.score for each in nbest), reverse=True)
        for each in nbest:
            words = each.text.split()
            log_prob = float(model.word_log_probs([loaded.vocabulary.encode(words)])[0].sum()) - 5 * words.count(
                "ZEBRA"
            )
            assert each.score == pytest.approx(own[name, each.text] + 0.3 * log_prob - 0.2 * len(words), abs=1e-5)


def test_confidence_chooses_one_of_each_rescored_list(folder: Path, tmp_path: Path) -> None:
    out, settings = tmp_path / "out.jsonl", tmp_path / "c.json"
    ConfidenceSettings(3, 1.0, 0.0, 1.0, 0.0).save(settings)
    assert main([*common(folder), "--weight", "0.3", "--out", str(out)]) == 0
    first = {name: nbest[0].text for name, nbest in read_hypotheses(out).items()}
    assert main([*common(folder), "--weight", "0.3", "--confidence", str(settings), "--out", str(out)]) == 0
    assert {name: [each.text for each in nbest] for name, nbest in read_hypotheses(out).items()} == {
        name: [text] for name, text in first.items()
    }


def test_weights_are_tuned_on_some_and_kept_for_others(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, out = tmp_path / "tuned.json", tmp_path / "out.jsonl"
    half_cuts = ["--cuts", str(folder / "half_cuts.jsonl.gz")]
    assert tune.main(["rescore", *common(folder), *half_cuts, "--out", str(settings)]) == 0
    printed = capsys.readouterr()
    assert "3 of 5 utterances" in printed.err
    found = json.loads(settings.read_text(encoding="utf-8"))
    rates = {(weight, score): rate for weight, score, rate in found["tried"]}
    assert found["error_rate"] == min(rates.values()) == rates[found["weight"], found["word_score"]]
    assert found["oracle_error_rate"] <= found["error_rate"] < rates[0.0, 0.0]
    assert found["unknown_score"] == -math.log(1)
    assert main([*common(folder), "--settings", str(settings), "--out", str(out)]) == 0
    hyps = read_hypotheses(out)
    assert list(hyps) == list(REFS)
    half = list(REFS)[:3]
    counts = sum(
        count_errors([REFS[name] for name in half], [hyps[name][0].text for name in half], "word"), ErrorCounts()
    )
    assert counts.rate == pytest.approx(found["error_rate"])
    evolved = ["--method", "evolution", "--evaluations", "20"]
    assert tune.main(["rescore", *common(folder), *half_cuts, *evolved, "--out", str(settings)]) == 0
    found = json.loads(settings.read_text(encoding="utf-8"))
    assert (found["method"], found["evaluations"], found["seed"]) == ("evolution", 20, 0)
    assert (len(found["tried"]), found["tried"][0]) == (20, [0.0, 0.0, rates[0.0, 0.0]])


def test_each_half_of_the_speakers_is_rescored_with_the_weights_of_the_other(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    score = RecurrentSentenceModel.word_log_probs
    monkeypatch.setattr(
        RecurrentSentenceModel, "word_log_probs", lambda model, ids: [read.append(len(ids)), score(model, ids)][1]
    )
    dev, out = folder / "dev_cuts.jsonl.gz", tmp_path / "crossed.jsonl"
    assert tune.main(["rescore", *common(folder), "--cuts", str(dev), "--crosswise", str(out)]) == 0
    assert read == [15]  # all hypotheses, once
    printed = capsys.readouterr()
    assert printed.out == f"{out}\n"
    found = read_hypotheses(out)
    assert list(found) == list(REFS)
    cuts = list(read_cuts(dev))
    halves = [[cut for cut in cuts if (cut.supervisions[0].speaker == "speaker1") == is_second] for is_second in (0, 1)]
    errors = 0
    for tuned_on, other in (halves, halves[::-1]):
        part, settings, alone = (tmp_path / name for name in ("part_cuts.jsonl.gz", "t.json", "alone.jsonl"))
        write_cuts(tuned_on, part)
        assert tune.main(["rescore", *common(folder), "--cuts", str(part), "--out", str(settings)]) == 0
        write_cuts(other, part)
        assert main([*common(folder), "--cuts", str(part), "--settings", str(settings), "--out", str(alone)]) == 0
        expected = read_hypotheses(alone)
        for name, nbest in expected.items():
            assert [each.text for each in found[name]] == [each.text for each in nbest]
            assert [each.score for each in found[name]] == pytest.approx([each.score for each in nbest], abs=1e-4)
        errors += sum(each.errors for each in count(expected))
        tuned = json.loads(settings.read_text(encoding="utf-8"))
        named = f"weight {tuned['weight']:g}, word_score {tuned['word_score']:g} from {len(tuned_on)} utterances"
        assert f"{named} ({100 * tuned['error_rate']:.2f} % of words), for {len(other)} others (" in printed.err
    num_ref = sum(len(ref.split()) for ref in REFS.values())
    before = sum(each.errors for each in count(read_hypotheses(folder / "nbest.jsonl")))
    rates = f"{100 * errors / num_ref:.2f} % of words, {100 * before / num_ref:.2f} % without, 0.00 % at best"
    assert f"both halves: {rates}\n" in printed.err
    assert errors < before


def count(hyps: dict[str, list[Hypothesis]]) -> list[ErrorCounts]:
    """Returns the errors of the best hypotheses."""
    return count_errors([REFS[name] for name in hyps], [nbest[0].text for nbest in hyps.values()], "word")


BAD = {
    "tuning": (
        ["--out", "o", "--tune", "t.json"],
        2,
        "--tune: is no longer an option of asr rescore; give asr tune resc",
    ),
    "cross-tuning": (["--out", "o", "--cross-tune", "--cuts", "c"], 2, "give asr tune rescore --crosswise FILE"),
    "policy": (["--out", "o", "--policy", "verbatim"], 2, "give asr tune rescore --policy NAME"),
    "no weight": (["--out", "o"], 2, "--weight: there is none"),
    "settings and weight": (["--out", "o", "--settings", "s", "--weight", "1"], 2, "--weight: --settings has it"),
    "settings that are none": (["--out", "o", "--settings", "nowhere.json"], 1, "nowhere.json: is no settings of resc"),
    "no such lists": (["--out", "o", "--weight", "1", "--nbest", "nowhere.jsonl"], 1, "nowhere.jsonl: no such file"),
    "no such model": (["--out", "o", "--weight", "1", "--lm", "nowhere.ckpt"], 1, "nowhere.ckpt: no such file"),
    "no such device": (["--out", "o", "--weight", "1", "--device", "tpu9"], 2, "--device: 'tpu9' cannot be used"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_gets_one_line(folder: Path, capsys: pytest.CaptureFixture[str], case: str) -> None:
    flags, status, line = BAD[case]
    assert main([*common(folder), *flags]) == status
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1, errors
    assert line in errors[0]


def test_halves_need_two_speakers(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, out = folder / "one_cuts.jsonl.gz", tmp_path / "out.jsonl"
    assert tune.main(["rescore", *common(folder), "--cuts", str(one), "--crosswise", str(out)]) == 1
    assert f"{one}: has 1 speaker; halves need two" in capsys.readouterr().err
    assert not out.exists()


def test_cuts_without_a_list_are_named(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = (folder / "nbest.jsonl").read_text(encoding="utf-8").splitlines()
    (tmp_path / "short.jsonl").write_text("\n".join(lines[1:]), encoding="utf-8")
    flags = ["--nbest", str(tmp_path / "short.jsonl"), "--cuts", str(folder / "dev_cuts.jsonl.gz"), "--out", "t.json"]
    assert tune.main(["rescore", *common(folder), *flags]) == 1
    assert "1 of 5 utterances of" in capsys.readouterr().err


def test_a_second_acoustic_model_brings_its_own_text_to_the_front(
    tiny_corpus: TinyCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tiny_corpus.root)
    assert train.main([*SMALL, "trainer.max_epochs=1", f"exp_dir={tmp_path}"]) == 0
    cuts, decoded, nbest, out = str(tiny_corpus.data / "dev_cuts.jsonl.gz"), *(
        str(tmp_path / f"{name}.jsonl") for name in ("decoded", "nbest", "out")
    )  # fmt: skip
    model = ["--checkpoint", str(tmp_path / "last.ckpt")]
    assert decode.main([*model, "--cuts", cuts, "--beam-size", "4", "--workers", "0", "--out", decoded]) == 0
    heard = {name: hypotheses[0] for name, hypotheses in read_hypotheses(decoded).items()}
    wrong = Hypothesis("A B C A B C A B C", (), (), 5.0, 1.0)
    write_hypotheses(nbest, [(name, [wrong, replace(best, score=0.0)]) for name, best in heard.items()])
    lists = ["--nbest", nbest, "--cuts", cuts, *model]
    assert main([*lists, "--weight", "9", "--out", out]) == 0
    assert f"{len(heard)} of {len(heard)} utterances have another best hypothesis" in capsys.readouterr().err
    for name, (first, second) in read_hypotheses(out).items():
        assert (first.text, second.text) == (heard[name].text, wrong.text)
        assert first.score == pytest.approx(9 * heard[name].score, rel=1e-4)
    assert tune.main(["rescore", *lists, "--crosswise", out]) == 0
    assert "both halves: " in capsys.readouterr().err
    for options, line in (
        (["--nbest", nbest, *model, "--weight", "1"], "--checkpoint: there is no audio to listen to; give --cuts"),
        ([*lists, "--weight", "1", "--unknown-score", "1"], "--unknown-score: an acoustic model knows no words"),
        (["--nbest", nbest, "--lm", "x", "--head", "char", "--weight", "1"], "--head: a language model has none"),
    ):
        assert main([*options, "--out", out]) == 2
        assert line in capsys.readouterr().err
    content = torch.load(tmp_path / "last.ckpt", weights_only=True)
    content["hyper_parameters"]["tokens"]["unit"] = "phone"
    torch.save(content, tmp_path / "last.ckpt")
    assert main([*lists, "--weight", "1", "--out", out]) == 2
    assert "--checkpoint: its tokens are phones, which words are not spelled in" in capsys.readouterr().err


def test_files_are_transcribed_as_their_lists_are_rescored(
    folder: Path, checkpoint: Path, tiny_corpus: TinyCorpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cuts, nbest = str(tiny_corpus.data / "dev_cuts.jsonl.gz"), str(tmp_path / "n.jsonl")
    DecoderSettings(beam_size=16, token_score=0.5).save(tmp_path / "beam.json")
    RescoringSettings(0.4, 2.0, -1.0, str(folder / "best.ckpt")).save(tmp_path / "lm.json")
    RescoringSettings(3.0, 0.5, 0.0, str(checkpoint.with_name("initial.ckpt"))).save(tmp_path / "ear.json")
    model = ["--checkpoint", str(checkpoint), "--settings", str(tmp_path / "beam.json")]
    assert decode.main([*model, "--cuts", cuts, "--workers", "0", "--nbest", "16", "--out", nbest]) == 0
    found = [[each[0].text for each in read_hypotheses(nbest).values()]]
    paths = [str(tiny_corpus.data / f"dev-{number:03d}.wav") for number in range(8)]
    options: list[str] = []
    other_models = {"lm": ["--lm", str(folder / "best.ckpt")]}
    other_models["ear"] = ["--checkpoint", str(checkpoint.with_name("initial.ckpt")), "--cuts", cuts]
    for name, other in other_models.items():
        settings, out = str(tmp_path / f"{name}.json"), str(tmp_path / f"{name}.jsonl")
        assert main(["--nbest", nbest, *other, "--settings", settings, "--out", out]) == 0
        found.append([each[0].text for each in read_hypotheses(out).values()])
        options += ["--rescoring", settings]
        nbest = out
        capsys.readouterr()
        assert transcribe.main([*model, "--device", "cpu", *options, *paths]) == 0
        assert [line.split("\t")[1] for line in capsys.readouterr().out.splitlines()] == found[-1]
    assert found[0] != found[1] != found[2]
