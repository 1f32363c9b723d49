"""Backward pass of the LSTM family over all frames."""

from __future__ import annotations

import torch
from torch import Tensor

from asr.models.cells.lstm_forward import Gating
from asr.models.cells.recurrence import Tensors, sigmoid_slope, tanh_slope


class LstmBackward:
    """Gradients of a forward pass.

    With the letters of :class:`asr.models.cells.lstm_recurrence.LstmRecurrence`, the gradient of the new memory ``dn``
    and of the emitted value ``dm`` yield those of all gates through factors fixed by the forward pass, and ``dn``
    reaches c_{t-1} through a factor too, peepholes included::

        dn = (1 - z_c) dc_t + A dm        A = o tanh'(n) + p_o tanh(n) sigma'(o)
        dc_{t-1} = z_c dc_t + E dn        E = f + p_f c_{t-1} sigma'(f) + p_i g sigma'(i)
    """

    def __init__(self, kept: Tensors, output: Tensor, state: Tensor, gating: Gating, memory_only: bool) -> None:
        """Computes the factors of all frames and binds the buffers."""
        self.kept, self.memory_only = kept, memory_only
        self.num_frames = output.size(0)
        self.recurrent, self.projection, self.mask = kept["recurrent"], kept.get("projection"), kept.get("mask")
        self.zone_cell, self.zone_hidden = kept.get("zone_cell"), kept.get("zone_hidden")
        self.num_sigmoids = kept["gates"].size(3) - 2
        self.before = kept["cells"][:-1]
        self.gates_buffer, self.exposure, self.endurance = self._factors(gating)
        self._fold_peepholes()
        self._bind(output, state)

    def _factors(self, gating: Gating) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the slopes of all gates, (T, F, B, G, C), and the factors A and E without peepholes, (T, F, B, C)."""
        gates, squashed = self.kept["gates"], self.kept["squashed"]
        entry, candidate, opening = (gates[..., n, :] for n in (0, -2, -1))
        slopes = torch.empty_like(gates)
        if gating == "forget":
            endurance = gates[..., 1, :]
            sigmoid_slope(candidate, entry, slopes[..., 0, :])
            sigmoid_slope(self.before, endurance, slopes[..., 1, :])
        elif gating == "coupled":
            endurance = 1.0 - entry
            sigmoid_slope(candidate - self.before, entry, slopes[..., 0, :])
        else:
            endurance = torch.ones_like(squashed)
            sigmoid_slope(candidate, entry, slopes[..., 0, :])
        tanh_slope(entry, candidate, slopes[..., -2, :])
        sigmoid_slope(squashed, opening, slopes[..., -1, :])
        return slopes, tanh_slope(opening, squashed, torch.empty_like(squashed)), endurance

    def _fold_peepholes(self) -> None:
        peepholes = self.kept.get("peepholes")
        if peepholes is None:
            return
        for gate in range(self.num_sigmoids):
            self.endurance = torch.addcmul(self.endurance, self.gates_buffer[..., gate, :], peepholes[..., gate, :])
        self.exposure.addcmul_(self.gates_buffer[..., -1, :], peepholes[..., -1, :])

    def _bind(self, output: Tensor, state: Tensor) -> None:
        slopes, recurrent = self.gates_buffer, self.recurrent
        self.sums = slopes.flatten(1, 2).flatten(2).unbind()
        self.products_buffer, self.products = slopes, self.sums
        self.memory_slopes, self.output_slopes = slopes[..., :-1, :].unbind(), slopes[..., -1, :].unbind()
        self.exposed, self.endured = self.exposure.unbind(), self.endurance.unbind()
        self.arriving = output.unbind()
        self.cell = state.clone()
        self.cell_by_gate = self.cell.unsqueeze(2)
        self.hidden = output.new_zeros(output.shape[1:])
        self.carried_cell, self.carried_hidden = torch.empty_like(self.cell), torch.zeros_like(self.hidden)
        taps, bins = recurrent.size(0), slopes.size(1)
        self.weights = recurrent.unbind()
        self.is_plain = taps == bins == 1 and self.mask is None
        padded = output.new_zeros(bins + 2 * (taps // 2), *output.shape[2:])
        self.padded, self.inner = padded, padded.narrow(0, taps // 2, bins)
        self.windows = [padded[tap : tap + bins].flatten(0, 1) for tap in range(taps)]
        self.emitted = self.hidden
        if self.projection is not None:
            self.emitted = torch.empty_like(self.cell)
            self.projected_buffer = output.new_empty(output.shape)

    def arrive(self, frame: int) -> None:
        """Sums the gradients of h_t from the layer above and from the next frame."""
        if self.memory_only or frame + 1 == self.num_frames:
            self.hidden.copy_(self.arriving[frame])
        elif self.is_plain:
            torch.addmm(self.arriving[frame][0], self.products[frame + 1], self.weights[0], out=self.hidden[0])
        else:
            torch.add(self.arriving[frame], self.recurred(frame + 1), out=self.hidden)
        if self.zone_hidden is not None:
            self.hidden.add_(self.carried_hidden)
            torch.mul(self.hidden, self.zone_hidden[frame], out=self.carried_hidden)
            self.hidden.sub_(self.carried_hidden)
        if self.projection is not None:
            self.projected_buffer[frame] = self.hidden
            torch.mm(self.hidden[0], self.projection, out=self.emitted[0])

    def recurred(self, frame: int) -> Tensor:
        """Returns the gradient of the input of the recurrent products, shape (F, B, R)."""
        self.padded.zero_()
        for window, weight in zip(self.windows, self.weights, strict=True):
            window.addmm_(self.products[frame], weight)
        return self.inner if self.mask is None else self.inner.mul_(self.mask)

    def leave_output(self, frame: int) -> None:
        """Propagates the gradient through the output gate into the memory."""
        self.output_slopes[frame].mul_(self.emitted)
        if self.zone_cell is not None:
            torch.mul(self.cell, self.zone_cell[frame], out=self.carried_cell)
            self.cell.sub_(self.carried_cell)
        self.unsquash(frame)

    def unsquash(self, frame: int) -> None:
        """Adds the gradient through the squashed memory."""
        self.cell.addcmul_(self.emitted, self.exposed[frame])

    def leave_memory(self, frame: int) -> None:
        """Propagates the gradient through the gates of the memory to the frame before."""
        self.memory_slopes[frame].mul_(self.cell_by_gate)
        self.cell.mul_(self.endured[frame])
        if self.zone_cell is not None:
            self.cell.add_(self.carried_cell)
        if self.memory_only:
            self.cell.add_(self.recurred(frame))

    def result(self) -> Tensors:
        """Returns the gradients by name; those of weights are sums over time."""
        products, source = self.products_buffer.flatten(3).flatten(0, 2), self.kept["source"][:-1]
        taps, bins = self.recurrent.size(0), self.gates_buffer.size(1)
        seen = (source[:, tap : tap + bins].flatten(0, 2) for tap in range(taps))
        gradients = {
            "projected": self.gates_buffer,
            "recurrent": torch.stack([products.t() @ window for window in seen]),
        }
        if "peepholes" in self.kept:
            gradients["peepholes"] = self._peephole_gradients()
        if self.projection is not None:
            gradients["projection"] = self.projected_buffer.flatten(0, 2).t() @ self.kept["emitted"].flatten(0, 2)
        return gradients | (self._first_gradients() if "first_memory" in self.kept else {})

    def _first_gradients(self) -> Tensors:
        """Returns the gradients of the state before the first frame."""
        hidden = self.carried_hidden if self.memory_only else self.carried_hidden + self.recurred(0)
        return {"first_hidden": hidden, "first_memory": self.cell}

    def _peephole_gradients(self) -> Tensor:
        seen = [self.before] * self.num_sigmoids + [self.kept["fresh"]]
        gates = [*range(self.num_sigmoids), -1]
        sums = [
            (self.gates_buffer[..., gate, :] * memory).sum((0, 2), keepdim=True)[0]
            for gate, memory in zip(gates, seen, strict=True)
        ]
        return torch.stack(sums, dim=2)  # (F, 1, C) each -> (F, 1, G - 1, C)
