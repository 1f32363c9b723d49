"""A recurrence over time as one node of autograd's graph, with a hand-written backward pass."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from asr.models.cells import graphs
from asr.models.cells.recurrence import Recurrence


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, recurrence: Recurrence, names: tuple[str, ...], *tensors: Tensor) -> tuple[Tensor, Tensor]:
        given = dict(zip(names, tensors, strict=True))
        ctx.is_graphed = graphs.takes_graphs(given["projected"])
        output, state, kept = graphs.run(recurrence, given) if ctx.is_graphed else recurrence.run(given)
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
                gradients = graphs.gradients(ctx.recurrence, kept, output, state, ctx.names)
            else:
                state = output.new_zeros(ctx.state_shape) if state is None else state
                gradients = ctx.recurrence.gradients(kept, output, state)
        return None, None, *(gradients.get(name) for name in ctx.names)


def scan(recurrence: Recurrence, given: dict[str, Tensor | None]) -> tuple[Tensor, Tensor]:
    """Runs a recurrence over all frames as one node of autograd's graph, differentiable once.

    All computation uses the type of the recurrent weights, also under autocast: half precision is too coarse for sums
    over hundreds of frames. On a GPU the kernels of all frames are one launch: :mod:`asr.models.cells.graphs`.

    Args:
        recurrence: the equations.
        given: its tensors by name; None values are left out.

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
