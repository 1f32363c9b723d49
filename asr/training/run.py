"""One training run: jsonargparse checks the configuration and builds, Lightning runs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from jsonargparse import ArgumentError, ArgumentParser
from lightning import Trainer
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.cli import LightningCLI

from asr.checkpoints.reading import read_checkpoint
from asr.data.dictionary import DictionaryData
from asr.data.module import SpeechData
from asr.data.planned import PlannedData
from asr.data.text import TextData
from asr.errors import ConfigError
from asr.machine import keep_memory
from asr.training.allowed import check_values, close_list
from asr.training.language_module import LanguageModule
from asr.training.module import CTCModule
from asr.training.pronunciation_module import PronunciationModule
from asr.training.resuming import check_model, fit
from asr.training.stepping import SteppedModule
from asr.training.transfer import take_weights

_ARGUMENTS = ("model", "data", "trainer")
_TRAINED: tuple[tuple[type[SteppedModule], type[PlannedData]], ...] = (
    (CTCModule, SpeechData),
    (LanguageModule, TextData),
    (PronunciationModule, DictionaryData),
)
"""Module and data of each kind of model; the first are those of configurations without a known ``task``."""


class TrainingCLI(LightningCLI):
    """Builds module, data and trainer from a plain dict."""

    def parse_arguments(self, parser: ArgumentParser, args: Any) -> None:
        """Checks the dict as an object: Lightning would take it for a command line and warn."""
        self.config = parser.parse_object(args)


def build(config: dict[str, Any]) -> TrainingCLI:
    """Builds module, data and trainer.

    Args:
        config: what ``asr train`` composed; of it ``model``, ``data``, ``trainer`` and ``seed`` are used, and ``task``
            and ``min_count`` where there are any.

    Returns:
        The three, as attributes ``model``, ``datamodule`` and ``trainer``.

    Raises:
        ConfigError: naming the setting that is unknown or of the wrong type.
    """
    try:
        model, data, arguments = _classes_and_arguments(config)
    except KeyError as error:
        raise ConfigError(str(error.args[0]), "is missing", "asr train --print-config shows all settings") from None
    for name in _ARGUMENTS:
        check_values(config[name], name)
    close_list()
    os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")  # what Lightning itself does is deprecated
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
    except (ValueError, TypeError, MisconfigurationException, ImportError) as error:  # Lightning's ways of refusing
        found = " ".join(str(error).split())
        raise ConfigError("configuration", found, "asr train --print-config shows all settings") from error


def _classes_and_arguments(
    config: dict[str, Any],
) -> tuple[type[SteppedModule], type[PlannedData], dict[str, Any]]:
    """Returns the classes of module and data, and the settings of them and of the trainer."""
    arguments = {name: dict(config[name]) for name in _ARGUMENTS} | {"seed_everything": config["seed"]}
    module, data = next((pair for pair in _TRAINED if pair[0].kind.task == config.get("task")), _TRAINED[0])
    arguments["model"] |= module.kind.settings(config)
    return module, data, arguments


def train(
    config: dict[str, Any],
    ckpt_path: str | None = None,
    init_from: str | None = None,
    begin: Callable[[], None] = lambda: None,
) -> Trainer:
    """Trains until the end, or until early stopping.

    Args:
        config: what ``asr train`` composed.
        ckpt_path: checkpoint to resume from exactly.
        init_from: checkpoint to take weights from, and nothing else; see :func:`take_weights`.
        begin: called when model and checkpoint go together, before anything is read or written.

    Raises:
        AsrError: for whatever a user can cause.
    """
    keep_memory()
    cli = build(config)
    if ckpt_path:
        check_model(cli.model, ckpt_path)
    if init_from:
        take_weights(cli.model, init_from)
    begin()
    torch.set_float32_matmul_precision("high")
    # Lightning's own handlers end the process with status 0, and talk to other ranks in the middle of whatever they do.
    cli.trainer._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]
    fit(cli.trainer, cli.model, cli.datamodule, ckpt_path, config["exp_dir"])
    return cli.trainer


def starting_point(config: dict[str, Any]) -> tuple[str | None, str | None]:
    """Gives the checkpoint to resume from and the one to take weights from, at most one of them.

    With ``ckpt_path`` "last" a run resumes where it has been begun, and takes weights where it has not.

    Raises:
        CheckpointError: if the checkpoint is none.
        ConfigError: if both are asked for, ``ckpt_path`` not being "last", or a run would be lost.
    """
    ckpt_path, init_from, last = config.get("ckpt_path"), config.get("init_from"), Path(config["exp_dir"]) / "last.ckpt"
    if ckpt_path == "last":
        ckpt_path, init_from = (str(last), None) if last.exists() else (None, init_from)
    elif ckpt_path and init_from:
        raise ConfigError("ckpt_path, init_from", "both are set", "ckpt_path resumes a run, init_from starts another")
    elif not ckpt_path and last.exists() and not config.get("overwrite"):
        remedy = "resume it with ckpt_path=last, choose another name= or seed=, or say overwrite=true"
        raise ConfigError(last, "there is a run already", remedy)
    for path in (ckpt_path, init_from):
        if path:
            read_checkpoint(path)
    return ckpt_path, init_from


def complaint(message: str) -> tuple[str, str]:
    r"""Gives the setting that jsonargparse's many lines speak of, and what is wrong with it.

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
    if kinds and value:
        expected = " or ".join(dict.fromkeys("null" if "NoneType" in kind else "".join(kind) for kind in kinds))
        return key, f"{value[1]!r} where {expected} is expected"
    return key, message.splitlines()[-1].rpartition("callable class: ")[2].strip(" -")
