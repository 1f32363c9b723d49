import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from asr.cli import transcribe
from asr.cli.info import main
from tests.transcription.tiny_models import checkpoint_content, save_checkpoint


def test_info_says_what_a_checkpoint_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = checkpoint_content()
    weights = [value for name, value in content["state_dict"].items() if name.startswith(("model.enc", "model.out"))]
    assert main([str(save_checkpoint(tmp_path / "a.ckpt", content))]) == 0
    lines = {line[:14].strip(): line[15:] for line in capsys.readouterr().out.splitlines()}
    assert lines["encoder"] == "RecurrentEncoder hidden_dim=8 num_layers=1 time_stride=2 conv_channels=2"
    assert lines["front end"] == "FrontEnd num_mels=20 cmvn=utterance"
    assert lines["input"] == "16000 Hz, 20 values a feature frame"
    assert lines["output"] == "a frame every 20 ms"
    assert lines["parameters"] == f"{sum(map(torch.numel, weights)):,}"
    assert lines["tokens"] == "7 of unit char: <blank> ' A B C D |"
    assert lines["text policy"].startswith("upper-no-punctuation (")
    assert lines["training step"] == "1,234 (epoch 3)"


def test_unknown_step_and_long_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = checkpoint_content()
    del content["global_step"], content["epoch"]
    assert main([str(save_checkpoint(tmp_path / "a.ckpt", content))]) == 0
    assert "training step  unknown\n" in capsys.readouterr().out


def test_no_checkpoint_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "gone.ckpt")]) == 1
    assert capsys.readouterr().err == f"asr info: {tmp_path / 'gone.ckpt'}: no such file; check the path\n"


def test_what_others_wrote_does_nothing_to_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = checkpoint_content()
    tokens = content["hyper_parameters"]["tokens"]
    tokens["tokens"] = ["\x1b" if token == "A" else token for token in tokens["tokens"]]
    assert main([str(save_checkpoint(tmp_path / "a.ckpt", content))]) == 0
    assert r"<blank> ' \x1b B C D |" in capsys.readouterr().out


SHELL = {"class_path": "os.system", "init_args": {"command": "touch made"}}
ATTACKS = {
    "frontend": {
        "class_path": "asr.features.frontend.FrontEnd",
        "init_args": {"kind": {"class_path": "asr.runs.building.TrainingCLI", "init_args": {"args": {"model": SHELL}}}},
    },
    "encoder": {"class_path": "asr.corpora.synth.espeak_process._Synthesizer", "init_args": {"library": "./evil.so"}},
}


@pytest.mark.parametrize("key", ATTACKS)
@pytest.mark.parametrize("verb", ["info", "transcribe"])
def test_a_checkpoint_runs_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_audio: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    key: str,
    verb: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    content = checkpoint_content()
    content["hyper_parameters"][key] = ATTACKS[key]
    path = str(save_checkpoint(tmp_path / "a.ckpt", content))
    audio = str(make_audio(tmp_path / "a.wav"))
    status = main([path]) if verb == "info" else transcribe.main(["--checkpoint", path, audio])
    assert status == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"asr {verb}: {path}: its model cannot be built (")
    assert printed.err.count("\n") == 1
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("verb", ["info", "transcribe"])
def test_a_checkpoint_packed_anew_is_named(
    tmp_path: Path, make_audio: Callable[..., Path], capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    audio, path = str(make_audio(tmp_path / "a.wav")), save_checkpoint(tmp_path / "a.ckpt")
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    assert (main([str(path)]) if verb == "info" else transcribe.main(["--checkpoint", str(path), audio])) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"asr {verb}: {path}: is no checkpoint as torch writes it (a/data.pkl is compressed); take")
    assert err.count("\n") == 1
