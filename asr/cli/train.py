"""Trains a model: asr train experiment=an4/blstm seed=1."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Any

from asr.cli.command import command, log
from asr.errors import UsageError
from asr.files import written_whole

_USAGE = """usage: asr train [--quiet] [--multirun] [--config FILE | --print-config] [KEY=VALUE ...]

Trains a model with CTC. conf/train.yaml is composed by Hydra with the choices below; any key of it can be overridden.

options:
  --config FILE    run a configuration that a run saved, exp/<corpus>/<name>/seed<k>/config.yaml
  --print-config   print the composed configuration and stop
  --multirun       one run after another for keys with several values (seed=0,1,2); one device only
  --quiet          print errors only

resume:   asr train experiment=an4/blstm ckpt_path=last
weights:  asr train experiment=an4/blstm init_from=other.ckpt
many:     asr train experiment=an4/blstm trainer.devices=8 trainer.strategy=ddp

choices, the first word being the key:"""

_KNOWN_WARNINGS = (
    "Checkpoint directory .* exists and is not empty",  # it holds the run's config.yaml
    "The '.*_dataloader' does not have many workers",  # one process reads faster than a CPU trains
    "The `srun` command is available",
    "GPU available but not used",
    "You're resuming from a checkpoint that ended before the epoch ended",  # SpeechData keeps the position
    "The number of training batches .* is smaller than the logging interval",  # epoch means are logged all the same
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",  # lightning 2.6 beside torch 2.11
)


def usage() -> str:
    """Gives the help text with the menu of ``conf/``."""
    from asr.cli.composition import groups

    return "\n".join([_USAGE, *(f"  {group}={' | '.join(names)}" for group, names in groups().items())])


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if {"-h", "--help"} & set(arguments):
        print(usage())
        return 0
    flags, config_file, overrides = _split(arguments)
    _set_up_logging(quiet="--quiet" in flags)
    if "--multirun" in flags:
        return _multirun(config_file, overrides)
    config = _configuration(config_file, overrides)
    if "--print-config" in flags:
        from asr.cli.composition import to_yaml

        print(to_yaml(config), end="")
        return 0
    _run(config)
    return 0


def _split(arguments: list[str]) -> tuple[set[str], str | None, list[str]]:
    flags: set[str] = set()
    overrides: list[str] = []
    config_file = None
    rest = iter(arguments)
    for argument in rest:
        if argument == "--config":
            config_file = next(rest, None)
            if config_file is None:
                raise UsageError("--config", "no file behind it", "give a run's config.yaml")
        elif argument in ("--quiet", "--multirun", "--print-config"):
            flags.add(argument)
        elif argument.startswith("-"):
            raise UsageError(argument, "no such option", "asr train --help lists them; settings are KEY=VALUE")
        else:
            overrides.append(argument)
    return flags, config_file, overrides


def _configuration(config_file: str | None, overrides: list[str]) -> dict[str, Any]:
    from asr.cli.composition import compose_config, load_config

    return load_config(config_file, overrides) if config_file else compose_config(overrides)


def _run(config: dict[str, Any]) -> None:
    from asr.cli.composition import to_yaml
    from asr.training.run import train

    if _is_first_rank():
        with written_whole(Path(config["exp_dir"]) / "config.yaml") as beside:
            beside.write_text(to_yaml(config | {"ckpt_path": None, "init_from": None}), encoding="utf-8")
    _quieten_lightning()
    trainer = train(config)
    if trainer.is_global_zero:
        log(f"asr train: {trainer.current_epoch} epochs done, checkpoints in {config['exp_dir']}")


def _multirun(config_file: str | None, overrides: list[str]) -> int:
    from asr.cli.composition import expand_sweep

    configs = [_configuration(config_file, run) for run in expand_sweep(overrides)]
    if any(config["trainer"]["devices"] not in (1, "1") or config["trainer"]["num_nodes"] != 1 for config in configs):
        raise UsageError("--multirun", "trainer.devices is not 1", "start the runs on several devices one by one")
    folders = [config["exp_dir"] for config in configs]
    if len(set(folders)) < len(folders):
        raise UsageError("--multirun", f"several runs would write to {folders[0]}", "let name= or exp_dir= differ too")
    for number, config in enumerate(configs, start=1):
        log(f"asr train: run {number} of {len(configs)}, {config['exp_dir']}")
        _run(config)
    return 0


def _set_up_logging(quiet: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    ours = logging.getLogger("asr")
    ours.handlers, ours.propagate = [handler], False
    ours.setLevel(logging.INFO if _is_first_rank() and not quiet else logging.WARNING)


def _quieten_lightning() -> None:
    """Leaves out what Lightning says of every run; its loggers set their own level when they are imported."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in _KNOWN_WARNINGS:
        warnings.filterwarnings("ignore", message=message)


def _is_first_rank() -> bool:
    return all(os.environ.get(name, "0") == "0" for name in ("LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"))


if __name__ == "__main__":
    raise SystemExit(main())
