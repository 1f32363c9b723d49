"""The values in a checkpoint, built from its pickle by a closed list of instructions that run no code."""

from __future__ import annotations

import pickletools
from collections import OrderedDict
from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch import Tensor

Storage = Callable[[str, torch.dtype, int], Tensor]
"""Called with the name, the type and the number of values of a stretch of numbers; returns them, shape (numel,)."""

_DTYPES = {
    "torch FloatStorage": torch.float32,
    "torch DoubleStorage": torch.float64,
    "torch HalfStorage": torch.float16,
    "torch BFloat16Storage": torch.bfloat16,
    "torch LongStorage": torch.int64,
    "torch IntStorage": torch.int32,
    "torch BoolStorage": torch.bool,
    "torch ByteStorage": torch.uint8,
}
_TENSOR, _ORDERED = "torch._utils _rebuild_tensor_v2", "collections OrderedDict"
_VALUES = ("BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT")
_MADE: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}
_WIDTHS = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_MAX_BYTES, _MAX_DEPTH, _MAX_VALUES, _MAX_DIMS = 1 << 26, 64, 2_000_000, 16


class ForeignError(Exception):
    """A pickle holds something other than plain values and tensors; the message names it."""


def unpickle(pickled: bytes, storage: Storage) -> Any:
    """Returns what a pickle describes: dicts, lists, tuples, texts, numbers and dense tensors.

    The instructions are those that ``torch.save`` writes for such values. Every name in the pickle must be one of ten,
    and none is looked up: the pickle cannot cause anything to be imported or called.

    Args:
        pickled: the pickle, of protocol 2.
        storage: returns the numbers of tensors.

    Raises:
        ForeignError: for any other instruction or name, and for values that torch would not have written so.
    """
    if len(pickled) > _MAX_BYTES:
        raise ForeignError(f"a pickle of {len(pickled):,} bytes")
    machine = _Machine(storage)
    try:
        for opcode, argument, _ in pickletools.genops(pickled):
            if opcode.name == "STOP":
                break
            machine.run(opcode.name, argument)
        (result,) = machine.stack
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise ForeignError(f"a pickle that breaks off: {error}") from None
    _check_extent([result])
    return result


class _Name(str):
    """A name in the pickle, one of the closed list."""

    __slots__ = ()


