"""Averages the weights of checkpoints, such as those before and after fine-tuning, into one checkpoint."""

from __future__ import annotations

from asr.cli._file_checks import check_out
from asr.cli.command import above_zero, command, log, make_parser, parse, warn
from asr.errors import UsageError

_EXAMPLES = """  asr average mini.ckpt an4.ckpt --out both.ckpt
  asr average mini.ckpt an4.ckpt --weights 0.3 0.7 --out both.ckpt

The average of old and new weights (WiSE-FT, Wortsman et al. 2022) often keeps what the old ones could, and most of what
the new ones learnt; it costs nothing to run. The checkpoints have one architecture. The result has the outputs of the
first: heads go by unit and tokens by name, and a token that another checkpoint lacks keeps the first one's weights."""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    parser = make_parser("average", "Averages the weights of checkpoints into one checkpoint.", _EXAMPLES)
    parser.add_argument("checkpoints", nargs="+", metavar="FILE", help="two or more that asr train wrote")
    weights_help = "of each, divided by their sum (default: all alike)"
    parser.add_argument("--weights", type=above_zero, nargs="+", metavar="W", help=weights_help)
    parser.add_argument("--out", required=True, metavar="FILE", help="checkpoint to write, such as both.ckpt")
    arguments = parse(parser, argv, intermixed=True)
    paths = arguments.checkpoints
    if len(paths) < 2:
        raise UsageError(paths[0], "is one checkpoint, and there is nothing to average", "name two or more")
    weights = arguments.weights or [1.0] * len(paths)
    if len(weights) != len(paths):
        raise UsageError("--weights", f"{len(weights)} for {len(paths)} checkpoints", "give one for each")
    check_out(paths, arguments.out)
    from asr.runs.averaging import average_checkpoints

    for line in average_checkpoints(paths, weights, arguments.out):
        warn(f"asr average: {line}")
    shares = ", ".join(f"{weight / sum(weights):.3g} of {path}" for path, weight in zip(paths, weights, strict=True))
    log(f"{arguments.out}: {shares}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
