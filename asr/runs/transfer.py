"""Starting a run from the weights of a checkpoint or a model file; rows of output layers are matched by token."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from asr.checkpoints.acoustic import ACOUSTIC
from asr.checkpoints.archive import NOT_ONE
from asr.checkpoints.building import CHANGED, building_of
from asr.checkpoints.heads import token_tables
from asr.checkpoints.kind import Kind, LoadedModel
from asr.checkpoints.kinds import kind_of
from asr.checkpoints.language import LANGUAGE
from asr.checkpoints.model_file.beginning import read_beginning
from asr.checkpoints.model_file.members import is_model_file
from asr.checkpoints.predictive import PREDICTIVE
from asr.checkpoints.reading import StoredModel, read_model
from asr.checkpoints.transducer import TRANSDUCER
from asr.errors import AsrError, CheckpointError, ConfigError
from asr.runs.attention_parts import attention_weights
from asr.runs.matching import Match, MisfitError, match_heads, matched_weights
from asr.runs.pretrained import encoder_weights
from asr.runs.transducer_parts import of_another, with_encoder, with_prediction
from asr.text.tokens import TokenTable
from asr.text.writing import MAIN
from asr.training.stepping import SteppedModule

logger = logging.getLogger(__name__)


def take_weights(module: SteppedModule, path: str | Path, num_layers: int | None = None) -> None:
    """Loads the weights of a checkpoint or a model file into a module.

    The heads of an acoustic model go by unit, so that those of phones take the output of a phone model. Each takes the
    rows of all tokens that the checkpoint has too; the rows of other tokens, and heads that the checkpoint lacks, keep
    their values. Where heads or token tables differ, one line is logged. An attention decoder goes with its head, and
    begins anew where the checkpoint has none. A transducer takes all of another transducer, or front end and encoder of
    an acoustic model.

    An acoustic model takes the encoder of a predictive model, too; see :mod:`asr.runs.pretrained`.

    Args:
        module: whose weights are replaced.
        path: the file, or "english" for the model in the box.
        num_layers: of a predictive model, the recurrent layers that are taken; None takes all.

    Raises:
        CheckpointError: the file is neither a checkpoint nor a model file, or one of another kind, its weights do not
            fit, or, for a language or pronunciation model, its words or letters differ.
        ConfigError: ``num_layers`` is given for another kind than a predictive model, or not a number of its layers.
    """
    kind, stored = module.kind, read_start(path)
    source = kind_of(stored.settings)
    if kind is ACOUSTIC and source is PREDICTIVE:
        _load(module, path, *encoder_weights(stored, module, num_layers))
    elif num_layers is not None:
        raise ConfigError("init_layers", f"is {num_layers}, and {path} is no predictive model", "leave it out")
    elif kind is TRANSDUCER and source is ACOUSTIC:
        _load(module, path, with_encoder(stored, module.state_dict()), "front end and encoder are taken")
    else:
        _load(module, path, *_weights(stored, module))


def take_prediction(module: SteppedModule, path: str | Path) -> None:
    """Loads the weights of a language model into the prediction network of a transducer, and logs one line.

    Raises:
        ConfigError: the module is no transducer.
        CheckpointError: the file is no checkpoint or one of another kind, or its words or sizes do not fit.
    """
    if module.kind is not TRANSDUCER:
        found = f"{module.kind.title} has no prediction network"
        raise ConfigError("init_prediction_from", found, "leave it out, or train with objective=transducer")
    stored = read_model(path, "holds no {}", NOT_ONE)
    _names(stored, LANGUAGE, "its prediction network begins with")
    tokens = TokenTable.from_state(module.hparams["tokens"])
    _load(module, path, *with_prediction(stored, tokens, module.state_dict()))


def _load(module: SteppedModule, path: str | Path, state: dict[str, Any], line: str) -> None:
    """Loads weights into a module, and logs what is said of them, if anything."""
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise _misfit(path, str(error).splitlines()[1 if "\n" in str(error) else 0].strip()) from error
    if line:
        logger.info("%s: %s", path, line)


def read_start(path: str | Path) -> StoredModel:
    """Reads the weights that a run starts from; see :func:`take_weights`."""
    return read_beginning(path) if is_model_file(path) else read_model(path, "holds no {}", NOT_ONE)


def _weights(stored: StoredModel, module: SteppedModule) -> tuple[dict[str, Any], str]:
    """Returns the weights of a model of the same kind, and what is to be said of them."""
    kind = module.kind
    there, here = _names(stored, kind), kind.names(module.hparams)
    if kind.mismatch is None:
        return _matched(stored, module)
    if there != here:
        found, remedy = kind.mismatch
        raise CheckpointError(stored.path, found.format(there=len(there), here=len(here)), remedy)
    return dict(stored.state), ""


def _names(stored: StoredModel, kind: Kind[LoadedModel], purpose: str = "") -> tuple[str, ...]:
    """Returns the tokens, words or letters of a checkpoint, which must be of the given kind."""
    other = kind_of(stored.settings)
    if other is not kind:
        held = f"holds {other.title}" if other else f"its settings lack {kind.named_by}"
        found = f"{held}, and {f'{purpose} {kind.title}' if purpose else f'{kind.title} is to be trained'}"
        raise CheckpointError(stored.path, found, f"give a checkpoint of {kind.title}")
    try:
        return kind.names(stored.settings)
    except (AsrError, AttributeError) as error:
        raise CheckpointError(stored.path, f"its {kind.named_by} cannot be read ({error})", CHANGED) from error


def _matched(stored: StoredModel, module: SteppedModule) -> tuple[dict[str, Any], str]:
    """Returns the weights of an acoustic model or a transducer for a module, and what is to be said of them."""
    if module.kind is TRANSDUCER:
        try:
            return of_another(stored, TokenTable.from_state(module.hparams["tokens"]), module.state_dict())
        except MisfitError as error:
            raise _misfit(stored.path, str(error)) from error
    here = token_tables(module.hparams)
    with building_of(stored.path):
        there = token_tables(stored.settings)
    matches = match_heads(here, there)
    fresh = module.state_dict()
    try:
        state = matched_weights(matches, stored.state, fresh)
        attention, line = attention_weights(stored, module.hparams, matches, fresh)
    except MisfitError as error:
        raise _misfit(stored.path, str(error)) from error
    return state | attention, "; ".join(filter(None, (_of_heads(matches, here, there), line)))


def _of_heads(matches: list[Match], here: dict[str, TokenTable], there: dict[str, TokenTable]) -> str:
    """Returns what is to be said of the heads of a model, and of those that they take their weights from."""
    if {name: table.tokens for name, table in here.items()} == {name: table.tokens for name, table in there.items()}:
        return ""
    if len(here) == len(there) == 1:
        return f"the weights of {matches[0].to_text()}"
    return "; ".join(_of_head(match) for match in matches)


def _of_head(match: Match) -> str:
    name = match.tokens.unit if match.name == MAIN else match.name
    if match.source is None:
        return f"head {name} begins anew"
    source = match.source_tokens.unit if match.source == MAIN else match.source
    return f"head {name} takes the weights of head {source}: {match.to_text()}"


def _misfit(path: str | Path, reason: str) -> CheckpointError:
    return CheckpointError(path, f"does not fit this model ({reason})", "choose the model that it was trained with")
