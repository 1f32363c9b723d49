"""What an attention decoder begins with: another one's weights, its rows by token, where both are of the same head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from asr.checkpoints.attention import PREFIX, head_of
from asr.checkpoints.reading import StoredModel
from asr.runs.matching import Match, take_rows

_BY_TOKEN = tuple(f"{PREFIX}{name}" for name in ("embedding.weight", "output.weight", "output.bias"))


def attention_weights(
    stored: StoredModel, settings: Mapping[str, Any], matches: Sequence[Match], fresh: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], str]:
    """Returns the weights of an attention decoder, and what is to be said of them.

    It takes those of a decoder whose head is the one that its own head takes its weights from; other sizes are left to
    the loading. Otherwise it begins anew.

    Args:
        stored: an acoustic model.
        settings: of the model that takes its weights.
        matches: the heads of that model, and those of the other one.
        fresh: weights that it has.

    Raises:
        MisfitError: an output of the other one has more or fewer rows than tokens.
    """
    own = {name: value for name, value in fresh.items() if name.startswith(PREFIX)}
    there = head_of(stored)
    if not own:
        return {}, "its attention decoder is left out" if there else ""
    head = settings["attention"]["head"]
    match = next(each for each in matches if each.name == head)
    if not there or match.source != there:
        return own, "the attention decoder begins anew"
    weights = {name: value for name, value in stored.state.items() if str(name).startswith(PREFIX)}
    for name in _BY_TOKEN:
        take_rows(weights, stored.state, name, name, fresh[name], match)
    return weights, ""
