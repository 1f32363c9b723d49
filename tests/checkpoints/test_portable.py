"""Model files with an ONNX network: equal to torch, without torch, and refused where they cannot be exact."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from asr.checkpoints.acoustic import load_checkpoint
from asr.checkpoints.model_file.arrays import Precision
from asr.checkpoints.model_file.reading import load_model_file
from asr.decoding.settings import ConfidenceSettings, DecoderSettings
from asr.dependencies import DependencyError
from asr.errors import AsrError, CheckpointError, ConfigError
from asr.transcription.portable_engine import PortableEngine
from asr.transcription.recognizer import Recognizer
from tests.checkpoints.model_files import Members, rewritten, save_acoustic, with_manifest, write_model_file
from tests.transcription.tiny_models import live_content, save_checkpoint

PLAIN: dict[str, Any] = {"settings": DecoderSettings(), "rescoring": [], "is_portable": True}
ENCODERS: tuple[dict[str, Any], ...] = (
    {"num_layers": 2, "layer_norm": True, "residual": True, "time_stride": 3},
    {"cell": "gru", "conv_channels": 0, "time_stride": 3},
    {"cell": "rnn", "bidirectional": False, "recurrent_dropout": 0.2},
)


NETWORK = "portable_0/network.onnx"


def noise(seconds: float, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(round(16000 * seconds), generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def portable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file that runs without torch."""
    return write_model_file(tmp_path_factory.mktemp("portable"), **PLAIN)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_log_probs_equal_those_of_torch(tmp_path: Path, encoder: dict[str, Any]) -> None:
    checkpoint = save_acoustic(tmp_path / "own.ckpt", **encoder)
    (loaded,) = load_model_file(write_model_file(tmp_path, checkpoints=[checkpoint], **PLAIN)).portable
    model = load_checkpoint(checkpoint).model
    waveforms = [noise(seconds, seed) for seed, seconds in enumerate((0.7, 2.0, 0.05))]
    found = loaded.model.log_probs([waveform.numpy() for waveform in waveforms])
    assert loaded.model.frame_seconds == model.frame_seconds
    for waveform, each in zip(waveforms, found, strict=True):
        with torch.inference_mode():
            (expected,), _ = model(waveform[None], torch.tensor([len(waveform)]))
        assert each.shape == expected.shape
        assert np.abs(each - expected.numpy()).max() < 1e-3


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_log_probs_do_not_depend_on_the_batch(tmp_path: Path, precision: Precision) -> None:
    (loaded,) = load_model_file(write_model_file(tmp_path, precision, **PLAIN)).portable
    waveforms = [(seed * noise(seconds, seed)).numpy() for seed, seconds in ((1, 0.7), (3, 2.0), (9, 0.05))]
    together = loaded.model.log_probs(waveforms)
    for waveform, each in zip(waveforms, together, strict=True):
        (alone,) = loaded.model.log_probs([waveform])
        assert each.shape == alone.shape
        assert np.abs(each - alone).max() < 1e-5


def test_words_and_times_are_those_of_torch_and_averages_too(tmp_path: Path) -> None:
    for place, seconds in enumerate((1.0, 25.0)):
        soundfile.write(tmp_path / f"{place}.wav", noise(seconds, place).numpy(), 16000)
    paths = sorted(tmp_path.glob("*.wav"))
    checkpoints = [save_acoustic(tmp_path / f"{seed}.ckpt", seed) for seed in range(2)]
    for chosen in (checkpoints[:1], checkpoints):
        ours, theirs = (
            Recognizer.from_file(
                write_model_file(tmp_path, checkpoints=chosen, **(PLAIN | {"is_portable": is_portable}))
            )
            for is_portable in (True, False)
        )
        assert isinstance(ours.engine, PortableEngine)
        for one, other in zip(ours.transcribe(paths), theirs.transcribe(paths), strict=True):
            assert one.text == other.text != ""
            assert [(word.start, word.end) for word in one.words] == [(word.start, word.end) for word in other.words]
    short, long = ours.recognize([noise(0.0001), noise(1.0)])
    assert short.text == "" != long.text


