"""The inside of a model over an utterance: spectrogram, gates and memory of each layer, posteriors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from torch import Tensor, nn

from asr.models.acoustic import AcousticModel
from asr.models.cells.tracing import Trace, has_carousel, trace
from asr.models.encoder import LatencyControlledEncoder
from asr.models.recurrent import RecurrentLayer


@dataclass(frozen=True, eq=False)
class Direction:
    """One direction of one layer over an utterance.

    Attributes:
        layer: number of the recurrent layer, from 1.
        is_backward: whether it reads from the end to the beginning.
        trace: its gates and memory in order of time.
    """

    layer: int
    is_backward: bool
    trace: Trace

    def chosen_units(self, number: int) -> list[int]:
        """Returns units from those that remember the longest to those that forget at once.

        Units are divided into equal groups by how long they remember. Each group is represented by the unit with the
        greatest variance of tanh(c) over the utterance. The variance of c itself would choose units that only count:
        far from 0, they show the same at every frame.

        Args:
            number: number of units at most.
        """
        variance = self.trace.memory.tanh().var(dim=0, unbiased=False).tolist()
        order = self.by_persistence()
        number = min(number, len(order))
        groups = [order[len(order) * group // number : len(order) * (group + 1) // number] for group in range(number)]
        return [max(group, key=variance.__getitem__) for group in groups]

    def by_persistence(self) -> list[int]:
        """Returns all units, from the longest to the shortest memory."""
        return [int(unit) for unit in self._kept.argsort(descending=True, stable=True)]

    def persistence(self, unit: int) -> float:
        """Returns the frames in which its forget gate alone lets the memory of a unit decay to 1/e; may be infinite.

        Forget gates f_1 to f_N multiply a memory by their product: on average, a frame lowers its logarithm by
        mean(-ln f), and 1 / mean(-ln f) frames lower it by 1.
        """
        rate = -float(self._kept[unit])
        return 1 / rate if rate > 0 else math.inf

    @cached_property
    def _kept(self) -> Tensor:
        """By how much a frame changes the logarithm of each unit's memory, on average: mean(ln f)."""
        return self.trace.forget.clamp(min=1e-6).log().mean(dim=0)


@dataclass(frozen=True, eq=False)
class Inside:
    """The inside of a model over an utterance.

    Attributes:
        levels: natural-log mel energies, shape (T, M).
        hop: seconds from one of their frames to the next.
        log_probs: natural-log posteriors, shape (N, V).
        stride: seconds from one frame of posteriors and gates to the next.
        directions: directions of the recurrent layers of the LSTM family, the lowest first; empty if not requested.
    """

    levels: Tensor
    hop: float
    log_probs: Tensor
    stride: float
    directions: Sequence[Direction] = ()


@torch.no_grad()
def look_inside(model: AcousticModel, waveform: Tensor, with_gates: bool = False) -> Inside:
    """Runs a model over an utterance and records its inside.

    Args:
        model: on the CPU, in evaluation mode.
        waveform: samples at the front end's rate, shape (S,), more than half a frame shift of them.
        with_gates: whether gates and memory are computed; those of a latency-controlled encoder, which runs its units
            once for each chunk, are not.
    """
    frontend = model.frontend
    static, lengths = frontend.static(waveform[None], torch.tensor([len(waveform)]))
    heard: list[tuple[int, bool, nn.Module, Tensor]] = []
    hooks = []
    with_gates = with_gates and not isinstance(model.encoder, LatencyControlledEncoder)
    layers = [module for module in model.modules() if isinstance(module, RecurrentLayer)] if with_gates else []
    for number, layer in enumerate(layers, start=1):
        for is_backward, cell in enumerate((layer.ahead, layer.back)):
            if cell is not None and has_carousel(cell):
                keep = partial(_keep, heard, number, bool(is_backward))
                hooks.append(cell.register_forward_hook(keep))
    try:
        log_probs, _ = model.classify(frontend.complete(static, lengths), lengths)
    finally:
        for hook in hooks:
            hook.remove()
    directions = [
        Direction(number, is_backward, _in_time(trace(cell, frames), is_backward))
        for number, is_backward, cell, frames in sorted(heard, key=lambda each: each[:2])
    ]
    levels = frontend.levels(static)[0, :, -int(frontend.settings()["num_mels"]) :]  # without energy
    return Inside(levels, frontend.hop_length / frontend.sample_rate, log_probs[0], model.frame_seconds, directions)


def _keep(
    heard: list[tuple[int, bool, nn.Module, Tensor]],
    number: int,
    is_backward: bool,
    cell: nn.Module,
    inputs: tuple[Tensor, ...],
    _output: object,
) -> None:
    heard.append((number, is_backward, cell, inputs[0][0]))


def _in_time(found: Trace, is_backward: bool) -> Trace:
    return found.reversed() if is_backward else found
