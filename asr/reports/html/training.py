"""The sections about training: settings and learning curves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import cycle

from asr.reports.curves import smoothed
from asr.reports.history import History
from asr.reports.html.chart import Line, line_chart
from asr.reports.html.markup import Markup, section, table, tag

_STYLES = ("warm", "cool", "dull")


def settings_section(rows: Iterable[tuple[str, str]]) -> Markup:
    """Returns the table of settings.

    Args:
        rows: names and values.
    """
    return section("settings", "What was trained", table(["setting", "value"], rows, "Settings of the model"))


def curves_section(history: History) -> Markup:
    """Returns the learning curves and a table of the dev set's error rates."""
    losses = {"train/loss_epoch": ("training", "dull"), "val/loss": ("dev", "warm")}
    losses |= {f"val/{head}_loss": (f"dev, {head}", "cool") for head in history.heads}
    rates = {name: (counted, style) for (name, counted), style in zip(history.error_rates.items(), cycle(_STYLES))}
    charts = [
        _chart(history, "loss, nats a token", losses),
        _chart(history, "greedy error rate on dev, %", rates, scale=100.0),
        _chart(history, "learning rate", {"learning_rate": ("", "dull")}),
        _chart(history, "gradient norm before clipping", {"train/gradient_norm": ("", "dull")}, is_smooth=True),
        _chart(
            history, "blank frames in training, %", {"train/blank_ratio": ("", "dull")}, scale=100.0, is_smooth=True
        ),
    ]
    return section("curves", "Learning curves", tag("div", *filter(None, charts), class_="charts"), _dev_table(history))


def _chart(
    history: History,
    title: str,
    wanted: dict[str, tuple[str, str]],
    scale: float = 1.0,
    is_smooth: bool = False,
) -> Markup | None:
    """Returns the chart of the existing curves; None if there are none."""
    lines = []
    for key, (name, style) in wanted.items():
        if (curve := history.curves.get(key)) is not None:
            values = [scale * value for value in curve.values]
            lines.append(Line(name, curve.steps, smoothed(values) if is_smooth else values, style))
    is_log = title.startswith(("loss", "gradient"))
    return line_chart(title, lines, is_log, from_zero=not is_log) if lines else None


def _dev_table(history: History) -> Markup:
    rates = history.error_rates
    names = [name for name in ("val/loss", *rates) if name in history.curves]
    if not names:
        return tag("p", "Nothing was measured on dev.")
    curves = [history.curves[name] for name in names]
    heads = ["dev loss" if name == "val/loss" else f"{rates[name]}, %" for name in names]
    rows: list[Sequence[str]] = []
    for step in curves[0].steps:
        values = [dict(zip(curve.steps, curve.values, strict=True)).get(step) for curve in curves]
        cells = (
            "-" if value is None else f"{value:.3f}" if name == "val/loss" else f"{100 * value:.2f}"
            for name, value in zip(names, values, strict=True)
        )
        rows.append([f"{step + 1:,}", *cells])
    title = "Loss and greedy error rates on dev"
    return tag("details", tag("summary", "The numbers on dev"), table(["step", *heads], rows, title))
