"""Prints what a model file or a checkpoint of any kind holds: its card, models, tokens or words, text policy."""

from __future__ import annotations

from asr.cli.command import command, make_parser, parse
from asr.errors import printable

_EXAMPLES = "  asr info exp/an4/blstm/seed0/best.ckpt\n  asr info english.asr"


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    parser = make_parser("info", "Prints what a checkpoint or a model file holds.", _EXAMPLES)
    parser.add_argument(
        "checkpoint", metavar="FILE", help="checkpoint that asr train wrote, or model file that asr export wrote"
    )
    arguments = parse(parser, argv)
    from asr.checkpoints.kinds import load_any
    from asr.checkpoints.model_file.members import is_model_file
    from asr.checkpoints.model_file.reading import load_model_file

    load = load_model_file if is_model_file(arguments.checkpoint) else load_any
    for name, value in load(arguments.checkpoint).describe():
        print(f"{name:<14} {printable(value)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
