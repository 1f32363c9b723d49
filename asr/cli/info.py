"""Prints what a checkpoint of any kind holds: model, parameters, tokens or words, text policy, training step."""

from __future__ import annotations

from asr.cli.command import command, make_parser, parse
from asr.errors import printable

_EXAMPLES = "  asr info exp/an4/blstm/seed0/best.ckpt"


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    parser = make_parser("info", "Prints what a checkpoint holds.", _EXAMPLES)
    parser.add_argument("checkpoint", metavar="FILE", help="checkpoint that asr train wrote")
    arguments = parse(parser, argv)
    from asr.checkpoints.kinds import load_any

    for name, value in load_any(arguments.checkpoint).describe():
        print(f"{name:<14} {printable(value)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
