"""Ranks on CPU: processes forked from this one, which share each step and are watched until they end."""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import signal
import socket
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import Any, NoReturn

import torch

from asr import interruption
from asr.errors import AsrError, ConfigError
from asr.machine import num_processes

_LEAST_WORK = {"batch_seconds": 8.0, "batch_words": 256.0, "batch_letters": 256.0}  # per rank, for ``auto``
_GRACE = 3.0  # seconds that other ranks have to end and report, once one has failed
_LOOK = 0.2  # seconds between checks for signals
_PR_SET_PDEATHSIG = 1

_STRATEGY = {
    "class_path": "lightning.pytorch.strategies.DDPStrategy",
    "init_args": {"process_group_backend": "gloo", "gradient_as_bucket_view": True},
}
_ENVIRONMENT = {"class_path": "lightning.pytorch.plugins.environments.LightningEnvironment"}


def with_devices(config: dict[str, Any]) -> dict[str, Any]:
    """Returns the configuration with a number in place of ``trainer.devices: auto``.

    On CPU there are as many ranks as cores, if each has enough work in a step; where torchrun or SLURM started this
    process, as many as they started; on a GPU one.

    Raises:
        ConfigError: on CPU, it is not a number.
    """
    trainer = config["trainer"]
    devices = trainer["devices"]
    if devices == "auto":
        devices = _started_ranks() or (_num_ranks(config["data"]) if is_on_cpu(trainer) else 1)
    elif is_on_cpu(trainer):
        try:
            devices = int(devices)
        except (TypeError, ValueError):
            raise ConfigError("trainer.devices", f"is {devices!r}", "give a number of ranks, or auto") from None
    return config | {"trainer": trainer | {"devices": devices}}


def is_on_cpu(trainer: dict[str, Any]) -> bool:
    """Returns whether the trainer's settings, and the devices of this machine, mean a training on CPU."""
    if trainer["accelerator"] == "auto":
        return not (torch.cuda.is_available() or torch.backends.mps.is_available())
    return bool(trainer["accelerator"] == "cpu")


def num_forked(config: dict[str, Any]) -> int:
    """Returns how many ranks :func:`run` has to start: none if one process trains, or if others start the ranks."""
    trainer = config["trainer"]
    is_ours = is_on_cpu(trainer) and trainer["strategy"] in ("auto", "ddp") and not _started_ranks()
    return trainer["devices"] if is_ours and trainer["devices"] > 1 and sys.platform == "linux" else 0


def repeats_command(config: dict[str, Any]) -> bool:
    """Returns whether Lightning starts ranks that run the whole command again, which rules out a loop over runs."""
    config = with_devices(config)
    is_one = config["trainer"]["devices"] in (1, "1") or num_forked(config) > 0
    return not is_one or config["trainer"]["num_nodes"] != 1


def run(num_ranks: int, config: dict[str, Any], train: Callable[[dict[str, Any]], None]) -> None:
    """Trains in forked processes and waits for their end. Signals to this process are passed on to them.

    Args:
        num_ranks: number of ranks on this machine.
        config: the configuration.
        train: called in each rank with the rank's configuration.

    Raises:
        AsrError: a rank raised it, or a rank was killed; the message then has its number and process id.
        RuntimeError: a rank raised another exception; the message has its traceback.
    """
    plugins = [*(config["trainer"].get("plugins") or []), _ENVIRONMENT]
    config = config | {"trainer": config["trainer"] | {"strategy": _STRATEGY, "plugins": plugins}}
    environment = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port())} | os.environ
    context = multiprocessing.get_context("fork")
    ranks: list[_Rank] = []
    interruption.hold()
    try:
        for number in range(num_ranks):
            reader, writer = context.Pipe(duplex=False)
            arguments = (train, config, environment | {"LOCAL_RANK": str(number)}, writer, os.getpid())
            ranks.append(_Rank(number, context.Process(target=_run_rank, args=arguments), reader))
            ranks[-1].process.start()
            writer.close()
        _watch(ranks)
        cause = _cause(ranks)
    finally:
        interruption.release()
        for rank in ranks:
            rank.process.kill()
            rank.process.join()
    if cause is not None:
        raise cause


