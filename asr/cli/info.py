"""Says what a checkpoint holds: model, parameters, tokens, text policy, front end, training step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asr.cli.command import command, make_parser, parse
from asr.errors import printable

if TYPE_CHECKING:
    from asr.checkpoints.acoustic import Loaded

_EXAMPLES = "  asr info exp/an4/blstm/seed0/best.ckpt"
_SHOWN_TOKENS = 40


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    parser = make_parser("info", "Says what a checkpoint holds.", _EXAMPLES)
    parser.add_argument("checkpoint", metavar="FILE", help="what asr train wrote")
    arguments = parse(parser, argv)
    from asr.checkpoints.acoustic import load_checkpoint

    for name, value in describe(load_checkpoint(arguments.checkpoint)):
        print(f"{name:<14} {printable(value)}")
    return 0


def describe(loaded: Loaded) -> list[tuple[str, str]]:
    """Gives the lines that are printed, as names and values."""
    model = loaded.model
    num_parameters = sum(parameter.numel() for parameter in model.parameters())
    rest = " …" if len(loaded.tokens) > _SHOWN_TOKENS else ""
    tokens = " ".join(loaded.tokens.tokens[:_SHOWN_TOKENS]) + rest
    policy = loaded.policy
    step = "unknown" if loaded.training_step is None else f"{loaded.training_step:,}"
    return [
        ("encoder", _settings(loaded.settings["encoder"])),
        ("front end", _settings(loaded.settings["frontend"])),
        ("input", f"{model.frontend.sample_rate} Hz, {model.frontend.feature_dim} values a feature frame"),
        ("output", f"a frame every {1000 * model.frame_seconds:g} ms"),
        ("parameters", f"{num_parameters:,}"),
        ("tokens", f"{len(loaded.tokens)} of unit {loaded.tokens.unit}: {tokens}"),
        ("text policy", f"{policy.name} ({policy.hash})"),
        ("training step", step if loaded.epoch is None else f"{step} (epoch {loaded.epoch})"),
    ]


def _settings(spec: dict[str, Any]) -> str:
    name = str(spec["class_path"]).rpartition(".")[2]
    return " ".join([name, *(f"{key}={value}" for key, value in spec["init_args"].items())])


if __name__ == "__main__":
    raise SystemExit(main())
