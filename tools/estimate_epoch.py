"""Measures how fast a configuration trains on made-up speech, and reports what an epoch of so many hours costs.

    python tools/estimate_epoch.py experiment=librispeech/100h --hours 100.6 --devices 8 --steps 20

The model of the configuration takes training steps with Lightning on one device, in the configuration's precision:
augmentation, front end, loss, backward pass, clipping and optimiser. Batches are noise with random characters as
targets, planned as ``asr train`` plans an epoch, with the lengths of LibriSpeech's train-clean-5; the measured steps
are spread evenly over the plan, so that all lengths have their share. A configuration that trains on a folder of cached
features (``.../features/*_cuts.jsonl.gz``) gets features. No corpus is needed.

Not included: the loader, whose batches are there at once; communication between devices (an epoch on several is that on
one, divided); validation, averaging and checkpoints; windows of shards; speeds, which together hardly change the mean
length. Targets are characters whatever the unit, of every head. Run it on an otherwise idle device.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import statistics
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from torch.utils.data import DataLoader

from asr.configuration.composition import compose_config, resolve
from asr.data.batch import Batch, Share, Targets
from asr.data.plan import PlannedBatch, plan_epoch
from asr.data.shares import share
from asr.errors import AsrError, ConfigError, UsageError
from asr.models.acoustic import AcousticModel
from asr.runs.building import TrainingCLI, build
from asr.runs.quiet import quieten_lightning
from asr.text.tokens import TokenTable

LETTERS = TokenTable("char", ("<blank>", "'", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "|"))

# Measured on the 1,519 utterances (5.31 hours) of LibriSpeech's train-clean-5. Lengths: shortest, deciles, longest in
# seconds; straight lines between them have the true mean, 12.59 s. Characters: those of the transcripts, with spaces.
LENGTH_DECILES = (1.87, 6.32, 10.0, 12.26, 13.22, 13.92, 14.49, 14.93, 15.37, 15.78, 17.27)
CHARACTERS_PER_SECOND = 14.6

WARMUP_STEPS = 5


@dataclass(frozen=True)
class Plan:
    """The batches to measure.

    Attributes:
        seconds: length of each utterance of the epoch.
        num_steps: steps of the epoch, on all devices at once.
        batches: those to warm up on, then those to measure.
    """

    seconds: Sequence[float]
    num_steps: int
    batches: Sequence[PlannedBatch]

    @property
    def speech_seconds(self) -> list[float]:
        """The speech of each batch to measure, without padding."""
        return [sum(self.seconds[index] for index in batch.indices) for batch in self.batches[WARMUP_STEPS:]]


class StepTimes(Callback):
    """Records when the device had finished everything before each step, and after the last one."""

    def __init__(self) -> None:
        """Starts with no times."""
        self.begun: list[float] = []

    def on_train_batch_start(self, *_arguments: Any) -> None:
        """Takes the time."""
        self._take()

    def on_train_epoch_end(self, *_arguments: Any) -> None:
        """Takes the time."""
        self._take()

    def _take(self) -> None:
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()
        self.begun.append(time.perf_counter())

    @property
    def step_seconds(self) -> list[float]:
        """The seconds of each step after those of warm-up."""
        return [later - earlier for earlier, later in itertools.pairwise(self.begun)][WARMUP_STEPS:]


class MadeUpData(lightning.LightningDataModule):
    """Batches that are there before training begins; no run resumes among them."""

    def __init__(self, batches: list[Batch]) -> None:
        """Keeps the batches of the only epoch."""
        super().__init__()
        self._batches = batches

    def train_dataloader(self) -> DataLoader[Batch]:
        """Returns the batches as they are."""
        return DataLoader(self._batches, batch_size=None)  # type: ignore[arg-type]  # a list is a dataset to torch

    def check_position(self, global_step: int) -> None:
        """Has nothing to check: every run starts at step 0."""


def configuration(overrides: list[str], device: str) -> dict[str, Any]:
    """Returns the configuration with made-up tokens, on one device, with one epoch and no files."""
    config = resolve(compose_config(overrides))
    config["model"]["tokens"] = LETTERS.state()
    for head in config["model"]["heads"].values():
        head["tokens"] = LETTERS.state()
    config["trainer"] |= {
        "accelerator": "gpu" if device == "cuda" else "cpu",
        "devices": 1,
        "num_nodes": 1,
        "strategy": "auto",
        "max_epochs": 1,
        "max_steps": -1,
        "limit_val_batches": 0,
        "logger": False,
        "callbacks": [],
        "enable_checkpointing": False,
        "plugins": [],
    }
    return config


def make_plan(data: dict[str, Any], hours: float, num_devices: int, num_steps: int) -> Plan:
    """Plans an epoch and chooses from it, evenly over the lengths; the shortest and longest are warmed up on too.

    Raises:
        UsageError: with fewer utterances than devices.
    """
    deciles = np.linspace(0.0, 1.0, len(LENGTH_DECILES))
    mean = statistics.fmean((shorter + longer) / 2 for shorter, longer in itertools.pairwise(LENGTH_DECILES))
    count = math.ceil(hours * 3600 / mean)
    if count < num_devices:
        raise UsageError("--hours", f"{hours:g} are {count} utterances for {num_devices} devices", "give more")
    seconds = np.interp((np.arange(count) + 0.5) / count, deciles, LENGTH_DECILES).tolist()
    batches = plan_epoch(
        seconds,
        max_padded=data["batch_seconds"],
        max_batch_size=data["max_batch_size"],
        seed=data["seed"],
        ascending=True,
    )
    parts = [share(batch, seconds, step % num_devices, num_devices) for step, batch in enumerate(batches)]
    batches = [part for part in parts if part.counts]
    warmup = [batches[int(place)] for place in np.linspace(0, len(batches) - 1, WARMUP_STEPS)]
    measured = [batches[int((step + 0.5) * len(batches) / num_steps)] for step in range(num_steps)]
    random.Random(0).shuffle(measured)
    return Plan(seconds, len(parts), [*warmup, *measured])


def make_batches(plan: Plan, model: AcousticModel, cached: bool, pin_memory: bool) -> list[Batch]:
    """Makes batches of waveforms or of static features, all views of the same noise that take no memory of their own.

    No token follows itself, so a target fits into as many encoder frames as it has tokens.
    """
    frontend, generator = model.frontend, np.random.default_rng(0)
    width = frontend.static_dim if cached else 1
    seconds = [torch.tensor([plan.seconds[index] for index in batch.indices]) for batch in plan.batches]
    samples = [(lengths * frontend.sample_rate).round().long() for lengths in seconds]
    frames = [frontend.frame_lengths(lengths) for lengths in samples]
    inputs = frames if cached else samples
    noise = 0.1 * torch.randn(max(len(lengths) * int(lengths.max()) for lengths in inputs) * width)
    if pin_memory:
        noise = noise.pin_memory()
    made = []
    for number, lengths in enumerate(inputs):
        shape = (len(lengths), int(lengths.max()), width)
        shown = noise[: math.prod(shape)].view(shape)
        wanted = (seconds[number] * CHARACTERS_PER_SECOND).round().long()
        target_lengths = wanted.minimum(model.encoder.output_lengths(frames[number])).clamp(min=1)
        num_symbols = len(LETTERS) - 1
        steps = generator.integers(1, num_symbols, int(target_lengths.sum()))
        names = [f"{number}-{row}" for row in range(len(lengths))]
        targets = Targets(
            texts=names,
            targets=torch.from_numpy(1 + steps.cumsum() % num_symbols),
            target_lengths=target_lengths,
            num_targets=int(target_lengths.sum()),
        )
        made.append(
            Batch(
                utterance_ids=names,
                texts=names,
                kind="static" if cached else "waveforms",
                inputs=shown if cached else shown.squeeze(2),
                lengths=lengths,
                targets=targets.targets,
                target_lengths=target_lengths,
                seeds=torch.from_numpy(generator.integers(0, 2**62, len(lengths))),
                share=Share(1, len(names), targets.num_targets),
                beside=dict.fromkeys(model.heads, targets),
            )
        )
    return made


def measure(cli: TrainingCLI, batches: list[Batch]) -> list[float]:
    """Trains on the batches and returns the seconds of each step after those of warm-up.

    Raises:
        ConfigError: they do not fit into the memory of the GPU.
    """
    frontend, times = cli.model.model.frontend, StepTimes()
    if frontend.needs_statistics:
        frontend.set_statistics(torch.zeros(frontend.feature_dim), torch.ones(frontend.feature_dim))
    cli.trainer.callbacks.append(times)
    torch.set_float32_matmul_precision("high")
    try:
        cli.trainer.fit(cli.model, datamodule=MadeUpData(batches))
    except torch.cuda.OutOfMemoryError as error:
        raise ConfigError("data.batch_seconds", "too many for the memory of this GPU", "give fewer") from error
    return times.step_seconds


def report(plan: Plan, step_seconds: list[float], options: argparse.Namespace, max_epochs: int | None) -> None:
    """Prints the measurement and what follows from it."""
    speech, num_devices = sum(plan.speech_seconds), options.devices
    throughput = speech / sum(step_seconds)
    together = throughput * num_devices
    epoch_seconds = options.hours * 3600 / together
    devices = "1 device" if num_devices == 1 else f"{num_devices} devices"
    scaling = "" if num_devices == 1 else "; perfect scaling is assumed, not measured"
    print(
        f"a step: median {1000 * statistics.median(step_seconds):,.1f} ms, {speech / len(step_seconds):,.1f} s of "
        f"speech ({len(step_seconds)} steps after {WARMUP_STEPS} of warm-up)"
    )
    print(f"throughput of one device: {throughput:,.1f} s of speech a second")
    if options.device == "cuda":
        print(f"peak memory: {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")
    print(
        f"an epoch of {options.hours:g} hours on {devices}: {epoch_seconds / 60:,.2f} minutes, "
        f"{plan.num_steps:,} steps{scaling}"
    )
    if max_epochs is not None and max_epochs > 0:
        print(f"all {max_epochs} epochs: {max_epochs * epoch_seconds / 3600:,.2f} hours")
    print(f"the loader has to deliver {together:,.1f} s of speech a second for {devices}")


class Parser(argparse.ArgumentParser):
    """Refuses in one line."""

    def error(self, message: str) -> NoReturn:
        """Raises it."""
        raise UsageError("command line", message, "--help shows the options")


def parse(argv: list[str]) -> argparse.Namespace:
    """Parses the options, between which overrides may stand.

    Raises:
        UsageError: for what cannot be.
    """
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    found = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="settings as for asr train")
    parser.add_argument("--hours", type=float, required=True, help="speech of an epoch")
    parser.add_argument("--devices", type=int, default=1, help="devices that share the epoch; one is measured")
    parser.add_argument("--steps", type=int, default=20, help="steps to measure; more are more exact")
    parser.add_argument("--device", choices=("cpu", "cuda"), default=found, help="where to measure")
    options = parser.parse_intermixed_args(argv)
    for name in ("hours", "devices", "steps"):
        if not 0 < getattr(options, name) < math.inf:
            raise UsageError(f"--{name}", f"is {getattr(options, name):g}", "give more than 0")
    if options.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device", "there is no GPU for cuda", "give cpu")
    return options


def run(argv: list[str]) -> None:
    """Measures and prints.

    Raises:
        AsrError: for whatever a user can cause.
    """
    options = parse(argv)
    quieten_lightning()
    warnings.filterwarnings("ignore", "You defined a `validation_step` but have no `val_dataloader`")
    max_epochs = resolve(compose_config(options.overrides))["trainer"]["max_epochs"]
    config = configuration(options.overrides, options.device)
    on_gpu = options.device == "cuda"
    cached = Path(config["data"]["train_cuts"][0]).parent.name == "features"
    cli = build(config)
    plan = make_plan(config["data"], options.hours, options.devices, options.steps)
    batches = make_batches(plan, cli.model.model, cached, pin_memory=on_gpu)
    if cli.model.objective.crf is not None:
        cli.model.objective.crf.learn([batch.targets.tolist() for batch in batches], LETTERS)
    step_seconds = measure(cli, batches)
    device = torch.cuda.get_device_name() if on_gpu else f"CPU (threads: {torch.get_num_threads()})"
    size = sum(parameter.numel() for parameter in cli.model.parameters()) / 1e6
    kind = "cached features" if cached else "waveforms"
    print(f"{device}: {cli.trainer.precision}, {size:.2f} million parameters, {kind}")
    report(plan, step_seconds, options, max_epochs)


def main() -> int:
    """Runs, and says in one line what a user has to change."""
    try:
        run(sys.argv[1:])
    except AsrError as error:
        print(f"estimate_epoch: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
