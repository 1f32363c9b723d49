"""Prints what a model file or a checkpoint of any kind holds: its card, models, tokens or words, text policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asr.cli.command import command, make_parser, parse
from asr.errors import printable

if TYPE_CHECKING:
    from asr.checkpoints.rows import Row

_EXAMPLES = "  asr info english\n  asr info my.asr\n  asr info exp/an4/blstm/seed0/best.ckpt"


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    parser = make_parser("info", "Prints what a checkpoint or a model file holds.", _EXAMPLES)
    about = "checkpoint that asr train wrote, model file that asr export wrote, or english for the model in the box"
    parser.add_argument("checkpoint", metavar="FILE", help=about)
    arguments = parse(parser, argv)
    for name, value in _describe(arguments.checkpoint):
        print(f"{name:<14} {printable(value)}")
    return 0


def _describe(path: str) -> list[Row]:
    from asr.checkpoints.model_file.members import is_model_file

    if is_model_file(path):
        from asr.checkpoints.model_file.reading import load_model_file

        return load_model_file(path).describe()
    from asr.checkpoints.kinds import load_any  # and torch, which not all model files need

    return load_any(path).describe()


if __name__ == "__main__":
    raise SystemExit(main())
