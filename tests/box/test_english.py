"""The model in the box: what its file must be, where there is one, and what is said where there is none."""

from __future__ import annotations

from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from asr import Aligner, Recognizer
from asr.box import english
from asr.checkpoints.model_file.reading import ModelFile, load_model_file, read_headline
from asr.errors import CheckpointError
from tests.checkpoints.model_files import write_model_file

ROOT = Path(__file__).parents[2]
SENTENCE = ROOT / "recipes/librispeech/sentence.opus"
MOST_BYTES = 25_000_000
needs_the_file = pytest.mark.skipif(not english._FILE.is_file(), reason="asr/box/english.asr is missing")


@pytest.fixture(scope="module")
def model() -> ModelFile:
    return load_model_file("english")


def test_the_name_is_a_name_and_not_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = tmp_path / "box.asr"
    monkeypatch.setattr(english, "_FILE", box)
    for path in ("english.asr", "./english", "English", Path("english"), tmp_path / "english"):
        assert english.model_path(path) == Path(path)
    with pytest.raises(CheckpointError) as refused:
        english.model_path("english")
    assert str(refused.value) == (
        f"english: this installation has no model in its box: {box} is missing; "
        "name another model, or make it: recipes/librispeech/run.sh --box FILE"
    )
    box.touch()
    assert english.model_path("english") == box


def test_programs_get_it_by_name_and_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_audio: Callable[..., Path]
) -> None:
    path, audio = write_model_file(tmp_path), make_audio(tmp_path / "a.wav", seconds=1.0)
    monkeypatch.setattr(english, "_FILE", path)
    said = Recognizer.from_file(path).transcribe_file(audio).text
    assert said
    assert Recognizer.from_file().transcribe_file(audio).text == said
    assert Recognizer.from_file("english").transcribe_file(audio).text == said
    aligned = [aligner.align(audio, [said]) for aligner in (Aligner.from_file(path), Aligner.from_file())]
    assert aligned[0] == aligned[1]


@needs_the_file
def test_it_is_small_enough() -> None:
    assert english._FILE.stat().st_size <= MOST_BYTES


@needs_the_file
def test_it_has_two_heads_a_lexicon_an_ngram_and_a_card(model: ModelFile) -> None:
    (network,) = model.acoustic
    assert (model.precision, network.tokens.unit, list(network.beside)) == ("int8", "phone", ["char"])
    assert model.settings.lexicon
    assert model.settings.lm
    assert {"description", "licence", "attribution", "trained_on", "measured", "made_by"} <= model.card.keys()
    assert "CC BY 4.0" in model.card["licence"]
    assert model.card["made_by"].startswith("recipes/librispeech/run.sh ")
    assert "--box" in model.card["made_by"]
    assert " % (" in read_headline("english")
    for of_this_machine in (str(Path.home()), "/tmp/"):
        assert of_this_machine not in str(dict(model.card))


@needs_the_file
def test_it_reads_a_sentence_of_a_book(model: ModelFile) -> None:
    expected = SENTENCE.with_suffix(".txt").read_text(encoding="utf-8").split()
    said = Recognizer.from_file(model).transcribe_file(SENTENCE).text.split()
    num_right = sum(block.size for block in SequenceMatcher(None, expected, said, autojunk=False).get_matching_blocks())
    assert (len(expected), num_right >= 9, len(said) <= 17) == (14, True, True), said


def test_its_sentence_is_short() -> None:
    assert SENTENCE.stat().st_size < 50_000
    assert "6880-216547-0000" in (ROOT / "recipes/librispeech/README.md").read_text(encoding="utf-8")


def test_it_says_what_it_is_made_of() -> None:
    notice = (english._FILE.parent / "NOTICE").read_text(encoding="utf-8")
    assert "Creative Commons Attribution 4.0" in notice
    assert "Carnegie Mellon University" in notice
