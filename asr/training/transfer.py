"""The weights of a checkpoint as the start of another training; output layers go by the names of their tokens."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from asr.checkpoints.reading import read_checkpoint
from asr.errors import AsrError, CheckpointError
from asr.lm.vocabulary import Vocabulary
from asr.text.tokens import TokenTable, describe
from asr.training.language_module import LanguageModule
from asr.training.module import CTCModule
from asr.training.pronunciation_module import PronunciationModule

logger = logging.getLogger(__name__)

_KINDS = {"tokens": "an acoustic model", "vocabulary": "a language model", "letters": "a pronunciation model"}
"""What a checkpoint is of, by the setting that only such a one has."""
_NUM_NAMED = 5
_OUTPUT = "model.output."


def take_weights(module: CTCModule | LanguageModule | PronunciationModule, path: str | Path) -> None:
    """Loads the weights of a checkpoint into a module.

    The output layer of an acoustic model takes the row of each token that the checkpoint has too; the rows of other
    tokens keep their values. Where the token tables differ, one line of log says how.

    Args:
        module: what is to be trained.
        path: what Lightning's trainer saved of a module of the same kind.

    Raises:
        CheckpointError: the file is no checkpoint, is one of another kind or, for a language or pronunciation model, of
            other words or letters, or its weights do not fit.
    """
    content = read_checkpoint(path)
    settings, state = content.get("hyper_parameters"), content.get("state_dict")
    if not isinstance(settings, Mapping) or not isinstance(state, Mapping):
        missing = "hyper_parameters" if not isinstance(settings, Mapping) else "state_dict"
        raise CheckpointError(path, f"holds no {missing}", "give a checkpoint that asr train wrote, such as best.ckpt")
    if isinstance(module, LanguageModule):
        there, here = _names(path, settings, "vocabulary"), module.words.words
        if there != here:
            found = f"its vocabulary of {len(there)} words is not that of this model, {len(here)} words in their order"
            raise CheckpointError(path, found, "take the text, min_count and model.vocabulary that it was trained with")
    elif isinstance(module, PronunciationModule):
        there, here = _names(path, settings, "letters"), module.letters.tokens
        if there != here:
            found = f"its {len(there) - 1} letters are not the {len(here) - 1} of this model"
            raise CheckpointError(path, found, "take the lexicon that it was trained with")
    else:
        there, here = _names(path, settings, "tokens"), module.table.tokens
        if there != here:
            state = _by_token(path, state, there, module)
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise _misfit(path, str(error).splitlines()[1 if "\n" in str(error) else 0].strip()) from error
    if there != here:
        _tell(path, there, here)


def _names(path: str | Path, settings: Mapping[str, Any], needed: str) -> tuple[str, ...]:
    """Gives the tokens or words of a checkpoint, whichever is needed."""
    if needed not in settings:
        held = [f"holds {kind}" for name, kind in _KINDS.items() if name in settings] or [f"its settings lack {needed}"]
        kind = _KINDS[needed]
        raise CheckpointError(path, f"{held[0]}, and {kind} is to be trained", f"give a checkpoint of {kind}")
    try:
        if needed == "vocabulary":
            return Vocabulary.of(settings[needed].split("\n")).words
        return TokenTable.from_state(settings[needed]).tokens
    except (AsrError, AttributeError) as error:
        remedy = "it was written by another version, or changed"
        raise CheckpointError(path, f"its {needed} cannot be read ({error})", remedy) from error


def _by_token(path: str | Path, state: Mapping[str, Any], there: tuple[str, ...], module: CTCModule) -> dict[str, Any]:
    """Gives weights whose output layer is in the order of the module's tokens; other misfits are left to be found."""
    rows_there = {token: row for row, token in enumerate(there)}
    pairs = [(row, rows_there[token]) for row, token in enumerate(module.table.tokens) if token in rows_there]
    to_rows, from_rows = (list(rows) for rows in zip(*pairs, strict=True))  # never empty: all tables have the blank
    weights = dict(state)
    for name, fresh in module.state_dict().items():
        taken = state.get(name)
        if not name.startswith(_OUTPUT) or not isinstance(taken, Tensor):
            continue
        if taken.shape == (len(there), *fresh.shape[1:]):
            weights[name] = fresh.clone()
            weights[name][to_rows] = taken[from_rows].to(fresh)
        elif taken.shape == fresh.shape:
            raise _misfit(path, f"{name} has {len(taken)} rows for {len(there)} tokens")
    return weights


def _tell(path: str | Path, there: tuple[str, ...], here: tuple[str, ...]) -> None:
    known = set(there)
    anew = [describe(token) for token in here if token not in known]
    rest = f" and {len(anew) - _NUM_NAMED} more" if len(anew) > _NUM_NAMED else ""
    named = f"; anew begin {', '.join(anew[:_NUM_NAMED])}{rest}" if anew else ""
    logger.info("%s: the weights of %d of %d tokens are taken by name%s", path, len(here) - len(anew), len(here), named)


def _misfit(path: str | Path, reason: str) -> CheckpointError:
    return CheckpointError(path, f"does not fit this model ({reason})", "choose the model that it was trained with")
