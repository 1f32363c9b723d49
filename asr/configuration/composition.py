"""Composes training configurations with Hydra, which nothing else imports."""

from __future__ import annotations

import difflib
import functools
import itertools
import re
import shlex
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from asr.configuration.earlier import check_key
from asr.configuration.menu import conf_dir, groups
from asr.configuration.saved import first_sentence, read_saved
from asr.configuration.settings import leaves
from asr.errors import ConfigError, UsageError

_PATHS = ("exp_dir", "ckpt_path", "init_from", "init_prediction_from")
_SHARED = "run"  # the file that the others start from
_REFUSED_RESOLVERS = (
    *("hydra", "now", "python_version", "oc.create", "oc.decode", "oc.deprecated", "oc.env", "oc.select"),
)


def best_metric(unit: str) -> str:
    """Returns the metric that selects the best checkpoint, for the unit of the token table.

    Raises:
        ConfigError: there is no such unit.
    """
    if not re.fullmatch(r"char|phone|bpe[1-9][0-9]*", unit):
        raise ConfigError("unit", f"{unit!r} is not a unit", "use char, phone, or bpe with its size, such as bpe500")
    return "val/per" if unit == "phone" else "val/wer"


def compose_config(overrides: list[str], name: str = "train") -> DictConfig:
    """Composes ``conf/train.yaml``, or another file, with overrides; :func:`resolve` turns it into plain values.

    Args:
        overrides: in Hydra's syntax, such as ``experiment=an4/blstm`` and ``trainer.max_epochs=3``.
        name: the file in ``conf/`` to start from, without its suffix.

    Raises:
        ConfigError: a key is misspelt, missing or contradictory; the message names it.
    """
    known = sorted({file.stem for file in conf_dir().glob("*.yaml")} - {_SHARED})
    if name not in known:
        raise ConfigError("--config-name", f"there is no {name!r}", f"choose from {', '.join(known)}")
    for override in overrides:
        parsed = _parse(override)
        check_key(parsed.key_or_group)
        if parsed.is_sweep_override():
            remedy = f"add --multirun for a run with each, or quote it as one value: {_quoted(override)}"
            raise ConfigError(override.partition("=")[0], "has several values", remedy)
    try:
        with initialize_config_dir(str(conf_dir().resolve()), version_base="1.3"):
            return compose(name, overrides)
    except HydraException as error:
        misspelt = re.match(r"Could not override '([^']+)'", str(error))
        if misspelt:
            raise ConfigError(misspelt[1], "no such setting", _suggestion(misspelt[1], name)) from error
        lacking = re.search(r"Could not find '([^'/]+)/([^']+)'", str(error))
        if lacking:
            raise _no_choice(*lacking.groups()) from error
        raise ConfigError("configuration", first_sentence(error), "asr train --help lists the choices") from error


def resolve(config: DictConfig) -> dict[str, Any]:
    """Returns a configuration as plain dicts and lists.

    Raises:
        ConfigError: a value is missing, or refers to a key that does not exist.
    """
    _close_resolvers()
    missing = [str(key) for key in config if OmegaConf.is_missing(config, key)]
    if missing:
        remedy = "choose an experiment, as in asr train experiment=an4/blstm, or give each as KEY=VALUE"
        raise ConfigError("configuration", f"no value for {', '.join(missing)}", remedy)
    try:
        plain = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError("configuration", first_sentence(error), "check the key that it names") from error
    assert isinstance(plain, dict)
    for key in _PATHS:
        value = plain.get(key)
        if not isinstance(value, str) and (key == "exp_dir" or value is not None):
            raise ConfigError(key, f"is {value}, not a path", "give the path of a folder or file")
    return {str(key): value for key, value in plain.items()}


def frontend_settings(name: str, changes: list[str]) -> dict[str, Any]:
    """Returns the settings of a front end of ``conf/frontend``.

    Args:
        name: the choice, such as "fbank80".
        changes: KEY=VALUE for single settings.

    Raises:
        ConfigError: there is no such choice, or a value cannot be read.
    """
    inside = [f"++model.frontend.init_args.{change}" for change in changes]
    config = resolve(compose_config([f"frontend={name}", "corpus=none", "name=none", *inside]))
    return dict(config["model"]["frontend"]["init_args"])


def load_config(path: str, overrides: list[str]) -> DictConfig:
    """Reads a configuration that a run saved, and changes single keys.

    Args:
        path: the run's ``config.yaml``.
        overrides: ``key=value`` with dotted keys.

    Raises:
        ConfigError: the file cannot be read, or does not have a key.
    """
    _close_resolvers()
    saved = read_saved(path)
    OmegaConf.set_struct(saved, True)
    for override in overrides:
        key, equals, _ = override.partition("=")
        check_key(key)
        if not equals or OmegaConf.select(saved, key, default=saved) is saved:
            raise ConfigError(override, f"no such key in {path}", "with --config, overrides are key=value of its keys")
        OmegaConf.set_struct(saved, False)
        try:
            saved.merge_with_dotlist([override])
        except Exception as error:  # OmegaConf passes PyYAML's own errors on
            raise ConfigError(key, "has a value that cannot be read", f"quote it: {_quoted(override)}") from error
        OmegaConf.set_struct(saved, True)
    return saved


