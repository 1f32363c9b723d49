"""One training run: jsonargparse checks the configuration and builds, Lightning runs."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import torch
from jsonargparse import ArgumentError, ArgumentParser
from lightning import Trainer
from lightning.pytorch.cli import LightningCLI

from asr.data.module import SpeechData
from asr.errors import CheckpointError, ConfigError
from asr.text.tokens import TokenTable
from asr.training.module import CTCModule

os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")  # Lightning's own use of it is what it complains of

_ARGUMENTS = ("model", "data", "trainer")


class TrainingCLI(LightningCLI):
    """Builds module, data and trainer from a plain dict."""

    def parse_arguments(self, parser: ArgumentParser, args: Any) -> None:
        """Checks the dict as an object: Lightning would take it for a command line and warn."""
        self.config = parser.parse_object(args)

    def before_instantiate_classes(self) -> None:
        """Nothing is read from the command line here."""


def build(config: dict[str, Any]) -> TrainingCLI:
    """Builds module, data and trainer.

    Args:
        config: what ``asr train`` composed; of it ``model``, ``data``, ``trainer`` and ``seed`` are used.

    Returns:
        The three, as attributes ``model``, ``datamodule`` and ``trainer``.

    Raises:
        ConfigError: naming the setting that is unknown or of the wrong type.
    """
    arguments = {name: dict(config[name]) for name in _ARGUMENTS}
    arguments["model"]["tokens"] = token_state(arguments["model"]["tokens"])
    try:
        return TrainingCLI(
            CTCModule,
            SpeechData,
            args=arguments | {"seed_everything": config["seed"]},
            run=False,
            auto_configure_optimizers=False,
            seed_everything_default=config["seed"],
            save_config_callback=None,
            parser_kwargs={"exit_on_error": False},
        )
    except ArgumentError as error:
        raise ConfigError("configuration", _complaint(str(error)), "asr train --help lists the choices") from error


def token_state(tokens: Any) -> Any:
    """Gives the state of a token table where the configuration names its file."""
    return TokenTable.load(Path(tokens)).state() if isinstance(tokens, str) else tokens


def train(config: dict[str, Any], ckpt_path: str | None = None, init_from: str | None = None) -> Trainer:
    """Trains until the end, or until early stopping.

    Args:
        config: what ``asr train`` composed.
        ckpt_path: checkpoint to resume from exactly.
        init_from: checkpoint to take weights from, and nothing else.

    Raises:
        AsrError: for whatever a user can cause.
    """
    cli = build(config)
    if init_from:
        take_weights(cli.model, init_from)
    torch.set_float32_matmul_precision("high")
    cli.trainer.fit(cli.model, cli.datamodule, ckpt_path=ckpt_path)
    return cli.trainer


def starting_point(config: dict[str, Any]) -> tuple[str | None, str | None]:
    """Gives the checkpoint to resume from and the one to take weights from, at most one of them.

    Raises:
        CheckpointError: if the checkpoint is none.
        ConfigError: if both are asked for, or a run would be lost.
    """
    ckpt_path, init_from, last = config.get("ckpt_path"), config.get("init_from"), Path(config["exp_dir"]) / "last.ckpt"
    if ckpt_path and init_from:
        raise ConfigError("ckpt_path, init_from", "both are set", "ckpt_path resumes a run, init_from starts another")
    if ckpt_path == "last":
        ckpt_path = str(last) if last.exists() else None
    elif not ckpt_path and last.exists() and not config.get("overwrite"):
        remedy = "resume it with ckpt_path=last, choose another name= or seed=, or say overwrite=true"
        raise ConfigError(last, "there is a run already", remedy)
    for path in (ckpt_path, init_from):
        if path:
            read_checkpoint(path)
    return ckpt_path, init_from


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Reads a training checkpoint.

    Raises:
        CheckpointError: if there is none, or it is none.
    """
    if not Path(path).is_file():
        raise CheckpointError(path, "no such file", "give the path of a .ckpt that asr train wrote")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for files that are no checkpoints
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(path, f"is not a checkpoint ({reason})", "give a .ckpt that asr train wrote") from error
    if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
        raise CheckpointError(path, "holds no state_dict", "give a .ckpt that asr train wrote")
    return checkpoint


def take_weights(module: CTCModule, path: str) -> None:
    """Loads the weights of a checkpoint into a module.

    Raises:
        CheckpointError: if they do not fit.
    """
    try:
        module.load_state_dict(read_checkpoint(path)["state_dict"])
    except RuntimeError as error:
        first = str(error).splitlines()[1 if "\n" in str(error) else 0].strip()
        raise CheckpointError(
            path, f"does not fit this model ({first})", "choose the model that it was trained with"
        ) from error


def _complaint(message: str) -> str:
    """Picks from jsonargparse's many lines the one that says what is wrong."""
    lines = [line.strip(" -") for line in message.splitlines() if line.strip(" -")]
    telling = [
        line
        for line in lines
        if re.search(r"Expected|not accepted|not expected|Unexpected|required|No action|Invalid", line)
    ]
    chosen = telling[-1] if telling else lines[-1]
    key = re.search(r'[Kk]ey "?([\w.]+)"?', message)
    return chosen if key is None or key.group(1) in chosen else f"{key.group(1)}: {chosen}"
