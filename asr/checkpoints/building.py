"""What a checkpoint may have built: a closed list of classes, with plain arguments of their declared types."""

from __future__ import annotations

import inspect
import math
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from asr.errors import AsrError, CheckpointError
from asr.features.frontend import FrontEnd
from asr.models.attentive import AttentiveRecurrentEncoder
from asr.models.conformer import ConformerEncoder
from asr.models.encoder import LatencyControlledEncoder, RecurrentEncoder
from asr.models.feedforward import FeedForwardEncoder
from asr.models.transformer import TransformerEncoder

FRONT_ENDS: tuple[type[FrontEnd], ...] = (FrontEnd,)
ENCODERS: tuple[type[nn.Module], ...] = (
    RecurrentEncoder,
    LatencyControlledEncoder,
    AttentiveRecurrentEncoder,
    TransformerEncoder,
    ConformerEncoder,
    FeedForwardEncoder,
)
"""Each takes the width of a feature frame, and plain values as its other arguments."""

CHANGED = "it was written by another version, or changed"
_MAX_SHOWN, _MAX_NAMED = 60, 200  # characters in a message: of a value, of another error
_SOURCES_OF_MEMORY = (torch.empty, torch.zeros, torch.ones, torch.full, torch.arange)
_FREE_VALUES, _FREE_TENSORS = 1 << 22, 1 << 10  # allowed to any network, so that missing weights can be named
_SMALL = 1 << 16  # a whole number that no network is too small for


class BuildError(Exception):
    """Settings describe something that cannot or must not be built."""


def class_path(made: type) -> str:
    """Returns the name of a class in a configuration.

    Example:
        >>> class_path(FrontEnd)
        'asr.features.frontend.FrontEnd'
    """
    return f"{made.__module__}.{made.__qualname__}"


def chosen(spec: Any, choices: tuple[type, ...], what: str) -> tuple[type, dict[str, Any]]:
    """Returns the class that ``{"class_path": ..., "init_args": {...}}`` names, and its arguments.

    Args:
        spec: from a checkpoint or a configuration.
        choices: the classes that it may name.
        what: its purpose, for messages.

    Raises:
        BuildError: it has another form or names another class.
    """
    if not isinstance(spec, Mapping) or not isinstance(spec.get("class_path"), str):
        raise BuildError(f"the {what} names no class_path")
    foreign = [key for key in spec if key not in ("class_path", "init_args")]
    if foreign:
        raise BuildError(f"the {what} has {shown(foreign[0])} beside class_path and init_args")
    known = {class_path(choice): choice for choice in choices}
    if spec["class_path"] not in known:
        raise BuildError(f"{shown(spec['class_path'])} is no {what} of this version")
    arguments = spec.get("init_args")
    if not isinstance(arguments, Mapping | None) or any(not isinstance(name, str) for name in arguments or {}):
        raise BuildError(f"the init_args of the {what} are no settings by name")
    return known[spec["class_path"]], dict(arguments or {})


def check_arguments(made: type, arguments: Mapping[str, Any], *given: str, largest: float = math.inf) -> None:
    """Checks the arguments of a class against the types of its parameters.

    Args:
        made: the class.
        arguments: by name.
        given: names of parameters that are passed separately.
        largest: limit for the magnitude of whole numbers.

    Raises:
        BuildError: one is missing, unknown, of another type, not finite or too large.
    """
    try:
        inspect.signature(made).bind(**dict.fromkeys(given), **arguments)
    except TypeError as error:
        raise BuildError(f"{made.__name__}: {error}") from None
    hints = _types_of_parameters(made)
    for name, value in arguments.items():
        if name not in hints:
            raise BuildError(f"{made.__name__}: got an unexpected keyword argument {shown(name)}")
        if not _fits(value, hints[name]):
            raise BuildError(f"{made.__name__}: {name} is {shown(value)}, not {_described(hints[name])}")
        if isinstance(value, int) and abs(value) > max(largest, _SMALL):
            raise BuildError(f"{made.__name__}: {name} is {value}, more than there are weights")


def _types_of_parameters(made: type) -> dict[str, Any]:
    """Returns the types of a class's parameters by name, among them the keys of ``**options: Unpack[...]``."""
    hints: dict[str, Any] = {}
    for name, parameter in inspect.signature(made, eval_str=True).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            (keywords,) = get_args(parameter.annotation)
            hints |= typing.get_type_hints(keywords)
        else:
            hints[name] = parameter.annotation
    return hints


def _fits(value: Any, hint: Any) -> bool:
    """Says whether a value has a plain type; False for all types that are not plain."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, choice) for choice in get_args(hint))
    if origin is Literal:
        return any(type(value) is type(choice) and value == choice for choice in get_args(hint))
    if origin in (list, tuple):
        kinds = [kind for kind in get_args(hint) if kind is not Ellipsis]
        fixed = origin is tuple and Ellipsis not in get_args(hint)
        if not isinstance(value, list | tuple) or (fixed and len(value) != len(kinds)):
            return False
        pairs = zip(value, kinds, strict=True) if fixed else ((each, kinds[0]) for each in value)
        return all(_fits(each, kind) for each, kind in pairs)
    if hint is float:
        return type(value) in (int, float) and abs(value) <= sys.float_info.max
    if hint is types.NoneType or hint is None:
        return value is None
    return hint in (int, str, bool) and type(value) is hint


def _described(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")


def shown(value: Any) -> str:
    """Returns a short form of a plain value, or the type of another one: a file may hold very large values."""
    if not isinstance(value, str | int | float | None):
        return f"a {type(value).__name__}"
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


@contextmanager
def building_of(path: str | Path) -> Iterator[None]:
    """Turns any error that a file's settings cause while a model is built into one line that names the file.

    Raises:
        CheckpointError: the model cannot be built.
    """
    try:
        yield
    except CheckpointError:
        raise
    except AsrError as error:
        raise CheckpointError(path, f"its model cannot be built ({str(error)[:_MAX_NAMED]})", CHANGED) from error
    except BuildError as error:
        raise CheckpointError(path, f"its model cannot be built ({error})", CHANGED) from None
    except (TypeError, ValueError, LookupError, AttributeError, RuntimeError, ArithmeticError) as error:
        found = f"its model cannot be built ({type(error).__name__}: {str(error)[:_MAX_NAMED]})"
        raise CheckpointError(path, found, CHANGED) from error


@contextmanager
def limited_to(num_values: int, num_tensors: int) -> Iterator[None]:
    """Allows networks as large as the stored weights, and stops larger ones before they take memory.

    Args:
        num_values: numbers in all stored weights.
        num_tensors: stored weights.

    Raises:
        BuildError: a network needs far more.
    """
    with _Limit(_FREE_VALUES + 2 * num_values, _FREE_TENSORS + 16 * num_tensors):
        yield


class _Limit(TorchFunctionMode):
    """Counts what this thread requests from the functions that allocate a network's memory."""

    def __init__(self, max_values: int, max_tensors: int) -> None:
        super().__init__()
        self._values, self._tensors = max_values, max_tensors

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Calls the function, unless it would take too much."""
        kwargs = kwargs or {}
        if func in _SOURCES_OF_MEMORY:
            self._values -= func(*args, **kwargs | {"device": "meta"}).numel()  # which takes none
            self._tensors -= 1
            if self._values < 0 or self._tensors < 0:
                raise BuildError("it would be much larger than the weights that are stored")
        return func(*args, **kwargs)
