"""Exported networks with fewer units or fewer weights: what they are, and that the file is smaller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from asr.checkpoints.acoustic import ACOUSTIC
from asr.checkpoints.model_file.export import Recipe, export_model
from asr.checkpoints.model_file.reading import load_model_file
from asr.checkpoints.pruned import Pruning
from asr.checkpoints.reading import read_model
from asr.cli import export, info
from asr.decoding.settings import DecoderSettings
from asr.models.sparsity import cleared_share
from tests.checkpoints.model_files import save_acoustic
from tests.transcription.tiny_models import save_checkpoint, two_heads_content


def exported(folder: Path, checkpoint: str, **pruning: Any) -> Path:
    path = folder / f"{len(list(folder.iterdir()))}.asr"
    export_model(Recipe([checkpoint], DecoderSettings(), [], "int8", {}, pruning=Pruning(**pruning)), path)
    return path


def test_narrow_networks(tmp_path: Path) -> None:
    checkpoint = str(save_checkpoint(tmp_path / "a.ckpt", two_heads_content()))
    pruned = Pruning(hidden_dim=5).of(read_model(checkpoint, "", ""))
    found = ACOUSTIC.load_stored(pruned)
    assert found.settings["encoder"]["init_args"]["hidden_dim"] == 5
    assert found.model.output.in_features == 10
    _, rows = zip(*found.describe(), strict=True)
    assert any("hidden_dim=5" in row for row in rows)


def test_sparse_files_are_smaller_and_say_so(tmp_path: Path) -> None:
    checkpoint = save_acoustic(tmp_path / "a.ckpt", hidden_dim=64, num_layers=2)
    whole, sparse = exported(tmp_path, checkpoint), exported(tmp_path, checkpoint, sparsity=0.9)
    assert sparse.stat().st_size < 0.5 * whole.stat().st_size
    (acoustic,) = load_model_file(sparse).acoustic
    assert cleared_share(acoustic.model) >= 0.9 - 0.001
    assert ("sparsity", "90.0 % of the encoder's weights are zero") in [
        (name, f"{100 * cleared_share(acoustic.model):.1f} % of the encoder's weights are zero")
        for name, _ in acoustic.describe()
        if name == "sparsity"
    ]


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint, out = save_acoustic(tmp_path / "a.ckpt", num_layers=2), str(tmp_path / "b.asr")
    assert export.main(["--checkpoint", checkpoint, "--hidden-dim", "20", "--sparsity", "0.5", "--out", out]) == 0
    capsys.readouterr()
    assert info.main([out]) == 0
    shown = capsys.readouterr().out
    assert "hidden_dim=20" in shown
    assert "50.0 % of the encoder's weights are zero" in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--hidden-dim", "33"], "encoder RecurrentEncoder: has 32 hidden units, not 33; keep 1 to 32 of them"),
        (["--sparsity", "80"], "sparsity: is 80.0; take a share of the weights from 0 to below 1, such as 0.8"),
    ],
)
def test_wrong_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str) -> None:
    checkpoint, out = save_acoustic(tmp_path / "a.ckpt"), tmp_path / "b.asr"
    assert export.main(["--checkpoint", checkpoint, *options, "--out", str(out)]) == 2
    assert capsys.readouterr().err.strip().endswith(message)
    assert not out.exists()


def test_the_checkpoint_stays_as_it_is(tmp_path: Path) -> None:
    stored = read_model(save_acoustic(tmp_path / "a.ckpt"), "", "")
    before = {name: value.clone() for name, value in stored.state.items()}
    Pruning(hidden_dim=9, sparsity=0.5).of(stored)
    assert stored.settings["encoder"]["init_args"]["hidden_dim"] == 32
    assert all(torch.equal(value, before[name]) for name, value in stored.state.items())
