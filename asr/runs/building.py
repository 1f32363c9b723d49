"""Module, data and trainer of a run: jsonargparse checks their settings and builds them."""

from __future__ import annotations

import os
import re
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.cli import ArgsType, LightningCLI

from asr.data.dictionary import DictionaryData
from asr.data.module import SpeechData
from asr.data.planned import PlannedData
from asr.data.text import TextData
from asr.data.unlabelled import UnlabelledData
from asr.errors import ConfigError
from asr.runs.allowed import check_values, close_list
from asr.runs.precision import with_precision
from asr.training.language_module import LanguageModule
from asr.training.module import CTCModule
from asr.training.predictive_module import PredictiveModule
from asr.training.pronunciation_module import PronunciationModule
from asr.training.stepping import SteppedModule
from asr.training.transducer_module import TransducerModule

_ARGUMENTS = ("model", "data", "trainer")
_TRAINED: tuple[tuple[type[SteppedModule], type[PlannedData]], ...] = (
    (CTCModule, SpeechData),
    (TransducerModule, SpeechData),
    (LanguageModule, TextData),
    (PronunciationModule, DictionaryData),
    (PredictiveModule, UnlabelledData),
)
"""Module and data of each kind of model; the first pair is for configurations without a known ``task``."""


class TrainingCLI(LightningCLI):
    """Builds module, data and trainer from a plain dict."""

    def parse_arguments(self, parser: ArgumentParser, args: ArgsType) -> None:
        """Parses the dict as an object, where Lightning would treat it as a command line and warn."""
        assert isinstance(args, dict)
        self.config = parser.parse_object(args)


def build(config: dict[str, Any]) -> TrainingCLI:
    """Builds module, data and trainer.

    Args:
        config: what ``asr train`` composed; ``model``, ``data``, ``trainer`` and ``seed`` are used, and ``task`` and
            ``min_count`` if present.

    Returns:
        All three, as attributes ``model``, ``datamodule`` and ``trainer``.

    Raises:
        ConfigError: a setting is unknown or of the wrong type; the message names it.
    """
    try:
        model, data, arguments = _classes_and_arguments(config)
    except KeyError as error:
        raise ConfigError(str(error.args[0]), "is missing", "asr train --print-config shows all settings") from None
    for name in _ARGUMENTS:
        check_values(config[name], name)
    close_list()
    os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")  # Lightning itself uses what is deprecated
    try:
        return TrainingCLI(
            model,
            data,
            args=arguments,
            run=False,
            auto_configure_optimizers=False,
            seed_everything_default=arguments["seed_everything"],
            save_config_callback=None,
            parser_kwargs={"exit_on_error": False},
        )
    except ArgumentError as error:
        raise ConfigError(*complaint(str(error)), "asr train --print-config shows all settings") from error
    except (ValueError, TypeError, MisconfigurationException, ImportError) as error:  # how Lightning refuses a setting
        found = " ".join(str(error).split())
        raise ConfigError("configuration", found, "asr train --print-config shows all settings") from error


def _classes_and_arguments(config: dict[str, Any]) -> tuple[type[SteppedModule], type[PlannedData], dict[str, Any]]:
    """Returns the classes of module and data, and the settings of module, data and trainer."""
    arguments = {name: dict(config[name]) for name in _ARGUMENTS} | {"seed_everything": config["seed"]}
    module, data = next((pair for pair in _TRAINED if pair[0].kind.task == config.get("task")), _TRAINED[0])
    arguments["model"] |= module.kind.settings(config)
    arguments["trainer"] = with_precision(arguments["trainer"])
    return module, data, arguments


def complaint(message: str) -> tuple[str, str]:
    r"""Returns the setting that a message of jsonargparse is about, and what is wrong with it.

    Example:
        >>> complaint('Parser key "trainer.max_epochs":\\n  Expected a <class \'int\'>. Got value: many')
        ('trainer.max_epochs', "'many' where int is expected")
    """
    message = message.partition(". Got value: Namespace(")[0]
    key = ".".join(re.findall(r'[Pp]arser key "([^"]+)":', message)) or "configuration"
    denied = re.search(r"Importing '([^']+)' is not allowed", message)
    if denied:
        return key, f"names {denied[1]}, which no configuration may build"
    kinds = re.findall(r"Expected an? (?:<class '(?:\w+\.)*(\w+)'>|typing\.(Literal\[[^]]*\]))", message)
    value = re.search(r"(?:Given|Got) value: (.*)", message)
    inside = re.search(r"Problem with given class_path '[^']*':\s+(.+)", message)
    if inside and kinds and all("NoneType" in kind for kind in kinds):  # settings of what may be null
        return key, inside[1]
    if kinds and value:
        expected = " or ".join(dict.fromkeys("null" if "NoneType" in kind else "".join(kind) for kind in kinds))
        return key, f"{value[1]!r} where {expected} is expected"
    return key, message.splitlines()[-1].rpartition("callable class: ")[2].strip(" -")
