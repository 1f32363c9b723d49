"""Writes models, lexicon, language model, weights and a card into one file, for asr transcribe --model."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from asr.box.english import ENGLISH
from asr.cli._confidence_options import add_confidence, read_confidence
from asr.cli._file_checks import check_inputs, check_out
from asr.cli.command import command, log, make_parser, option, parse, whole_number
from asr.decoding.settings import DecoderSettings, load_rescoring
from asr.errors import UsageError

_EXAMPLES = """  asr export --checkpoint best.ckpt --out my.asr
  asr export --checkpoint best.ckpt --settings 3gram.json --rescore lstm.ckpt --rescore-settings lstm.json \\
    --confidence confidence.json --precision int8 --licence CC-BY-4.0 --card trained_on=AN4 --scores scores.json \\
    --out my.asr
  asr export --checkpoint best.ckpt --backend onnx --precision int8 --out small.asr
  asr export --checkpoint best.ckpt --hidden-dim 160 --sparsity 0.8 --out narrow.asr

The posteriors of several checkpoints with the same tokens are averaged. asr info shows what a file holds."""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = parse(_parser(), argv)
    settings = DecoderSettings.load(arguments.settings) if arguments.settings else DecoderSettings()
    rescoring = load_rescoring(arguments.rescore_settings, arguments.rescore, option)
    if rescoring and settings.beam_size == 1:
        raise UsageError("--rescore-settings", "one hypothesis leaves no choice", "give --settings of a beam")
    confidence = read_confidence(arguments)
    if arguments.out == ENGLISH:
        raise UsageError(
            f"--out {ENGLISH}", "is the name of the model in the box", f"name a file, such as {ENGLISH}.asr"
        )
    named = [arguments.settings, arguments.confidence, arguments.scores, arguments.g2p]
    inputs = [*arguments.checkpoint, *named, *arguments.rescore_settings]
    models = [each.model for each in rescoring]
    check_out([*inputs, *models, settings.lm, *settings.lexicon], arguments.out)
    check_inputs(settings.lm, *settings.lexicon, arguments.g2p)
    from asr.checkpoints.model_file.card import make_card
    from asr.checkpoints.model_file.export import Recipe, export_model
    from asr.checkpoints.pruned import Pruning
    from asr.scoring.headlines import read_headlines

    said = {name: getattr(arguments, name) for name in ("description", "licence") if getattr(arguments, name)}
    scores = read_headlines(arguments.scores) if arguments.scores else []
    line = shlex.join(["asr", "export", *(sys.argv[1:] if argv is None else argv)])
    card = make_card({**dict(arguments.card), **said}, scores, line)
    is_portable = arguments.backend == "onnx"
    pruning = Pruning(arguments.hidden_dim, arguments.sparsity)
    recipe = Recipe(
        arguments.checkpoint,
        settings,
        rescoring,
        arguments.precision,
        card,
        is_portable,
        confidence,
        pruning,
        arguments.g2p,
    )
    for checkpoint in export_model(recipe, arguments.out):
        log(f"{checkpoint}: its attention decoder is left out, because model files are read by CTC alone")
    log(f"{arguments.out}: {Path(arguments.out).stat().st_size:,} bytes, {arguments.precision}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("export", "Writes a model file.", _EXAMPLES)
    parser.add_argument(
        "--checkpoint", required=True, action="append", metavar="FILE", help="acoustic model; may be repeated"
    )
    parser.add_argument("--settings", metavar="FILE", help="decoder and weights that asr tune decode wrote")
    parser.add_argument(
        "--rescore-settings", action="append", default=[], metavar="FILE", help="weights that asr tune rescore wrote"
    )
    parser.add_argument(
        "--rescore", action="append", default=[], metavar="FILE", help="their model (default: the one they name)"
    )
    g2p_help = (
        "of asr train --config-name g2p: pronounces words that the lexicon lacks: hot words, new ones, texts to align"
    )
    parser.add_argument("--g2p", metavar="FILE", help=g2p_help)
    add_confidence(parser)
    forms = ["float32", "float16", "int8"]
    parser.add_argument("--precision", choices=forms, default=forms[0], help="of the weights (default: float32)")
    backend_help = "onnx: greedy decoding runs on NumPy and onnxruntime, without torch; needs the extra export"
    parser.add_argument("--backend", choices=["torch", "onnx"], default="torch", help=backend_help)
    units_help = "keep so many hidden units of each direction and layer, those with the largest weights; then fine-tune"
    parser.add_argument("--hidden-dim", type=whole_number, default=0, metavar="N", help=units_help)
    sparsity_help = "clear this share of the encoder's weights, the smallest of each matrix: the file becomes smaller"
    parser.add_argument("--sparsity", type=float, default=0.0, metavar="SHARE", help=sparsity_help)
    parser.add_argument("--description", metavar="TEXT", help="what the model is for")
    parser.add_argument("--licence", metavar="TEXT", help="licence of the model")
    parser.add_argument(
        "--card",
        type=_field,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="another field of the card, such as trained_on",
    )
    parser.add_argument("--scores", metavar="FILE", help="error rates that asr score --json wrote, for the card")
    parser.add_argument("--out", required=True, metavar="FILE", help="model file to write, such as my.asr")
    return parser


def _field(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    if not key.isidentifier() or not value:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE with a name as the key")
    if key in ("scores", "versions", "command"):
        raise argparse.ArgumentTypeError(f"{key} is always written")
    return key, value


if __name__ == "__main__":
    raise SystemExit(main())
