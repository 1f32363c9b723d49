"""The heads of an acoustic model in its checkpoint, beside the main one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asr.checkpoints.building import BuildError, shown
from asr.models.acoustic import HeadSize
from asr.text.policy import recorded_policy
from asr.text.tokens import TokenTable
from asr.text.writing import MAIN, Writing

_MAX_HEADS = 8


def read_heads(settings: Mapping[str, Any]) -> tuple[dict[str, Writing], dict[str, HeadSize]]:
    """Returns how the heads beside the main one write, and their sizes, by name.

    Args:
        settings: of a checkpoint; those of models with one head have no ``heads``, or none in it.

    Raises:
        BuildError: the settings of a head have another form.
        AsrError: its token table or its text policy cannot be read.
    """
    writings, sizes = {}, {}
    for name, head in _heads(settings).items():
        tokens, own_layer = TokenTable.from_state(head["tokens"]), head.get("own_layer", False)
        if not isinstance(own_layer, bool):
            raise BuildError(f"own_layer of its head {shown(name)} is {shown(own_layer)}, not bool")
        writings[name] = Writing(tokens, recorded_policy(head.get("text_policy", "")))
        sizes[name] = HeadSize(len(tokens), own_layer)
    return writings, sizes


def token_tables(settings: Mapping[str, Any]) -> dict[str, TokenTable]:
    """Returns the token table of each head, the main one first; settings and errors are those of :func:`read_heads`."""
    others = {name: TokenTable.from_state(head["tokens"]) for name, head in _heads(settings).items()}
    return {MAIN: TokenTable.from_state(settings["tokens"]), **others}


def _heads(settings: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    heads = settings.get("heads") or {}
    if not isinstance(heads, Mapping) or len(heads) > _MAX_HEADS:
        raise BuildError(f"its heads are no settings of up to {_MAX_HEADS} by name")
    for name, head in heads.items():
        if not isinstance(name, str) or not isinstance(head, Mapping) or not isinstance(head.get("tokens"), Mapping):
            raise BuildError(f"its head {shown(name)} has no token table")
    return heads
