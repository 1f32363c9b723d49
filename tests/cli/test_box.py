"""The model in the box on the command line: by default, by name, missing and misspelt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from asr.box import english
from asr.checkpoints.model_file.card import make_card
from asr.checkpoints.model_file.export import Recipe, export_model
from asr.cli import align, decode, export, info, transcribe
from tests.checkpoints.model_files import save_acoustic, save_word_settings

Captured = pytest.CaptureFixture[str]
RATE = {"label": "dev_box", "rate": 0.2134, "interval": [0.2, 0.23], "split": "dev", "measured_by": "x, words"}
CHARACTERS = {"label": "dev_box", "rate": 0.1, "split": "dev", "measured_by": "x, chars"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("box")
    checkpoint, settings = save_acoustic(folder / "a.ckpt"), save_word_settings(folder)
    card = make_card({"description": "tones", "licence": "CC0"}, [CHARACTERS, RATE], "asr export …")
    export_model(Recipe([checkpoint], settings, [], "int8", card), folder / "box.asr")
    return folder / "box.asr"


@pytest.fixture
def box(model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(english, "_FILE", model)
    return model


@pytest.fixture
def audio(tmp_path: Path, make_audio: Callable[..., Path]) -> str:
    return str(make_audio(tmp_path / "a.wav", 5, seconds=2.0))


def outputs(capsys: Captured, main: Callable[[list[str]], int], *ways: list[str]) -> list[tuple[str, list[str]]]:
    """Returns what each way of calling a verb prints: its result, and the lines on stderr that name the box."""
    printed = []
    for way in ways:
        assert main(way) == 0, way
        out, err = capsys.readouterr()
        printed.append((out, [line for line in err.splitlines() if "box" in line]))
    return printed


LINE = "english, the model in the box: tones; 21.34 % (20.00 % to 23.00 %) of words wrong on dev"


def test_it_transcribes_where_no_model_is_named_and_says_how_well(box: Path, audio: str, capsys: Captured) -> None:
    named, default, by_name, quiet = outputs(
        capsys,
        transcribe.main,
        ["--model", str(box), audio],
        [audio],
        ["--model", "english", audio],
        [audio, "--quiet"],
    )
    assert named[0].strip()
    assert default == by_name == (named[0], [f"asr transcribe: {LINE}"])
    assert (named[1], quiet) == ([], (named[0], []))


def test_it_aligns_where_no_model_is_named(box: Path, audio: str, capsys: Captured) -> None:
    assert transcribe.main([audio, "--quiet", "--beam-size", "1"]) == 0
    text = Path(audio).with_suffix(".txt")
    text.write_text(capsys.readouterr().out, encoding="utf-8")
    named, default = outputs(capsys, align.main, ["--model", str(box), audio, str(text)], [audio, str(text)])
    assert default == (named[0], [f"asr align: {LINE}"])
    for verb, arguments in ((align, [audio, str(text)]), (transcribe, [audio])):
        assert verb.main([*arguments, "--head", "char"]) == 2
        assert "--head: a model file says itself what it" in capsys.readouterr().err


def test_info_tells_of_it(box: Path, capsys: Captured) -> None:
    named, by_name = outputs(capsys, info.main, [str(box)], ["english"])
    assert by_name == named
    assert "21.34 % (20.00 % to 23.00 %)" in named[0]


def test_an_empty_box_is_one_line(
    audio: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    box = tmp_path / "box.asr"
    monkeypatch.setattr(english, "_FILE", box)
    text = tmp_path / "a.txt"
    text.write_text("AB\n", encoding="utf-8")
    for main, verb, arguments in (
        (transcribe.main, "transcribe", [audio]),
        (transcribe.main, "transcribe", ["--model", "english", audio]),
        (align.main, "align", [audio, str(text)]),
        (info.main, "info", ["english"]),
    ):
        assert main(arguments) == 1
        found = f"this installation has no model in its box: {box} is missing"
        remedy = "name another model, or make it: recipes/librispeech/run.sh --box FILE"
        assert capsys.readouterr().err == f"asr {verb}: english: {found}; {remedy}\n"


def test_other_names_are_told_of_it(box: Path, audio: str, capsys: Captured) -> None:
    for main, arguments, where in (
        (transcribe.main, ["--model", "englisch", audio], "englisch"),
        (transcribe.main, ["--model", "english.asr", audio], "english.asr"),
        (align.main, ["--model", "englisch", audio, __file__], "englisch"),
        (info.main, ["englisch"], "englisch"),
    ):
        assert main(arguments) == 1
        err = capsys.readouterr().err
        assert err.endswith(f"{where}: no such file; check the path, or give english, the model in the box\n")
        assert err.count("\n") == 1


def test_it_is_no_checkpoint(box: Path, audio: str, capsys: Captured) -> None:
    found = "english: is a model file, not a checkpoint; give it to asr transcribe"
    for main, arguments in (
        (transcribe.main, ["--checkpoint", "english", audio]),
        (decode.main, ["--checkpoint", "english", "--cuts", audio]),
        (export.main, ["--checkpoint", "english", "--out", "my.asr"]),
    ):
        assert main(arguments) == 1
        assert found in capsys.readouterr().err


def test_a_file_of_its_name_needs_a_path_and_is_not_written(
    box: Path, audio: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("english").write_bytes(box.read_bytes())
    own, default = outputs(capsys, transcribe.main, ["--model", "./english", audio], [audio])
    assert (own[0], own[1]) == (default[0], [])
    assert export.main(["--checkpoint", "a.ckpt", "--out", "english"]) == 2
    assert "--out english: is the name of the model in the box; name a file" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--model", "--checkpoint"])
def test_an_empty_name_is_no_model(audio: str, option: str, capsys: Captured) -> None:
    with pytest.raises(SystemExit) as refused:
        transcribe.main([option, "", audio])
    assert refused.value.code == 2
    assert f"argument {option}: names no file" in capsys.readouterr().err
