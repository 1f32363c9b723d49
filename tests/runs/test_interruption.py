"""SIGTERM and Ctrl-C: a checkpoint, one line, a status of their own, and the same weights after a resumption."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from asr import interruption
from asr.cli.train import main
from asr.data.module import SpeechData
from asr.runs.checkpoint_io import AtomicCheckpointIO
from asr.training.module import CTCModule
from tests.conftest import TinyCorpus
from tests.helpers.training import SMALL, before, losses, start

pytestmark = pytest.mark.usefixtures("in_its_folder")

SETTINGS = [*SMALL, "--quiet", "data.batch_seconds=4.0", "model.encoder.init_args.dropout=0.2", "data.num_workers=1"]
STEPS = 12  # of an epoch


@pytest.fixture(scope="module")
def straight(tiny_corpus: TinyCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    exp_dir = tmp_path_factory.mktemp("straight")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(tiny_corpus.root)
        assert main([*SETTINGS, f"exp_dir={exp_dir}"]) == 0
    assert len(losses(exp_dir)) == 2 * STEPS
    return exp_dir


def send(signum: signal.Signals) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), signum)


MOMENTS = {
    "SIGTERM in a step": (CTCModule, "training_step", 3, signal.SIGTERM, 3),
    "Ctrl-C in a step": (CTCModule, "training_step", 15, signal.SIGINT, 15),
    "in the last step of an epoch": (CTCModule, "training_step", STEPS, signal.SIGTERM, STEPS),
    "in a validation": (CTCModule, "validation_step", 1, signal.SIGTERM, STEPS),
    "while a checkpoint is written": (AtomicCheckpointIO, "save_checkpoint", 2, signal.SIGTERM, 6),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_signal_leaves_a_checkpoint_that_goes_on_exactly(
    straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], moment: str
) -> None:
    owner, name, number, signum, step = MOMENTS[moment]
    settings = [*SETTINGS, "callbacks.last.init_args.every_num_steps=5", f"exp_dir={tmp_path}"]
    with monkeypatch.context() as patched:
        before(patched, owner, name, number, send(signum))
        assert main(settings) == 128 + signum
    epoch = 0 if step <= STEPS else 1
    assert capsys.readouterr().err == (
        f"asr train: {tmp_path}/last.ckpt: stopped by {signum.name} after step {step}, in epoch {epoch}; "
        f"go on with: asr train --config {tmp_path}/config.yaml ckpt_path=last\n"
    )
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == step
    assert main(["--quiet", "--config", f"{tmp_path}/config.yaml", "ckpt_path=last"]) == 0
    assert losses(tmp_path) == losses(straight)
    one, other = (torch.load(folder / "last.ckpt", weights_only=True) for folder in (straight, tmp_path))
    assert all(torch.equal(value, other["state_dict"][key]) for key, value in one["state_dict"].items())
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_before_the_first_step_training_ends_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before(monkeypatch, SpeechData, "setup", 1, send(signal.SIGTERM))
    assert main([*SETTINGS, f"exp_dir={tmp_path}"]) == 143
    assert capsys.readouterr().err == (
        "asr train: training: stopped by SIGTERM before the first step; start it again, with ckpt_path=last where it "
        "had begun\n"
    )


@pytest.mark.parametrize("devices", [1, 2])
def test_the_second_signal_ends_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], devices: int
) -> None:
    main_process = os.getpid()

    def twice() -> None:
        os.kill(main_process, signal.SIGINT)
        time.sleep(1.1)
        os.kill(main_process, signal.SIGINT)
        time.sleep(5.0)

    monkeypatch.setattr(interruption, "_ONE_SIGNAL", 1.0)
    before(monkeypatch, CTCModule, "training_step", 3, twice)
    started = time.monotonic()
    assert main([*SETTINGS, f"trainer.devices={devices}", f"exp_dir={tmp_path}"]) == 130
    assert "stopped by SIGINT for the second time, without another checkpoint" in capfd.readouterr().err
    assert time.monotonic() - started < 20
    assert not (tmp_path / "last.ckpt").exists()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_the_main_process_tells_its_ranks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], signum: signal.Signals
) -> None:
    main_process = os.getpid()
    before(monkeypatch, CTCModule, "training_step", 3, lambda: (os.kill(main_process, signum), time.sleep(0.5)))
    assert main([*SETTINGS, "trainer.devices=2", f"exp_dir={tmp_path}"]) == 128 + signum
    (line,) = capfd.readouterr().err.splitlines()
    assert f"stopped by {signum.name} after step " in line


def test_a_whole_process_group_is_told(tiny_corpus: TinyCorpus, tmp_path: Path) -> None:
    settings = [*SETTINGS, "trainer.devices=2", "trainer.max_epochs=500", f"exp_dir={tmp_path / 'exp'}"]
    with (tmp_path / "log").open("w", encoding="utf-8") as told:
        training = start(tiny_corpus, told, *settings, "callbacks.last.init_args.every_num_steps=2", begin=os.setsid)
    assert training.pid is not None
    try:
        while not (tmp_path / "exp/last.ckpt").exists():
            assert training.is_alive()
            time.sleep(0.1)
        os.killpg(training.pid, signal.SIGTERM)
        training.join(60)
        assert training.exitcode == 143
        with pytest.raises(ProcessLookupError):
            os.killpg(training.pid, 0)
    finally:
        training.kill()
    (line,) = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert "last.ckpt: stopped by SIGTERM after step " in line