class _Machine:
    """The stack that a pickle's instructions work on."""

    def __init__(self, storage: Storage) -> None:
        self.stack: list[Any] = []
        self._marked: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._storage = storage

    def run(self, name: str, argument: Any) -> None:
        """Runs one instruction."""
        if name in _VALUES:
            self.stack.append(argument)
        elif name in _MADE:
            self.stack.append(_MADE[name]())
        elif name in ("BINGET", "LONG_BINGET"):
            self.stack.append(self._memo[argument])
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memo[argument] = self.stack[-1]
        elif name == "PROTO" and argument == 2 and not self.stack:
            pass
        elif name == "MARK":
            self._marked.append(self.stack)
            self.stack = []
        else:
            self._combine(name, argument)

    def _combine(self, name: str, argument: Any) -> None:
        if name in _WIDTHS:
            self.stack.append(tuple(self._take(_WIDTHS[name])))
        elif name == "TUPLE":
            items = tuple(self._since_mark())  # restores the stack below
            self.stack.append(items)
        elif name in ("APPEND", "APPENDS"):
            self._extend(self._take(1) if name == "APPEND" else self._since_mark())
        elif name in ("SETITEM", "SETITEMS"):
            self._update(self._take(2) if name == "SETITEM" else self._since_mark())
        elif name == "GLOBAL":
            self._ask(argument)
        elif name == "BINPERSID":
            self.stack.append(self._numbers(*self._take(1)))
        elif name == "REDUCE":
            self.stack.append(self._build(*self._take(2)))
        elif name == "BUILD":
            self._annotate(*self._take(1))
        else:
            raise ForeignError(f"instruction {name}")

    def _take(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise IndexError("its stack is empty")
        taken = self.stack[-count:]
        del self.stack[-count:]
        return taken

    def _since_mark(self) -> list[Any]:
        since, self.stack = self.stack, self._marked.pop()
        return since

    def _extend(self, values: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise ForeignError("something appended to what is no list")
        self.stack[-1].extend(values)

    def _update(self, pairs: list[Any]) -> None:
        target = self.stack[-1]
        keys, values = pairs[::2], pairs[1::2]
        if type(target) not in (dict, OrderedDict) or any(type(key) not in (str, int) for key in keys):
            raise ForeignError("a dictionary whose keys are neither texts nor whole numbers")
        target.update(zip(keys, values, strict=True))

    def _ask(self, name: str) -> None:
        if name not in (_TENSOR, _ORDERED, *_DTYPES):
            raise ForeignError(name.replace(" ", "."))
        self.stack.append(_Name(name))

    def _numbers(self, persistent_id: Any) -> Tensor:
        """Returns the numbers of tensors; those of one name have one type and size."""
        if type(persistent_id) is not tuple or len(persistent_id) != 5:
            raise ForeignError("numbers that are not described as torch does")
        kind, dtype_name, key, location, count = persistent_id
        known = type(dtype_name) is _Name and dtype_name in _DTYPES and type(key) is str and type(location) is str
        if kind != "storage" or not known or type(count) is not int or count < 0:
            raise ForeignError("numbers that are not described as torch does")
        return self._storage(key, _DTYPES[dtype_name], count)

    def _build(self, name: Any, arguments: Any) -> Any:
        if type(name) is not _Name or type(arguments) is not tuple:
            raise ForeignError("a call of what is no name")
        if name == _ORDERED and not arguments:
            return OrderedDict()
        if name == _TENSOR:
            return _tensor(*arguments)
        raise ForeignError(f"a call of {name.replace(' ', '.')} with arguments")

    def _annotate(self, state: Any) -> None:
        """Stores the versions of modules, which ``nn.Module.state_dict`` keeps as an attribute of its dictionary."""
        target = self.stack[-1]
        if type(target) is not OrderedDict or type(state) is not dict or set(state) != {"_metadata"}:
            raise ForeignError("attributes of an object")
        target._metadata = state["_metadata"]  # type: ignore[attr-defined]


def _tensor(*arguments: Any) -> Tensor:
    """Returns a tensor over numbers, which may omit some of them but repeats none."""
    numbers, offset, size, stride, requires_grad, hooks, *metadata = arguments
    whole = [offset, *size, *stride] if type(size) is tuple and type(stride) is tuple else [None]
    if (
        type(numbers) is not Tensor
        or any(type(value) is not int or value < 0 for value in whole)
        or len(size) != len(stride)
        or len(size) > _MAX_DIMS
        or type(requires_grad) is not bool
        or hooks
        or metadata not in ([], [None], [{}])
    ):
        raise ForeignError("a tensor that is not described as torch does")
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if prod(size) and (last >= len(numbers) or prod(size) > len(numbers)):
        raise ForeignError("a tensor with more values than are stored of it")
    if not prod(size):
        return torch.empty(size, dtype=numbers.dtype)
    return numbers.as_strided(size, stride, offset).requires_grad_(requires_grad)


def _check_extent(value: Any) -> None:
    """Raises if values contain themselves, are nested deeply, or are too many, counting shared ones repeatedly."""
    waiting, num_values = [(value, 0)], 0
    while waiting:
        inner, depth = waiting.pop()
        children = list(inner.values() if isinstance(inner, dict) else inner)
        num_values += len(children)
        if depth > _MAX_DEPTH or num_values > _MAX_VALUES:
            raise ForeignError("values that are nested without end")
        waiting += [(child, depth + 1) for child in children if isinstance(child, dict | list | tuple)]
