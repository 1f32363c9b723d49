"""The lines of ``asr info``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asr.text.policy import TextPolicy
from asr.text.tokens import TokenTable

_SHOWN_TOKENS = 40

Row = tuple[str, str]
"""A line of ``asr info``: name and value."""


def settings_row(name: str, made: str, settings: Mapping[str, Any]) -> Row:
    """Returns the line about an object and its settings.

    Example:
        >>> settings_row("encoder", "RecurrentEncoder", {"hidden_dim": 8})
        ('encoder', 'RecurrentEncoder hidden_dim=8')
    """
    return name, " ".join([made, *(f"{key}={value}" for key, value in settings.items())])


def tokens_row(name: str, table: TokenTable) -> Row:
    """Returns the line about a token table.

    Example:
        >>> tokens_row("tokens", TokenTable.build(["A B"], "char"))
        ('tokens', '4 of unit char: <blank> A B |')
    """
    rest = " …" if len(table) > _SHOWN_TOKENS else ""
    return name, f"{len(table)} of unit {table.unit}: {' '.join(table.tokens[:_SHOWN_TOKENS])}{rest}"


def progress_row(training_step: int | None, epoch: int | None) -> Row:
    """Returns the line about how long a model was trained."""
    step = "unknown" if training_step is None else f"{training_step:,}"
    return "training step", step if epoch is None else f"{step} (epoch {epoch})"


def acoustic_rows(
    settings: Mapping[str, Mapping[str, Any]],
    sizes: tuple[int, int, float, int],
    tokens: TokenTable,
    policy: TextPolicy,
) -> list[Row]:
    """Returns encoder, front end, input, output, parameters, tokens and text policy of an acoustic model.

    Args:
        settings: of front end and encoder, as ``class_path`` and ``init_args``.
        sizes: sample rate in Hz, values of a feature frame, seconds of an encoder frame, parameters.
        tokens: the table of its outputs.
        policy: applied to its training transcripts.
    """
    sample_rate, feature_dim, frame_seconds, num_parameters = sizes
    specs = (("encoder", settings["encoder"]), ("front end", settings["frontend"]))
    return [
        *(settings_row(name, spec["class_path"].rpartition(".")[2], spec["init_args"]) for name, spec in specs),
        ("input", f"{sample_rate} Hz, {feature_dim} values a feature frame"),
        ("output", f"a frame every {1000 * frame_seconds:g} ms"),
        ("parameters", f"{num_parameters:,}"),
        tokens_row("tokens", tokens),
        ("text policy", f"{policy.name} ({policy.hash})"),
    ]
