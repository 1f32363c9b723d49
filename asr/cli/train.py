"""Trains a model: asr train experiment=an4/blstm seed=1."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.cli.command import command, log, warn
from asr.errors import UsageError
from asr.files import written_whole
from asr.locking import leftovers, locked

if TYPE_CHECKING:
    from omegaconf import DictConfig

_USAGE = """usage: asr train [--quiet] [--multirun | --print-config] [--config-name NAME | --config F] [KEY=VALUE ...]

Trains a model with CTC. conf/train.yaml is composed by Hydra with the choices below; any key of it can be overridden.

options:
  --config-name NAME  compose conf/NAME.yaml, not conf/train.yaml: lm for a language model, g2p for pronunciations
  --config FILE       run a configuration that a run saved, exp/<corpus>/<name>/seed<k>/config.yaml
  --print-config      print the composed configuration and stop
  --multirun          one run after another for keys with several values (seed=0,1,2); no more than one GPU
  --quiet             print errors only

resume:   asr train experiment=an4/blstm ckpt_path=last
weights:  asr train experiment=an4/blstm init_from=other.ckpt (tokens go by name; with ckpt_path=last, new runs only)
many:     asr train experiment=an4/blstm trainer.devices=8, of GPUs; on CPU, auto is a rank for each core
language: asr train --config-name lm corpus=librispeech text=[books.txt]
letters:  asr train --config-name g2p corpus=cmudict lexicon=[cmudict.dict]

choices, the first word being the key:"""

_OWN_FILES = (
    "*.ckpt",
    "config.yaml",
    "quarantine.tsv",
)  # what training itself writes into a folder

_SOURCES = {
    "--config": ("no file behind it", "give a run's config.yaml"),
    "--config-name": ("no name behind it", "give train, lm or g2p"),
}

_KNOWN_WARNINGS = (
    "Checkpoint directory .* exists and is not empty",  # it holds the run's config.yaml
    "The '.*_dataloader' does not have many workers",  # one process reads faster than a CPU trains
    "The `srun` command is available",
    "GPU available but not used",
    "You're resuming from a checkpoint that ended before the epoch ended",  # SpeechData keeps the position
    "The number of training batches .* is smaller than the logging interval",  # epoch means are logged all the same
    r"It is recommended to use `self.log\('(val/|train/loss_epoch).*sync_dist=True",  # summed over the ranks already
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",  # lightning 2.6 beside torch 2.11
)


def usage() -> str:
    """Gives the help text with the menu of ``conf/``."""
    from asr.configuration.composition import groups

    return "\n".join([_USAGE, *(f"  {group}={' | '.join(names)}" for group, names in groups().items())])


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if {"-h", "--help"} & set(arguments):
        print(usage())
        return 0
    flags, source, overrides = _split(arguments)
    _set_up_logging(quiet="--quiet" in flags)
    if "--multirun" in flags:
        return _multirun(source, overrides)
    config = _configuration(source, overrides)
    if "--print-config" in flags:
        from asr.configuration.composition import resolve, to_yaml

        print(to_yaml(resolve(config)), end="")
        return 0
    _run(config)
    return 0


def _split(arguments: list[str]) -> tuple[set[str], dict[str, str], list[str]]:
    flags: set[str] = set()
    source: dict[str, str] = {}
    overrides: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument in _SOURCES:
            found = next(rest, None)
            if found is None:
                raise UsageError(argument, *_SOURCES[argument])
            source[argument] = found
        elif argument in ("--quiet", "--multirun", "--print-config"):
            flags.add(argument)
        elif argument.startswith("-"):
            raise UsageError(argument, "no such option", "asr train --help lists them; settings are KEY=VALUE")
        else:
            overrides.append(argument)
    if len(source) > 1:
        raise UsageError(" and ".join(sorted(source)), "both are given", "leave one of them out")
    return flags, source, overrides


def _configuration(source: dict[str, str], overrides: list[str]) -> DictConfig:
    from asr.configuration.composition import compose_config, load_config

    if "--config" in source:
        return load_config(source["--config"], overrides)
    return compose_config(overrides, source.get("--config-name", "train"))


def _run(config: DictConfig) -> None:
    from asr.configuration.composition import resolve
    from asr.training import ranks
    from asr.training.interruption import heeded
    from asr.training.run import starting_point, train

    plain = ranks.with_devices(resolve(config))
    start = starting_point(plain)
    _quieten_lightning()

    def train_here(plain: dict[str, Any]) -> None:
        def begin() -> None:
            if _is_first_rank():
                _keep(config, is_resumed=start[0] is not None)

        trainer = train(plain, *start, begin)
        if trainer.is_global_zero:
            log(f"asr train: {trainer.current_epoch} epochs done, checkpoints in {plain['exp_dir']}")

    with heeded(), _owned(Path(plain["exp_dir"])):
        if num_ranks := ranks.num_forked(plain):
            ranks.run(num_ranks, plain, train_here)
        else:
            train_here(plain)


@contextmanager
def _owned(exp_dir: Path) -> Iterator[None]:
    """Keeps other trainings out of a folder, and removes what killed ones have left unfinished there."""
    if not _is_first_rank():
        yield
        return
    with locked(exp_dir / ".training.lock", "a training", "wait for it, or choose another name= or seed="):
        for name in _OWN_FILES:
            for part in leftovers(exp_dir / name):
                part.unlink(missing_ok=True)
        yield


def _keep(config: DictConfig, is_resumed: bool) -> None:
    """Writes the configuration into the run's folder; of a run that is resumed, says what has changed in it."""
    from asr.configuration.composition import changes, load_config, resolve, to_yaml

    plain = resolve(config)
    path = Path(plain["exp_dir"]) / "config.yaml"
    if is_resumed and path.exists():
        for change in changes(resolve(load_config(str(path), [])), plain):
            warn(f"{path}: resumed with another setting, {change}")
    if not is_resumed:  # the curves of a run that is overwritten would mix with those of the new one
        for events in path.parent.glob("events.out.tfevents.*"):
            events.unlink()
    kept = config.copy()
    kept.ckpt_path = kept.init_from = None
    with written_whole(path) as beside:
        beside.write_text(to_yaml(kept), encoding="utf-8")


def _multirun(source: dict[str, str], overrides: list[str]) -> int:
    from asr.configuration.composition import expand_sweep, resolve

    configs = [_configuration(source, run) for run in expand_sweep(overrides)]
    plain = [resolve(config) for config in configs]
    if any(not _runs_again(each) for each in plain):
        raise UsageError("--multirun", "several devices or nodes", "start such runs one by one")
    folders = [each["exp_dir"] for each in plain]
    if len(set(folders)) < len(folders):
        raise UsageError("--multirun", f"several runs would write to {folders[0]}", "let name= or exp_dir= differ too")
    for number, (config, folder) in enumerate(zip(configs, folders, strict=True), start=1):
        log(f"asr train: run {number} of {len(configs)}, {folder}")
        _run(config)
    return 0


def _runs_again(config: dict[str, Any]) -> bool:
    """Whether a run leaves this process as it was: ranks that Lightning starts run the whole command again."""
    from asr.training import ranks

    config = ranks.with_devices(config)
    one = config["trainer"]["devices"] in (1, "1") or ranks.num_forked(config) > 0
    return one and config["trainer"]["num_nodes"] == 1


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
