"""JSON written by programs and people: parsed strictly, each value read by its required type."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from asr.errors import DataError
from asr.files import open_text

_SHOWN = 40  # characters


@dataclass(frozen=True)
class Record:
    """A JSON object whose values are read by name and type.

    Methods that return a value raise a :class:`DataError` if it is missing or not of their type.

    Attributes:
        fields: the values by name.
        where: file and line, for the errors.
        kind: beginning of the errors, such as "is no score file".
        remedy: what to do about an error.
        place: position of the object in the file or line, such as "words[2]: ".
    """

    fields: Mapping[str, Any]
    where: str
    kind: str
    remedy: str
    place: str = ""

    @classmethod
    def of(cls, value: Any, where: str | Path, kind: str, remedy: str) -> Record:
        """Returns the record of a parsed value.

        Raises:
            DataError: it is not an object.
        """
        record = cls(value if isinstance(value, dict) else {}, str(where), kind, remedy)
        if not isinstance(value, dict):
            raise record._error(f"{describe_json(value)} where an object in braces must be")
        return record

    @classmethod
    def read(cls, path: str | Path, kind: str, remedy: str) -> Record:
        """Reads the object in a file.

        Raises:
            DataError: the file cannot be read or holds something else.
        """
        try:
            with open_text(path) as lines:
                value = parse_json(lines.read(), path, remedy)
        except DataError as error:
            raise DataError(error.where, f"{kind} ({error.found})", remedy) from None
        return cls.of(value, path, kind, remedy)

    def text(self, name: str) -> str:
        """Returns a string that can be written in UTF-8."""
        value = self._value(name)
        if not isinstance(value, str):
            raise self.error(name, "a string")
        if not is_unicode(value):
            raise self.error(name, "whole characters: half of a surrogate pair stands alone")
        return value

    def number(self, name: str, least: float = -math.inf, most: float = math.inf) -> float:
        """Returns a finite number from ``least`` to ``most``."""
        value = self._value(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1.7e308
        if not is_number or not least <= value <= most:
            below = "" if least == -math.inf else f" from {least:g}"
            raise self.error(name, f"a number{below}{'' if most == math.inf else f' to {most:g}'}")
        return float(value)

    def whole(self, name: str, least: int = 0) -> int:
        """Returns a whole number of at least ``least``."""
        value = self._value(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least or value.bit_length() > 62:
            raise self.error(name, f"a whole number from {least}")
        return value

    def flag(self, name: str) -> bool:
        """Returns true or false."""
        value = self._value(name)
        if not isinstance(value, bool):
            raise self.error(name, "true or false")
        return value

    def record(self, name: str) -> Record:
        """Returns an object."""
        value = self._value(name)
        if not isinstance(value, dict):
            raise self.error(name, "an object in braces")
        return replace(self, fields=value, place=f"{self.place}{name}: ")

    def items(self, name: str) -> list[Any]:
        """Returns a list of anything."""
        value = self._value(name)
        if not isinstance(value, list):
            raise self.error(name, "a list")
        return value

    def records(self, name: str) -> list[Record]:
        """Returns a list of objects."""
        values = self.items(name)
        if not all(isinstance(value, dict) for value in values):
            raise self.error(name, "a list of objects in braces")
        return [
            replace(self, fields=value, place=f"{self.place}{name}[{number}]: ") for number, value in enumerate(values)
        ]

    def has(self, name: str) -> bool:
        """Says whether there is a value of that name other than null."""
        return self.fields.get(name) is not None

    def error(self, name: str, expected: str) -> DataError:
        """Returns the error for an unexpected value."""
        return self._error(f"{name} is {describe_json(self.fields.get(name))}, not {expected}")

    def _value(self, name: str) -> Any:
        if name not in self.fields:
            raise self._error(f"has no {name!r}")
        return self.fields[name]

    def _error(self, found: str) -> DataError:
        return DataError(self.where, f"{self.kind} ({self.place}{found})", self.remedy)


def parse_json(text: str, where: str | Path, remedy: str) -> Any:
    """Parses a JSON text; NaN and Infinity become numbers, as Python writes them.

    Raises:
        DataError: it is not JSON, is nested too deeply, or an object has a key twice.

    Example:
        >>> parse_json('{"a": [1, null]}', "line 1", "")
        {'a': [1, None]}
    """
    try:
        return json.loads(text, object_pairs_hook=_without_doubles)
    except _DoubledKeyError as error:
        raise DataError(where, f"has the key {error.args[0]!r} twice", "keep one of them") from None
    except RecursionError:
        raise DataError(where, "is nested too deep", remedy) from None
    except ValueError as error:
        raise DataError(where, f"is not JSON ({error})", remedy) from None


def describe_json(value: Any) -> str:
    """Names a parsed value for an error.

    Example:
        >>> describe_json(float("nan")), describe_json(None), describe_json("5"), describe_json([1])
        ('NaN', 'null', "'5'", 'a list')
    """
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return repr(value[:_SHOWN])
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 128:
        return "a number of many digits"
    return json.dumps(value)


def is_unicode(text: str) -> bool:
    r"""Says whether a text can be written in UTF-8: JSON may hold halves of surrogate pairs.

    Example:
        >>> is_unicode("é"), is_unicode("\ud83d")
        (True, False)
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class _DoubledKeyError(Exception):
    """An object has a key twice."""


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        raise _DoubledKeyError(next(name for name in names if names.count(name) > 1))
    return fields
