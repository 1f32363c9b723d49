"""One file for all that transcribes: what asr export writes, asr transcribe and asr info read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from asr.cli import align, export, info, transcribe
from asr.decoding.settings import ConfidenceSettings, DecoderSettings, RescoringSettings
from tests.checkpoints.model_files import save_acoustic, save_language_model, save_word_settings

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    save_word_settings(folder).save(folder / "3gram.json")
    RescoringSettings(0.4, 0.1, -2.0, save_language_model(folder / "lm.ckpt")).save(folder / "lstm.json")
    ConfidenceSettings(2, 0.5, 0.1, 1.0, 0.5).save(folder / "sure.json")
    save_acoustic(folder / "a.ckpt")
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> str:
    path = str(folder / "english.asr")
    more = ["--rescore-settings", folder / "lstm.json", "--licence", "CC0", "--card", "trained_on=noise", "--quiet"]
    assert run(folder, "--settings", folder / "3gram.json", *more, "--out", path) == 0
    return path


def run(folder: Path, *arguments: str | Path) -> int:
    return export.main(["--checkpoint", str(folder / "a.ckpt"), *map(str, arguments)])


def said(capsys: Captured, *arguments: str | Path) -> str:
    assert transcribe.main(["--device", "cpu", "--quiet", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def test_the_words_of_the_file_are_those_of_its_parts(
    folder: Path, model: str, make_audio: Callable[..., Path], capsys: Captured
) -> None:
    audio = [make_audio(folder / f"{seed}.wav", seed, seconds=1.0 + seed) for seed in range(3)]
    parts = ["--checkpoint", folder / "a.ckpt", "--settings", folder / "3gram.json"]
    whole = said(capsys, *parts, "--rescoring", folder / "lstm.json", *audio)
    assert whole.count("\n") == 3
    assert said(capsys, "--model", model, *audio) == whole
    beam = ["--beam-size", "4", "--rescoring", folder / "lstm.json", "--nbest", "3"]
    assert said(capsys, "--checkpoint", folder / "a.ckpt", "--beam-size", "1", *audio) == said(
        capsys, "--model", model, "--beam-size", "1", *audio
    )
    DecoderSettings(beam_size=4).save(folder / "beam.json")
    assert said(capsys, "--checkpoint", folder / "a.ckpt", *beam, *audio) == said(
        capsys, "--model", model, "--settings", folder / "beam.json", "--nbest", "3", *audio
    )


def test_the_file_aligns_like_its_checkpoint(
    folder: Path, model: str, make_audio: Callable[..., Path], capsys: Captured
) -> None:
    audio = make_audio(folder / "said.wav", 5, seconds=2.0)
    (folder / "said.txt").write_text(said(capsys, "--checkpoint", folder / "a.ckpt", audio), encoding="utf-8")
    found = []
    for of in (["--checkpoint", str(folder / "a.ckpt")], ["--model", model]):
        assert align.main([*of, "--quiet", "--format", "ctm", "--", str(audio), str(folder / "said.txt")]) == 0
        found.append(capsys.readouterr().out)
    assert found[0] == found[1] != ""
    assert align.main(["--model", str(folder / "a.ckpt"), str(audio), str(folder / "said.txt")]) == 1
    assert "is a checkpoint, not a model file; make one of it with: asr export" in capsys.readouterr().err


def test_info_shows_the_card(folder: Path, model: str, capsys: Captured) -> None:
    assert info.main([model]) == 0
    lines = [(line[:14].strip(), line[15:]) for line in capsys.readouterr().out.splitlines()]
    assert lines[:2] == [("licence", "CC0"), ("trained on", "noise")]
    rows = dict(lines)
    assert rows["versions"].startswith("carousel-asr ")
    assert rows["command"].startswith(f"asr export --checkpoint {folder / 'a.ckpt'} --settings ")
    assert rows["decoder"] == "beam8_lexicon_3gram, lm_weight 0.3, word_score 0.5, blank_penalty 0"
    assert rows["lexicon"] == "8 words, 8 spellings"
    assert rows["n-grams"].endswith(" of orders 1 to 3")
    assert rows["rescoring"] == "lm.ckpt, weight 0.4"
    assert rows["weights"] == "float32"


def test_error_rates_are_on_the_card(folder: Path, capsys: Captured) -> None:
    rule = {"kind": "policy", "name": "upper-no-punctuation", "hash": "904dba44"}
    score = {"label": "greedy", "unit": "word", "errors": 5, "num_ref": 100, "rate": 0.05, "interval": [0.02, 0.09]}
    report = {
        "policy": rule,
        "split": {"name": "test", "hash": "0123abcd"},
        "interval": {"level": 0.95, "over": "speakers"},
        "scores": [score, {**score, "label": "empty", "rate": None, "interval": None}],
    }
    (folder / "scores.json").write_text(json.dumps(report), encoding="utf-8")
    assert run(folder, "--scores", folder / "scores.json", "--precision", "int8", "--out", folder / "b.asr") == 0
    assert capsys.readouterr().err == f"{folder / 'b.asr'}: {(folder / 'b.asr').stat().st_size:,} bytes, int8\n"
    assert info.main([str(folder / "b.asr")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "decoder        greedy" in lines
    first, second = (line for line in lines if line.startswith("errors"))
    assert first == (
        "errors         greedy: 5.00 % (2.00 % to 9.00 %), level 0.95, over speakers, errors 5, num_ref 100, "
        "measured_by text policy upper-no-punctuation (904dba44), words, split test, hash 0123abcd"
    )
    assert second.startswith("errors         empty: null, errors 5, ")


@pytest.mark.parametrize(
    ("arguments", "status", "found"),
    [
        (
            ["--rescore-settings", "lstm.json"],
            2,
            "--rescore-settings: one hypothesis leaves no choice; give --settings",
        ),
        (["--rescore", "lm.ckpt"], 2, "--rescore: 1 models and 0 settings; give one for each"),
        (["--settings", "gone.json"], 1, "gone.json: is no settings of a decoder (no such file)"),
        (["--scores", "3gram.json"], 1, "3gram.json: is no score file (has no 'split')"),
        (["--checkpoint", "lm.ckpt"], 1, "lm.ckpt: holds a language model, not an acoustic model"),
        (["--settings", "3gram.json", "--rescore-settings", "nameless.json"], 2, "--rescore-settings: name no model"),
    ],
)
def test_what_cannot_be_is_one_line(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
    arguments: list[str],
    status: int,
    found: str,
) -> None:
    monkeypatch.chdir(folder)
    RescoringSettings(0.4).save(folder / "nameless.json")
    assert run(folder, *arguments, "--out", "c.asr") == status
    err = capsys.readouterr().err
    assert err.startswith(f"asr export: {found}")
    assert err.count("\n") == 1
    assert not (folder / "c.asr").exists()


@pytest.mark.parametrize(
    "name", ["a.ckpt", "3gram.json", "3gram.npz", "lstm.json", "lm.ckpt", "sure.json", "link.ckpt"]
)
def test_no_ingredient_is_overwritten(folder: Path, capsys: Captured, name: str) -> None:
    if name == "link.ckpt":
        (folder / name).symlink_to("a.ckpt")
    before = (folder / name).read_bytes()
    told = ["--settings", folder / "3gram.json", "--rescore-settings", folder / "lstm.json"]
    assert run(folder, *told, "--confidence", folder / "sure.json", "--out", folder / name) == 2
    found = "is what the command reads, and would be overwritten; name another file"
    assert capsys.readouterr().err == f"asr export: --out {folder / name}: {found}\n"
    assert (folder / name).read_bytes() == before


@pytest.mark.parametrize("field", ["licence", "=CC0", "two words=x", "command=rm"])
def test_fields_of_the_card_that_are_none(folder: Path, capsys: Captured, field: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(folder, "--card", field, "--out", folder / "c.asr")
    assert "argument --card: " in capsys.readouterr().err


def test_options_that_do_not_go_together_with_a_model(
    folder: Path, model: str, make_audio: Callable[..., Path], capsys: Captured
) -> None:
    audio = make_audio(folder / "said.wav", 5, seconds=2.0)
    for arguments, status, found in (
        (["--model", model, "--beam-size", "1", "--nbest", "2"], 2, "--rescoring: one hypothesis leaves no choice"),
        (["--model", str(folder / "a.ckpt")], 1, "is a checkpoint, not a model file; make one of it with: asr export"),
        (["--model", model, "--head", "char"], 2, "--head: a model file says itself what it decodes with"),
        (
            ["--checkpoint", model],
            1,
            "is a model file, not a checkpoint; give it to asr transcribe or",
        ),
    ):
        assert transcribe.main([*arguments, str(audio)]) == status
        err = capsys.readouterr().err
        assert found in err
        assert err.count("\n") == 1
