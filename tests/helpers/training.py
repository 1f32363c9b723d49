"""Small trainings of every kind, and what they leave."""

from __future__ import annotations

import copy
import functools
import multiprocessing
import os
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TextIO

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from asr.cli.train import main
from asr.configuration.composition import compose_config, resolve
from tests.conftest import TinyCorpus
from tests.helpers.kill_at import KillAt

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


@functools.cache
def _composed(overrides: tuple[str, ...], name: str) -> dict[str, Any]:
    return resolve(compose_config(list(overrides), name))


def plain_config(*overrides: str, name: str = "train") -> dict[str, Any]:
    """Returns a configuration as plain values, to be changed at will; the same one is composed once."""
    return copy.deepcopy(_composed(overrides, name))


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


def start(corpus: TinyCorpus, told: TextIO, *overrides: str, begin: Callable[[], object] = tuple) -> BaseProcess:
    """Trains in a process of its own, which is forked, as imports take seconds.

    Args:
        corpus: what to train on.
        told: file for what the training prints.
        overrides: arguments of ``asr train``.
        begin: what the process does first.
    """

    def train() -> None:
        begin()
        warnings.simplefilter("default")  # no errors, as in a program
        os.chdir(corpus.root)
        for number in (1, 2):
            os.dup2(told.fileno(), number)
        sys.stdout = sys.stderr = told
        sys.argv = ["asr train", *overrides]
        raise SystemExit(main())

    training = multiprocessing.get_context("fork").Process(target=train)
    training.start()
    return training


def run(corpus: TinyCorpus, *overrides: str, begin: Callable[[], object] = tuple) -> tuple[int | None, str]:
    """Trains in a process of its own; returns how it has ended, and what it has printed."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as told:
        training = start(corpus, told, *overrides, begin=begin)
        training.join()
        told.seek(0)
        return training.exitcode, told.read()


def run_and_kill(corpus: TinyCorpus, step: int, *overrides: str) -> None:
    """Trains until a step, at which the process dies."""
    kill = [f"+callbacks.kill.class_path={KillAt.__module__}.KillAt", f"+callbacks.kill.init_args.step={step}"]
    status, log = run(corpus, *overrides, *kill)
    assert status == -signal.SIGKILL, log


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


def weights(path: Path) -> dict[str, torch.Tensor]:
    """Returns the weights in a checkpoint."""
    return torch.load(path, weights_only=True)["state_dict"]
