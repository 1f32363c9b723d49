"""Trains a model: asr train experiment=an4/blstm seed=1."""

from __future__ import annotations

import argparse
import logging
from typing import TYPE_CHECKING

from asr.cli.command import command, log, make_parser, parse, print_log
from asr.configuration.menu import groups
from asr.errors import UsageError
from asr.machine import is_first_rank

if TYPE_CHECKING:
    from omegaconf import DictConfig

_DESCRIPTION = """Trains a model with CTC, with objective=attention also an attention decoder beside it, or, with
objective=transducer, a transducer.

conf/train.yaml is composed by Hydra with the choices below; any key of it can be overridden."""

_EXAMPLES = """\
  asr train experiment=an4/blstm
  asr train experiment=an4/blstm ckpt_path=last        resumes the run
  asr train experiment=an4/blstm init_from=other.ckpt  starts from its weights, matched by token; so does other.asr
  asr train experiment=an4/from init_from=english      starts from the model in the box
  asr train experiment=an4/blstm trainer.devices=8     GPUs; on CPU, auto is one rank per core
  asr train experiment=timit/blstm objective=transducer init_from=ctc.ckpt init_prediction_from=phone_lm.ckpt name=tuned
  asr train experiment=librispeech/mini_attention      an attention decoder beside CTC
  asr train --config-name lm corpus=librispeech text=[books.txt]         a language model
  asr train --config-name compact_lm corpus=librispeech text=[books.txt] one of few weights, for much text
  asr train --config-name phone_lm corpus=timit                          one of phones, for a transducer
  asr train --config-name g2p corpus=cmudict lexicon=[cmudict.dict]      letters to phones
  asr train --config-name predictive corpus=librispeech                  an encoder, from speech without transcripts

choices, by key:"""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = parse(_parser(), argv, intermixed=True)
    print_log(level=logging.INFO if is_first_rank() and not arguments.quiet else logging.WARNING)
    if arguments.multirun:
        return _multirun(arguments)
    config = _configuration(arguments, arguments.overrides)
    if arguments.print_config:
        from asr.configuration.composition import resolve, to_yaml

        print(to_yaml(resolve(config)), end="")
        return 0
    from asr.runs.run import run

    run(config)
    return 0


def _parser() -> argparse.ArgumentParser:
    menu = (f"  {group}={' | '.join(names)}" for group, names in groups().items())
    parser = make_parser("train", _DESCRIPTION, "\n".join([_EXAMPLES, *menu]))
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="choices and settings, as Hydra takes them")
    source = parser.add_mutually_exclusive_group()
    name = (
        "compose conf/NAME.yaml instead of conf/train.yaml: lm, compact_lm or phone_lm for a language model, g2p for "
        "pronunciations, predictive to learn from speech without transcripts"
    )
    source.add_argument("--config-name", default="train", metavar="NAME", help=name)
    saved = "use the configuration of an earlier run, exp/<corpus>/<name>/seed<k>/config.yaml"
    source.add_argument("--config", metavar="FILE", help=saved)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--print-config", action="store_true", help="print the composed configuration and stop")
    several = "do several runs in sequence, for keys with several values (seed=0,1,2); on one GPU at most"
    form.add_argument("--multirun", action="store_true", help=several)
    return parser


def _configuration(arguments: argparse.Namespace, overrides: list[str]) -> DictConfig:
    from asr.configuration.composition import compose_config, load_config

    if arguments.config is not None:
        return load_config(arguments.config, overrides)
    return compose_config(overrides, arguments.config_name)


def _multirun(arguments: argparse.Namespace) -> int:
    from asr.configuration.composition import expand_sweep, resolve
    from asr.runs.ranks import repeats_command
    from asr.runs.run import run

    configs = [_configuration(arguments, overrides) for overrides in expand_sweep(arguments.overrides)]
    plain = [resolve(config) for config in configs]
    if any(map(repeats_command, plain)):
        raise UsageError("--multirun", "several devices or nodes", "start such runs one by one")
    folders = [each["exp_dir"] for each in plain]
    if len(set(folders)) < len(folders):
        raise UsageError("--multirun", f"several runs would write to {folders[0]}", "let name= or exp_dir= differ too")
    for number, (config, folder) in enumerate(zip(configs, folders, strict=True), start=1):
        log(f"asr train: run {number} of {len(configs)}, {folder}")
        run(config)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
