"""Times the training steps of an experiment with CTC-CRF against the same steps with CTC alone, in processor seconds.

    python tools/bench_crf.py experiment=librispeech/mini_crf init_from=null

Both sides are ``asr train`` on the same batches, with the loader in the same process; they take turns, A B A B. Printed
are the means of their steps and the ratio: what exceeds 1 is the share of CTC-CRF in a step with CTC. Processor
seconds, user and system, of a process with one thread (``OMP_NUM_THREADS=1``) depend little on what else the machine
does. Needs the corpus of the configuration, prepared and with its features.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import time
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback

from asr.configuration.composition import compose_config, resolve
from asr.runs.building import build
from asr.runs.quiet import quieten_lightning

NUM_STEPS = 10
WARMUP_STEPS = 2
NUM_ROUNDS = 2
BOUNDS = [
    f"trainer.max_steps={NUM_STEPS}",
    "+trainer.limit_val_batches=0",
    "trainer.devices=1",
    "trainer.accelerator=cpu",
    "trainer.logger=false",
    "data.ascending_epochs=0",
    "data.num_workers=0",
    *(f"~callbacks.{name}" for name in ("learning_rate", "best", "last", "initial", "early_stopping", "epoch_log")),
]


class StepTimes(Callback):
    """Records the processor seconds of the process at the beginning of each step."""

    def __init__(self) -> None:
        """Starts with no times."""
        self.begun: list[float] = []

    def on_train_batch_start(self, *_arguments: Any) -> None:
        """Takes the time."""
        self.begun.append(time.process_time())


def step_seconds(config: dict[str, Any]) -> list[float]:
    """Trains and returns the processor seconds of each step after those of warm-up."""
    cli, times = build(config), StepTimes()
    cli.trainer.callbacks.append(times)
    cli.trainer.fit(cli.model, cli.datamodule)
    return [later - earlier for earlier, later in itertools.pairwise(times.begun)][WARMUP_STEPS:]


def main() -> int:
    """Runs all rounds and prints the ratio."""
    quieten_lightning()
    torch.set_float32_matmul_precision("high")
    with_crf = resolve(compose_config([*sys.argv[1:], *BOUNDS]))
    without = resolve(compose_config([*sys.argv[1:], *BOUNDS]))
    without["model"]["objective"]["init_args"]["crf"] = None
    sides: tuple[list[float], list[float]] = [], []
    for number in range(NUM_ROUNDS):
        for side, config in zip(sides, (without, with_crf), strict=True):
            side += step_seconds(config)
        ctc, crf = (statistics.fmean(side[-(NUM_STEPS - WARMUP_STEPS - 1) :]) for side in sides)
        print(f"round {number + 1}: CTC {ctc:.3f} s, CTC-CRF {crf:.3f} s a step", flush=True)
    ratio = statistics.fmean(sides[1]) / statistics.fmean(sides[0])
    print(f"CTC-CRF / CTC: {ratio:.3f} (means of {len(sides[0])} steps, {torch.get_num_threads()} threads)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