def _close_resolvers() -> None:
    """Lets a configuration refer to its own keys only, not to the machine that it runs on."""
    OmegaConf.register_new_resolver("best_metric", best_metric, replace=True)
    for name in _REFUSED_RESOLVERS:
        OmegaConf.register_new_resolver(name, functools.partial(_refuse_resolver, name), replace=True)


def _refuse_resolver(name: str, *_: object) -> None:
    raise ConfigError(f"${{{name}:}}", "is not resolved", "write the value: a configuration is the same everywhere")


def to_yaml(config: DictConfig | dict[str, Any]) -> str:
    """Returns a configuration as YAML for :func:`load_config`; in a DictConfig, references stay references."""
    return OmegaConf.to_yaml(config if isinstance(config, DictConfig) else OmegaConf.create(config))


def changes(saved: dict[str, Any], config: dict[str, Any]) -> list[str]:
    """Returns the settings of model, data and trainer that differ, one line of text each.

    Example:
        >>> changes({"model": {"seed": 0}}, {"model": {"seed": 1}})
        ['model.seed: 0, now 1']
    """
    before, after = (dict(leaves(each)) for each in (saved, config))
    keys = [key for key in before | after if key.partition(".")[0] in ("model", "data", "trainer")]
    return [f"{key}: {before.get(key)}, now {after.get(key)}" for key in keys if before.get(key) != after.get(key)]


def _suggestion(key: str, name: str) -> str:
    with initialize_config_dir(str(conf_dir().resolve()), version_base="1.3"):
        config = compose(name)
    known = [*groups(), *(path for path, _ in leaves(OmegaConf.to_container(config)))]
    close = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {close[0]}?" if close else "asr train --print-config shows all; +KEY=VALUE adds one"


def _no_choice(group: str, name: str) -> ConfigError:
    """Returns the error for a choice that a group does not have, with those that are like it."""
    close = difflib.get_close_matches(name, groups().get(group, []), n=1)
    remedy = f"did you mean {group}={close[0]}?" if close else "asr train --help lists the choices"
    return ConfigError(f"{group}={name}", "there is no such choice", remedy)


def expand_sweep(overrides: list[str]) -> list[list[str]]:
    """Returns the override lists of ``--multirun``: every combination of the comma-separated values.

    Raises:
        UsageError: no key has several values.
        ConfigError: a value cannot be read.

    Example:
        >>> expand_sweep(["seed=0,1", "name=x"])
        [['seed=0', 'name=x'], ['seed=1', 'name=x']]
    """
    choices = []
    for override in map(_parse, overrides):
        key = override.get_key_element()
        values = (
            override.sweep_string_iterator() if override.is_sweep_override() else [override.get_value_element_as_str()]
        )
        choices.append([f"{key}={value}" for value in values])
    runs = [list(run) for run in itertools.product(*choices)]
    if len(runs) < 2:
        raise UsageError("--multirun", "no key has several values", "give some as in seed=0,1,2")
    return runs


def _parse(override: str) -> Override:
    """Reads an override as Hydra does.

    Raises:
        ConfigError: it cannot be read; the message has the quotation marks that it needs.
    """
    try:
        return OverridesParser.create().parse_override(override)
    except HydraException as error:
        key, equals, _ = override.partition("=")
        remedy = f"quote it: {_quoted(override)}" if equals and key else "settings are KEY=VALUE"
        raise ConfigError(key or override, "has a value that cannot be read as it stands", remedy) from error


def _quoted(override: str) -> str:
    """Returns an override with its value, or each value of a list, quoted for Hydra, and all of it for a shell.

    Example:
        >>> print(_quoted("data.train_cuts=[a(1).jsonl.gz,b=2]"))
        'data.train_cuts=["a(1).jsonl.gz","b=2"]'
    """
    key, _, value = override.partition("=")
    is_list = value.startswith("[") and value.endswith("]")
    parts = value[1:-1].split(",") if is_list else [value]
    bare = [re.sub(r"""^(["'])(.*)\1$""", r"\2", part.strip()) for part in parts]
    quoted = ",".join('"' + re.sub(r'(\\*)("|$)', _escaped, part) + '"' for part in bare)
    return shlex.quote(f"{key}=[{quoted}]" if is_list else f"{key}={quoted}")


def _escaped(match: re.Match[str]) -> str:
    """Escapes a quotation mark or the end, and doubles the backslashes before it; other backslashes stay."""
    return match[1] * 2 + ("\\" + match[2] if match[2] else "")
