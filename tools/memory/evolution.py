"""Trains the same small LSTM on a test of memory by back-propagation and by evolution, and compares them."""

from __future__ import annotations

import math
import time
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from asr.cli.command import above_zero, log, parse, whole_number
from asr.errors import ConfigError, UsageError
from asr.training.evolution import EvolvedGradients
from tools.memory.population import population_losses
from tools.memory.program import run
from tools.memory.study import MemoryNetwork, Trial, build_cell, held_out_loss, held_out_set, num_parameters
from tools.memory.tasks import MEMORY_TASKS, MemoryTask

_PROGRAM = "python -m tools.memory.evolution"

_ABOUT = """Trains one LSTM on a test of memory twice, by back-propagation and by an evolution strategy.

Both begin with the same weights and make steps of Adam on the same sequences; only where the gradient comes from
differs. An evaluation is the loss of one network on the sequences of one step: back-propagation takes one a step, and
its way back, evolution two for each pair. Seconds are those of the processor. Both end at --goal, which like losses and
errors is of 500 held-out sequences. Wrong are: adding, sums that are off by more than 0.1; xor, frames with the wrong
parity."""

_EXAMPLES = """examples:
  python -m tools.memory.evolution --task xor --length 20
  python -m tools.memory.evolution --task adding --length 20 --pairs 128"""

_CHECKED_EVERY = 25  # steps


@dataclass(frozen=True)
class Outcome:
    """Where a training has come to.

    Attributes:
        steps: of the optimiser.
        evaluations: losses of one network on the sequences of one step.
        loss: held-out loss.
        wrong: share of wrong answers, held out.
        seconds: of the processor, measuring left out.
    """

    steps: int
    evaluations: int
    loss: float
    wrong: float
    seconds: float

    @property
    def line(self) -> str:
        """All of it, for people."""
        return (
            f"held-out loss {self.loss:.5f}, {100 * self.wrong:.1f} % wrong, "
            f"after {self.steps} steps, {self.evaluations} evaluations, {self.seconds:.1f} s"
        )


class Backpropagated:
    """Gradients by back-propagation, scaled down to a norm of 1; one evaluation a step."""

    evaluations = 1

    def __init__(self, network: MemoryNetwork, task: MemoryTask) -> None:
        """Takes the network to train."""
        self._network, self._task = network, task

    def __call__(self, inputs: Tensor, targets: Tensor) -> None:
        """Sets the gradients of a step."""
        self._network.zero_grad()
        self._task.loss(self._network(inputs), targets).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)


class Evolved:
    """Gradients by evolution; an evaluation for each network of the population."""

    def __init__(self, network: MemoryNetwork, task: MemoryTask, num_pairs: int, noise_std: float, seed: int) -> None:
        """Takes the network to train."""
        self._task, self._gradients = task, EvolvedGradients(network, num_pairs, noise_std, seed)
        self.evaluations = 2 * num_pairs

    @torch.no_grad()
    def __call__(self, inputs: Tensor, targets: Tensor) -> None:
        """Sets the gradients of a step."""
        self._gradients.estimate(population_losses(self._task, self._gradients.population(), inputs, targets))


def train(
    method: Backpropagated | Evolved,
    network: MemoryNetwork,
    trial: Trial,
    max_steps: int,
    goal: float,
    report: Callable[[Outcome], None],
) -> Outcome:
    """Trains a network until the goal is reached or there are no more steps.

    Args:
        method: sets the gradients of a step.
        network: what is trained.
        trial: the task and its length, the sequences of a step, the learning rate and the seed.
        max_steps: optimiser steps.
        goal: held-out loss at which training ends.
        report: called with what was measured.

    Raises:
        ConfigError: if the loss is no longer a number.
    """
    task = MEMORY_TASKS[trial.task]
    held_out, generator = held_out_set(task, trial.length), torch.Generator().manual_seed(trial.seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=trial.learning_rate)
    seconds, found = 0.0, _measure(network, task, held_out, 0, 0, 0.0)
    for step in range(1, max_steps + 1):
        begun = time.process_time()
        method(*task.draw(trial.batch_size, trial.length, generator))
        optimizer.step()
        seconds += time.process_time() - begun
        if step % _CHECKED_EVERY == 0 or step == max_steps:
            found = _measure(network, task, held_out, step, step * method.evaluations, seconds)
            report(found)
            if found.loss <= goal:
                break
    return found


