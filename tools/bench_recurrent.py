"""Times a training step of one bidirectional layer of every cell against ``nn.LSTM`` in the same run.

    python tools/bench_recurrent.py --threads 1

A step is a forward and a backward pass with gradients of weights and input, over padded utterances of equal length. All
layers take turns, round after round, and each median is divided by that of "lstm": torch's own module, one for each
direction, as in training. Also timed: our own form of LSTM, GRU and RNN, which zoneout and recurrent dropout need;
and, on a CPU that has bfloat16, "lstm" under autocast to it, in training and with torch's own backward pass, as in
evaluation. On processors with AMX, training takes another one from 320 units on, with up to 12 utterances.
Run it on an idle machine; ``--device cuda`` times a GPU, ``--cpu-time`` counts processor time in place of the clock's,
which is meaningful on a busy machine too (with one thread).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import get_args

import torch
from torch import Tensor, nn

from asr.errors import AsrError
from asr.models.cells.choice import Cell, CellOptions
from asr.models.recurrent import RecurrentLayer, reversal_index
from asr.runs.precision import has_half

NUM_BINS = 16
WARMUP_ROUNDS = 2


class InHalf(nn.Module):
    """A layer under autocast to bfloat16 on a CPU."""

    def __init__(self, layer: RecurrentLayer) -> None:
        """Takes the layer."""
        super().__init__()
        self.layer = layer

    def forward(self, frames: Tensor, index: Tensor) -> Tensor:
        """Runs the layer."""
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output: Tensor = self.layer(frames, index)
        return output


def layers(input_dim: int, hidden_dim: int, on_cpu: bool) -> dict[str, nn.Module]:
    """Returns a layer of each cell by name, the reference first."""
    plain, noisy = (CellOptions(num_bins=NUM_BINS, zoneout=zoneout) for zoneout in (0.0, 0.1))
    found: dict[str, nn.Module] = {"lstm": RecurrentLayer(input_dim, hidden_dim, "lstm", options=plain)}
    if on_cpu and has_half():
        found["lstm, bf16"] = InHalf(RecurrentLayer(input_dim, hidden_dim, "lstm"))
        found["lstm, bf16, torch's"] = InHalf(RecurrentLayer(input_dim, hidden_dim, "lstm")).eval()
    for cell in get_args(Cell):
        found.setdefault(cell, RecurrentLayer(input_dim, hidden_dim, cell, options=plain))
    for cell in ("lstm", "gru", "rnn"):
        found[f"{cell}, zoneout"] = RecurrentLayer(input_dim, hidden_dim, cell, options=noisy)
    return found


def step(layer: nn.Module, frames: Tensor, index: Tensor) -> None:
    """Does the work of a training step, without the optimiser."""
    layer.zero_grad()
    frames.grad = None
    layer(frames, index).sum().backward()
    if frames.is_cuda:
        torch.cuda.synchronize()


def seconds_by_layer(
    candidates: dict[str, nn.Module], frames: Tensor, index: Tensor, rounds: int, clock: Callable[[], float]
) -> dict[str, float]:
    """Returns the median seconds of a step; layers take turns."""
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for number in range(WARMUP_ROUNDS + rounds):
        for name, layer in candidates.items():
            begun = clock()
            step(layer, frames, index)
            if number >= WARMUP_ROUNDS:
                times[name].append(clock() - begun)
    return {name: statistics.median(found) for name, found in times.items()}


def main() -> None:
    """Prints a line for each cell: parameters, median milliseconds, ratio to torch's LSTM."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of torch on CPU")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--rounds", type=int, default=10, help="turns of each layer")
    parser.add_argument("--cpu-time", action="store_true", help="count processor time, not the clock's")
    for name, default in (("input-dim", 512), ("hidden-dim", 256), ("batch-size", 16), ("num-frames", 200)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    try:
        candidates = layers(options.input_dim, options.hidden_dim, options.device == "cpu")
    except AsrError as error:
        parser.error(str(error))
    candidates = {name: layer.to(options.device) for name, layer in candidates.items()}
    shape = (options.batch_size, options.num_frames, options.input_dim)
    frames = torch.randn(shape, device=options.device, requires_grad=True)
    lengths = torch.full(shape[:1], options.num_frames, device=options.device)
    clock = time.process_time if options.cpu_time else time.perf_counter
    medians = seconds_by_layer(candidates, frames, reversal_index(lengths, shape[1]), options.rounds, clock)
    print(
        f"{shape} on {options.device}, {options.hidden_dim} units, {options.threads} threads, {options.rounds} rounds"
    )
    print(f"{'cell':20}{'parameters':>12}{'ms':>9}{'ratio':>8}")
    for name, seconds in medians.items():
        size = sum(parameter.numel() for parameter in candidates[name].parameters())
        print(f"{name:20}{size:12,}{1000 * seconds:9.1f}{seconds / medians['lstm']:8.2f}")


if __name__ == "__main__":
    main()
