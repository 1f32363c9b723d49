"""Puts models, lexicon, language model and weights into one file that transcribes with nothing beside it."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import replace
from pathlib import Path

from asr.cli.command import command, log, make_parser, parse
from asr.decoding.settings import DecoderSettings, RescoringSettings
from asr.errors import UsageError

_EXAMPLES = """  asr export --checkpoint best.ckpt --out english.asr
  asr export --checkpoint best.ckpt --settings 3gram.json --rescore lstm.ckpt --rescore-settings lstm.json \\
    --precision int8 --licence CC-BY-4.0 --card trained_on=AN4 --scores scores.json --out english.asr
  asr export --checkpoint best.ckpt --backend onnx --precision int8 --out small.asr

Of several checkpoints of the same tokens what they hear is averaged. asr info shows what a file holds."""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = parse(_parser(), argv)
    settings = DecoderSettings.load(arguments.settings) if arguments.settings else DecoderSettings()
    rescoring = _rescoring(arguments, settings)
    from asr.checkpoints.model_file.card import make_card
    from asr.checkpoints.model_file.export import Recipe, export_model
    from asr.scoring.headlines import read_headlines

    said = {name: getattr(arguments, name) for name in ("description", "licence") if getattr(arguments, name)}
    scores = read_headlines(arguments.scores) if arguments.scores else []
    line = shlex.join(["asr", "export", *(sys.argv[1:] if argv is None else argv)])
    card = make_card({**dict(arguments.card), **said}, scores, line)
    is_portable = arguments.backend == "onnx"
    recipe = Recipe(arguments.checkpoint, settings, rescoring, arguments.precision, card, is_portable)
    export_model(recipe, arguments.out)
    log(f"{arguments.out}: {Path(arguments.out).stat().st_size:,} bytes, {arguments.precision}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("export", "Writes a model file.", _EXAMPLES)
    parser.add_argument(
        "--checkpoint", required=True, action="append", metavar="FILE", help="acoustic model that asr train wrote"
    )
    parser.add_argument("--settings", metavar="FILE", help="decoder and weights that asr tune decode wrote")
    parser.add_argument(
        "--rescore-settings", action="append", default=[], metavar="FILE", help="weights that asr tune rescore wrote"
    )
    parser.add_argument(
        "--rescore", action="append", default=[], metavar="FILE", help="their model (default: the one that they name)"
    )
    parser.add_argument(
        "--precision",
        choices=["float32", "float16", "int8"],
        default="float32",
        help="of weights; float16 is not for onnx",
    )
    parser.add_argument(
        "--backend",
        choices=["torch", "onnx"],
        default="torch",
        help="onnx: greedy decoding runs on NumPy and onnxruntime, without torch (needs the extra export)",
    )
    parser.add_argument("--description", metavar="TEXT", help="what the model is for")
    parser.add_argument("--licence", metavar="TEXT", help="under which others may use it")
    parser.add_argument(
        "--card", type=_field, action="append", default=[], metavar="KEY=VALUE", help="more to say, such as trained_on"
    )
    parser.add_argument("--scores", metavar="FILE", help="error rates that asr score --json wrote, for the card")
    parser.add_argument("--out", required=True, metavar="FILE", help="model file to write, such as english.asr")
    return parser


def _field(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    if not key.isidentifier() or not value:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE with a name as the key")
    if key in ("scores", "versions", "command"):
        raise argparse.ArgumentTypeError(f"{key} is written without being asked for")
    return key, value


def _rescoring(arguments: argparse.Namespace, settings: DecoderSettings) -> list[RescoringSettings]:
    found = [RescoringSettings.load(file) for file in arguments.rescore_settings]
    if arguments.rescore and len(arguments.rescore) != len(found):
        raise UsageError("--rescore", f"{len(arguments.rescore)} models and {len(found)} weights", "give one for each")
    if found and settings.beam_size == 1:
        raise UsageError("--rescore-settings", "one hypothesis leaves no choice", "give --settings of a beam")
    if arguments.rescore:
        found = [replace(each, model=model) for each, model in zip(found, arguments.rescore, strict=True)]
    if not all(each.model for each in found):
        raise UsageError("--rescore-settings", "name no model", "give --rescore")
    return found


if __name__ == "__main__":
    raise SystemExit(main())
