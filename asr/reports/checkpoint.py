"""What a checkpoint holds, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asr.transcription.checkpoint import Loaded

_SHOWN_TOKENS = 40


def describe_checkpoint(loaded: Loaded) -> list[tuple[str, str]]:
    """Returns lines as names and values: model, parameters, tokens, text policy, front end, training step."""
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