@torch.no_grad()
def _measure(
    network: MemoryNetwork, task: MemoryTask, held_out: tuple[Tensor, Tensor], steps: int, number: int, seconds: float
) -> Outcome:
    inputs, targets = held_out
    loss = held_out_loss(network, task, inputs, targets)
    if not math.isfinite(loss):
        raise ConfigError("--learning-rate", f"the loss is {loss} after {steps} steps", "lower it")
    return Outcome(steps, number, loss, float(task.wrong(network(inputs), targets)), seconds)


def compare(arguments: Namespace) -> None:
    """Trains by both methods and prints a line for each, then how they compare."""
    trial = Trial(
        task=arguments.task,
        cell="lstm",
        length=arguments.length,
        hidden_dim=arguments.hidden_dim,
        seed=arguments.seed,
        batch_size=arguments.batch_size,
        learning_rate=arguments.learning_rate,
    )
    task, found = MEMORY_TASKS[trial.task], []
    for name in ("back-propagation", "evolution"):
        torch.manual_seed(trial.seed)
        network = MemoryNetwork(build_cell(trial, task.input_dim), task.input_dim, task.output_dim)
        method = (
            Backpropagated(network, task)
            if name == "back-propagation"
            else Evolved(network, task, arguments.pairs, arguments.noise, trial.seed)
        )

        def report(so_far: Outcome, name: str = name) -> None:
            log(f"{name}: {so_far.line}")

        found.append(train(method, network, trial, arguments.steps, arguments.goal, report))
        weights = f"{num_parameters(network)} weights"
        print(f"{trial.task}, T = {trial.length}, seed {trial.seed}, {weights}, {name}: {found[-1].line}", flush=True)
    before, after = found
    ratios = [after.steps / before.steps, after.evaluations / before.evaluations, after.seconds / before.seconds]
    print("evolution / back-propagation: {:.2f} steps, {:.0f} evaluations, {:.1f} seconds".format(*ratios))


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        _PROGRAM, None, _ABOUT, _EXAMPLES, formatter_class=RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--quiet", action="store_true", help="print results and errors only")
    parser.add_argument("--task", choices=["adding", "xor"], required=True, help="what is learnt")
    parser.add_argument("--length", type=whole_number, default=20, metavar="T", help="frames (default: 20)")
    parser.add_argument("--hidden-dim", type=whole_number, default=8, metavar="H", help="units (default: 8)")
    size = "sequences of a step (default: 32)"
    parser.add_argument("--batch-size", type=whole_number, default=32, metavar="B", help=size)
    pairs = "pairs of opposite perturbations (default: 64)"
    parser.add_argument("--pairs", type=whole_number, default=64, metavar="N", help=pairs)
    noise = "standard deviation of the perturbation of a weight (default: 0.1)"
    parser.add_argument("--noise", type=above_zero, default=0.1, metavar="S", help=noise)
    rate = "of Adam, constant (default: 0.03)"
    parser.add_argument("--learning-rate", type=above_zero, default=0.03, metavar="LR", help=rate)
    parser.add_argument("--steps", type=whole_number, default=2000, metavar="N", help="at most (default: 2000)")
    parser.add_argument("--goal", type=float, default=0.01, metavar="LOSS", help="end at this loss (default: 0.01)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, sequences and perturbations (default: 0)")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Compares; says in one line what a user has to change."""
    arguments = parse(_parser(), argv)

    def check_and_compare() -> None:
        least = MEMORY_TASKS[arguments.task].min_length
        if arguments.length < least:
            raise UsageError("--length", f"{arguments.length} frames", f"give {least} or more")
        compare(arguments)

    return run(_PROGRAM, check_and_compare)


if __name__ == "__main__":
    raise SystemExit(main())
