"""One training at a time in a folder: a lock that dies with its holder, and what killed runs left is swept."""

from __future__ import annotations

import multiprocessing
import re
from pathlib import Path

import pytest

from asr.cli.train import main
from asr.files import part_of, written_whole
from asr.locking import leftovers
from asr.runs.checkpoint_io import AtomicCheckpointIO
from tests.helpers.training import SMALL, before

pytestmark = pytest.mark.usefixtures("in_its_folder")

SETTINGS = [*SMALL, "--quiet", "data.batch_seconds=4.0"]


def test_a_second_training_is_refused_and_a_killed_one_blocks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = [*SETTINGS, "trainer.max_epochs=1", f"exp_dir={tmp_path}"]
    context = multiprocessing.get_context("fork")
    writes, never = context.Event(), context.Event()

    def write_for_ever() -> None:
        with written_whole(tmp_path / "last.ckpt") as beside:
            beside.write_bytes(b"half a checkpoint")
            writes.set()
            never.wait()

    def train() -> None:
        with pytest.MonkeyPatch.context() as patched:
            before(patched, AtomicCheckpointIO, "save_checkpoint", 2, write_for_ever)
            main([*settings, "trainer.devices=2"])

    first = context.Process(target=train)
    first.start()
    try:
        while not writes.wait(1):
            assert first.is_alive(), "it ended before its second checkpoint"
        assert main([*settings, "overwrite=true"]) == 1
        (line,) = capfd.readouterr().err.splitlines()
        expected = (
            rf"asr train: {re.escape(str(tmp_path))}: a training is going on there, process {first.pid} on \S+ since "
            r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d; wait for it, or choose another name= or seed="
        )
        assert re.fullmatch(expected, line), line
        assert len(leftovers(tmp_path / "last.ckpt")) >= 1, "the living one's file is left alone"
    finally:
        first.kill()
        first.join()
    others = part_of(tmp_path / "dev_greedy.jsonl"), tmp_path / ".part4711-best.ckpt"
    for file in others:
        file.touch()
    assert main([*settings, "overwrite=true"]) == 0
    assert list(tmp_path.glob(".part*")) == [others[0]], "asr decode may be writing there"


def test_what_does_not_fit_leaves_the_configuration_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [*SETTINGS, "trainer.max_epochs=1", f"exp_dir={tmp_path}"]
    assert main(settings) == 0
    kept = (tmp_path / "config.yaml").read_bytes()
    capsys.readouterr()
    assert main([*settings, "ckpt_path=last", "model.encoder.init_args.hidden_dim=20", "trainer.max_epochs=2"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"asr train: {tmp_path}/last.ckpt: holds another model: model.encoder.")
    assert (
        "; resume it with model.encoder.init_args.hidden_dim=24, or start another run with name= and init_from=" in line
    )
    assert (tmp_path / "config.yaml").read_bytes() == kept
    assert main([*settings, "ckpt_path=last", "trainer.max_epochs=2", "data.batch_seconds=3.0"]) == 0, "between epochs"
