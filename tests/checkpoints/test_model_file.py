"""What goes into a model file comes out of it: log-probabilities, searches, choices; and nothing else goes in."""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from asr.checkpoints.acoustic import load_checkpoint
from asr.checkpoints.language import LoadedLanguageModel, load_language_model
from asr.checkpoints.model_file.arrays import ArrayReader, ArrayWriter, Precision
from asr.checkpoints.model_file.lexicon import read_lexicon, write_lexicon
from asr.checkpoints.model_file.members import Members, Written, is_model_file
from asr.checkpoints.model_file.ngram import read_ngram, write_ngram
from asr.checkpoints.model_file.reading import load_model_file
from asr.decoding.lexicon.spellings import Spellings
from asr.decoding.lexicon.trie import LexiconTrie
from asr.decoding.settings import ConfidenceSettings, DecoderSettings, RescoringSettings
from asr.errors import CheckpointError, ConfigError
from asr.lm.kneser_ney import estimate
from asr.lm.ngram import NGramModel
from asr.lm.storage import load_ngram
from asr.models.averaged import AveragedModel
from asr.text.lexicon import Lexicon
from asr.text.tokens import TokenTable
from asr.transcription.recognizer import Recognizer
from tests.checkpoints.model_files import (
    SENTENCES,
    save_acoustic,
    save_language_model,
    save_word_settings,
    with_manifest,
    write_model_file,
)

ARRAYS = ("arc_offsets", "arc_labels", "arc_next_states", "backoff_states", "arc_log_probs", "backoffs")
BUFFERS = ("pair_keys", "pair_table", "pair_first", "pair_counts", "arc_pairs", "arc_states", "arc_token_ids")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_model_file(folder)
    return folder


def waveforms() -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [0.1 * torch.randn(length, generator=generator) for length in (24000, 16000, 9000)]


def texts(recognizer: Recognizer) -> list[tuple[str, float]]:
    return [(found.text, found.score) for found in recognizer.recognize(waveforms())]


def log_probs(recognizer: Recognizer) -> Tensor:
    with torch.inference_mode():
        return recognizer.engine.model(torch.stack([waveforms()[0]]), torch.tensor([24000]))[0]


def from_checkpoints(folder: Path) -> Recognizer:
    settings = DecoderSettings.choosing(save_word_settings(folder))
    rescoring = [RescoringSettings(0.4, 0.1, -2.0, str(folder / "lm.ckpt"))]
    return Recognizer.from_checkpoint(folder / "a.ckpt", settings, rescoring)


def test_float32_gives_what_the_checkpoint_gives_bit_for_bit(folder: Path) -> None:
    of_checkpoints, of_file = from_checkpoints(folder), Recognizer.from_file(folder / "a.asr")
    assert torch.equal(log_probs(of_file), log_probs(of_checkpoints))
    assert texts(of_file) == texts(of_checkpoints)
    assert len({text for text, _ in texts(of_file)}) == 3
    assert load_model_file(folder / "a.asr").acoustic[0].training_step == 1234


@pytest.mark.parametrize(("precision", "most"), [("float16", 1e-3), ("int8", 0.05)])
def test_fewer_bits_give_nearly_the_same(folder: Path, precision: Any, most: float) -> None:
    path = write_model_file(folder, precision, f"{precision}.asr")
    of_checkpoints, of_file = from_checkpoints(folder), Recognizer.from_file(path)
    difference = (log_probs(of_file).exp() - log_probs(of_checkpoints).exp()).abs().max()
    assert 0 < difference < most
    assert [text for text, _ in texts(of_file)] == [text for text, _ in texts(of_checkpoints)]
    exact, rounded = (each.engine.model.state_dict() for each in (of_checkpoints, of_file))
    for name, weight in exact.items():
        if weight.dim() < 2 or weight.numel() < 1024:
            assert torch.equal(rounded[name], weight)
            continue
        assert not torch.equal(rounded[name], weight)
        largest = weight.flatten(1).abs().amax(dim=1)
        step = largest / 254 if precision == "int8" else largest / 2048
        assert bool(((rounded[name] - weight).flatten(1).abs() <= step[:, None] * 1.001).all())


def test_sizes_are_those_of_the_weights(folder: Path) -> None:
    sizes: dict[Precision, int] = dict.fromkeys(("float32", "float16", "int8"), 0)
    for precision in sizes:
        path = write_model_file(folder, precision, "size.asr", settings=DecoderSettings(), rescoring=[])
        sizes[precision] = path.stat().st_size
    num_weights = sum(weight.numel() for weight in load_checkpoint(folder / "a.ckpt").model.state_dict().values())
    assert sizes["float32"] - sizes["int8"] == pytest.approx(3 * num_weights, rel=0.15)
    assert sizes["float32"] - sizes["float16"] == pytest.approx(2 * num_weights, rel=0.15)
    assert sizes["float32"] < 4 * num_weights + 20_000


