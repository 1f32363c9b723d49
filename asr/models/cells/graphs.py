"""Functions of many small kernels as CUDA graphs: one launch each, once their shapes have been seen.

**Source**: CUDA's stream capture, as in ``torch.cuda.graph``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from itertools import accumulate
from math import prod

import torch
from torch import Tensor

Tensors = dict[str, Tensor]
Shapes = tuple[tuple[str, tuple[int, ...], torch.dtype], ...]

_MAX_GRAPHS = 256  # of a stream; the one that was used longest ago goes first
_ALIGNMENT = 256  # bytes


class GraphCache:
    """The graphs of one stream, which run one after the other.

    Their inputs and outputs lie in one arena and what is between in one pool: memory is that of the largest pass, not
    of all. The first pass of a kind and shape runs as it is and tells the shapes of what it gives; the second is
    captured; from then on it is launched.
    """

    def __init__(self, device: torch.device) -> None:
        """Starts without graphs, on one device."""
        self._device = device
        self._known: dict[Hashable, Shapes] = {}
        self._graphs: OrderedDict[Hashable, tuple[torch.cuda.CUDAGraph, Tensors, Tensors]] = OrderedDict()
        self._pool = torch.cuda.graph_pool_handle()
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._arena: Tensor | None = None

    def run(self, kind: Hashable, function: Callable[[Tensors], Tensors], tensors: Tensors) -> Tensors:
        """Gives what a function gives, on memory of its own.

        Args:
            kind: all that the function's kernels follow from, beside the shapes.
            function: launches kernels, and asks nothing of the GPU.
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
        """Gives room in the arena; what older graphs use stays as long as they do."""
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
    """Gives the cache of the stream that a device's work goes to now."""
    key = device, torch.cuda.current_stream(device).cuda_stream
    if key not in _caches:
        _caches[key] = GraphCache(device)
    return _caches[key]


def takes_graphs(tensor: Tensor) -> bool:
    """Says whether a tensor is on a GPU whose work is not being captured by someone else."""
    return tensor.is_cuda and not torch.cuda.is_current_stream_capturing()


def _shapes(tensors: Mapping[str, Tensor]) -> Shapes:
    return tuple((name, tuple(value.shape), value.dtype) for name, value in tensors.items())
