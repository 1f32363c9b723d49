"""The attention decoder of an acoustic model in its checkpoint, beside CTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace

from asr.checkpoints.building import BuildError, check_arguments, shown
from asr.checkpoints.reading import StoredModel
from asr.checkpoints.rows import Row, settings_row
from asr.checkpoints.weights import num_values
from asr.models.acoustic import AcousticModel, Attending
from asr.models.attention_decoder import AttentionSizes

PREFIX = "model.attention."
"""What the names of its weights begin with."""
_SETTING = "attention"


def read_attention(stored: StoredModel) -> Attending | None:
    """Returns head and sizes of the attention decoder of a checkpoint; None if it has none.

    Raises:
        BuildError: its settings have another form.
    """
    found = stored.settings.get(_SETTING)
    if found is None:
        return None
    if not isinstance(found, Mapping) or any(not isinstance(name, str) for name in found):
        raise BuildError(f"its attention decoder is {shown(found)}, not settings by name")
    sizes, head = {name: value for name, value in found.items() if name != "head"}, found.get("head")
    if not isinstance(head, str):
        raise BuildError(f"the head of its attention decoder is {shown(head)}, not a name")
    check_arguments(AttentionSizes, sizes, largest=num_values(stored.state))
    return Attending(head, AttentionSizes(**sizes))


def head_of(stored: StoredModel) -> str:
    """Returns the head that the attention decoder of a checkpoint is of; empty if it has none."""
    found = stored.settings.get(_SETTING)
    return str(found.get("head")) if isinstance(found, Mapping) else ""


def without_attention(stored: StoredModel) -> StoredModel:
    """Returns a checkpoint without its attention decoder, if it has one: what reads by CTC alone needs none."""
    settings = {name: value for name, value in stored.settings.items() if name != _SETTING}
    state = {name: value for name, value in stored.state.items() if not str(name).startswith(PREFIX)}
    return replace(stored, settings=settings, state=state)


def attention_rows(model: AcousticModel) -> list[Row]:
    """Returns the line of ``asr info`` about the attention decoder; none if there is none."""
    if model.attention is None:
        return []
    sizes = {"head": model.attention_head, **asdict(model.attention.sizes)}
    return [settings_row("attention", "AttentionDecoder", sizes)]
