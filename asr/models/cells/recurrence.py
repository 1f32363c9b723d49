"""The interface of recurrences over time: a pass over all frames, and its gradient."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

Tensors = dict[str, Tensor]


class Pass(NamedTuple):
    """The results of a forward pass over all frames.

    Attributes:
        output: hidden values of all frames, time first.
        state: memory of the last frame.
        kept: tensors that the backward pass needs, by name.
    """

    output: Tensor
    state: Tensor
    kept: Tensors


class Recurrence(Protocol):
    """A cell's equations after the input products: a pass over time and its gradient.

    After a forward pass, the backward pass of a gated cell is *linear* in the incoming gradients: the slopes of all
    gates at all frames are known and take a few operations on whole sequences. The loop over time is left with one
    matrix product and a few multiplications a frame; gradients of weights are one product over time after it.
    """

    def run(self, given: Tensors) -> Pass:
        """Runs over all frames.

        Args:
            given: tensors by name; "projected" holds the input products of all frames, time first.
        """

    def gradients(self, kept: Tensors, output: Tensor, state: Tensor) -> Tensors:
        """Returns the gradients of the tensors given, by the same names.

        Args:
            kept: tensors that :meth:`run` saved.
            output: gradient of its output.
            state: gradient of its state.
        """


def sigmoid_slope(gradient: Tensor, gate: Tensor, out: Tensor) -> Tensor:
    """Returns gradient * gate * (1 - gate), the gradient before the sigmoid, in one operation."""
    torch.ops.aten.sigmoid_backward.grad_input(gradient, gate, grad_input=out)
    return out


def tanh_slope(gradient: Tensor, value: Tensor, out: Tensor) -> Tensor:
    """Returns gradient * (1 - value ** 2), the gradient before the tanh, in one operation."""
    torch.ops.aten.tanh_backward.grad_input(gradient, value, grad_input=out)
    return out
