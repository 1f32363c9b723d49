"""Training on tar shards, mixed by weight and read by windows: the same batches straight through and resumed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from asr.cli import shards
from asr.cli.train import main
from tests.conftest import TinyCorpus
from tests.helpers.training import SMALL, losses, run, run_and_kill


@pytest.fixture
def settings(tiny_corpus: TinyCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tiny_corpus.root)
    cuts = [str(tiny_corpus.data / f"{split}_cuts.jsonl.gz") for split in ("train", "dev")]
    assert shards.main(["--cuts", *cuts, "--out", str(tmp_path / "shards"), "--shard-hours", "0.002"]) == 0
    train, dev = (str(tmp_path / "shards" / Path(path).name) for path in cuts)
    mixed = [f"data.train_cuts=[{train},{cuts[1]}]", f"data.val_cuts=[{dev}]", "data.mixing.weights=[0.6,2]"]
    read = ["data.mixing.window_shards=2", "data.ascending_epochs=0", "data.batch_seconds=5.0", "data.speeds=[0.9,1.0]"]
    return [*SMALL, *mixed, *read, "trainer.max_epochs=2", "augmentation=spec_noise"]


def test_killed_within_an_epoch_and_resumed_equals_straight_through(
    settings: list[str], tiny_corpus: TinyCorpus, tmp_path: Path
) -> None:
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    saving = ["callbacks.last.init_args.every_num_steps=2", "data.num_workers=1"]
    status, log = run(tiny_corpus, *settings, *saving, f"exp_dir={straight}")
    assert status == 0, log
    assert "train_cuts.jsonl.gz: 40 utterances, 0.6 times an epoch" in log
    assert "an epoch: 40 utterances" in log
    assert " shards, 2 at a time" in log
    expected = losses(straight)
    run_and_kill(tiny_corpus, len(expected) // 2 + 3, *settings, *saving, f"exp_dir={killed}")
    reached = torch.load(killed / "last.ckpt", weights_only=True)["global_step"]
    assert 0 < reached % (len(expected) // 2) < len(expected) // 2 - 1, "the kill has to fall inside an epoch"
    status, log = run(tiny_corpus, *settings, *saving, f"exp_dir={killed}", "ckpt_path=last")
    assert status == 0, log
    assert losses(killed) == expected
    one, other = (torch.load(folder / "last.ckpt", weights_only=True) for folder in (straight, killed))
    assert all(torch.equal(value, other["state_dict"][key]) for key, value in one["state_dict"].items())


BAD = {
    "one weight for two files": ("data.mixing.weights=[1]", "data.mixing.weights: is [1.0] for 2 files"),
    "weight of nothing": ("data.mixing.weights=[1,0]", "data.mixing.weights: is [1.0, 0.0] for 2 files"),
    "no shard at a time": ("data.mixing.window_shards=0", "data.mixing.window_shards: is 0; give 1 or more, or null"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_settings_get_one_line(
    settings: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    override, line = BAD[case]
    capsys.readouterr()
    assert main([*settings, f"exp_dir={tmp_path / 'bad'}", override]) == 2
    assert line in capsys.readouterr().err
