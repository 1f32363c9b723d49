"""Trains a model: asr train experiment=an4/blstm seed=1."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.cli.command import command, log, make_parser, parse, warn
from asr.configuration.menu import groups
from asr.errors import UsageError
from asr.files import written_whole
from asr.locking import leftovers, locked

if TYPE_CHECKING:
    from omegaconf import DictConfig

_DESCRIPTION = """Trains a model with CTC.

conf/train.yaml is composed by Hydra with the choices below; any key of it can be overridden."""

_EXAMPLES = """\
  asr train experiment=an4/blstm
  asr train experiment=an4/blstm ckpt_path=last        resumes
  asr train experiment=an4/blstm init_from=other.ckpt  weights alone, by tokens' names (with ckpt_path=last, new runs)
  asr train experiment=an4/blstm trainer.devices=8     GPUs; on CPU, auto is a rank for each core
  asr train --config-name lm corpus=librispeech text=[books.txt]         a language model
  asr train --config-name g2p corpus=cmudict lexicon=[cmudict.dict]      letters to phones

choices, the first word being the key:"""

_OWN_FILES = ("*.ckpt", "config.yaml", "quarantine.tsv")  # what training itself writes into a folder

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


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = parse(_parser(), argv, intermixed=True)
    _set_up_logging(arguments.quiet)
    if arguments.multirun:
        return _multirun(arguments)
    config = _configuration(arguments, arguments.overrides)
    if arguments.print_config:
        from asr.configuration.composition import resolve, to_yaml

        print(to_yaml(resolve(config)), end="")
        return 0
    _run(config)
    return 0


def _parser() -> argparse.ArgumentParser:
    menu = (f"  {group}={' | '.join(names)}" for group, names in groups().items())
    parser = make_parser("train", _DESCRIPTION, "\n".join([_EXAMPLES, *menu]))
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="choices and settings, as Hydra takes them")
    source = parser.add_mutually_exclusive_group()
    name = "compose conf/NAME.yaml, not conf/train.yaml: lm for a language model, g2p for pronunciations"
    source.add_argument("--config-name", default="train", metavar="NAME", help=name)
    saved = "run a configuration that a run saved, exp/<corpus>/<name>/seed<k>/config.yaml"
    source.add_argument("--config", metavar="FILE", help=saved)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--print-config", action="store_true", help="print the composed configuration and stop")
    several = "one run after another for keys with several values (seed=0,1,2); no more than one GPU"
    form.add_argument("--multirun", action="store_true", help=several)
    return parser


def _configuration(arguments: argparse.Namespace, overrides: list[str]) -> DictConfig:
    from asr.configuration.composition import compose_config, load_config

    if arguments.config is not None:
        return load_config(arguments.config, overrides)
    return compose_config(overrides, arguments.config_name)


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


def _multirun(arguments: argparse.Namespace) -> int:
    from asr.configuration.composition import expand_sweep, resolve

    configs = [_configuration(arguments, run) for run in expand_sweep(arguments.overrides)]
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
