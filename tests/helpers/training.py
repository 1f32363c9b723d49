"""Small trainings of every kind, and what they leave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.conftest import TinyCorpus

SMALL = [
    "corpus=tiny",
    "name=run",
    "frontend=fbank40",
    "model.encoder.init_args.hidden_dim=24",
    "model.encoder.init_args.num_layers=1",
    "model.encoder.init_args.conv_channels=4",
    "model.encoder.init_args.dropout=0.0",
    "model.encoder.init_args.time_stride=2",
    "model.optimizer.init_args.lr=0.01",
    "data.batch_seconds=12.0",
    "data.num_workers=0",
    "trainer.accelerator=cpu",
    "trainer.devices=1",
    "trainer.max_epochs=2",
    "trainer.log_every_n_steps=1",
    "callbacks.averaging.init_args.decay=0.9",
]
"""Of an acoustic model on the tiny corpus."""

SENTENCES = ["the cat sat on the mat", "a dog lay on a rug", "the dog saw the cat", "no bird sang", "a bird saw a rug"]
LANGUAGE = [
    "--config-name",
    "lm",
    "corpus=tiny",
    "min_count=1",
    "model.text_policy=upper-no-punctuation",
    "model.embedding_dim=16",
    "model.hidden_dim=24",
    "model.num_layers=1",
    "model.dropout=0.1",
    "model.optimizer.init_args.lr=0.03",
    "data.batch_words=40",
    "data.held_out_every=8",
    "trainer.accelerator=cpu",
    "trainer.devices=1",
    "trainer.max_epochs=3",
    "trainer.log_every_n_steps=1",
    "callbacks.averaging.init_args.decay=0.9",
]
"""Of a language model, but for its text."""

SOUNDS = {"a": "AH", "b": "B", "c": "K", "e": "IY1", "x": "K S"}
LETTERS = [
    "--config-name",
    "g2p",
    "corpus=tiny",
    "model.letter_dim=8",
    "model.hidden_dim=24",
    "model.num_layers=1",
    "model.dropout=0.0",
    "model.optimizer.init_args.lr=0.02",
    "data.batch_letters=200",
    "data.held_out_every=10",
    "trainer.accelerator=cpu",
    "trainer.devices=1",
    "trainer.max_epochs=3",
    "trainer.log_every_n_steps=1",
    "callbacks.averaging.init_args.decay=0.9",
]
"""Of letters to phones, but for its lexicon."""

PREDICTIVE = [
    "--config-name",
    "predictive",
    "corpus=tiny",
    "frontend=fbank40",
    "model.encoder.init_args.hidden_dim=24",
    "model.encoder.init_args.num_layers=2",
    "model.encoder.init_args.conv_channels=4",
    "model.encoder.init_args.dropout=0.1",
    "model.encoder.init_args.time_stride=2",
    "model.window=6",
    "model.optimizer.init_args.lr=0.01",
    "data.batch_seconds=12.0",
    "data.num_workers=0",
    "trainer.accelerator=cpu",
    "trainer.devices=1",
    "trainer.max_epochs=2",
    "trainer.log_every_n_steps=1",
    "callbacks.averaging.init_args.decay=0.9",
]
"""Of a predictive model on the tiny corpus."""


def spell(word: str) -> str:
    return " ".join(SOUNDS[letter] for letter in word)


def scalars(exp_dir: Path, name: str) -> list[float]:
    accumulator = EventAccumulator(str(exp_dir))
    accumulator.Reload()
    return [event.value for event in accumulator.Scalars(name)]


def losses(exp_dir: Path, name: str = "train/loss_step") -> dict[int, float]:
    accumulator = EventAccumulator(str(exp_dir))
    accumulator.Reload()
    return {event.step: event.value for event in accumulator.Scalars(name)}


def run(
    corpus: TinyCorpus, *overrides: str, program: Sequence[str] = ("-m", "asr.cli.train")
) -> subprocess.CompletedProcess[str]:
    """Trains in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *program, *overrides]
    return subprocess.run(command, cwd=corpus.root, env=environment, text=True, capture_output=True, check=False)


def run_and_kill(corpus: TinyCorpus, step: int, *overrides: str) -> None:
    """Trains until a step, at which the process dies."""
    kill = ["+callbacks.kill.class_path=kill_at.KillAt", f"+callbacks.kill.init_args.step={step}"]
    died = run(corpus, *overrides, *kill, program=[str(Path(__file__).with_name("kill_at.py"))])
    assert died.returncode == -signal.SIGKILL, died.stderr


def before(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, number: int, act: Callable[[], None]
) -> pytest.MonkeyPatch:
    """Does something before the call of a method with this number, counted from 1."""
    method, calls = getattr(owner, name), iter(range(1, 10_000))

    def called(*arguments: Any, **options: Any) -> Any:
        if next(calls) == number:
            act()
        return method(*arguments, **options)

    monkeypatch.setattr(owner, name, called)
    return monkeypatch
