"""A recurrence over time as one node of autograd's graph, with a backward pass written by hand."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from asr.models.cells import graphed
from asr.models.cells.graphs import Tensors, takes_graphs

__all__ = ["Pass", "Recurrence", "Tensors", "scan", "sigmoid_slope", "tanh_slope"]


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


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, recurrence: Recurrence, names: tuple[str, ...], *tensors: Tensor) -> tuple[Tensor, Tensor]:
        given = dict(zip(names, tensors, strict=True))
        ctx.is_graphed = takes_graphs(given["projected"])
        output, state, kept = graphed.run(recurrence, given) if ctx.is_graphed else recurrence.run(given)
        ctx.recurrence, ctx.names, ctx.kept = recurrence, names, tuple(kept)
        ctx.output_shape, ctx.state_shape = output.shape, state.shape
        ctx.save_for_backward(*kept.values())
        ctx.set_materialize_grads(False)
        return output, state

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, output: Tensor | None, state: Tensor | None) -> tuple[Tensor | None, ...]:
        kept = dict(zip(ctx.kept, ctx.saved_tensors, strict=True))
        if output is None:
            output = kept["recurrent"].new_zeros(ctx.output_shape)
        with torch.autocast(output.device.type, enabled=False):
            if ctx.is_graphed:
                gradients = graphed.gradients(ctx.recurrence, kept, output, state, ctx.names)
            else:
                state = output.new_zeros(ctx.state_shape) if state is None else state
                gradients = ctx.recurrence.gradients(kept, output, state)
        return None, None, *(gradients.get(name) for name in ctx.names)


def scan(recurrence: Recurrence, given: dict[str, Tensor | None]) -> tuple[Tensor, Tensor]:
    """Runs a recurrence over all frames; one node in the graph of gradients, once differentiable.

    All work is done in the type of the recurrent weights, also under autocast: sums over hundreds of frames do not fit
    half precision. On a GPU the kernels of all frames are one launch: :mod:`asr.models.cells.graphed`.

    Args:
        recurrence: the equations.
        given: its tensors by name; those that are None are left out.

    Returns:
        Hidden values of all frames, time first, and the last frame's memory.
    """
    tensors = {name: value for name, value in given.items() if value is not None}
    dtype = tensors["recurrent"].dtype
    with torch.autocast(tensors["recurrent"].device.type, enabled=False):
        result: tuple[Tensor, Tensor] = _Scan.apply(  # type: ignore[no-untyped-call, unused-ignore]
            recurrence, tuple(tensors), *(value.to(dtype) for value in tensors.values())
        )
    return result


def sigmoid_slope(gradient: Tensor, gate: Tensor, out: Tensor) -> Tensor:
    """Gives gradient * gate * (1 - gate), the gradient before the sigmoid, in one operation."""
    torch.ops.aten.sigmoid_backward.grad_input(gradient, gate, grad_input=out)
    return out


def tanh_slope(gradient: Tensor, value: Tensor, out: Tensor) -> Tensor:
    """Gives gradient * (1 - value ** 2), the gradient before the tanh, in one operation."""
    torch.ops.aten.tanh_backward.grad_input(gradient, value, grad_input=out)
    return out
