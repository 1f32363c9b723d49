"""A model file with some parts changed has these, and all others as they were."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from asr.checkpoints.model_file.adapted import Changes, write_adapted
from asr.checkpoints.model_file.hotwords import Pronounced
from asr.checkpoints.model_file.reading import load_model_file
from asr.decoding.lexicon.growing import with_spellings
from asr.decoding.settings import DecoderSettings
from asr.errors import AsrError
from asr.lm.kneser_ney import estimate
from asr.text.hotwords import HotPhrase, Hotwords
from asr.transcription.recognizer import Recognizer
from tests.checkpoints.model_files import SENTENCES, with_manifest, write_model_file

HOT = Hotwords(
    (HotPhrase("cab dad", 2.0, ((("K", "AE"), ("D",)),)), HotPhrase("Abba")), 9.0, Pronounced({"X": (("K",),)})
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapted")
    write_model_file(folder, "int8")
    return folder


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name != "model.json"}


def adapted(folder: Path, changes: Changes, tmp_path: Path) -> Path:
    write_adapted(load_model_file(folder / "a.asr"), changes, {"licence": "CC0 2"}, tmp_path / "b.asr")
    return tmp_path / "b.asr"


def test_what_is_not_changed_is_taken_over(folder: Path, tmp_path: Path) -> None:
    path = adapted(folder, Changes(), tmp_path)
    assert members(path) == members(folder / "a.asr")
    assert load_model_file(path).card == {"licence": "CC0 2"}


def test_changed_weights_are_in_the_file_and_others_are_rounded_to_what_they_were(folder: Path, tmp_path: Path) -> None:
    before = load_model_file(folder / "a.asr")
    model = before.acoustic[0].model
    path = adapted(folder, Changes(weights=({"output.bias": model.output.bias.detach() + 1},)), tmp_path)
    after = load_model_file(path).acoustic[0]
    assert torch.equal(after.model.output.bias, model.output.bias + 1)
    for name, weight in model.state_dict().items():
        if name != "output.bias":
            assert torch.allclose(after.model.state_dict()[name], weight, rtol=1e-6)
    assert (after.training_step, after.tokens) == (1234, before.acoustic[0].tokens)


def test_n_grams_and_words_are_exchanged(folder: Path, tmp_path: Path) -> None:
    file = load_model_file(folder / "a.asr")
    trie = with_spellings(file.parts.trie, file.first.tokens, {"BABA": [tuple(file.first.tokens.encode("BABA"))]})
    ngram = estimate([*SENTENCES, ["BABA", "A"]], 2)
    parts = load_model_file(adapted(folder, Changes(ngram=ngram, trie=trie), tmp_path)).parts
    assert parts.trie.words == (*file.parts.trie.words, "BABA")
    assert parts.coverage.num_spellings == file.parts.coverage.num_spellings + 1
    assert parts.lm.log_prob(["BABA", "A"]) == pytest.approx(ngram.log_prob(["BABA", "A"]), abs=0.2)


def test_hot_words_of_a_file_are_favoured_where_a_search_takes_them(folder: Path, tmp_path: Path) -> None:
    path = adapted(folder, Changes(hotwords=HOT), tmp_path)
    file = load_model_file(path)
    assert file.hotwords.phrases[0].pronunciations == HOT.phrases[0].pronunciations
    assert file.hotwords.pronounce(["X", "Y"]).entries == {"X": (("K",),)}
    assert ("hot words", "2, score 9 per letter") in file.describe()
    waveforms = [0.1 * torch.randn(16000, generator=torch.Generator().manual_seed(seed)) for seed in range(3)]

    def said(model: Path, **options: Any) -> list[str]:
        return [each.text for each in Recognizer.from_file(model, **options).recognize(waveforms)]

    plain = said(folder / "a.asr")
    assert said(path) == said(folder / "a.asr", hotwords=HOT) != plain
    assert said(path, hotwords=Hotwords(HOT.phrases, 0.0)) == plain
    greedy = DecoderSettings()
    assert said(path, settings=greedy) == said(folder / "a.asr", settings=greedy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": -1}, "score is -1"),
        ({"phrases": [{"text": " ", "weight": 1, "pronunciations": []}]}, "text is"),
        ({"phrases": [{"text": "A B", "weight": 1, "pronunciations": [[["K"]]]}]}, "pronunciations is"),
        ({"spoken": {"X": [[1]]}}, "X is"),
    ],
)
def test_damaged_hot_words_are_one_line(folder: Path, tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = adapted(folder, Changes(hotwords=HOT), tmp_path)
    damaged = with_manifest(path, lambda manifest: manifest["hotwords"].update(change))
    with pytest.raises(AsrError) as error:
        load_model_file(damaged)
    assert message in str(error.value)
    assert str(damaged) in str(error.value)
