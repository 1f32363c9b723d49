"""The card of a model file, for people: what it was trained on, its error rates, its licence."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import asr
from asr.checkpoints.rows import Row
from asr.errors import printable
from asr.records import Record, describe_json

Card = Mapping[str, Any]
"""Plain values by name; error rates are objects in a list under ``scores``."""

_WORDS = ", words"  # end of the name of a rule that counts words
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


def headline(card: Card) -> str:
    """Returns what a model is and how many words it gets wrong on what, by the first error rate of words in its card.

    Example:
        >>> rate = {"rate": 0.2134, "split": "dev", "measured_by": "text policy upper (0123abcd), words"}
        >>> headline({"description": "read English", "scores": [rate]})
        'read English; 21.34 % of words wrong on dev'
    """
    scores = card.get("scores")
    rates = [each for each in (scores if isinstance(scores, list) else []) if isinstance(each, dict)]
    of_words = [each for each in rates if str(each.get("measured_by")).endswith(_WORDS)]
    wrong = (f"{_interval(each)} of words wrong on {_in_words(each.get('split'))}" for each in of_words)
    about = _in_words(card.get("description", "without a description"))
    return printable(f"{about}; {next(wrong, 'its card has no error rate of words')}")


def read_card(manifest: Record) -> Card:
    """Returns the card of a manifest.

    Raises:
        DataError: there is none.
    """
    return dict(manifest.record("card").fields)


def _rate(score: Mapping[str, Any]) -> str:
    """Returns an error rate in percent, followed by its other fields, in one line."""
    rest = {name: value for name, value in score.items() if name not in ("label", "rate", "interval")}
    return ", ".join([f"{_in_words(score.get('label'))}: {_interval(score)}", *([_in_words(rest)] if rest else [])])


def _interval(score: Mapping[str, Any]) -> str:
    """Returns an error rate in percent, with the bounds of its interval if it has one."""
    percent, bounds = _percent(score.get("rate")), score.get("interval")
    if isinstance(bounds, list) and len(bounds) == 2:
        percent += f" ({_percent(bounds[0])} to {_percent(bounds[1])})"
    return percent


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