def test_nothing_of_training_and_no_folder_of_anyone_is_in_it(folder: Path) -> None:
    with zipfile.ZipFile(folder / "a.asr") as archive:
        names = archive.namelist()
        manifest = json.loads(archive.read("model.json"))
    assert names[0] == "model.json"
    assert set(manifest["members"]) == set(names[1:])
    assert set(manifest["acoustic"][0]["settings"]) == {"frontend", "encoder", "tokens", "text_policy"}
    assert not any("ema" in name or "optimizer" in name for name in names)
    assert str(folder) not in json.dumps(manifest)
    assert (manifest["decoder"]["lm"], manifest["decoder"]["lexicon"]) == ("3gram.npz", ["words.txt"])


def test_equal_contents_give_equal_files(folder: Path) -> None:
    assert write_model_file(folder, name="again.asr").read_bytes() == (folder / "a.asr").read_bytes()


def test_tied_weights_are_stored_once(folder: Path) -> None:
    ((settings, model),) = load_model_file(folder / "a.asr").rescoring
    assert settings == RescoringSettings(0.4, 0.1, -2.0, "lm.ckpt")
    assert isinstance(model, LoadedLanguageModel)
    state = model.network.state_dict()
    expected = load_language_model(folder / "lm.ckpt").network.state_dict()
    assert all(torch.equal(state[name], weight) for name, weight in expected.items())
    with zipfile.ZipFile(folder / "a.asr") as archive:
        size = sum(info.file_size for info in archive.infolist() if info.filename.startswith("rescoring_0/"))
    assert size < 4 * sum(parameter.numel() for parameter in model.network.parameters()) + 10_000


def test_settings_in_place_of_those_in_the_file(folder: Path, tmp_path: Path) -> None:
    own = save_word_settings(folder)
    file = load_model_file(folder / "a.asr")
    plain = Recognizer.from_file(file, rescoring=())
    assert texts(plain) == texts(Recognizer.from_checkpoint(folder / "a.ckpt", own))
    greedy = Recognizer.from_file(file, DecoderSettings())
    assert texts(greedy) == texts(Recognizer.from_checkpoint(folder / "a.ckpt"))
    assert not greedy.engine.rescorers
    elsewhere = DecoderSettings(**{**vars(own), "lm": "elsewhere/3gram.npz", "lexicon": ("gone/words.txt",)})
    assert texts(Recognizer.from_file(file, elsewhere, ())) == texts(plain), "what is in the file under these names"
    letters = DecoderSettings(beam_size=4)
    assert texts(Recognizer.from_file(file, letters, ())) == texts(
        Recognizer.from_checkpoint(folder / "a.ckpt", letters)
    )
    with pytest.raises(ConfigError, match="beam_size: 0"):
        Recognizer.from_file(file, DecoderSettings(beam_size=0))


def test_confidence_holds_for_the_search_and_rescoring_of_the_file(tmp_path: Path) -> None:
    confidence = ConfidenceSettings(6, 0.5, 0.1, 0.4, 0.7, 0.2)
    path = write_model_file(tmp_path, confidence=confidence, rescoring=[])
    file = load_model_file(path)
    assert file.confidence == confidence
    assert ("confidence", "calibrated on lists of 6; fewest expected errors") in file.describe()

    def words(recognizer: Recognizer) -> list[list[float]]:
        return [[word.confidence for word in found.words] for found in recognizer.recognize(waveforms())]

    own = save_word_settings(tmp_path)
    checkpoint = tmp_path / "a.ckpt"
    expected = words(Recognizer.from_checkpoint(checkpoint, own, (), confidence))
    assert any(expected)
    assert words(Recognizer.from_file(path)) == expected
    bare = words(Recognizer.from_checkpoint(checkpoint, own))
    assert bare != expected
    narrow = replace(own, beam_size=4)
    expected = words(Recognizer.from_checkpoint(checkpoint, narrow, (), confidence))
    assert words(Recognizer.from_file(path, narrow)) == expected, "whatever the beam"
    for other in (replace(own, lm_weight=0.2), DecoderSettings(), DecoderSettings(beam_size=4)):
        assert words(Recognizer.from_file(path, other)) == words(Recognizer.from_checkpoint(checkpoint, other))
    assert words(Recognizer.from_file(path, rescoring=[])) == bare
    with pytest.raises(ConfigError, match="the search finds one"):
        write_model_file(tmp_path, confidence=confidence, settings=DecoderSettings())