@dataclass
class _Rank:
    """A rank as its parent sees it; ``error`` is the :class:`AsrError` or traceback of its failure at ``failed_at``."""

    number: int
    process: ForkProcess
    reader: Connection
    error: AsrError | str | None = None
    failed_at: float = 0.0

    def has_ended(self) -> bool:
        """Reads what the rank has sent, and returns whether it has ended."""
        has_ended = self.process.exitcode is not None  # checked first: whatever it sent, it sent before it ended
        if self.error is None and not self.reader.closed and self.reader.poll():
            try:
                self.failed_at, self.error = self.reader.recv()
            except EOFError:
                self.reader.close()
        return has_ended

    @property
    def has_failed(self) -> bool:
        """Whether it raised something, or ended with another status than 0."""
        return self.error is not None or self.process.exitcode not in (None, 0)


def _watch(ranks: list[_Rank]) -> None:
    """Waits until all ranks have ended, or until one has failed and the others have had time to report theirs."""
    is_told, deadline = False, float("inf")
    while time.monotonic() < deadline:
        living = [rank.process for rank in ranks if not rank.has_ended()]
        if not living:
            return
        if deadline == float("inf") and any(rank.has_failed for rank in ranks):
            deadline = time.monotonic() + _GRACE
        if not is_told and interruption.wanted():
            is_told = True
            for process in living:
                os.kill(process.pid or 0, interruption.wanted())
        wait([process.sentinel for process in living], timeout=_LOOK)


def _cause(ranks: list[_Rank]) -> Exception | None:
    """Returns why training failed, if it did; a killed rank comes first, because it makes the others fail."""
    for rank in ranks:
        status = rank.process.exitcode
        if status is not None and (status < 0 or (status > 0 and rank.error is None)):
            found = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
            remedy = "see whether memory had run out, then resume with ckpt_path=last"
            return AsrError(f"rank {rank.number} of {len(ranks)} (process {rank.process.pid})", found, remedy)
    failed = sorted((rank for rank in ranks if rank.error is not None), key=lambda rank: rank.failed_at)
    for rank in failed:
        if isinstance(rank.error, AsrError):
            return rank.error
    return RuntimeError(f"rank {failed[0].number} failed\n{failed[0].error}") if failed else None


def _run_rank(
    train: Callable[[dict[str, Any]], None],
    config: dict[str, Any],
    environment: dict[str, str],
    writer: Connection,
    parent: int,
) -> NoReturn:
    """Trains as one rank, and ends the process."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # a rank must not outlive its parent
    if os.getppid() != parent:
        sys.exit(1)
    interruption.release()
    os.environ |= environment
    if environment["LOCAL_RANK"] != "0":
        logging.getLogger("asr").setLevel(logging.ERROR)
        warnings.simplefilter("ignore")
    try:
        train(config)
    except AsrError as error:
        writer.send((time.monotonic(), error))
        sys.exit(error.exit_status)
    except BaseException:  # the parent prints it, once for all ranks
        writer.send((time.monotonic(), traceback.format_exc()))
        sys.exit(1)
    sys.exit(0)


def _started_ranks() -> int:
    """Returns how many ranks torchrun, SLURM or Lightning started on this machine; 0 if none of them did."""
    if "LOCAL_RANK" in os.environ:
        return int(os.environ.get("LOCAL_WORLD_SIZE") or os.environ.get("WORLD_SIZE") or 1)
    num_tasks = int(os.environ.get("SLURM_NTASKS") or 1)
    if num_tasks > 1 and os.environ.get("SLURM_JOB_NAME") not in ("bash", "interactive"):
        return int(os.environ.get("SLURM_NTASKS_PER_NODE") or num_tasks // int(os.environ.get("SLURM_NNODES") or 1))
    return 0


def _num_ranks(data: dict[str, Any]) -> int:
    """Returns how many ranks fill the cores, as long as each has enough work in a step."""
    if sys.platform != "linux":  # elsewhere, forking a process that has loaded this much is not safe
        return 1
    limits = [data[name] // least for name, least in _LEAST_WORK.items() if isinstance(data.get(name), (int, float))]
    if isinstance(data.get("max_batch_size"), int):
        limits.append(data["max_batch_size"])
    return max(1, min([num_processes(), *map(int, limits)]))


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
