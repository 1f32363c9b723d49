"""Forward pass of the LSTM family over all frames."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from asr.models.cells.recurrence import Pass, Tensors

Gating = Literal["forget", "coupled", "never"]


class LstmForward:
    """Buffers of a forward pass, bound frame by frame before the loop."""

    def __init__(self, given: Tensors, gating: Gating, memory_only: bool) -> None:
        """Allocates the buffers; steps write into them and allocate nothing."""
        self.given, self.gating, self.memory_only = given, gating, memory_only
        projected, recurrent = given["projected"], given["recurrent"]
        self.num_frames, bins, batch_size, _, width = projected.shape
        taps, _, hidden_dim = recurrent.shape
        self.inputs = projected.flatten(1, 2).flatten(2).unbind()
        self.weights = recurrent.transpose(1, 2).unbind()
        self.gates = projected.new_empty(projected.shape)
        self.sums = self.gates.flatten(1, 2).flatten(2).unbind()
        self.sigmoids = self.gates[..., :-2, :].unbind()
        self.input, self.candidate, self.output_gate = (self.gates[..., n, :].unbind() for n in (0, -2, -1))
        self.forget = self.gates[..., 1, :].unbind()
        margin = taps // 2
        padded = (self.num_frames + 1, bins + 2 * margin, batch_size, hidden_dim)
        self.hidden_buffer = projected.new_zeros(padded)
        self.cell_buffer = projected.new_empty(self.num_frames + 1, bins, batch_size, width)
        self.cell_buffer[0] = given.get("first_memory", 0.0)
        self.cells, self.before = self.cell_buffer.unbind(), self.cell_buffer.unsqueeze(3).unbind()
        self.hidden = self.hidden_buffer.narrow(1, margin, bins).unbind()
        if "first_hidden" in given:
            self.hidden[0].copy_(given["first_hidden"])
        self._bind_source(taps, bins, margin)
        self._bind_outputs(hidden_dim)

    def _bind_source(self, taps: int, bins: int, margin: int) -> None:
        self.mask = self.given.get("mask")
        self.seen = self.cells if self.memory_only else self.hidden
        self.source = self.cell_buffer if self.memory_only else self.hidden_buffer
        if self.mask is not None:
            self.source = torch.zeros_like(self.source)
        self.masked = self.source.narrow(1, margin, bins).unbind()
        self.windows = [self.source[:, tap : tap + bins].flatten(1, 2).unbind() for tap in range(taps)]

    def _bind_outputs(self, hidden_dim: int) -> None:
        peepholes, gates = self.given.get("peepholes"), self.gates
        self.peep_in = None if peepholes is None else peepholes[..., :-1, :]
        self.peep_out = None if peepholes is None else peepholes[..., -1, :]
        self.zone_cell, self.zone_hidden = self.given.get("zone_cell"), self.given.get("zone_hidden")
        self.projection = self.given.get("projection")
        shape = gates.shape[:3]
        self.fresh_buffer = self.cell_buffer[1:] if self.zone_cell is None else gates.new_empty(*shape, gates.size(4))
        self.fresh = self.fresh_buffer.unbind()
        self.squashed_buffer = gates.new_empty(*shape, gates.size(4))
        self.squashed = self.squashed_buffer.unbind()
        self.shown = (
            self.hidden[1:] if self.zone_hidden is None else (gates.new_empty(*shape[1:], hidden_dim),) * shape[0]
        )
        self.emitted_buffer = None if self.projection is None else gates.new_empty(self.squashed_buffer.shape)
        self.emitted = self.shown if self.emitted_buffer is None else self.emitted_buffer.unbind()

    def recur(self, frame: int) -> None:
        """Adds the recurrent products to the input products."""
        if self.mask is not None:
            torch.mul(self.seen[frame], self.mask, out=self.masked[frame])
        sums, added = self.sums[frame], self.inputs[frame]
        for weight, window in zip(self.weights, self.windows, strict=True):
            torch.addmm(added, window[frame], weight, out=sums)
            added = sums

    def remember(self, frame: int) -> None:
        """Computes the gates of the memory and the memory of the next frame."""
        gates, cell, fresh = self.sigmoids[frame], self.cells[frame], self.fresh[frame]
        if self.peep_in is not None:
            gates.addcmul_(self.peep_in, self.before[frame])
        gates.sigmoid_()
        candidate = self.candidate[frame].tanh_()
        if self.gating == "forget":
            torch.mul(self.forget[frame], cell, out=fresh).addcmul_(self.input[frame], candidate)
        elif self.gating == "coupled":
            torch.lerp(cell, candidate, self.input[frame], out=fresh)
        else:
            torch.addcmul(cell, self.input[frame], candidate, out=fresh)
        if self.zone_cell is not None:
            torch.lerp(fresh, cell, self.zone_cell[frame], out=self.cells[frame + 1])

    def squash(self, frame: int) -> Tensor:
        """Returns the squashed memory, shape (F, B, C)."""
        return torch.tanh(self.fresh[frame], out=self.squashed[frame])

    def emit(self, frame: int) -> None:
        """Computes the output gate and the hidden value."""
        gate = self.output_gate[frame]
        if self.peep_out is not None:
            gate.addcmul_(self.peep_out, self.fresh[frame])
        torch.mul(gate.sigmoid_(), self.squash(frame), out=self.emitted[frame])
        if self.projection is not None:
            torch.mm(self.emitted[frame][0], self.projection.t(), out=self.shown[frame][0])
        if self.zone_hidden is not None:
            torch.lerp(self.shown[frame], self.hidden[frame], self.zone_hidden[frame], out=self.hidden[frame + 1])

    def result(self) -> Pass:
        """Returns the results of the pass."""
        kept = {name: value for name, value in self.given.items() if name != "projected"}
        kept |= {"gates": self.gates, "cells": self.cell_buffer, "fresh": self.fresh_buffer}
        kept |= {"squashed": self.squashed_buffer, "source": self.source}
        if self.emitted_buffer is not None:
            kept["emitted"] = self.emitted_buffer
        margin, bins = self.given["recurrent"].size(0) // 2, self.gates.size(1)
        return Pass(self.hidden_buffer[1:].narrow(1, margin, bins), self.cells[-1].clone(), kept)
