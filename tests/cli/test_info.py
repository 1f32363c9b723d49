from pathlib import Path

import pytest
import torch

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
