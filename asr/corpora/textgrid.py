"""Praat's TextGrid: stretches of time with labels, as forced aligners write them."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from asr.audio import Seconds
from asr.errors import DataError

# What Praat reads of a text file: strings, flags and numbers that stand alone; the words between are for people.
_VALUE = re.compile(
    r'"(?P<string>(?:[^"]|"")*)"|(?P<flag><exists>|<absent>)|(?<!\S)(?P<number>[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)(?!\S)'
)


@dataclass(frozen=True)
class Interval:
    """A stretch of time and its label.

    Attributes:
        start: seconds from the start of the recording.
        end: seconds from the start of the recording.
        label: such as a word; empty where there is none.
    """

    start: Seconds
    end: Seconds
    label: str


@dataclass(frozen=True)
class TextGrid:
    """The interval tiers of a file; tiers of points are left out.

    Attributes:
        end: seconds where the time of the file ends.
        tiers: intervals in the order of time, by the name of their tier.
    """

    end: Seconds
    tiers: dict[str, list[Interval]]


def read_textgrid(path: str | Path) -> TextGrid:
    """Reads a TextGrid in Praat's long or short text format, in UTF-8 or UTF-16.

    Raises:
        DataError: the file cannot be read, is no TextGrid, is cut short, or its intervals are not in order.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})", "check the path") from None
    wide = content.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE))
    try:
        return parse_textgrid(content.decode("utf-16" if wide else "utf-8-sig"), str(path))
    except UnicodeDecodeError:
        raise DataError(path, "is neither UTF-8 nor UTF-16 text", "save it as UTF-8") from None


def parse_textgrid(text: str, where: str = "TextGrid") -> TextGrid:
    """Reads the content of a TextGrid.

    Args:
        text: content in the long or the short text format.
        where: the file, for the error.

    Raises:
        DataError: it is no TextGrid, is cut short, or its intervals are not in order.

    **Source**: Praat's manual, "TextGrid file formats".

    Example:
        >>> short = 'File type = "ooTextFile" "TextGrid" 0 1 <exists> 1 "IntervalTier" "words" 0 1 1 0 1 "so"'
        >>> parse_textgrid(short).tiers
        {'words': [Interval(start=0.0, end=1.0, label='so')]}
    """
    values = _Values(text, where)
    if (values.string(), values.string()) != ("ooTextFile", "TextGrid"):
        raise DataError(where, "is no TextGrid", "save it from Praat as a text file")
    values.number()
    end = values.number()
    tiers: dict[str, list[Interval]] = {}
    for _ in range(int(values.number()) if values.flag() else 0):
        kind, name = values.string(), values.string()
        values.number(), values.number()
        size = int(values.number())
        if kind == "IntervalTier":
            tiers[name] = [Interval(values.number(), values.number(), values.string().strip()) for _ in range(size)]
        else:
            for _ in range(size):
                values.number(), values.string()
        _check_order(tiers.get(name, []), name, where)
    return TextGrid(end, tiers)


class _Values:
    """The values of a file, asked for one by one with the type they must have."""

    def __init__(self, text: str, where: str) -> None:
        """Begins before the first value."""
        self._matches: Iterator[re.Match[str]] = _VALUE.finditer(text)
        self._where = where

    def string(self) -> str:
        return self._next("string").replace('""', '"')

    def number(self) -> float:
        return float(self._next("number"))

    def flag(self) -> bool:
        return self._next("flag") == "<exists>"

    def _next(self, kind: str) -> str:
        match = next(self._matches, None)
        if match is None or match.lastgroup != kind:
            found = f"{'the end' if match is None else repr(match[0])} where a {kind} must be"
            raise DataError(self._where, f"is no whole TextGrid: {found}", "make it again")
        return str(match[kind])


def _check_order(intervals: list[Interval], name: str, where: str) -> None:
    now = float("-inf")
    for interval in intervals:
        if interval.start < now or interval.end < interval.start:
            found = f"tier {name}: {interval.label!r} from {interval.start:g} to {interval.end:g} s is out of order"
            raise DataError(where, found, "make it again")
        now = interval.end
