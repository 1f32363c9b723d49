"""The recurrence of the LSTM family, with or without forget gate, peepholes, projection and zoneout.

Shapes: ``T`` frames, ``F`` frequency bins (1 without convolution), ``B`` batch, ``G`` gates, ``C`` memory
values, ``R`` hidden values (C without projection), all per bin; ``K`` taps of the convolution over bins (1 without).
A convolution over bins is K matrix products on shifted windows of the bins, so a plain layer is the case F = K = 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from asr.models.cells.lstm_backward import LstmBackward
from asr.models.cells.lstm_forward import Gating, LstmForward
from asr.models.cells.recurrence import Pass, Tensors


@dataclass(frozen=True)
class LstmRecurrence:
    """Equations of the LSTM after its input products.

    ::

        a_t = x_t + U (m * s_{t-1})                      s = h, or c if memory_only
        i = sigma(a_i + p_i * c_{t-1})    f = sigma(a_f + p_f * c_{t-1})    g = tanh(a_g)
        n = f * c_{t-1} + i * g                          coupled: f = 1 - i; never: f = 1
        c_t = z_c * c_{t-1} + (1 - z_c) * n
        o = sigma(a_o + p_o * n)
        h_t = z_h * h_{t-1} + (1 - z_h) * W (o * tanh(n))

    Tensors: "projected" x, (T, F, B, G, C), gates in the order i, f, g, o or i, g, o; "recurrent" U, (K, G * C, R);
    and, optionally, "peepholes" p, (F, 1, G - 1, C), for i, f, o; "projection" W, (R, C), with F = 1; "mask" m,
    (F, B, R); "zone_cell" z_c, (T, F, B, C) and "zone_hidden" z_h, (T, F, B, R); "first_hidden" h_0, (F, B, R), and
    "first_memory" c_0, (F, B, C), zero without them.

    Attributes:
        gating: which gate keeps the memory.
        memory_only: whether the products see c_{t-1} and not h_{t-1}; then F = K = 1.
        forward_pass: the steps of a forward pass.
        backward_pass: the steps of a backward pass.
    """

    gating: Gating = "forget"
    memory_only: bool = False
    forward_pass: ClassVar[type[LstmForward]] = LstmForward
    backward_pass: ClassVar[type[LstmBackward]] = LstmBackward

    def run(self, given: Tensors) -> Pass:
        """Returns h, shape (T, F, B, R), and the last c, shape (F, B, C)."""
        steps = self.forward_pass(given, self.gating, self.memory_only)
        for frame in range(steps.num_frames):
            steps.recur(frame)
            steps.remember(frame)
            steps.emit(frame)
        return steps.result()

    def gradients(self, kept: Tensors, output: Tensor, state: Tensor) -> Tensors:
        """Returns the gradients of the tensors given."""
        steps = self.backward_pass(kept, output, state, self.gating, self.memory_only)
        for frame in reversed(range(steps.num_frames)):
            steps.arrive(frame)
            steps.leave_output(frame)
            steps.leave_memory(frame)
        return steps.result()
