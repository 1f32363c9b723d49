"""One training run from start to end: its folder, its ranks, and the weights that it starts from."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch.trainer.connectors.signal_connector import _SignalConnector

from asr.configuration.composition import resolve
from asr.interruption import heeded
from asr.machine import is_first_rank, keep_memory
from asr.runs import ranks
from asr.runs.building import build
from asr.runs.folder import keep, owned
from asr.runs.quiet import quieten_lightning
from asr.runs.resuming import check_model, fit, starting_point
from asr.runs.transfer import take_prediction, take_weights

if TYPE_CHECKING:
    from omegaconf import DictConfig

logger = logging.getLogger(__name__)


def run(config: DictConfig) -> None:
    """Trains with what ``asr train`` composed or read, until the end, or until early stopping.

    Raises:
        AsrError: anything that a user can cause.
    """
    plain = ranks.with_devices(resolve(config))
    ckpt_path, sources = starting_point(plain)
    quieten_lightning()
    train = partial(_train, composed=config, ckpt_path=ckpt_path, sources=sources)
    with heeded(), owned(Path(plain["exp_dir"])):
        if num_ranks := ranks.num_forked(plain):
            ranks.run(num_ranks, plain, train)
        else:
            train(plain)


def _train(config: dict[str, Any], composed: DictConfig, ckpt_path: str | None, sources: dict[str, str]) -> None:
    """Trains in this process; nothing is written before model and checkpoint are known to fit."""
    keep_memory()
    cli = build(config)
    if ckpt_path:
        check_model(cli.model, ckpt_path)
    if "init_from" in sources:
        take_weights(cli.model, sources["init_from"], config.get("init_layers"))
    if "init_prediction_from" in sources:
        take_prediction(cli.model, sources["init_prediction_from"])
    if is_first_rank():
        keep(composed, is_resumed=ckpt_path is not None)
    torch.set_float32_matmul_precision("high")
    cli.trainer._signal_connector = _NoSignals(cli.trainer)
    fit(cli.trainer, cli.model, cli.datamodule, ckpt_path, config["exp_dir"])
    if cli.trainer.is_global_zero:
        logger.info("asr train: %d epochs done, checkpoints in %s", cli.trainer.current_epoch, config["exp_dir"])


class _NoSignals(_SignalConnector):
    """Leaves signals to :mod:`asr.interruption`.

    Lightning's own handlers end the process with status 0, and talk to other ranks at any point of a step.
    """

    def register_signal_handlers(self) -> None:
        """Registers no handlers."""