def test_what_several_models_hear_is_averaged(tmp_path: Path) -> None:
    paths = [save_acoustic(tmp_path / f"{seed}.ckpt", seed) for seed in (1, 2)]
    path = write_model_file(tmp_path, checkpoints=paths, rescoring=[])
    of_file = Recognizer.from_file(path)
    assert isinstance(of_file.engine.model, AveragedModel)
    alone = [log_probs(Recognizer.from_checkpoint(each)) for each in paths]
    mean = torch.stack(alone).mean(dim=0).log_softmax(dim=2)
    assert torch.allclose(log_probs(of_file), mean, atol=1e-6)
    assert not any(torch.allclose(mean, each, atol=0.1) for each in alone)
    assert all(text for text, _ in texts(of_file))


def test_models_that_cannot_be_averaged_are_refused(tmp_path: Path) -> None:
    first, slower = save_acoustic(tmp_path / "1.ckpt"), save_acoustic(tmp_path / "2.ckpt", time_stride=3)
    with pytest.raises(ConfigError, match="acoustic models: their frames come at different times"):
        write_model_file(tmp_path, checkpoints=[first, slower])
    content = torch.load(first, weights_only=True)
    content["hyper_parameters"]["tokens"]["tokens"][1] = "E"
    torch.save(content, tmp_path / "3.ckpt")
    with pytest.raises(ConfigError, match=r"3\.ckpt: has other tokens or another text policy than .*1\.ckpt; leave it"):
        write_model_file(tmp_path, checkpoints=[first, str(tmp_path / "3.ckpt")])
    assert not (tmp_path / "a.asr").exists()


def test_weights_beyond_float16_are_refused(tmp_path: Path) -> None:
    content = torch.load(save_acoustic(tmp_path / "a.ckpt"), weights_only=True)
    name = next(name for name, weight in content["state_dict"].items() if weight.dim() == 2 and weight.numel() > 2000)
    content["state_dict"][name][0, 0] = 1e5
    torch.save(content, tmp_path / "large.ckpt")
    with pytest.raises(ConfigError, match=r"large\.ckpt: its .* is beyond float16; give --precision"):
        write_model_file(tmp_path, "float16", checkpoints=[str(tmp_path / "large.ckpt")])


def test_an_acoustic_model_chooses_too_and_others_do_not(tmp_path: Path) -> None:
    by_ear = [RescoringSettings(0.5, model=save_acoustic(tmp_path / "b.ckpt", 3))]
    path = write_model_file(tmp_path, rescoring=by_ear)
    settings = save_word_settings(tmp_path).choosing()
    assert texts(Recognizer.from_file(path)) == texts(Recognizer.from_checkpoint(tmp_path / "a.ckpt", settings, by_ear))
    assert load_model_file(path).describe()[-1][0] == "training step"
    content = torch.load(tmp_path / "b.ckpt", weights_only=True)
    content["hyper_parameters"]["frontend"]["init_args"]["sample_rate"] = 8000
    torch.save(content, tmp_path / "b.ckpt")
    with pytest.raises(ConfigError, match="reads audio of 8000 Hz, and the recogniser of 16000 Hz"):
        write_model_file(tmp_path, rescoring=by_ear)


@pytest.mark.parametrize(
    ("part", "field", "value", "found"),
    [
        ("frontend", "init_args", {"num_mels": 20, "cmvn": "utterance", "sample_rate": 8000}, "reads audio of 8000 Hz"),
        ("tokens", "unit", "phone", "its tokens are phones"),
    ],
)
def test_a_file_whose_own_models_cannot_choose_is_refused(
    tmp_path: Path, part: str, field: str, value: object, found: str
) -> None:
    by_ear = [RescoringSettings(0.5, model=save_acoustic(tmp_path / "b.ckpt", 3))]

    def change(manifest: dict[str, Any]) -> None:
        manifest["rescoring"][0]["network"]["settings"][part][field] = value

    path = with_manifest(write_model_file(tmp_path, rescoring=by_ear), change)
    with pytest.raises(CheckpointError, match=rf"\(rescoring_0: .*{found}") as raised:
        load_model_file(path)
    assert "\n" not in str(raised.value)


def written(tmp_path: Path, part: str, write: Any) -> Members:
    """Writes a part alone, and opens the file that it is in."""
    made = Written()
    made.save(tmp_path / "part.asr", {part: write(made)})
    return Members(tmp_path / "part.asr")


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("prune", [(), (0, 1)])
def test_ngrams_of_every_order(tmp_path: Path, order: int, prune: tuple[int, ...]) -> None:
    same_as_stored(tmp_path, estimate(SENTENCES * 2, order, prune=prune[:order]))


