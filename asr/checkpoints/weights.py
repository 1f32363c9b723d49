"""Loading the weights of a checkpoint into a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from asr.checkpoints.building import limited_to
from asr.checkpoints.reading import StoredModel
from asr.errors import CheckpointError

Network = TypeVar("Network", bound=nn.Module)

_PREFIX = "model."
_MAX_SHOWN = 100  # characters of a weight's name in a message
_SMALLEST = 2  # bytes of a weight
_DRAWING = (
    *(Tensor.uniform_, Tensor.normal_, nn.init.uniform_, nn.init.normal_, nn.init.trunc_normal_),
    *(nn.init.kaiming_uniform_, nn.init.kaiming_normal_, nn.init.xavier_uniform_, nn.init.xavier_normal_),
)
_FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)


def load_network(
    stored: StoredModel, make: Callable[[], Network], call: Callable[[Network], object], remedy: str
) -> Network:
    """Returns a network in evaluation mode with exactly the stored weights; memory is allocated only for these.

    Args:
        stored: the checkpoint, whose module has the network as its ``model``.
        make: builds the network.
        call: runs it on a minimal input, so that settings that are consistent but meaningless fail at once.
        remedy: what to do if the weights do not fit.

    Raises:
        CheckpointError: weights are missing, unknown, of another shape or type, or not finite.
        BuildError: the network would be much larger than its weights.
    """
    weights = {
        name.removeprefix(_PREFIX): value
        for name, value in stored.state.items()
        if isinstance(name, str) and name.startswith(_PREFIX)
    }
    with limited_to(num_values(weights), len(weights)), _Undrawn():
        network = make()
    difference = _difference(weights, network)
    if difference:
        raise CheckpointError(stored.path, f"its weights do not fit its model: {difference}", remedy)
    network.load_state_dict(weights)
    broken = [name for name, value in network.state_dict().items() if not bool(value.isfinite().all())]
    if broken:
        raise CheckpointError(stored.path, f"{_some(broken)} infinite or not a number", "take an earlier checkpoint")
    with torch.inference_mode():
        call(network.eval())
    return network


class _Undrawn(TorchFunctionMode):
    """Leaves out the random numbers that networks begin with, half the time of building one: all are replaced."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in _DRAWING:
            return args[0] if args else (kwargs or {})["tensor"]
        if func is torch.linalg.qr:  # of numbers that were not drawn
            return args[0], torch.ones(args[0].shape[-1], args[0].shape[-1])
        return func(*args, **(kwargs or {}))


def num_values(state: Mapping[str, Any]) -> int:
    """Returns an upper bound for the numbers stored of all weights, whatever shapes they claim."""
    stored = [value.untyped_storage() for value in state.values() if isinstance(value, Tensor)]
    return sum({storage.data_ptr(): storage.nbytes() for storage in stored}.values()) // _SMALLEST


def _difference(weights: Mapping[str, Any], network: nn.Module) -> str:
    """Returns what is wrong with the names, shapes and types of weights; empty if nothing is."""
    expected = network.state_dict(keep_vars=True)
    missing = [name for name in expected if not isinstance(weights.get(name), Tensor)]
    if missing:
        return f"{_some(missing)} missing"
    unknown = [name for name in weights if name not in expected]
    if unknown:
        return f"{_some(unknown)} unknown to it"
    for name, tensor in expected.items():
        if weights[name].shape != tensor.shape:
            return f"{name} has shape {tuple(weights[name].shape)}, expected {tuple(tensor.shape)}"
        is_float = weights[name].dtype in _FLOATS and tensor.dtype in _FLOATS
        if not is_float and weights[name].dtype != tensor.dtype:
            return f"{name} is of type {weights[name].dtype}, expected {tensor.dtype}"
    return _overlap(weights, expected)


def _overlap(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str:
    """Detects weights larger than their storage, unless the network shares them in the same way."""
    stored = {weight.untyped_storage().data_ptr(): weight.untyped_storage().nbytes() for weight in weights.values()}
    needed = {id(tensor): tensor.numel() * weights[name].element_size() for name, tensor in expected.items()}
    if sum(needed.values()) > sum(stored.values()):
        return f"they take {sum(needed.values()):,} bytes and {sum(stored.values()):,} are stored"
    return ""


def _some(names: list[str]) -> str:
    """Names two and counts the rest, with a verb in agreement."""
    rest = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return f"{', '.join(name[:_MAX_SHOWN] for name in names[:2])}{rest} {'is' if len(names) == 1 else 'are'}"