def test_searches_over_words_and_rescoring_go_on_in_torch(tmp_path: Path) -> None:
    waveforms = [noise(2.0), noise(1.0, 1)]
    found = [
        Recognizer.from_file(write_model_file(tmp_path, is_portable=is_portable)).recognize(waveforms)
        for is_portable in (True, False)
    ]
    assert [one.text for one in found[0]] == [other.text for other in found[1]]
    rows = dict(load_model_file(tmp_path / "a.asr").describe())
    assert "runs on" not in rows
    rows = dict(load_model_file(write_model_file(tmp_path, is_portable=True)).describe())
    assert rows["runs on"] == "NumPy and onnxruntime"
    assert rows["lexicon"].startswith("8 words")


def test_words_are_as_sure_as_those_of_torch(tmp_path: Path) -> None:
    confidence = ConfidenceSettings(1, 1.0, 0.3, 0.0, 0.6)
    found = [
        Recognizer.from_file(
            write_model_file(tmp_path, **(PLAIN | {"is_portable": is_portable, "confidence": given}))
        ).recognize([noise(2.0)])[0]
        for is_portable, given in ((True, confidence), (False, confidence), (True, None))
    ]
    sure = [[word.confidence for word in each.words] for each in found]
    assert sure[0] == pytest.approx(sure[1], abs=1e-3)
    assert sure[0] != pytest.approx(sure[2], abs=1e-2)


def test_eight_bits_are_small_and_near(tmp_path: Path) -> None:
    sizes, heard = [], []
    checkpoints = [save_acoustic(tmp_path / "own.ckpt", hidden_dim=128)]
    for precision in ("float32", "int8"):
        path = write_model_file(tmp_path, precision, checkpoints=checkpoints, **PLAIN)
        sizes.append(path.stat().st_size)
        heard.append(load_model_file(path).portable[0].model.log_probs([noise(1.0).numpy()])[0])
    assert sizes[1] < 0.45 * sizes[0]
    assert 0 < np.abs(heard[0] - heard[1]).max() < 1.5  # 1.13 with AVX2 alone, below 1 with AMX


@pytest.mark.parametrize(
    ("encoder", "found"),
    [
        ({"cell": "lstm_peephole"}, "its units (PeepholeLSTM) are none that ONNX has an operator for"),
        ({"cell": "lstm_layer_norm"}, "its units (LayerNormLSTM) are none"),
        ({"cell": "conv_lstm", "hidden_dim": 5}, "its units (ConvLSTM) are none"),
        ({"zoneout": 0.1}, "its units were trained with zoneout"),
    ],
)
def test_what_onnx_cannot_hold_is_refused(tmp_path: Path, encoder: dict[str, Any], found: str) -> None:
    checkpoint = save_acoustic(tmp_path / "own.ckpt", **encoder)
    with pytest.raises(ConfigError) as raised:
        write_model_file(tmp_path, checkpoints=[checkpoint], **PLAIN)
    assert raised.value.where == checkpoint
    assert raised.value.found.startswith(found)
    assert not (tmp_path / "a.asr").exists()


def test_a_network_that_runs_chunk_by_chunk_is_refused(tmp_path: Path) -> None:
    checkpoint = str(save_checkpoint(tmp_path / "live.ckpt", live_content()))
    with pytest.raises(ConfigError, match="its network runs chunk by chunk, which ONNX cannot hold"):
        write_model_file(tmp_path, checkpoints=[checkpoint], **PLAIN)


def test_float16_and_other_devices_are_refused(tmp_path: Path, portable: Path) -> None:
    with pytest.raises(ConfigError, match="float16 is none of ONNX"):
        write_model_file(tmp_path, "float16", **PLAIN)
    with pytest.raises(ConfigError, match="its ONNX network runs on a CPU"):
        Recognizer.from_file(portable, device="cuda")


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("network.onnx", b"nothing", "onnxruntime does not run"),
        ("network.onnx", b"location", "names files outside of it"),
        ("filters", b"", "has 0 bytes, not"),
    ],
)
def test_damaged_networks_and_tables_are_one_line(portable: Path, name: str, content: bytes, found: str) -> None:
    def change(members: Members) -> None:
        members[f"portable_0/{name}"] = content

    with pytest.raises(CheckpointError, match=found):
        load_model_file(rewritten(portable, change))


