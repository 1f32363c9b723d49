"""Checkpoints that training resumes from and removes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from asr.errors import CheckpointError
from asr.runs.checkpoint_io import AtomicCheckpointIO

plugin = AtomicCheckpointIO()


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("made",)


def test_what_was_saved_comes_back_and_is_no_part_of_the_file(tmp_path: Path) -> None:
    content = {"state_dict": {"a": torch.arange(3.0)}, "loops": {"epoch": 2}}
    plugin.save_checkpoint(content, tmp_path / "a.ckpt")
    loaded = plugin.load_checkpoint(tmp_path / "a.ckpt")
    (tmp_path / "a.ckpt").write_bytes(bytes((tmp_path / "a.ckpt").stat().st_size))
    assert torch.equal(loaded["state_dict"]["a"], torch.arange(3.0))
    assert loaded["loops"] == {"epoch": 2}


def test_code_is_not_run_when_training_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Evil()}, "a.ckpt")
    for weights_only in (None, False, True):
        with pytest.raises(CheckpointError, match="could run code"):
            plugin.load_checkpoint("a.ckpt", weights_only=weights_only)
    assert not Path("made").exists()
    with pytest.raises(CheckpointError, match="no such file"):
        plugin.load_checkpoint("http://localhost:9/a.ckpt")


def test_only_checkpoints_are_removed(tmp_path: Path) -> None:
    """Which file a better checkpoint replaces stands in the one that training was resumed from."""
    run, other = tmp_path / "run", tmp_path / "other"
    for folder in (run, other / "folder.ckpt"):
        folder.mkdir(parents=True)
    for path in (run / "old.ckpt", other / "best.ckpt", other / "thesis.tex"):
        path.write_text("precious")
    plugin.remove_checkpoint(run / "old.ckpt")
    plugin.remove_checkpoint(run / "gone.ckpt")
    for path in (run / ".." / "other" / "best.ckpt", other / "thesis.tex", other / "folder.ckpt", other):
        with pytest.raises(CheckpointError, match="is not a checkpoint of this run, and is not removed"):
            plugin.remove_checkpoint(path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "best.ckpt",
        "folder.ckpt",
        "other",
        "run",
        "thesis.tex",
    ]
