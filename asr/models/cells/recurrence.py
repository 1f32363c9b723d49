"""What a recurrence over time is: a pass over all frames, and its gradient."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

Tensors = dict[str, Tensor]


class Pass(NamedTuple):
    """What a forward pass over all frames gives.

    Attributes:
        output: hidden values of all frames, time first.
        state: the last frame's memory.
        kept: what the backward pass needs, by name.
    """

    output: Tensor
    state: Tensor
    kept: Tensors


class Recurrence(Protocol):
    """A cell's equations behind the input products: a pass over time and its gradient.

    Once a forward pass is done, the backward pass of a gated cell is *linear* in the gradients that arrive: the slopes
    of all gates at all frames are known and are computed in a few operations on whole sequences. What is left for the
    loop over time is one matrix product and a few multiplications a frame; gradients of weights are one product over
    time at its end.
    """

    def run(self, given: Tensors) -> Pass:
        """Runs over all frames.

        Args:
            given: tensors by name; "projected" holds the input products of all frames, time first.
        """

    def gradients(self, kept: Tensors, output: Tensor, state: Tensor) -> Tensors:
        """Gives the gradients of the tensors given, by the same names.

        Args:
            kept: what :meth:`run` kept.
            output: gradient of its output.
            state: gradient of its state.
        """


def sigmoid_slope(gradient: Tensor, gate: Tensor, out: Tensor) -> Tensor:
    """Gives gradient * gate * (1 - gate), the gradient before the sigmoid, in one operation."""
    torch.ops.aten.sigmoid_backward.grad_input(gradient, gate, grad_input=out)
    return out


def tanh_slope(gradient: Tensor, value: Tensor, out: Tensor) -> Tensor:
    """Gives gradient * (1 - value ** 2), the gradient before the tanh, in one operation."""
    torch.ops.aten.tanh_backward.grad_input(gradient, value, grad_input=out)
    return out
