"""A recurrence on a GPU: the kernels of all frames in a single launch.

A recurrence launches about ten small kernels a frame, and on a GPU launching them one by one takes most of the time. A
graph holds those of a whole pass for tensors of given shapes. So that shapes recur, frames and utterances are padded
with zeros to round numbers: the values of an utterance depend neither on other utterances nor on frames after it.

**Source**: CUDA's stream capture, as in ``torch.cuda.graph``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import accumulate
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from asr.models.cells.recurrence import Recurrence, Tensors

Shapes = tuple[tuple[str, tuple[int, ...], torch.dtype], ...]

_MAX_GRAPHS = 256  # of a stream; the least recently used one is dropped
_ALIGNMENT = 256  # bytes

FRAMES_STEP, BATCH_STEP = 32, 4
"""Frames and utterances are padded to multiples of these."""

_WITH_FRAMES = ("projected", "zone_cell", "zone_hidden")
_FIRST = ("first_hidden", "first_memory")
_WITH_UTTERANCES = (*_WITH_FRAMES, "mask", *_FIRST)
_OUTPUT = "gradient of output"


class Size(NamedTuple):
    """Frames T and utterances B of a pass."""

    frames: int
    batch: int

    @classmethod
    def of(cls, projected: Tensor) -> Size:
        """Returns the size of input products, shape (T, ..., B, G, H)."""
        return cls(projected.size(0), projected.size(-3))

    def rounded(self) -> Size:
        """Returns the padded size, for which graphs are captured.

        Example:
            >>> Size(200, 13).rounded()
            Size(frames=224, batch=16)
        """
        return Size(-(-self.frames // FRAMES_STEP) * FRAMES_STEP, -(-self.batch // BATCH_STEP) * BATCH_STEP)


def run(recurrence: Recurrence, given: Tensors) -> tuple[Tensor, Tensor, Tensors]:
    """Returns output, state and saved tensors like ``recurrence.run``; the saved tensors have the rounded size.

    Args:
        recurrence: the equations; equal ones launch the same kernels.
        given: its tensors.
    """
    size = Size.of(given["projected"])
    filled = {name: _filled(name, value, size.rounded()) for name, value in given.items()}

    def function(tensors: Tensors) -> Tensors:
        output, _, kept = recurrence.run(tensors)
        return {"output": output} | {name: value for name, value in kept.items() if name not in tensors}

    made = graph_cache(filled["recurrent"].device).run(("run", recurrence), function, filled)
    output = made.pop("output")[: size.frames].narrow(-2, 0, size.batch)
    memory = _memory(made)[size.frames].narrow(-2, 0, size.batch)
    del filled["projected"]
    return output, memory.clone(), filled | made


def gradients(
    recurrence: Recurrence, kept: Tensors, output: Tensor, state: Tensor | None, names: Sequence[str]
) -> Tensors:
    """Returns the gradients of ``recurrence.gradients``.

    A gradient of the state arrives before the padding frames: then kernels are launched one by one.

    Args:
        recurrence: the equations.
        kept: tensors that :func:`run` saved.
        output: gradient of the output, shape (T, ..., B, R).
        state: gradient of the state, shape (..., B, C); None if nothing depends on it.
        names: of the tensors passed to :func:`run`.
    """
    size = Size(output.size(0), output.size(-2))
    full = size.rounded()
    if state is not None:
        excess = full.frames - size.frames
        begun = {name: value[: len(value) - excess] for name, value in kept.items() if _grows(name, names)}
        arriving = (fill_up(value, full, has_frames=False) for value in (output, state))
        found = recurrence.gradients(kept | begun, *arriving)
    else:
        nothing = _memory(kept)[0].shape
        given = kept | {_OUTPUT: fill_up(output, full, has_frames=True)}

        def function(tensors: Tensors) -> Tensors:
            known = {name: value for name, value in tensors.items() if name != _OUTPUT}
            return recurrence.gradients(known, tensors[_OUTPUT], tensors[_OUTPUT].new_zeros(nothing))

        found = graph_cache(output.device).run(("gradients", recurrence), function, given)
    found["projected"] = found["projected"][: size.frames].narrow(-3, 0, size.batch)
    return found | {name: found[name].narrow(-2, 0, size.batch) for name in _FIRST if name in found}


def _memory(kept: Tensors) -> Tensor:
    """Returns the memory before each frame and after the last, shape (T + 1, ..., B, C)."""
    return kept["cells" if "cells" in kept else "hidden"]


def _grows(name: str, names: Sequence[str]) -> bool:
    """Says whether a saved tensor has frames: all results of a pass do, and of its inputs the zones."""
    return name not in names or name in _WITH_FRAMES


def fill_up(value: Tensor, size: Size, *, has_frames: bool, batch_dim: int = -2) -> Tensor:
    """Returns a tensor padded with zeros after its utterances and, if it has any, after its frames (dimension 0).

    Example:
        >>> fill_up(torch.ones(1, 1, 2), Size(2, 2), has_frames=True).tolist()
        [[[1.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]]
    """
    missing = [0] * (2 * value.dim())  # pairs, the last dimension first
    missing[-2 * batch_dim - 1] = size.batch - value.size(batch_dim)
    if has_frames:
        missing[-1] = size.frames - value.size(0)
    return F.pad(value, missing) if any(missing) else value


def _filled(name: str, value: Tensor, size: Size) -> Tensor:
    if name not in _WITH_UTTERANCES:
        return value
    return fill_up(value, size, has_frames=name in _WITH_FRAMES, batch_dim=-3 if name == "projected" else -2)


class GraphCache:
    """The graphs of one stream, which run sequentially.

    Their inputs and outputs share one arena and their intermediate values one pool: memory is that of the largest
    pass, not of all. The first pass of a kind and shape runs directly and reveals the shapes of its results; the second
    is captured; later ones are launched.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._known: dict[Hashable, Shapes] = {}
        self._graphs: OrderedDict[Hashable, tuple[torch.cuda.CUDAGraph, Tensors, Tensors]] = OrderedDict()
        self._pool = torch.cuda.graph_pool_handle()
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._arena: Tensor | None = None

    def run(self, kind: Hashable, function: Callable[[Tensors], Tensors], tensors: Tensors) -> Tensors:
        """Returns the results of a function, in memory of their own.

        Args:
            kind: with the shapes, all that determines the function's kernels.
            function: launches kernels and never waits for the GPU.
            tensors: by name.
        """
        key = (kind, _shapes(tensors))
        if key not in self._known:
            made = function(tensors)
            self._known[key] = _shapes(made)
            return made
        if key not in self._graphs:
            with torch.cuda.device(self._device):
                self._graphs[key] = self._capture(function, _shapes(tensors), self._known[key])
            if len(self._graphs) > _MAX_GRAPHS:
                self._graphs.popitem(last=False)
        self._graphs.move_to_end(key)
        graph, inputs, outputs = self._graphs[key]
        for name, value in tensors.items():
            inputs[name].copy_(value)
        with torch.cuda.device(self._device):
            graph.replay()
        return {name: value.clone() for name, value in outputs.items()}

    def _capture(
        self, function: Callable[[Tensors], Tensors], given: Shapes, made: Shapes
    ) -> tuple[torch.cuda.CUDAGraph, Tensors, Tensors]:
        graph, current = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        with torch.inference_mode(False), torch.no_grad():
            views = self._place(given + made)
            inputs = {name: view for (name, *_), view in zip(given, views, strict=False)}
            outputs = {name: view for (name, *_), view in zip(made, views[len(given) :], strict=True)}
            self._stream.wait_stream(current)
            with torch.cuda.stream(self._stream):
                graph.capture_begin(pool=self._pool, capture_error_mode="thread_local")
                for name, value in function(inputs).items():
                    outputs[name].copy_(value)
                graph.capture_end()
            current.wait_stream(self._stream)
        return graph, inputs, outputs

    def _place(self, shapes: Shapes) -> list[Tensor]:
        """Returns space in the arena; that of older graphs lives as long as they do."""
        sizes = [prod(shape) * dtype.itemsize for _, shape, dtype in shapes]
        ends = list(accumulate(-(-size // _ALIGNMENT) * _ALIGNMENT for size in sizes))
        room = 0 if self._arena is None else len(self._arena)
        if self._arena is None or room < ends[-1]:
            self._arena = torch.empty(max(ends[-1], 3 * room // 2), dtype=torch.uint8, device=self._device)
        begins = [0, *ends[:-1]]
        return [
            self._arena[begin : begin + size].view(dtype).view(shape)
            for begin, size, (_, shape, dtype) in zip(begins, sizes, shapes, strict=True)
        ]


_caches: dict[tuple[torch.device, int], GraphCache] = {}


def graph_cache(device: torch.device) -> GraphCache:
    """Returns the cache of a device's current stream."""
    key = device, torch.cuda.current_stream(device).cuda_stream
    if key not in _caches:
        _caches[key] = GraphCache(device)
    return _caches[key]


def takes_graphs(tensor: Tensor) -> bool:
    """Says whether a tensor is on a GPU whose work is not being captured elsewhere."""
    return tensor.is_cuda and not torch.cuda.is_current_stream_capturing()


def _shapes(tensors: Mapping[str, Tensor]) -> Shapes:
    return tuple((name, tuple(value.shape), value.dtype) for name, value in tensors.items())
