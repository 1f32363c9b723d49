"""Charts of curves over steps, as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asr.reports.html.markup import Markup, joined, tag

_WIDTH, _HEIGHT = 480, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 30, 34
_MOST_POINTS = 240  # of a curve
_FEW = 40  # points that are marked one by one


@dataclass(frozen=True)
class Line:
    """A curve of a chart.

    Attributes:
        name: what the legend calls it; empty for none.
        steps: rising.
        values: finite, at each of these steps.
        style: class of its colour.
    """

    name: str
    steps: Sequence[int]
    values: Sequence[float]
    style: str


@dataclass(frozen=True)
class _Scale:
    """Maps values to positions on an axis."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def __call__(self, value: float) -> float:
        low, high = (math.log(self.low), math.log(self.high)) if self.is_log else (self.low, self.high)
        place = (math.log(max(value, self.low)) if self.is_log else value) - low
        return self.start + (self.end - self.start) * place / ((high - low) or 1.0)


def line_chart(title: str, lines: Sequence[Line], is_log: bool = False, from_zero: bool = False) -> Markup:
    """Returns a chart.

    Args:
        title: of the chart, with the unit.
        lines: at least one, none of them empty.
        is_log: whether values are placed by their logarithm; those that are not above 0 are left out.
        from_zero: whether the axis of the values begins at 0.
    """
    lines = [thinned(line, is_log) for line in lines]
    values = [value for line in lines for value in line.values] or [1.0]
    least = 0.0 if from_zero and not is_log else min(values)
    last = max((line.steps[-1] for line in lines if line.steps), default=0)
    across = _Scale(0, last, _LEFT, _WIDTH - _RIGHT)
    up = _Scale(least, max(values), _HEIGHT - _BOTTOM, _TOP, is_log)
    marks = log_ticks(least, max(values)) if is_log else ticks(least, max(values))
    grid = [
        tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=up(mark), y2=up(mark), class_="grid")
        + tag("text", f"{mark:g}", x=_LEFT - 6, y=up(mark) + 4, text_anchor="end")
        for mark in marks
    ]
    below = [
        tag("text", f"{mark:,.0f}", x=across(mark), y=_HEIGHT - _BOTTOM + 16, text_anchor="middle")
        for mark in ticks(0, last, 4)
    ]
    axis = tag("text", "optimiser steps", x=_WIDTH - _RIGHT, y=_HEIGHT - 3, text_anchor="end", class_="dim")
    curves = [_curve(line, across, up) for line in lines]
    told = "; ".join(f"{line.name or title}: {line.values[-1]:.4g} at the end" for line in lines if line.values)
    return tag(
        "svg",
        tag("title", f"{title}. {told}"),
        tag("text", title, x=2, y=14, class_="title"),
        joined([*map(Markup, grid), *below, axis, *curves, _legend(lines)]),
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        class_="chart",
    )


def thinned(line: Line, is_log: bool = False) -> Line:
    """Returns a curve, averaged over neighbours if it has more points than a chart shows."""
    finite = [
        (s, v) for s, v in zip(line.steps, line.values, strict=True) if math.isfinite(v) and (v > 0 or not is_log)
    ]
    if len(finite) > _MOST_POINTS:
        groups = np.array_split(np.array(finite, dtype=np.float64), _MOST_POINTS)
        finite = [(round(float(group[-1, 0])), float(group[:, 1].mean())) for group in groups]
    return Line(line.name, [step for step, _ in finite], [value for _, value in finite], line.style)


def ticks(low: float, high: float, number: int = 5) -> list[float]:
    """Returns about ``number`` round numbers from ``low`` to ``high``.

    Example:
        >>> ticks(0.0, 0.93), ticks(3, 3)
        ([0.0, 0.2, 0.4, 0.6, 0.8], [3])
    """
    if not high > low:
        return [low]
    rough = (high - low) / number
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.99)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Returns 1, 2 and 5 times powers of ten from ``low`` to ``high``, or only the powers if there are many.

    Example:
        >>> log_ticks(0.8, 12.0)
        [1.0, 2.0, 5.0, 10.0]
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1, 2, 5) if last - first <= 3 else (1,)
    marks = [float(f"{factor}e{power}") for power in range(first, last + 1) for factor in factors]
    shown = [mark for mark in marks if low <= mark <= high]
    return shown if len(shown) > 1 else ticks(low, high, 4)


def _curve(line: Line, across: _Scale, up: _Scale) -> Markup:
    points = [(across(step), up(value)) for step, value in zip(line.steps, line.values, strict=True)]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) if points else ""
    dots = [tag("circle", cx=x, cy=y, r=2.5, class_=f"{line.style} dot") for x, y in points if len(points) <= _FEW]
    return joined([tag("path", d=path, class_=f"{line.style} line"), *dots])


def _legend(lines: Sequence[Line]) -> Markup:
    names = [
        tag("tspan", line.name, dx=8 if number else 0, class_=f"{line.style} text")
        for number, line in enumerate(line for line in lines if line.name)
    ]
    return tag("text", *names, x=_WIDTH - _RIGHT, y=14, text_anchor="end")
