"""Pictures of an utterance over time: spectrogram with posteriors, words and phones, gates and memory."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from asr.decoding.hypothesis import Span
from asr.reports.html.chart import ticks
from asr.reports.html.markup import Markup, data_uri, joined, scrolling, tag
from asr.reports.html.picture import shades, signed
from asr.reports.inside import Direction, Inside

_TRACK, _GAP = 18, 4
_SPECTROGRAM, _STATES, _UNIT, _GATES = 132, 110, 56, 44
_COLOURS = 6  # of curves of posteriors
_LIKELY = 0.2  # of a token at some frame, for its curve to be shown
_FAINT = 0.01  # below which a curve of posteriors is left out
_MOST_PIXELS = 12_000
_LETTER = 5.6  # pixels, about


@dataclass(frozen=True)
class Row:
    """A strip of a picture.

    Attributes:
        label: what it shows.
        height: of it.
        content: drawn from its top left corner on.
    """

    label: str
    height: float
    content: Markup


@dataclass(frozen=True)
class TimeScale:
    """The time axis of a picture.

    Attributes:
        duration: seconds of the utterance.
        pixels: for a second.
    """

    duration: float
    pixels: float

    @classmethod
    def of(cls, duration: float) -> TimeScale:
        """Returns a scale with room for the labels of phones; a smaller one for long utterances."""
        return cls(duration, min(300.0, _MOST_PIXELS / max(duration, 0.1)))

    @property
    def width(self) -> float:
        """Width of the whole picture."""
        return max(1.0, self.duration * self.pixels)


def draw(rows: Sequence[Row], scale: TimeScale, title: str, player: str) -> Markup:
    """Returns a picture of strips below each other, with labels beside them and seconds below.

    Args:
        rows: from the top.
        scale: of all of them.
        title: what the picture shows, for those who do not see it.
        player: id of the player whose place it shows.
    """
    y, parts, labels = 0.0, [], []
    for row in rows:
        parts.append(tag("g", row.content, transform=f"translate(0 {y:g})"))
        labels.append(tag("span", row.label, style=f"height:{row.height + _GAP:g}px"))
        y += row.height + _GAP
    for second in ticks(0.0, scale.duration, max(2, round(scale.duration * 4))):
        parts.append(tag("path", d=f"M{second * scale.pixels:.1f} {y - _GAP:g}v5", class_="tick"))
        parts.append(tag("text", f"{second:g} s", x=second * scale.pixels + 2, y=y + 10, class_="dim"))
    head = tag("line", x1=0, x2=0, y1=0, y2=y, class_="playhead", visibility="hidden")
    svg = tag(
        "svg",
        tag("title", title),
        joined([*parts, head]),
        width=scale.width,
        height=y + 14,
        role="img",
        data_player=player,
        data_scale=scale.pixels,
    )
    names = tag("div", *labels, class_="labels", aria_hidden="true")
    return tag("div", names, scrolling(svg, f"{title}; scrolls sideways"), class_="timeline")


def track(label: str, spans: Sequence[Span], scale: TimeScale, style: str) -> Row:
    """Returns the strip of tokens or words with their times."""
    boxes, texts = [], []
    ends = [*(span.start for span in spans[1:]), scale.duration][: len(spans)]
    for span, following in zip(spans, ends, strict=True):
        x, width = span.start * scale.pixels, max(1.0, (span.end - span.start) * scale.pixels)
        told = f"{span.text}, {span.start:.2f} to {span.end:.2f} s"
        shape = {"x": x, "y": 0.5, "width": width, "height": _TRACK - 1}
        boxes.append(tag("rect", tag("title", told), **shape, class_=f"span {style}"))
        needed, room = _LETTER * len(span.text), (following - span.start) * scale.pixels
        if needed <= max(room, width):  # of others the title tells
            middle = x + max(width, needed) / 2
            texts.append(tag("text", span.text, x=middle, y=_TRACK - 5, text_anchor="middle"))
    return Row(label, _TRACK, joined([*boxes, *texts]))


def spectrogram(inside: Inside, scale: TimeScale, tokens: Sequence[str], blank: int) -> Row:
    """Returns the log-mel spectrogram with the posteriors over it, from 0 at the bottom to 1 at the top.

    Args:
        inside: of the utterance.
        scale: of the picture.
        tokens: names of the outputs.
        blank: index of blank, whose curve is dotted.
    """
    width = len(inside.levels) * inside.hop * scale.pixels
    picture = tag(
        "image",
        href=data_uri("image/png", shades(inside.levels.numpy())),
        width=width,
        height=_SPECTROGRAM,
        preserveAspectRatio="none",
        class_="levels",
    )
    probs = inside.log_probs.exp()
    curves = [
        tag(
            "path",
            tag("title", "blank" if token == blank else tokens[token]),
            d=_posterior_path(probs[:, token], inside.stride * scale.pixels),
            class_="blank" if token == blank else f"posterior p{token % _COLOURS}",
        )
        for token in range(probs.shape[1])
        if token == blank or float(probs[:, token].max()) >= _LIKELY
    ]
    return Row("posteriors over log-mel", _SPECTROGRAM, joined([picture, *curves]))


def _posterior_path(probs: Tensor, step: float) -> str:
    """Returns the path of a curve, without the parts near 0."""
    values = probs.tolist()
    shown = [any(value >= _FAINT for value in values[max(0, n - 1) : n + 2]) for n in range(len(values))]
    parts = []
    for place, value in enumerate(values):
        if shown[place]:
            letter = "L" if place and shown[place - 1] else "M"
            parts.append(f"{letter}{(place + 0.5) * step:.1f} {_SPECTROGRAM * (1 - value):.1f}")
    return "".join(parts)


def states(direction: Direction, scale: TimeScale, stride: float) -> Row:
    """Returns the strip of the memory tanh(c) of all units, with the longest memory at the top."""
    memory = direction.trace.memory.tanh()[:, direction.by_persistence()]
    picture = tag(
        "image",
        href=data_uri("image/png", signed(np.asarray(memory.numpy()))),
        width=len(memory) * stride * scale.pixels,
        height=_STATES,
        preserveAspectRatio="none",
        class_="states",
    )
    return Row("cell states, all units", _STATES, picture)


def unit_rows(direction: Direction, unit: int, scale: TimeScale, stride: float) -> list[Row]:
    """Returns two strips of a unit: its cell state around 0, and its three gates from 0 to 1."""
    found, stretch = direction.trace, f"scale({stride * scale.pixels:.4f} 1)"
    memory = found.memory[:, unit]
    most = max(1.0, float(memory.abs().max()))
    zero = tag("line", x1=0, x2=scale.width, y1=_UNIT / 2, y2=_UNIT / 2, class_="grid")
    state = tag("path", d=_path((1 - memory / most) * _UNIT / 2), class_="memory", transform=stretch)
    marks = tag("text", f"\u00b1{most:.1f}", x=2, y=10, class_="dim")
    gates = [
        tag("path", tag("title", name), d=_path((1 - values[:, unit]) * _GATES), class_=style, transform=stretch)
        for name, style, values in (
            ("input gate", "entry", found.entry),
            ("forget gate", "forget", found.forget),
            ("output gate", "opening", found.opening),
        )
    ]
    frame = tag("rect", x=0, y=0, width=scale.width, height=_GATES, class_="frame")
    return [
        Row(f"unit {unit}: cell state", _UNIT, joined([zero, state, marks])),
        Row("gates, 0 to 1", _GATES, joined([frame, *gates])),
    ]


def _path(heights: Tensor) -> str:
    """Returns the path through the middle of each frame, in relative steps of a tenth of a pixel."""
    tenths = (10 * heights).round().int().tolist()
    moves = [f"l1 {(after - before) / 10:g}" for before, after in itertools.pairwise(tenths)]
    return f"M.5 {tenths[0] / 10:g}{''.join(moves)}"
