"""Starting a run from the weights of a checkpoint; rows of output layers are matched by token."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from torch import Tensor

from asr.checkpoints.archive import NOT_ONE
from asr.checkpoints.building import CHANGED
from asr.checkpoints.kind import Kind, LoadedModel
from asr.checkpoints.kinds import kind_of
from asr.checkpoints.reading import StoredModel, read_model
from asr.errors import AsrError, CheckpointError
from asr.text.tokens import describe
from asr.training.stepping import SteppedModule

logger = logging.getLogger(__name__)

_NUM_NAMED = 5
_OUTPUT = "model.output."


def take_weights(module: SteppedModule, path: str | Path) -> None:
    """Loads the weights of a checkpoint into a module.

    The output layer of an acoustic model takes the rows of all tokens that the checkpoint has too; the rows of other
    tokens keep their values. Where the token tables differ, one line is logged.

    Args:
        module: the module to train.
        path: checkpoint of a module of the same kind.

    Raises:
        CheckpointError: the file is no checkpoint or one of another kind, its weights do not fit, or, for a language or
            pronunciation model, its words or letters differ.
    """
    kind, stored = module.kind, read_model(path, "holds no {}", NOT_ONE)
    there, here = _names(stored, kind), kind.names(module.hparams[kind.named_by])
    state = stored.state
    if there != here:
        if kind.mismatch is not None:
            found, remedy = kind.mismatch
            raise CheckpointError(path, found.format(there=len(there), here=len(here)), remedy)
        state = _by_token(stored, there, here, module)
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise _misfit(path, str(error).splitlines()[1 if "\n" in str(error) else 0].strip()) from error
    if there != here:
        _tell(path, there, here)


def _names(stored: StoredModel, kind: Kind[LoadedModel]) -> tuple[str, ...]:
    """Returns the tokens, words or letters of a checkpoint, which must be of the given kind."""
    if kind.named_by not in stored.settings:
        other = kind_of(stored.settings)
        held = f"holds {other.title}" if other else f"its settings lack {kind.named_by}"
        found = f"{held}, and {kind.title} is to be trained"
        raise CheckpointError(stored.path, found, f"give a checkpoint of {kind.title}")
    try:
        return kind.names(stored.settings[kind.named_by])
    except (AsrError, AttributeError) as error:
        raise CheckpointError(stored.path, f"its {kind.named_by} cannot be read ({error})", CHANGED) from error


def _by_token(
    stored: StoredModel, there: tuple[str, ...], here: tuple[str, ...], module: SteppedModule
) -> dict[str, Any]:
    """Returns weights whose output layer follows the order of the module's tokens; other misfits are found later."""
    rows_there = {token: row for row, token in enumerate(there)}
    pairs = [(row, rows_there[token]) for row, token in enumerate(here) if token in rows_there]
    to_rows, from_rows = (list(rows) for rows in zip(*pairs, strict=True))  # never empty: every table has the blank
    weights = dict(stored.state)
    for name, fresh in module.state_dict().items():
        taken = stored.state.get(name)
        if not name.startswith(_OUTPUT) or not isinstance(taken, Tensor):
            continue
        if taken.shape == (len(there), *fresh.shape[1:]):
            weights[name] = fresh.clone()
            weights[name][to_rows] = taken[from_rows].to(fresh)
        elif taken.shape == fresh.shape:
            raise _misfit(stored.path, f"{name} has {len(taken)} rows for {len(there)} tokens")
    return weights


def _tell(path: str | Path, there: tuple[str, ...], here: tuple[str, ...]) -> None:
    known = set(there)
    new = [describe(token) for token in here if token not in known]
    rest = f" and {len(new) - _NUM_NAMED} more" if len(new) > _NUM_NAMED else ""
    named = f"; new are {', '.join(new[:_NUM_NAMED])}{rest}" if new else ""
    logger.info("%s: the weights of %d of %d tokens are taken by name%s", path, len(here) - len(new), len(here), named)


def _misfit(path: str | Path, reason: str) -> CheckpointError:
    return CheckpointError(path, f"does not fit this model ({reason})", "choose the model that it was trained with")
