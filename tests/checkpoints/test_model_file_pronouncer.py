"""The pronunciation model of a model file: rounded as its networks, read when a word needs it, whole or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asr.checkpoints.model_file.adapted import Changes, write_adapted
from asr.checkpoints.model_file.pronouncer import open_pronouncer
from asr.checkpoints.model_file.reading import load_model_file
from asr.checkpoints.pronunciation import load_pronouncer
from asr.cli import align, info, pronounce
from asr.errors import AsrError, CheckpointError, ConfigError
from tests.checkpoints.model_files import Members, rewritten, save_phones, with_manifest, write_model_file
from tests.transcription.tiny_models import save_pronouncer

WORDS = ["HABBAH", "ABA", "ÁBÀ"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pronouncer")
    save_pronouncer(folder / "g2p.ckpt", letters="ABH", phones="AH B")
    settings = save_phones(folder)
    phones: dict[str, Any] = {"checkpoints": [str(folder / "phones.ckpt")], "settings": settings, "rescoring": []}
    write_model_file(folder, **phones, g2p=str(folder / "g2p.ckpt"))
    write_model_file(folder, **phones, name="without.asr")
    return folder


def test_the_file_pronounces_as_the_checkpoint_does(folder: Path, tmp_path: Path) -> None:
    spoken = load_pronouncer(folder / "g2p.ckpt").lexicon(WORDS)
    assert list(spoken.entries) == WORDS
    assert spoken.entries["ÁBÀ"] == spoken.entries["ABA"]
    file = load_model_file(folder / "a.asr")
    assert file.pronounce(WORDS) == spoken
    assert open_pronouncer(folder / "a.asr").lexicon(WORDS) == spoken
    write_adapted(file, Changes(), {}, tmp_path / "b.asr")
    assert load_model_file(tmp_path / "b.asr").pronounce(WORDS) == spoken
    assert load_model_file(folder / "without.asr").pronounce is None


def test_words_are_pronounced_and_aligned_by_the_file(
    folder: Path, tmp_path: Path, make_audio: Any, capsys: Any
) -> None:
    (tmp_path / "words.txt").write_text("Habbah\nba\n", encoding="utf-8")
    asked = ["--words", str(tmp_path / "words.txt"), "--out", str(tmp_path / "words.dict")]
    assert pronounce.main(["--checkpoint", str(folder / "a.asr"), *asked]) == 0
    (phones,) = load_pronouncer(folder / "g2p.ckpt").lexicon(["HABBAH"]).entries["HABBAH"]
    assert (tmp_path / "words.dict").read_text(encoding="utf-8") == f"BA B AH\nHABBAH {' '.join(phones)}\n"
    audio, text = str(make_audio(tmp_path / "a.wav", 0, seconds=2.0)), str(tmp_path / "words.txt")
    capsys.readouterr()
    align.main(["--model", str(folder / "without.asr"), audio, text])
    assert (
        "words have no pronunciation in the model's phones: HABBAH; write them as they are said"
        in capsys.readouterr().err
    )
    align.main(["--model", str(folder / "a.asr"), audio, text])
    aligned = capsys.readouterr().err
    align.main(["--model", str(folder / "without.asr"), "--g2p", str(folder / "a.asr"), audio, text])
    assert "have no pronunciation" not in aligned + capsys.readouterr().err
    assert info.main([str(folder / "a.asr")]) == 0
    assert "other words    are pronounced from their letters" in capsys.readouterr().out


def test_what_cannot_pronounce_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"without.asr: has no pronunciation model; make it with: asr export --g2p"
    ):
        open_pronouncer(folder / "without.asr")
    with pytest.raises(ConfigError, match="g2p: pronounces words, and the model writes char; leave it out"):
        write_model_file(tmp_path, g2p=str(folder / "g2p.ckpt"))
    strange = save_pronouncer(tmp_path / "strange.ckpt", letters="ABH", phones="Q X")
    phones: dict[str, Any] = {
        "checkpoints": [str(folder / "phones.ckpt")],
        "settings": save_phones(folder),
        "rescoring": [],
    }
    with pytest.raises(
        ConfigError, match=r"strange.ckpt: pronounces with Q and others, of which the acoustic model has none"
    ):
        write_model_file(tmp_path, **phones, g2p=str(strange))
    with pytest.raises(CheckpointError, match="holds an acoustic model, not a pronunciation model"):
        write_model_file(tmp_path, **phones, g2p=str(folder / "phones.ckpt"))


def without(members: Members) -> None:
    del members["pronunciation/output.weight"]


def changed(members: Members) -> None:
    members["pronunciation/output.bias"] = bytes(len(members["pronunciation/output.bias"]))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda whole: rewritten(whole, without), "pronunciation/output.weight is missing"),
        (lambda whole: rewritten(whole, changed, keeps_sums=True), "pronunciation/output.bias does not have its"),
        (lambda whole: with_manifest(whole, lambda m: m.update(pronunciation=m["acoustic"][0])), "is missing"),
        (lambda whole: with_manifest(whole, lambda m: m.pop("pronunciation")), "belongs to nothing in it"),
        (lambda whole: with_manifest(whole, lambda m: m["pronunciation"]["settings"].pop("letters")), "no kind that"),
    ],
)
def test_damage_is_one_line(folder: Path, damage: Callable[[Path], Path], message: str) -> None:
    with pytest.raises(AsrError) as error:
        load_model_file(damage(folder / "a.asr")).pronounce(WORDS)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
