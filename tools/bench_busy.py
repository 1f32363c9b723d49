"""Times a training step alone and beside busy processes: with torch's threads, with one thread, and with ranks.

    python tools/bench_busy.py                                # experiments an4/blstm and synth/blstm
    python tools/bench_busy.py synth/blstm --rounds 5 --busy 0 1

Three ways of training take turns, A B C A B C: one process with torch's own number of threads, one process with one
thread, both with memory handed back to the system, and the way of `asr train`: a rank for each core, memory kept. All
take the same steps on the same batches. Busy processes run an empty loop. Prints the medians of the steps and their
ratios. Needs `data/an4` with features and `data/synth` in the current folder, as their recipes make them, and an
otherwise idle machine. With its defaults it takes less than ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback

from asr.configuration.composition import compose_config, resolve
from asr.machine import keep_memory, num_cores
from asr.runs import ranks
from asr.runs.building import build
from asr.runs.quiet import quieten_lightning

WARMUP_STEPS, NUM_STEPS = 4, 16
MOST_SECONDS = 25.0  # of a measurement; threads that wait for a busy core would take minutes
WAYS = ("torch's threads", "one thread", "ranks")


class StepTimes(Callback):
    """Records when each training step began, and ends a training of one process that takes too long."""

    def __init__(self, may_end: bool) -> None:
        """Starts with no times."""
        self.begun: list[float] = []
        self.may_end = may_end

    def on_train_batch_start(self, trainer: Any, *_arguments: Any) -> None:
        """Takes the time."""
        self.begun.append(time.perf_counter())
        if self.may_end and len(self.begun) > WARMUP_STEPS + 1 and self.begun[-1] - self.begun[0] > MOST_SECONDS:
            trainer.should_stop = True

    @property
    def steps(self) -> list[float]:
        """The seconds of each step after those of warm-up."""
        return [later - earlier for earlier, later in itertools.pairwise(self.begun)][WARMUP_STEPS:]


def configuration(experiment: str) -> dict[str, Any]:
    """Returns a configuration with a bounded run, no validation and no files."""
    bounds = [
        f"experiment={experiment}",
        "trainer.accelerator=cpu",
        f"trainer.max_steps={WARMUP_STEPS + NUM_STEPS + 1}",
        "+trainer.limit_val_batches=0",
        "+trainer.enable_checkpointing=false",
        "data.ascending_epochs=0",
        "trainer.logger=false",
        *(f"~callbacks.{name}" for name in ("learning_rate", "best", "last", "initial", "early_stopping", "epoch_log")),
    ]
    return resolve(compose_config(bounds))


def train(way: str, experiment: str, results: Connection) -> None:
    """Trains in one of the ways and sends the seconds of each step; runs in a process of its own."""
    sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 - for the rest of the process
    torch.set_num_threads(num_cores() if way == WAYS[0] else 1)

    def train_here(config: dict[str, Any]) -> None:
        if way == WAYS[2]:
            keep_memory()
        cli = build(config)
        times = StepTimes(may_end=way != WAYS[2])
        cli.trainer.callbacks.append(times)
        cli.trainer.fit(cli.model, cli.datamodule)
        if cli.trainer.is_global_zero:
            results.send(times.steps)

    config = configuration(experiment)
    config["trainer"]["devices"] = "auto" if way == WAYS[2] else 1
    config = ranks.with_devices(config)
    if num_ranks := ranks.num_forked(config):
        ranks.run(num_ranks, config, train_here)
    else:
        train_here(config)


def measure(way: str, experiment: str) -> list[float]:
    """Returns the seconds of each step of a training in a process of its own."""
    context = multiprocessing.get_context("fork")
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=train, args=(way, experiment, writer))
    process.start()
    writer.close()
    try:
        steps: list[float] = reader.recv()
    except EOFError:
        raise SystemExit(f"{experiment}, {way}: training failed; try asr train experiment={experiment}") from None
    process.join()
    return steps


@contextmanager
def busy(number: int) -> Iterator[None]:
    """Keeps so many cores busy."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def main() -> int:
    """Runs all rounds and prints medians and ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("experiments", nargs="*", default=["an4/blstm", "synth/blstm"], help="which to train")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each way (default: 2)")
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 1, 2], help="busy processes beside (default: 0 1 2)")
    parser.add_argument("--ways", nargs="+", default=WAYS, choices=WAYS, help="which to compare (default: all)")
    options = parser.parse_args()
    quieten_lightning()
    for experiment in options.experiments:
        medians: dict[tuple[str, int], float] = {}
        for number in options.busy:
            found: dict[str, list[float]] = {way: [] for way in options.ways}
            with busy(number):
                for _, way in itertools.product(range(options.rounds), options.ways):
                    found[way] += measure(way, experiment)
            medians |= {(way, number): statistics.median(steps) for way, steps in found.items()}
            shown = ", ".join(f"{way} {medians[way, number]:.3f} s" for way in options.ways)
            print(f"{experiment} beside {number} busy processes: {shown} a step", flush=True)
        alone = options.busy[0]
        for way in options.ways:
            beside = {number: medians[way, number] / medians[way, alone] for number in options.busy[1:]}
            ratios = "".join(f"beside {number} {ratio:.2f} times, " for number, ratio in beside.items())
            faster = medians[options.ways[-2], alone] / medians[way, alone] if len(options.ways) > 1 else 1.0
            print(f"{experiment}, {way}: {ratios}alone {faster:.2f} times as fast as {WAYS[1]}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
