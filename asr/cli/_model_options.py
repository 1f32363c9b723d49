"""Options that name a model, shared by the verbs that take recordings; the model in the box is the default."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace

from asr.box.english import ENGLISH
from asr.cli._search_options import add_head
from asr.cli.command import log


def add_models(parser: ArgumentParser) -> None:
    """Adds the options."""
    models = parser.add_mutually_exclusive_group()
    model_help = f"model file that asr export wrote (default: {ENGLISH}, the model in the box)"
    models.add_argument("--model", type=_named, metavar="FILE", help=model_help)
    models.add_argument("--checkpoint", type=_named, metavar="FILE", help="checkpoint that asr train wrote")
    add_head(parser)


def choose_model(arguments: Namespace) -> None:
    """Chooses the model in the box where no other is named."""
    if arguments.model is None and arguments.checkpoint is None:
        arguments.model = ENGLISH


def tell_model(arguments: Namespace, verb: str) -> None:
    """Says of the model in the box what it is and how many words it gets wrong; nothing of others.

    Raises:
        CheckpointError: this installation has no model in the box, or it cannot be read.
    """
    if arguments.model == ENGLISH:
        from asr.checkpoints.model_file.reading import read_headline  # and NumPy

        log(f"asr {verb}: {ENGLISH}, the model in the box: {read_headline(ENGLISH)}")


def _named(path: str) -> str:
    if not path:
        raise ArgumentTypeError("names no file")
    return path
