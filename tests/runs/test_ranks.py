"""Ranks share the work and change nothing: equal weights, a resumption with other ranks, ranks that die.

Ranks are forked from the tests' own process, so what a test changes in it holds in them, too.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from asr.cli.train import main
from asr.errors import ConfigError
from asr.runs.ranks import num_forked, with_devices
from asr.training.module import CTCModule
from asr.training.stepping import SteppedModule
from tests.helpers.training import LANGUAGE, LETTERS, SENTENCES, SMALL, SOUNDS, losses, scalars, spell

pytestmark = pytest.mark.usefixtures("in_its_folder")

SPEECH = [
    *SMALL,
    "augmentation=spec_noise",
    "model.encoder.init_args.num_layers=2",
    "+model.objective.init_args.consistency.class_path=asr.training.losses.Consistency",
    "+model.objective.init_args.intermediate={class_path: asr.training.losses.Intermediate, init_args: {layers: [1]}}",
    "+model.heads.other={tokens: data/tiny/tokens_char.txt, text_policy: verbatim, weight: 0.4, own_layer: true}",
    "data.speeds=[0.9,1.0]",
    "data.mixing.joined_steps=0.5",
    "data.batch_seconds=3.0",  # two or three utterances: some steps have fewer than ranks
    "trainer.max_epochs=3",
]
QUIETER = "model.optimizer.init_args.lr=0.001"
TUNED = ["data.rehearsal.cuts=[data/tiny/dev_cuts.jsonl.gz]", "model.plan.rate_decay=0.5"]


def distance(*exp_dirs: Path) -> tuple[float, float]:
    """Returns how far the weights of two runs are apart, and how far the first run moved, both as parts of the norm."""
    files = [exp_dirs[0] / "last.ckpt", exp_dirs[1] / "last.ckpt", exp_dirs[0] / "initial.ckpt"]
    states = [torch.load(file, weights_only=True) for file in files]
    weights = [state.get("current_model_state", state["state_dict"]) for state in states]
    first, second, initial = (torch.cat([value.double().flatten() for value in each.values()]) for each in weights)
    return float((first - second).norm() / first.norm()), float((first - initial).norm() / first.norm())


def write_text(folder: Path) -> list[str]:
    text = folder / "text.txt"
    text.write_text("\n".join(SENTENCES * 8), encoding="utf-8")
    return [*LANGUAGE, f"text=[{text}]", "model.dropout=0.0"]


def write_lexicon(folder: Path) -> list[str]:
    lexicon = folder / "all.dict"
    words = ["".join(letters) for length in (1, 2, 3) for letters in itertools.product(SOUNDS, repeat=length)]
    lexicon.write_text("\n".join(f"{word} {spell(word)}" for word in words if word != "xxx"), encoding="utf-8")
    return [*LETTERS, f"lexicon=[{lexicon}]", "data.batch_letters=30"]


TASKS: dict[str, Callable[[Path], list[str]]] = {
    "speech": lambda _: [*SPEECH, QUIETER, *TUNED],
    "language": write_text,
    "letters": write_lexicon,
}


@pytest.mark.parametrize("task", TASKS)
def test_one_two_and_three_ranks_give_the_same_weights_and_logs(tmp_path: Path, task: str) -> None:
    settings = [*TASKS[task](tmp_path), "trainer.max_steps=20"]
    exp_dirs = [tmp_path / str(num_ranks) for num_ranks in (1, 2, 3)]
    for num_ranks, exp_dir in enumerate(exp_dirs, start=1):
        assert main([*settings, f"trainer.devices={num_ranks}", f"exp_dir={exp_dir}"]) == 0
        assert len(losses(exp_dir)) == 20
    names = ["train/loss_step", "train/loss_epoch", "val/loss"]
    if task == "speech":
        of_heads = ["train/blank_ratio", "train/divergence", "train/intermediate_loss", "val/cer"]
        names += [*of_heads, *(name.replace("/", "/other_") for name in ("train/loss_step", "val/loss", *of_heads))]
    for exp_dir in exp_dirs[1:]:
        apart, moved = distance(exp_dirs[0], exp_dir)
        assert apart < 1e-4
        assert moved > 100 * apart
        for name in names:
            assert scalars(exp_dir, name) == pytest.approx(scalars(exp_dirs[0], name), rel=1e-3), name


def record(monkeypatch: pytest.MonkeyPatch, folder: Path, at_step: Callable[[CTCModule, int], None]) -> None:
    """Lets each rank write down what it trains on, after something is done at each step."""
    train = CTCModule.training_step

    def training_step(self: CTCModule, batch: Any, batch_idx: int) -> Tensor:
        at_step(self, self.global_step)
        if batch.share.counts:
            with (folder / f"seen{os.getpid()}.txt").open("a") as seen:
                seen.writelines(
                    f"{self.current_epoch} {name}\n" for row in batch.utterance_ids for name in row.split("+")
                )
        return train(self, batch, batch_idx)

    folder.mkdir()
    monkeypatch.setattr(CTCModule, "training_step", training_step)


def seen(*folders: Path) -> Counter[str]:
    files = [file for folder in folders for file in folder.glob("seen*.txt")]
    return Counter(line for file in files for line in file.read_text().splitlines())


def stop(module: CTCModule, step: int) -> None:
    if step == 19:
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_run_stopped_in_mid_epoch_goes_on_exactly_with_other_ranks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    straight, begun = tmp_path / "straight", tmp_path / "begun"
    settings = [*SPEECH, QUIETER]
    assert main([*settings, f"exp_dir={straight}"]) == 0
    with monkeypatch.context() as changed:
        record(changed, tmp_path / "before", stop)
        assert main([*settings, "trainer.devices=2", f"exp_dir={begun}"]) == 143
    checkpoint = torch.load(begun / "last.ckpt", weights_only=True)
    per_epoch = len(losses(straight)) // 3
    assert (checkpoint["global_step"], checkpoint["epoch"]) == (20, 1)
    assert 0 < 20 % per_epoch < per_epoch - 1, "the signal has to fall inside an epoch"
    expected = Counter({f"{epoch} train-{number:03d}": 1 for epoch in range(3) for number in range(40)})
    shutil.copytree(begun, tmp_path / "kept")
    for num_ranks in (1, 3):
        after = tmp_path / f"after{num_ranks}"
        shutil.rmtree(begun)
        shutil.copytree(tmp_path / "kept", begun)
        with monkeypatch.context() as changed:
            record(changed, after, lambda *_: None)
            command = [*settings, f"trainer.devices={num_ranks}", f"exp_dir={begun}", "ckpt_path=last"]
            assert main(command) == 0
        assert seen(tmp_path / "before", after) == expected
        assert distance(straight, begun)[0] < 1e-4
        assert losses(begun) == pytest.approx(losses(straight), rel=1e-3)
        for name in ("train/loss_epoch", "lr-AdamW", "val/loss"):
            assert losses(begun, name) == pytest.approx(losses(straight, name), rel=1e-3), name


def test_a_rank_that_dies_is_named_and_the_others_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def die(module: CTCModule, step: int) -> None:
        if step == 3 and module.global_rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    record(monkeypatch, tmp_path / "seen", die)
    assert main([*SPEECH, "--quiet", "trainer.devices=3", f"exp_dir={tmp_path / 'exp'}"]) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("asr train: rank 1 of 3 (process ")
    assert "was killed by SIGKILL; see whether memory had run out, then resume with ckpt_path=last" in line
    for file in (tmp_path / "seen").iterdir():
        with pytest.raises(ProcessLookupError):
            os.kill(int(file.stem.removeprefix("seen")), 0)


def test_an_error_of_a_rank_is_one_line_and_a_bug_one_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = ["--quiet", "trainer.devices=2", f"exp_dir={tmp_path / 'exp'}"]
    assert main([*SMALL, *settings, "data.train_cuts=[nowhere.jsonl.gz]"]) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert "nowhere.jsonl.gz" in line

    def fail(module: SteppedModule, step: int) -> None:
        if step == 2 and module.global_rank == 1:
            raise ZeroDivisionError("a bug")

    record(monkeypatch, tmp_path / "seen", fail)
    with pytest.raises(RuntimeError, match=r"(?s)rank 1 failed\n.*ZeroDivisionError: a bug"):
        main([*SMALL, *settings, "overwrite=true"])


def test_several_runs_of_several_ranks_one_after_another(tmp_path: Path) -> None:
    settings = [*SMALL, "--quiet", "trainer.devices=2", "trainer.max_epochs=1", f"exp_dir={tmp_path}/seed${{seed}}"]
    assert main(["--multirun", *settings, "seed=0,1"]) == 0
    assert distance(tmp_path / "seed0", tmp_path / "seed1")[0] > 0.1


def config(devices: Any = "auto", accelerator: str = "cpu", **data: Any) -> dict[str, Any]:
    return {"trainer": {"devices": devices, "accelerator": accelerator, "strategy": "auto"}, "data": data}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"batch_seconds": 24.0, "max_batch_size": 32}, 3),
        ({"batch_seconds": 400.0, "max_batch_size": 32}, 6),
        ({"batch_seconds": 400.0, "max_batch_size": 1}, 1),
        ({"batch_seconds": 2.0, "max_batch_size": 32}, 1),
        ({"batch_words": 1024, "max_batch_size": 128}, 4),
        ({"batch_letters": 1024}, 4),
        ({"batch_seconds": "many"}, 6),
    ],
)
def test_auto_is_a_rank_for_each_core_that_has_work(
    monkeypatch: pytest.MonkeyPatch, data: dict[str, Any], expected: int
) -> None:
    monkeypatch.setattr("asr.runs.ranks.num_processes", lambda: 6)
    resolved = with_devices(config(**data))
    assert resolved["trainer"]["devices"] == expected
    assert num_forked(resolved) == (expected if expected > 1 else 0)


def test_ranks_that_others_have_started_are_not_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asr.runs.ranks.num_processes", lambda: 6)
    for environment, devices in (
        ({"LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}, 4),
        ({"SLURM_NTASKS": "8", "SLURM_NNODES": "2", "SLURM_JOB_NAME": "train"}, 4),
    ):
        with monkeypatch.context() as changed:
            for name, value in environment.items():
                changed.setenv(name, value)
            resolved = with_devices(config(batch_seconds=400.0))
            assert (resolved["trainer"]["devices"], num_forked(resolved)) == (devices, 0)
    monkeypatch.setenv("SLURM_NTASKS", "1")
    assert num_forked(with_devices(config(batch_seconds=400.0))) == 6


def test_numbers_of_ranks_that_are_none() -> None:
    assert num_forked(with_devices(config("2"))) == 2
    with pytest.raises(ConfigError, match=r"trainer\.devices: is 'two'; give a number of ranks, or auto"):
        with_devices(config("two"))
