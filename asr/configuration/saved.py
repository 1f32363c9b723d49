"""Configurations in files that somebody may have sent: read, and checked for references that expand without end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml  # which OmegaConf uses
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from asr.configuration.earlier import rename, renew
from asr.configuration.settings import leaves
from asr.errors import ConfigError

_PARTS = ("model", "data", "trainer")  # of every configuration
_MAX_CHARACTERS, _MAX_DEPTH = 1 << 20, 30
_MAX_REFERENCES, _MAX_VALUES = 200, 10_000  # of references, and of the values that they expand to
_REFERENCE = re.compile(r"\$\{(?:oc\.dict\.(?:keys|values):)?([A-Za-z_][\w.]*)\}|\$\{best_metric:")
_REMEDY = "give a run's config.yaml"


def read_saved(path: str) -> DictConfig:
    """Reads a configuration that a run saved.

    Raises:
        ConfigError: the file cannot be read, is not a configuration, or has references that expand far beyond its size.
    """
    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(_MAX_CHARACTERS + 1)
        _check_yaml(path, text)
        saved = OmegaConf.create(text)
        plain = OmegaConf.to_container(saved, resolve=False)
    except OSError as error:
        raise ConfigError(path, f"cannot be read ({error.strerror})", _REMEDY) from None
    except (OmegaConfBaseException, yaml.YAMLError, ValueError, AssertionError, RecursionError) as error:
        raise ConfigError(path, f"cannot be read ({first_sentence(error)})", _REMEDY) from error
    if not isinstance(plain, dict) or not all(isinstance(plain.get(part), dict) for part in _PARTS):
        raise ConfigError(path, "is not a training configuration", _REMEDY)
    _check_references(path, dict(leaves(plain)))
    assert isinstance(saved, DictConfig)
    saved.trainer, saved.model = rename(plain["trainer"]), renew(plain["model"])
    return saved


def _check_yaml(path: str, text: str) -> None:
    """Raises a :class:`ConfigError` for YAML that refers to itself or is nested too deeply."""
    if len(text) > _MAX_CHARACTERS:
        raise ConfigError(path, f"is longer than {_MAX_CHARACTERS:,} characters", _REMEDY)
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        where = f"{path}:{event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent):
            raise ConfigError(where, f"refers to *{event.anchor}", "write the value itself, or refer to it by ${key}")
        if depth > _MAX_DEPTH:
            raise ConfigError(where, f"is nested more than {_MAX_DEPTH} deep", _REMEDY)


def _check_references(path: str, values: Mapping[str, object]) -> None:
    """Raises a :class:`ConfigError` if references such as ``${key}`` expand to far more values than there are."""
    targets = {key: list(_targets(path, key, value)) for key, value in values.items() if isinstance(value, str)}
    if sum(map(len, targets.values())) > _MAX_REFERENCES:
        raise ConfigError(path, f"has more than {_MAX_REFERENCES} references", "write the values themselves")
    inner = {
        target: [key for key in values if key == target or key.startswith((f"{target}.", f"{target}["))]
        for target in {target for found in targets.values() for target in found}
    }
    sizes = dict.fromkeys(values, 1)
    for _ in range(_MAX_DEPTH):  # each round follows references one step further
        larger = {key: 1 + sum(sizes[each] for to in targets.get(key, ()) for each in inner[to]) for key in values}
        if larger == sizes:
            return
        sizes = larger
        if sum(sizes.values()) > _MAX_VALUES + len(values):
            break
    raise ConfigError(path, "has references that lead on and on", "write the values themselves")


def _targets(path: str, key: str, value: str) -> Iterator[str]:
    """Yields the keys that a value refers to."""
    for place in re.finditer(r"\$\{", value):
        match = _REFERENCE.match(value, place.start())
        if match is None:
            found = f"{key} has a reference that is no key of it ({value[place.start() :][:60]})"
            raise ConfigError(path, found, "refer to another value as ${its.key}, or write the value itself")
        if match[1]:
            yield match[1]


def first_sentence(error: Exception) -> str:
    """Returns the first line of an error that is not empty."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
