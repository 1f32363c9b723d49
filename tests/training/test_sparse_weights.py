"""Weights that are cleared stay zero through training, resuming and averaging; the others learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from asr.checkpoints.acoustic import load_checkpoint
from asr.cli.train import main
from asr.errors import CheckpointError, ConfigError
from asr.models.sparsity import cleared_share, largest_weights, layer_weights
from asr.training.sparse_weights import SparseWeights
from tests.conftest import TinyCorpus
from tests.helpers.training import SMALL

PATH = "asr.training.sparse_weights.SparseWeights"


def sparse(checkpoint: Path, *more: str) -> list[str]:
    callback = f"+callbacks.sparse={{class_path: {PATH}, init_args: {{checkpoint: {checkpoint}, sparsity: 0.8}}}}"
    return [*SMALL, callback, *more]


def test_a_lottery_ticket(tiny_corpus: TinyCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny_corpus.root)
    folder = Path("exp/tiny/dense/seed0")
    assert main([*SMALL, "name=dense", "trainer.max_epochs=1"]) == 0
    dense = load_checkpoint(folder / "last.ckpt").model
    again = ["name=ticket", f"init_from={folder}/initial.ckpt"]
    assert main([*sparse(folder / "last.ckpt", *again, "trainer.max_epochs=1")]) == 0
    assert main([*sparse(folder / "last.ckpt", *again, "trainer.max_epochs=2", "ckpt_path=last")]) == 0
    ticket = load_checkpoint("exp/tiny/ticket/seed0/last.ckpt").model
    first = layer_weights(load_checkpoint(folder / "initial.ckpt").model)
    for name, mask in largest_weights(layer_weights(dense), 0.8).items():
        weight = layer_weights(ticket)[name]
        assert not bool(weight[~mask].any()), name
        assert not torch.equal(weight[mask], first[name][mask]), name
    assert cleared_share(ticket) == pytest.approx(0.8, abs=0.01)


def module(width: int = 32) -> Any:
    return torch.nn.ModuleDict({"model": torch.nn.ModuleDict({"encoder": torch.nn.Linear(width, 64)})})


@pytest.mark.parametrize("seed", [None, 3])
def test_other_networks_are_refused(tmp_path: Path, seed: int | None) -> None:
    content = {"hyper_parameters": {}, "state_dict": module().state_dict()}
    torch.save(content, tmp_path / "a.ckpt")
    callback = SparseWeights(str(tmp_path / "a.ckpt"), 0.5, seed)
    with pytest.raises(CheckpointError, match=r"has no encoder.weight of shape \(64, 16\); give a checkpoint of"):
        callback.on_train_start(None, module(16))  # type: ignore[arg-type]


def test_a_share_is_below_one() -> None:
    with pytest.raises(ConfigError, match=r"sparsity: is 1\.0"):
        SparseWeights("a.ckpt", 1.0)
