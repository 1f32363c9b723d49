"""Rescoring while transcribing: a second model is known by what its file holds, and hears what the first one hears."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from asr.audio.waveforms import write_wav
from asr.checkpoints.model_file.card import make_card
from asr.checkpoints.model_file.export import Recipe, export_model
from asr.checkpoints.model_file.reading import load_model_file
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.settings import DecoderSettings, RescoringSettings
from asr.errors import CheckpointError, ConfigError
from asr.features.frontend import FrontEnd
from asr.transcription.recognizer import Recognizer
from asr.transcription.rescoring import Heard, load_rescorer
from tests.transcription.tiny_models import CHARACTERS, checkpoint_content, save_checkpoint, two_heads_content


def hypotheses(*texts: str) -> list[Hypothesis]:
    return [Hypothesis(text, (), (), -float(place), 1.0) for place, text in enumerate(texts)]


def test_what_the_second_model_hears_comes_first(tmp_path: Path) -> None:
    path = str(save_checkpoint(tmp_path / "a.ckpt"))
    samples = 0.1 * torch.randn(16000, generator=torch.Generator().manual_seed(0))
    heard = Recognizer.from_checkpoint(path, DecoderSettings(beam_size=4)).recognize([samples])[0].text
    assert len(heard) > 1
    rescorer = load_rescorer(RescoringSettings(weight=10.0, model=path), 16000, "cpu")
    waveforms = torch.stack((samples, torch.zeros(16000)))
    nbests = [hypotheses("A", heard, "B"), hypotheses("A", "")]
    first, short = rescorer(nbests, only(waveforms, 16000, 10))
    assert first[0].text == heard
    assert [each.text for each in short] == ["", "A"], "less than a frame is no token"
    assert [[each.text for each in nbest] for nbest in rescorer(nbests[1:], only(waveforms[1:], 10))] == [["", "A"]]


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Returns a list that grows with each batch of features that is computed, once for each pass of a model."""
    found: list[int] = []
    compute = FrontEnd.forward

    def counted(self: FrontEnd, waveforms: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found.append(len(waveforms))
        return compute(self, waveforms, lengths)

    monkeypatch.setattr(FrontEnd, "forward", counted)
    return found


def test_a_head_of_the_same_model_rescores_in_one_pass(tmp_path: Path, passes: list[int]) -> None:
    path = str(save_checkpoint(tmp_path / "both.ckpt", two_heads_content()))
    copy = str(save_checkpoint(tmp_path / "copy.ckpt", two_heads_content()))
    (tmp_path / "words.dict").write_text("AB aa b\nA aa\nCAB s aa b\nB b\nD s\n", encoding="utf-8")
    search = DecoderSettings(beam_size=16, nbest=8, lexicon=(str(tmp_path / "words.dict"),))
    generator = torch.Generator().manual_seed(0)
    waveforms = [0.1 * torch.randn(length, generator=generator) for length in (16000, 9000)]
    own, other = (RescoringSettings(3.0, 0.5, model=model, head="char") for model in (path, copy))

    alone = Recognizer.from_checkpoint(path, search).recognize(waveforms)
    found, num_passes = {}, {}
    exported = Recipe([path], search, [own], "float32", make_card({}, [], ""))
    export_model(exported, tmp_path / "both.asr")
    for name, recognizer in (
        ("one pass", Recognizer.from_checkpoint(path, search, [own])),
        ("two passes", Recognizer.from_checkpoint(path, search, [other])),
        ("model file", Recognizer.from_file(tmp_path / "both.asr")),
    ):
        passes.clear()
        found[name] = recognizer.recognize(waveforms)
        num_passes[name] = len(passes)
    assert num_passes == {"one pass": 1, "two passes": 2, "model file": 1}
    texts = {name: [each.text for each in hypotheses] for name, hypotheses in found.items()}
    assert texts["one pass"] == texts["two passes"] == texts["model file"] != [each.text for each in alone]
    scores = [torch.tensor([each.score for each in hypotheses]) for hypotheses in found.values()]
    torch.testing.assert_close(scores[0], scores[1])
    torch.testing.assert_close(scores[0], scores[2])
    write_wav(tmp_path / "a.wav", waveforms[0], 16000)
    (whole,) = Recognizer.from_checkpoint(path, search, [own]).transcribe([tmp_path / "a.wav"], exact=True)
    assert whole.text == texts["one pass"][0]
    file = load_model_file(tmp_path / "both.asr")
    assert not any(name.startswith("rescoring_") for name in file.members.manifest.record("members").fields)
    assert ("rescoring", "both.ckpt, head char, weight 3") in file.describe()


def test_a_head_is_transcribed_alone(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path / "both.ckpt", two_heads_content())
    waveform = 0.1 * torch.randn(16000, generator=torch.Generator().manual_seed(0))
    letters = Recognizer.from_checkpoint(path, head="char").recognize([waveform])[0].text
    with pytest.raises(ConfigError, match="a head with a last layer of its own cannot be run piece by piece"):
        Recognizer.from_checkpoint(path, head="char").check_exact()
    phones = Recognizer.from_checkpoint(path).recognize([waveform])[0].text
    assert set(letters) <= set(CHARACTERS)
    assert set(phones.split()) <= {"aa", "b", "s"}
    assert letters
    assert phones


def only(waveforms: torch.Tensor, *lengths: int) -> Heard:
    """Returns waveforms that no recogniser has heard."""
    return Heard(waveforms, torch.tensor(lengths), {}, torch.tensor([]))


def test_models_that_cannot_rescore(tmp_path: Path) -> None:
    content = checkpoint_content()
    content["hyper_parameters"]["tokens"]["unit"] = "phone"
    phones = str(save_checkpoint(tmp_path / "phones.ckpt", content))
    characters = str(save_checkpoint(tmp_path / "characters.ckpt"))
    for path, rate, found in (
        (phones, 16000, "phones.ckpt: its tokens are phones, which words are not spelled in"),
        (characters, 8000, "characters.ckpt: reads audio of 16000 Hz, and the recogniser of 8000 Hz"),
    ):
        with pytest.raises(ConfigError, match=found):
            load_rescorer(RescoringSettings(0.5, model=path), rate, "cpu")
    both = str(save_checkpoint(tmp_path / "both.ckpt", two_heads_content()))
    for head, found in (
        ("phone", "both.ckpt: its tokens are phones, which words are not spelled in"),
        ("letters", "head 'letters': the model has none of that name; choose from phone, char"),
    ):
        with pytest.raises(ConfigError, match=found):
            load_rescorer(RescoringSettings(0.5, model=both, head=head), 16000, "cpu")
    with pytest.raises(CheckpointError, match="nowhere"):
        load_rescorer(RescoringSettings(0.5, model=str(tmp_path / "nowhere.ckpt")), 16000, "cpu")