def test_a_model_whose_suffixes_are_missing(tmp_path: Path) -> None:
    text = "\\data\\\nngram 1=4\nngram 2=2\nngram 3=1\n\n\\1-grams:\n-1 <unk>\n-99 <s> -0.1\n-1 </s>\n-0.5 A -0.2\n\n"
    text += "\\2-grams:\n-0.3 <s> A -0.4\n-0.2 A A\n\n\\3-grams:\n-0.1 <s> A A\n\n\\end\\\n"
    (tmp_path / "a.arpa").write_text(text, encoding="utf-8")
    same_as_stored(tmp_path, load_ngram(tmp_path / "a.arpa"))


def same_as_stored(tmp_path: Path, model: NGramModel) -> None:
    for precision, most in (("float32", 1e-5), ("float16", 0.06), ("int8", 0.06)):
        members = written(tmp_path, "ngram", lambda made, precision=precision: write_ngram(model, precision, made))
        again = read_ngram(members)
        assert again is not None
        assert again.vocabulary == model.vocabulary
        assert again.num_ngrams == model.num_ngrams
        for name in ARRAYS[:4]:
            assert np.array_equal(getattr(again, name), getattr(model, name)), name
        for name in ARRAYS[4:]:
            assert np.abs(getattr(again, name) - getattr(model, name)).max() < most
            assert np.array_equal(getattr(again, name) == 0, getattr(model, name) == 0)


def test_scores_in_a_book_of_256(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    values = np.concatenate([-random.gamma(3.0, 2.0, 20_000), [0.0, -228.0, -0.001]])
    made = Written()
    writer = ArrayWriter(made, "part")
    writer.scores("scores", values, "int8")
    made.save(tmp_path / "a.asr", {"arrays": writer.forms})
    members = Members(tmp_path / "a.asr")
    again = ArrayReader(members, "part", members.manifest.record("arrays")).scores("scores", len(values))
    assert len(np.unique(again)) <= 256
    assert again[-3:-1].tolist() == [0.0, -228.0]
    assert np.sqrt(np.mean((again[:-3] - values[:-3]) ** 2)) < 0.1


PHONES = Lexicon({"A": (("x",), ("x", "y")), "B": (("x",),), "C": (("y", "x", "y"), ("y",)), "D": (("y", "x", "y"),)})


@pytest.mark.parametrize("silence", ["", "sil"])
@pytest.mark.parametrize("has_unknown", [False, True])
@pytest.mark.parametrize("unit", ["char", "phone"])
def test_tries_of_every_kind(tmp_path: Path, unit: Any, silence: str, has_unknown: bool) -> None:
    tokens = (
        TokenTable("phone", ("<blank>", "sil", "x", "y")) if unit == "phone" else TokenTable.build(["AB C"], "char")
    )
    lexicon, silence = (PHONES, silence) if unit == "phone" else (None, "")
    words = PHONES.entries if unit == "phone" else ["AB", "ABC", "B", "CAB", "A"]
    trie = LexiconTrie(Spellings.of(words, tokens, lexicon), tokens, silence, has_unknown)
    members = written(tmp_path, "lexicon", lambda made: write_lexicon(trie, made))
    again = read_lexicon(members, members.manifest.record("lexicon"), tokens, silence, has_unknown)
    for name in (*BUFFERS, "arc_next_states", "arc_words"):
        assert torch.equal(getattr(again, name), getattr(trie, name)), name
    for name in ("words", "num_states", "num_tokens", "separator", "is_separated", "unknown_state", "most_arcs"):
        assert getattr(again, name) == getattr(trie, name), name
    assert np.array_equal(again.depths, trie.depths)


def test_a_model_file_is_known_by_what_is_in_it(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "renamed.bin").write_bytes((folder / "a.asr").read_bytes())
    assert is_model_file(tmp_path / "renamed.bin")
    assert not is_model_file(folder / "a.ckpt")
    assert is_model_file(tmp_path / "gone.asr")
    assert not is_model_file(tmp_path / "gone.ckpt")
    os.mkfifo(tmp_path / "pipe")
    assert not is_model_file(tmp_path / "pipe"), "and nothing waits for what a pipe brings"


def test_a_language_model_alone_is_no_acoustic_model(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds a language model, not an acoustic model; give a checkpoint of"):
        write_model_file(tmp_path, checkpoints=[save_language_model(tmp_path / "lm.ckpt")])