def test_without_onnx_nothing_is_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(DependencyError, match="and onnx cannot be found; install it: pip install onnx"):
        write_model_file(tmp_path, **PLAIN)


def test_without_onnxruntime_such_files_are_refused_and_checkpoints_are_read(
    tmp_path: Path, portable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(DependencyError) as caught:
        Recognizer.from_file(portable)
    found = "holds an ONNX network, and onnxruntime is not installed; install it: pip install onnxruntime"
    assert str(caught.value) == f"{portable}: {found}"
    save_acoustic(tmp_path / "a.ckpt")
    assert Recognizer.from_checkpoint(tmp_path / "a.ckpt").sample_rate == 16000


def test_names_that_are_no_text_are_refused_without_printing(
    portable: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(members: Members) -> None:
        members[NETWORK] = members[NETWORK].replace(b"log_probs", b"log_prob\xff")

    with pytest.raises(CheckpointError, match="onnxruntime does not run") as raised:
        load_model_file(rewritten(portable, change))
    assert "\n" not in str(raised.value)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("time_stride", 5),
        ("hop_length", 100_000),
        ("delta_order", 3),
        ("cmvn", "most"),
        ("tables", {}),
        ("settings", 1),
    ],
)
def test_wrong_sizes_are_one_line(portable: Path, field: str, value: object) -> None:
    path = with_manifest(portable, lambda manifest: manifest["portable"][0].update({field: value}))
    with pytest.raises(AsrError) as raised:
        load_model_file(path)
    assert "\n" not in str(raised.value)


PROGRAM = """
import json, runpy, sys, time

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchaudio", "lightning", "lhotse", "onnx", "scipy"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name.partition(".")[0])

sys.meta_path.insert(0, Blocker())
sys.path.insert(0, "")
from asr import Recognizer
model, words, heavy, audio = sys.argv[1:]
print(Recognizer.from_file(model).transcribe_file(audio).text)
from asr.cli.transcribe import main
runs = ((model, []), (words, ["--beam-size", "1"]), (words, []))
statuses = [main(["--model", file, *more, audio]) for file, more in runs]
from asr.cli.info import main as info
statuses += [info([model]), info([words]), info([heavy])]
print(json.dumps([statuses, sorted({"torch", "onnx"} & sys.modules.keys())]))
"""


def test_no_torch_is_needed(tmp_path: Path, portable: Path) -> None:
    soundfile.write(tmp_path / "a.wav", noise(1.0).numpy()[::2], 8000)  # resampled
    words = write_model_file(tmp_path, is_portable=True)
    heavy = write_model_file(tmp_path, name="heavy.asr")
    command = [sys.executable, "-c", PROGRAM, *map(str, (portable, words, heavy, tmp_path / "a.wav"))]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    assert done.returncode == 0, done.stderr
    text, *others, last = done.stdout.splitlines()
    assert others[:2] == [text, text]
    assert "runs on        NumPy and onnxruntime" in others[2:]
    assert "without torch  asr transcribe --beam-size 1 only, which is greedy" in others[2:]
    rows = [" ".join(line.split()) for line in others[2:]]
    known = [f"{name} {value}" for name, value in load_model_file(words).describe() if name in ("lexicon", "n-grams")]
    assert len(known) == 2
    assert set(known) <= set(rows)
    assert "network is described where torch is installed" in rows
    assert json.loads(last) == [[0, 0, 1, 0, 0, 1], []]
    lacking = "holds a network that needs torch, which is not installed"
    found = "needs torch, which is not installed, for all but greedy decoding of an ONNX network"
    assert [line for line in done.stderr.splitlines() if "torch" in line] == [
        f"asr transcribe: {words}: {found}; install torch, or decode greedily: --beam-size 1",
        f"asr info: {heavy}: {lacking}; install torch, or export the model with --backend onnx",
    ]
    assert Recognizer.from_file(portable).transcribe_file(tmp_path / "a.wav").text == text
