"""Rescoring while transcribing: a second model is known by what its file holds, and hears what the first one hears."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from asr.decoding.hypothesis import Hypothesis
from asr.decoding.settings import DecoderSettings, RescoringSettings
from asr.errors import CheckpointError, ConfigError
from asr.transcription.recognizer import Recognizer
from asr.transcription.rescoring import load_rescorer
from tests.transcription.tiny_models import checkpoint_content, save_checkpoint


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
    first, short = rescorer(nbests, waveforms, torch.tensor([16000, 10]))
    assert first[0].text == heard
    assert [each.text for each in short] == ["", "A"], "less than a frame is no token"
    assert [[each.text for each in nbest] for nbest in rescorer(nbests[1:], waveforms[1:], torch.tensor([10]))] == [
        ["", "A"]
    ]


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
    with pytest.raises(CheckpointError, match="nowhere"):
        load_rescorer(RescoringSettings(0.5, model=str(tmp_path / "nowhere.ckpt")), 16000, "cpu")
