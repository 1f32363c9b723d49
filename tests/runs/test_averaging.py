"""asr average: the mean of weights, by unit of heads and name of tokens, and one line for what cannot be averaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from asr.checkpoints.acoustic import load_checkpoint
from asr.checkpoints.reading import read_checkpoint
from asr.cli import average
from asr.text.tokens import TokenTable
from tests.checkpoints.model_files import save_language_model, write_model_file
from tests.transcription.tiny_models import checkpoint_content, save_checkpoint, two_heads_content


def run(*options: str | Path) -> int:
    return average.main([*map(str, options), "--quiet"])


def states(*contents: dict[str, Any]) -> list[dict[str, torch.Tensor]]:
    return [content["state_dict"] for content in contents]


@pytest.mark.parametrize(("weights", "share"), [([], 0.5), (["--weights", "1", "3"], 0.75)])
def test_weights_are_averaged(tmp_path: Path, weights: list[str], share: float) -> None:
    contents = checkpoint_content(0), checkpoint_content(1)
    paths = [save_checkpoint(tmp_path / f"{place}.ckpt", content) for place, content in enumerate(contents)]
    assert run(*paths, *weights, "--out", tmp_path / "mean.ckpt") == 0
    one, other, mean = states(*contents, read_checkpoint(tmp_path / "mean.ckpt"))
    for name, value in mean.items():
        assert torch.allclose(value.double(), (1 - share) * one[name].double() + share * other[name].double())
    loaded = load_checkpoint(tmp_path / "mean.ckpt")
    assert (loaded.training_step, loaded.epoch) == (1234, 3)
    assert "optimizer_states" not in read_checkpoint(tmp_path / "mean.ckpt")


def test_rows_of_outputs_go_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = checkpoint_content(0), checkpoint_content(1)
    tokens = TokenTable.from_state(one["hyper_parameters"]["tokens"]).tokens
    turned = ("<blank>", "E", *reversed(tokens[2:]))
    other["hyper_parameters"]["tokens"] = TokenTable("char", turned).state()
    paths = [save_checkpoint(tmp_path / f"{place}.ckpt", content) for place, content in enumerate((one, other))]
    assert run(*paths, "--out", tmp_path / "mean.ckpt") == 0
    first, second, mean = states(one, other, read_checkpoint(tmp_path / "mean.ckpt"))
    for row, token in enumerate(tokens):
        there = turned.index(token) if token in turned else None
        old = first["model.output.bias"][row]
        new = old if there is None else second["model.output.bias"][there]
        assert mean["model.output.bias"][row] == pytest.approx(float(old + new) / 2, abs=1e-6)
    told = capsys.readouterr().err
    assert told.startswith(
        f"asr average: {paths[1]}: {len(tokens) - 1} of {len(tokens)} tokens are taken by name; new "
    )


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: checkpoint_content(hidden_dim=16), "its encoder has other settings than that of"),
        (lambda: checkpoint_content() | {"state_dict": {}}, "does not fit"),
        (two_heads_content, "its encoder has other settings than that of"),
    ],
)
def test_other_architectures_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], other: Any, message: str
) -> None:
    paths = save_checkpoint(tmp_path / "a.ckpt"), save_checkpoint(tmp_path / "b.ckpt", other())
    assert run(*paths, "--out", tmp_path / "mean.ckpt") == 1
    shown = capsys.readouterr().err
    assert message in shown
    assert shown.startswith(f"asr average: {paths[1]}: ")
    assert shown.count("\n") == 1
    assert not (tmp_path / "mean.ckpt").exists()


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, out = save_checkpoint(tmp_path / "one.ckpt"), tmp_path / "mean.ckpt"
    words = save_language_model(tmp_path / "words.ckpt")
    file = write_model_file(tmp_path)
    for options, status, message in (
        ([one, "--out", out], 2, "is one checkpoint, and there is nothing to average; name two or more"),
        ([one, one, "--weights", "1", "--out", out], 2, "--weights: 1 for 2 checkpoints; give one for each"),
        ([one, one, "--out", one], 2, "is what the command reads, and would be overwritten"),
        ([one, words, "--out", out], 1, f"holds a language model, and {one} an acoustic model"),
        ([one, file, "--out", out], 1, "is a model file, not a checkpoint"),
        ([one, tmp_path / "none.ckpt", "--out", out], 1, "no such file"),
    ):
        assert run(*options) == status
        shown = capsys.readouterr().err
        assert message in shown
        assert shown.count("\n") == 1
    assert not out.exists()
