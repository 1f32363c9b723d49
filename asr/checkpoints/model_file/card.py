"""The card of a model file, for people: what it was trained on, its error rates, its licence."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import asr
from asr.checkpoints.rows import Row
from asr.records import Record, describe_json

Card = Mapping[str, Any]
"""Plain values by name; error rates are objects in a list under ``scores``."""

_FIRST = ("description", "licence", "trained_on")


def make_card(fields: Mapping[str, str], scores: Sequence[Mapping[str, Any]], command: str) -> Card:
    """Returns a card.

    Args:
        fields: fields given by people, such as ``description``, ``licence`` and ``trained_on``.
        scores: error rates, each with the rule that it was measured by.
        command: command that writes the file.
    """
    import torch  # which only those need who make cards

    said = {name: fields[name] for name in (*_FIRST, *fields) if name in fields}
    versions = {"carousel-asr": asr.__version__, "python": platform.python_version(), "torch": torch.__version__}
    return {**said, "scores": [dict(each) for each in scores], "versions": versions, "command": command}


def describe_card(card: Card) -> list[Row]:
    """Returns the lines of a card, one for each value and error rate.

    Example:
        >>> describe_card({"licence": "CC0", "scores": [{"label": "greedy", "rate": 0.05, "split": "dev"}]})
        [('licence', 'CC0'), ('errors', 'greedy: 5.00 %, split dev')]
    """
    rows: list[Row] = []
    for name, value in card.items():
        if name == "scores" and isinstance(value, list):
            rows += [("errors", _rate(each) if isinstance(each, dict) else _in_words(each)) for each in value]
        else:
            rows.append((name.replace("_", " "), _in_words(value)))
    return rows


def read_card(manifest: Record) -> Card:
    """Returns the card of a manifest.

    Raises:
        DataError: there is none.
    """
    return dict(manifest.record("card").fields)


def _rate(score: Mapping[str, Any]) -> str:
    """Returns an error rate in percent, followed by its other fields, in one line."""
    rest = {name: value for name, value in score.items() if name not in ("label", "rate", "interval")}
    percent = _percent(score.get("rate"))
    bounds = score.get("interval")
    if isinstance(bounds, list) and len(bounds) == 2:
        percent += f" ({_percent(bounds[0])} to {_percent(bounds[1])})"
    return ", ".join([f"{_in_words(score.get('label'))}: {percent}", *([_in_words(rest)] if rest else [])])


def _percent(rate: Any) -> str:
    is_number = isinstance(rate, int | float) and not isinstance(rate, bool)
    return f"{100 * rate:.2f} %" if is_number else _in_words(rate)


def _in_words(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return ", ".join(f"{name} {_in_words(each)}" for name, each in value.items())
    if isinstance(value, list) and not any(isinstance(each, dict | list) for each in value):
        return " to ".join(_in_words(each) for each in value) if len(value) == 2 else json.dumps(value)
    return f"{value:.6g}" if isinstance(value, float) else describe_json(value)
