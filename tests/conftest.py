"""A tiny corpus that the tests make: letters as tones, with cuts and a token table."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import soundfile
import torch
from lhotse import CutSet, MonoCut, Recording, SupervisionSegment

# On a busy machine an example may take long, and so may making it up.
hypothesis.settings.register_profile("busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("busy")

SAMPLE_RATE = 16000
LETTER_SECONDS = 0.12
TONES = {"A": 500.0, "B": 1100.0, "C": 2300.0, " ": 0.0}


@dataclass(frozen=True)
class TinyCorpus:
    """Where the tiny corpus lies: ``data/tiny`` below ``root``, as recipes leave theirs."""

    root: Path

    @property
    def data(self) -> Path:
        return self.root / "data" / "tiny"


def speak(text: str, generator: np.random.Generator) -> np.ndarray:
    """Speaks each letter as a tone of its own with a little noise."""
    times = np.arange(round(LETTER_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    tones = [0.3 * np.sin(2 * np.pi * TONES[letter] * times) * np.hanning(len(times)) for letter in text]
    samples = np.concatenate([*tones, np.zeros(generator.integers(1600, 4800))])
    return (samples + 0.003 * generator.standard_normal(len(samples))).astype(np.float32)


def make_cut(folder: Path, utterance_id: str, text: str, speaker: str, generator: np.random.Generator) -> MonoCut:
    path = folder / f"{utterance_id}.wav"
    soundfile.write(path, speak(text, generator), SAMPLE_RATE)
    recording = Recording.from_file(path, recording_id=utterance_id)
    supervision = SupervisionSegment(utterance_id, utterance_id, 0.0, recording.duration, text=text, speaker=speaker)
    return MonoCut(utterance_id, 0.0, recording.duration, 0, recording=recording, supervisions=[supervision])


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs a test of devices that are not there in a process of its own.

    Autograd would know of them for ever after, and refuse to train in forked ranks.
    """
    if pyfuncitem.get_closest_marker("own_process") is None:
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}

    def run() -> None:
        torch.set_num_threads(1)  # a fork has none of OpenMP's threads, and would wait for them for ever
        pyfuncitem.obj(**arguments)

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join()
    assert process.exitcode == 0, "see the traceback on stderr"
    return True


@pytest.fixture(autouse=True)
def _environment_as_it_was() -> Iterator[None]:
    """Restores the environment after a command has set variables for the processes that it starts."""
    before = dict(os.environ)
    yield
    if dict(os.environ) != before:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(autouse=True)
def _no_log_of_a_command() -> None:
    """Takes away the log of a command that ran in an earlier test, or in a fixture of more tests than this one."""
    log = logging.getLogger("asr")
    log.handlers, log.propagate = [], True
    log.setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def make_tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., TinyCorpus]:
    """Returns a function that makes a tiny corpus in a folder of its own."""

    def make(num_train: int = 40, num_dev: int = 8, seed: int = 0) -> TinyCorpus:
        corpus = TinyCorpus(tmp_path_factory.mktemp("tiny"))
        generator = np.random.default_rng(seed)
        corpus.data.mkdir(parents=True)
        for split, count in (("train", num_train), ("dev", num_dev)):
            cuts = []
            for number in range(count):
                letters = generator.choice(list("ABC"), generator.integers(3, 8))
                text = "".join(letters[:2]) + " " + "".join(letters[2:])
                speaker = f"speaker{number % 4}"
                cuts.append(make_cut(corpus.data, f"{split}-{number:03d}", text, speaker, generator))
            CutSet.from_cuts(cuts).to_file(corpus.data / f"{split}_cuts.jsonl.gz")
        (corpus.data / "tokens_char.txt").write_text("<blank>\nA\nB\nC\n|\n", encoding="utf-8")
        return corpus

    return make


@pytest.fixture(scope="session")
def tiny_corpus(make_tiny_corpus: Callable[..., TinyCorpus]) -> TinyCorpus:
    """Returns the tiny corpus that tests share; they write below folders of their own."""
    return make_tiny_corpus()


@pytest.fixture
def make_audio() -> Callable[..., Path]:
    """Returns a function that writes noise, the same for the same seed, and makes the folders for it."""

    def make(
        path: Path, seed: int = 0, seconds: float = 0.5, sample_rate: int = 16000, channels: int = 1, **options
    ) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = (round(seconds * sample_rate), channels)
        samples = 0.1 * np.random.default_rng(seed).standard_normal(shape)
        soundfile.write(path, samples, sample_rate, **options)
        return path

    return make
