from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from asr.audio.waveforms import stream, write_wav
from asr.checkpoints.acoustic import load_checkpoint
from asr.decoding.greedy import GreedyDecoder
from asr.errors import ConfigError, DataError
from asr.models.averaged import AveragedModel
from asr.transcription import exact
from asr.transcription.exact import SpilledRows, exact_log_probs
from asr.transcription.long_audio import Cutting
from asr.transcription.recognizer import Recognizer
from tests.transcription.tiny_models import checkpoint_content, save_checkpoint

SHORT = Cutting(max_chunk=3.5, min_chunk=1.1, overlap=1.0)


def recording(path: Path, seconds: float, channels: int = 1) -> Path:
    generator = torch.Generator().manual_seed(0)
    times = torch.arange(round(16000 * seconds)) / 16000
    loudness = torch.sin(9 * times).clamp(min=0) * (times % 4 < 2.5) + 1e-3
    write_wav(path, 0.3 * loudness * torch.randn(len(times), generator=generator), 16000)
    return path


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "PIECE", 64)


def load(tmp_path: Path, seed: int = 0, **encoder: Any) -> Any:
    return load_checkpoint(save_checkpoint(tmp_path / f"{seed}.ckpt", checkpoint_content(seed, **encoder)))


@torch.inference_mode()
def whole(model: Any, path: Path) -> torch.Tensor:
    waveform = torch.from_numpy(np.concatenate(list(stream(path, 16000))))
    return model(waveform.unsqueeze(0), torch.tensor([len(waveform)]))[0][0]


def test_equals_one_tensor(tmp_path: Path) -> None:
    models = [load(tmp_path, seed, num_layers=3).model.eval() for seed in range(2)]
    path = recording(tmp_path / "a.wav", 9.123)
    told: list[float] = []
    parts = torch.cat(list(exact_log_probs(models[:1], lambda: stream(path, 16000, 1.0), told.append)))
    assert torch.allclose(parts, whole(models[0], path), atol=1e-4)
    assert sum(told) == pytest.approx(9.12)
    parts = torch.cat(list(exact_log_probs(models, lambda: stream(path, 16000, 1.0))))
    assert torch.allclose(parts, whole(AveragedModel(models), path), atol=1e-4)


def test_is_read_as_one_tensor(tmp_path: Path) -> None:
    loaded = load(tmp_path)
    path, told = recording(tmp_path / "a.wav", 14.0), list[float]()
    recognizer = Recognizer.from_checkpoint(tmp_path / "0.ckpt")
    (found,) = recognizer.transcribe([path], exact=True, cutting=SHORT, on_progress=told.append)
    rows = whole(loaded.model.eval(), path).unsqueeze(0)
    expected = GreedyDecoder(loaded.tokens, loaded.model.frame_seconds)(rows, torch.tensor([rows.shape[1]]))[0][0]
    assert found.text == expected.text != ""
    assert [(word.text, round(word.start, 4)) for word in found.words] == [
        (word.text, round(word.start, 4)) for word in expected.words
    ]
    assert found.duration == pytest.approx(14.0)
    assert sum(told) == pytest.approx(14.0)


def test_what_is_shorter_than_a_frame(tmp_path: Path) -> None:
    load(tmp_path)
    write_wav(tmp_path / "a.wav", torch.zeros(50), 16000)
    (found,) = Recognizer.from_checkpoint(tmp_path / "0.ckpt").transcribe([tmp_path / "a.wav"], exact=True)
    assert (found.text, found.duration) == ("", 50 / 16000)


def test_other_engines_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    recognizer = Recognizer(object())  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="exact: an ONNX network cannot be run piece by piece"):
        list(recognizer.transcribe(["a.wav"], exact=True))


def test_rows_on_disk_have_no_name_and_a_full_disk_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(exact.tempfile, "tempdir", str(tmp_path))
    rows = SpilledRows(3)
    rows.write(2, torch.arange(6.0).view(2, 3))
    rows.write(0, torch.ones(2, 3))
    assert rows.read(1, 3).tolist() == [[1, 1, 1], [0, 1, 2]]
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="rows 3 to 5 have not been written"):
        rows.read(3, 5)

    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", fail)
    with pytest.raises(DataError, match=r"no room for the activations .*set TMPDIR to a folder on a larger disk"):
        rows.write(0, torch.ones(1, 3))
