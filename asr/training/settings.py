"""Nested settings as keys with dots, as they are written on the command line; what earlier versions called them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from asr.errors import ConfigError

_OF_THE_OBJECTIVE = ("consistency", "intermediate", "loss_per")  # once settings of the model itself


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yields the values of nested dicts and lists with their keys, joined by dots.

    Example:
        >>> list(leaves({"a": {"b": [1, 2]}}))
        [('a.b[0]', 1), ('a.b[1]', 2)]
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{place}]")
    else:
        yield path, value


def renew(model: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of a model as an earlier version saved them, with those of its objective where they are now.

    Example:
        >>> renew({"seed": 0, "loss_per": "token"})["objective"]["init_args"]
        {'loss_per': 'token'}
    """
    earlier = {name: model[name] for name in _OF_THE_OBJECTIVE if name in model}
    others = {name: value for name, value in model.items() if name not in earlier}
    objective = {"class_path": "asr.training.losses.CTCObjective", "init_args": earlier}
    return others | {"objective": objective} if earlier else others


def check_key(key: str) -> None:
    """Raises a :class:`ConfigError` that says what a setting of earlier versions is called now."""
    part, _, rest = key.partition(".")
    if part == "model" and rest.partition(".")[0] in _OF_THE_OBJECTIVE:
        raise ConfigError(key, "is a setting of earlier versions", f"it is model.objective.init_args.{rest}")
