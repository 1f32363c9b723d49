"""Praat's TextGrid: labelled intervals of time, as forced aligners write them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from asr.audio.rates import Seconds
from asr.errors import DataError
from asr.files import not_utf8, open_lines

# What Praat reads of a text file: strings, flags and free-standing numbers; the words between them, and what follows an
# exclamation mark, are for people. Things like "nan" are matched, too, lest the next number is taken in their place.
_VALUE = re.compile(
    r'"(?P<string>[^"]*(?:""[^"]*)*)"|(?P<flag><exists>|<absent>)|(?P<comment>![^\r\n]*)|'
    r"(?<!\S)(?P<number>[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|"
    r"[-+]?(?i:nan|inf|infinity)|--undefined--)(?![^\s!])"
)
_SHOWN = 40  # characters
_FILE_TYPES = ("ooTextFile", "ooTextFile short")


@dataclass(frozen=True)
class Interval:
    """An interval of a recording and its label, such as a word; empty where there is none."""

    start: Seconds
    end: Seconds
    label: str


@dataclass(frozen=True)
class TextGrid:
    """The interval tiers of a file; tiers of points are left out.

    Attributes:
        end: seconds at which the file's time ends.
        tiers: intervals in temporal order, by the name of their tier.
    """

    end: Seconds
    tiers: dict[str, list[Interval]]


def read_textgrid(path: str | Path) -> TextGrid:
    """Reads a TextGrid in Praat's long or short text format, in UTF-8 or UTF-16.

    Raises:
        DataError: the file cannot be read, is not a TextGrid or cut short, or its times are not finite or not in order.
    """
    with open_lines(path) as lines:
        content = lines.read()
    if content.startswith(b"ooBinaryFile"):
        raise DataError(path, "is a binary file of Praat", "save it from Praat as a text file")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise not_utf8(path) from None
    return parse_textgrid(text, str(path))


def parse_textgrid(text: str, where: str = "TextGrid") -> TextGrid:
    """Reads the content of a TextGrid.

    Args:
        text: content in the long or the short text format.
        where: the file, for errors.

    Raises:
        DataError: it is not a TextGrid or cut short, its times are not finite or not in order, or two interval tiers
            have the same name.

    **Source**: Praat's manual, "TextGrid file formats".

    Example:
        >>> short = 'File type = "ooTextFile" "TextGrid" 0 1 <exists> 1 "IntervalTier" "words" 0 1 1 0 1 "so"'
        >>> parse_textgrid(short).tiers
        {'words': [Interval(start=0.0, end=1.0, label='so')]}
    """
    values = _Values(text, where)
    if values.string() not in _FILE_TYPES or values.string() != "TextGrid":
        raise DataError(where, "is not a TextGrid", "save it from Praat as a text file")
    values.number()
    end = values.number()
    tiers: dict[str, list[Interval]] = {}
    for _ in range(values.count() if values.flag() else 0):
        kind, name = values.string(), values.string()
        values.number(), values.number()
        size = values.count()
        if name in tiers and kind == "IntervalTier":
            raise DataError(where, f"has two tiers with the name {name!r}", "rename one of them")
        if kind == "IntervalTier":
            tiers[name] = [Interval(values.number(), values.number(), values.string().strip()) for _ in range(size)]
        else:
            for _ in range(size):
                values.number(), values.string()
        _check_order(tiers.get(name, []), name, where)
    return TextGrid(end, tiers)


class _Values:
    """The values of a file, read one at a time with the type that each must have."""

    def __init__(self, text: str, where: str) -> None:
        self._matches: Iterator[re.Match[str]] = _VALUE.finditer(text)
        self._where = where

    def string(self) -> str:
        return self._next("string").replace('""', '"')

    def number(self) -> float:
        value = self._next("number")
        number = math.nan if value.startswith("--") else float(value)
        if not math.isfinite(number):
            raise self._error(f"{value} where a finite number must be")
        return number

    def count(self) -> int:
        number = self.number()
        if number < 0 or not number.is_integer():
            raise self._error(f"{number:g} where a count must be")
        return int(number)

    def flag(self) -> bool:
        return self._next("flag") == "<exists>"

    def _next(self, kind: str) -> str:
        match = next((match for match in self._matches if match.lastgroup != "comment"), None)
        if match is None or match.lastgroup != kind:
            raise self._error(f"{'the end' if match is None else repr(match[0][:_SHOWN])} where a {kind} must be")
        return str(match[kind])

    def _error(self, found: str) -> DataError:
        return DataError(self._where, f"is not a complete TextGrid: {found}", "make it again")


def _check_order(intervals: list[Interval], name: str, where: str) -> None:
    now = float("-inf")
    for interval in intervals:
        if interval.start < now or interval.end < interval.start:
            found = f"tier {name}: {interval.label!r} from {interval.start:g} to {interval.end:g} s is out of order"
            raise DataError(where, found, "make it again")
        now = interval.end
