"""Tiers of labelled intervals in the formats of annotation tools: Praat's TextGrid and ELAN's ``.eaf``."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import NamedTuple

from asr.audio.rates import Seconds
from asr.decoding.hypothesis import Span

_STEP: Seconds = 0.001  # to which times are rounded, and the shortest interval: both programs refuse empty ones
_DATE = "1970-01-01T00:00:00+00:00"  # the format needs one; the same recording gives the same file
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_LINGUISTIC_TYPE = "default-lt"  # ELAN's name for tiers that depend on no other


class Interval(NamedTuple):
    """A labelled interval of the recording.

    Attributes:
        start: seconds.
        end: seconds.
        label: its label.
    """

    start: Seconds
    end: Seconds
    label: str


@dataclass(frozen=True)
class Tier:
    """A sequence of intervals.

    Attributes:
        name: such as "words"; different for each tier of a file.
        intervals: in order of their starts.
    """

    name: str
    intervals: Sequence[Interval]

    @classmethod
    def of(cls, name: str, spans: Iterable[Span]) -> Tier:
        """Returns the tier of words or tokens, which may be in any order."""
        intervals = (Interval(span.start, span.end, span.text) for span in spans)
        return cls(name, sorted(intervals, key=lambda interval: interval.start))


def separate(intervals: Iterable[Interval]) -> list[Interval]:
    """Returns intervals that do not overlap and are not empty, with times in whole milliseconds.

    An interval ends no later than the next one starts. One that would be empty lasts a millisecond, and later ones
    move if they have to. No label is lost.

    Args:
        intervals: in order of their starts.

    Example:
        >>> intervals = [Interval(0.0, 0.5, "a"), Interval(0.3, 0.3, "b"), Interval(0.3, 0.4, "c")]
        >>> [tuple(interval) for interval in separate(intervals)]
        [(0.0, 0.3, 'a'), (0.3, 0.301, 'b'), (0.301, 0.4, 'c')]
    """
    ticks = [(max(0, round(start / _STEP)), round(end / _STEP), label) for start, end, label in intervals]
    next_starts = [start for start, _, _ in ticks[1:]] + [ticks[-1][1]] if ticks else []
    separated, now = [], 0
    for (start, end, label), next_start in zip(ticks, next_starts, strict=True):
        start = max(start, now)
        now = max(min(end, next_start), start + 1)
        separated.append(Interval(start / round(1 / _STEP), now / round(1 / _STEP), label))
    return separated


def textgrid(tiers: Sequence[Tier], duration: Seconds) -> str:
    """Returns the text of a TextGrid in Praat's long format; gaps between intervals have empty labels.

    Args:
        tiers: at least one.
        duration: seconds of the recording; the file ends later if an interval does.

    **Source**: Praat's manual, "TextGrid file formats".

    Example:
        >>> text = textgrid([Tier("words", [Interval(0.5, 1.0, "so")])], 1.0)
        >>> [line.strip() for line in text.splitlines() if "text" in line]
        ['text = ""', 'text = "so"']
    """
    apart = [(tier.name, separate(tier.intervals)) for tier in tiers]
    end = max([round(duration, 6), *(intervals[-1].end for _, intervals in apart if intervals)])
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", f"xmin = 0\nxmax = {end:.6f}"]
    lines += ["tiers? <exists>", f"size = {len(apart)}", "item []:"]
    for number, (name, intervals) in enumerate(apart, start=1):
        filled = list(_with_gaps(intervals, end))
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f"        name = {_quoted(name)}"]
        lines += ["        xmin = 0", f"        xmax = {end:.6f}", f"        intervals: size = {len(filled)}"]
        for place, each in enumerate(filled, start=1):
            lines += [f"        intervals [{place}]:", f"            xmin = {each.start:.6f}"]
            lines += [f"            xmax = {each.end:.6f}", f"            text = {_quoted(each.label)}"]
    return "\n".join(lines) + "\n"


def _with_gaps(intervals: Sequence[Interval], end: Seconds) -> Iterator[Interval]:
    """Yields the intervals and, with empty labels, the gaps before, between and after them."""
    now = 0.0
    for each in intervals:
        if each.start > now:
            yield Interval(now, each.start, "")
        yield each
        now = each.end
    if end > now or not intervals:
        yield Interval(now, end, "")


def _quoted(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def eaf(tiers: Sequence[Tier], media: Path | None = None) -> str:
    """Returns an ELAN document in format 3.0.

    Args:
        tiers: independent tiers; their intervals need not cover the recording.
        media: the recording, which the document refers to by its absolute path.

    **Source**: Max Planck Institute for Psycholinguistics, "EAF annotation format", schema EAFv3.0.

    Example:
        >>> text = eaf([Tier("words", [Interval(0.5, 1.0, "R&B")])])
        >>> [line.strip() for line in text.splitlines() if "R&" in line]
        ['<ANNOTATION_VALUE>R&amp;B</ANNOTATION_VALUE>']
    """
    apart = [(tier.name, [_milliseconds(each) for each in separate(tier.intervals)]) for tier in tiers]
    times = sorted({time for _, intervals in apart for start, end, _ in intervals for time in (start, end)})
    slots = {time: f"ts{number}" for number, time in enumerate(times, start=1)}
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    lines += [
        f'<ANNOTATION_DOCUMENT AUTHOR="" DATE="{_DATE}" FORMAT="3.0" VERSION="3.0" '
        f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="{_SCHEMA}">',
        '    <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">',
        *_media_lines(media),
        f'        <PROPERTY NAME="lastUsedAnnotationId">{sum(len(each) for _, each in apart)}</PROPERTY>',
        "    </HEADER>",
        "    <TIME_ORDER>",
        *(f'        <TIME_SLOT TIME_SLOT_ID="{slot}" TIME_VALUE="{time}"/>' for time, slot in slots.items()),
        "    </TIME_ORDER>",
    ]
    lines += _tier_lines(apart, slots)
    kind = f'LINGUISTIC_TYPE_ID="{_LINGUISTIC_TYPE}" TIME_ALIGNABLE="true"'
    lines += [f'    <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" {kind}/>', "</ANNOTATION_DOCUMENT>"]
    return "\n".join(lines) + "\n"


def _tier_lines(tiers: Sequence[tuple[str, Sequence[tuple[int, int, str]]]], slots: Mapping[int, str]) -> Iterator[str]:
    from xml.sax.saxutils import escape, quoteattr  # not for other formats: they come with all that speaks HTTP

    numbers = count(1)
    for name, intervals in tiers:
        yield f'    <TIER LINGUISTIC_TYPE_REF="{_LINGUISTIC_TYPE}" TIER_ID={quoteattr(_xml(name))}>'
        for start, end, label in intervals:
            where = f'TIME_SLOT_REF1="{slots[start]}" TIME_SLOT_REF2="{slots[end]}"'
            yield "        <ANNOTATION>"
            yield f'            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a{next(numbers)}" {where}>'
            yield f"                <ANNOTATION_VALUE>{escape(_xml(label))}</ANNOTATION_VALUE>"
            yield "            </ALIGNABLE_ANNOTATION>"
            yield "        </ANNOTATION>"
        yield "    </TIER>"


def _milliseconds(interval: Interval) -> tuple[int, int, str]:
    return round(interval.start * 1000), round(interval.end * 1000), interval.label


def _media_lines(media: Path | None) -> list[str]:
    if media is None:
        return []
    from xml.sax.saxutils import quoteattr

    kind = mimetypes.guess_type(media.name)[0] or "unknown"
    where = f"MEDIA_URL={quoteattr(media.absolute().as_uri())} RELATIVE_MEDIA_URL={quoteattr(_xml(f'./{media.name}'))}"
    return [f"        <MEDIA_DESCRIPTOR {where} MIME_TYPE={quoteattr(kind)}/>"]


def _xml(text: str) -> str:
    """Returns a text with U+FFFD in place of each character that XML does not allow."""
    return _NOT_XML.sub("\ufffd", text)
