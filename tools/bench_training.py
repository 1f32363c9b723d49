"""Times our training step against a bare loop over the same batches: what Lightning and the rest of the code cost.

    python tools/bench_training.py experiment=an4/blstm

Both sides train the model of the configuration on its cached features with the same loader, loss, clipping, averaging
and optimiser; one is ``asr train``, the other a plain loop without Lightning. They take turns in one process, A B A B,
and the medians of their steps are compared. Also printed: the share of an epoch that is padding, and the share of our
step that is spent waiting for the loader. Needs the corpus of the configuration, prepared and with its features, and an
otherwise idle machine.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback
from torch import nn

from asr.augmentation.base import Stage
from asr.configuration.composition import compose_config, resolve
from asr.data.batch import Batch
from asr.data.loader import Loader
from asr.data.plan import padding_waste
from asr.runs.building import TrainingCLI, build
from asr.text.tokens import BLANK
from asr.training.losses import ctc_losses, divergences
from asr.training.module import CTCModule

NUM_STEPS = 30
WARMUP_STEPS = 5
NUM_ROUNDS = 5


class StepTimes(Callback):
    """Records when each training step began, and how long it waited for its batch."""

    def __init__(self) -> None:
        """Starts with no times."""
        self.begun: list[float] = []
        self.waits: list[float] = []

    def on_train_batch_start(self, *_arguments: Any) -> None:
        """Takes the time."""
        self.begun.append(time.perf_counter())

    @contextmanager
    def timed_loader(self, cli: TrainingCLI) -> Iterator[None]:
        """Measures how long ``next`` of the training loader takes."""
        make = cli.datamodule.train_dataloader

        def timed() -> Any:
            loader = make()
            iterate = type(loader).__iter__

            class Timed(type(loader)):  # type: ignore[misc]
                def __iter__(self) -> Iterator[Any]:
                    batches = iterate(self)
                    while True:
                        start = time.perf_counter()
                        batch = next(batches, None)
                        if batch is None:
                            return
                        waits.append(time.perf_counter() - start)
                        yield batch

            loader.__class__ = Timed
            return loader

        waits = self.waits
        cli.datamodule.train_dataloader = timed
        yield
        cli.datamodule.train_dataloader = make


def configuration(overrides: list[str]) -> dict[str, Any]:
    """Returns the configuration with a bounded run, no validation and no files."""
    bounds = [
        f"trainer.max_steps={NUM_STEPS}",
        "+trainer.limit_val_batches=0",
        "data.ascending_epochs=0",
        "trainer.logger=false",
        "~callbacks.learning_rate",
        "~callbacks.best",
        "~callbacks.last",
        "~callbacks.initial",
        "~callbacks.early_stopping",
        "~callbacks.epoch_log",
    ]
    return resolve(compose_config([*overrides, *bounds]))


def ours(cli: TrainingCLI) -> tuple[list[float], list[float]]:
    """Trains with Lightning and returns the seconds of each step, and those spent waiting for its batch."""
    times = StepTimes()
    cli.trainer.callbacks.append(times)
    with times.timed_loader(cli):
        cli.trainer.fit(cli.model, cli.datamodule)
    steps = [later - earlier for earlier, later in itertools.pairwise(times.begun)]
    return steps[WARMUP_STEPS:], times.waits[WARMUP_STEPS + 1 :]


def bare(cli: TrainingCLI) -> list[float]:
    """Trains the same model on the same batches without Lightning and returns the seconds of each step."""
    module, data = cli.model, cli.datamodule
    model = module.model.train()
    optimizer = module._optimizer(module.parameters())
    schedule = module._schedule(optimizer, 1000)
    average = [parameter.detach().clone() for parameter in model.parameters()]
    clip = cli.trainer.gradient_clip_val or float("inf")
    plan = data.plan_training(0)[:NUM_STEPS]
    begun = []
    for batch in Loader(data.train_set, plan, data.num_workers, pin_memory=False):
        begun.append(time.perf_counter())
        loss = bare_loss(module, batch)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        schedule.step()
        torch._foreach_lerp_(average, [parameter.detach() for parameter in model.parameters()], 0.005)
    return [later - earlier for earlier, later in itertools.pairwise(begun)][WARMUP_STEPS:]


def bare_loss(module: CTCModule, batch: Batch) -> torch.Tensor:
    """Returns the loss under the module's settings, written out for the options that experiments on features use."""
    model, consistency = module.model, module.objective.consistency
    features, lengths, seeds = model.frontend.complete(batch.inputs, batch.lengths), batch.lengths, batch.seeds
    targets, target_lengths = batch.targets, batch.target_lengths
    if consistency is not None:
        features, lengths, seeds = features.repeat(2, 1, 1), lengths.repeat(2), torch.cat([seeds, seeds ^ 1])
        targets, target_lengths = targets.repeat(2), target_lengths.repeat(2)
    features, lengths = module.augmentation(Stage.FEATURES, features, lengths, seeds)
    log_probs, encoded_lengths = model.classify(features, lengths)
    loss = ctc_losses(log_probs, encoded_lengths, targets, target_lengths, BLANK).sum() / target_lengths.sum()
    if consistency is not None:
        apart = divergences(log_probs, encoded_lengths).sum() / batch.target_lengths.sum()
        loss = loss + consistency.weight * apart
    return loss


def main() -> int:
    """Runs all rounds and prints the ratio."""
    config = configuration(sys.argv[1:])
    with_house, without, waits, total = [], [], [], 0.0
    for number in range(NUM_ROUNDS):
        cli = build(config)
        steps, waited = ours(cli)
        if number == 0:
            data = cli.datamodule
            waste = padding_waste(data.train_set.lengths, data.plan_training(0))
        plain = bare(cli)
        with_house += steps
        without += plain
        waits += waited
        total += sum(steps)
        print(
            f"round {number + 1}: ours {statistics.median(steps):.4f} s, bare {statistics.median(plain):.4f} s a step"
        )
    ratio = statistics.median(with_house) / statistics.median(without)
    print(f"ours / bare: {ratio:.3f} (medians of {len(with_house)} steps, {torch.get_num_threads()} threads)")
    print(f"waiting for the loader: {100 * sum(waits) / total:.2f} % of step time")
    print(f"padding: {100 * waste:.2f} % of an epoch's frames")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
