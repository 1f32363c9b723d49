"""What a transducer begins with: an encoder's weights, a language model's of its tokens, another transducer's."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from asr.checkpoints.building import building_of
from asr.checkpoints.reading import StoredModel
from asr.errors import CheckpointError
from asr.lm.vocabulary import BEGIN, Vocabulary
from asr.runs.matching import Match, naming, take_rows
from asr.text.tokens import TokenTable, describe
from asr.text.writing import MAIN

_HEARING = ("model.frontend.", "model.encoder.")
_EMBEDDING, _LAYERS = "embedding.weight", "layers."


def with_encoder(stored: StoredModel, fresh: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns the weights of a transducer, its front end and encoder those of an acoustic model.

    Its outputs are left out, as in Graves, Mohamed & Hinton 2013. Misfits are left to the loading.

    Args:
        stored: the acoustic model.
        fresh: weights that the transducer has.
    """
    kept = {name: value for name, value in fresh.items() if not name.startswith(_HEARING)}
    return kept | {name: value for name, value in stored.state.items() if name.startswith(_HEARING)}


def of_another(stored: StoredModel, tokens: TokenTable, fresh: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """Returns the weights of another transducer, rows by token, and what is to be said of them.

    Args:
        stored: the other transducer.
        tokens: the table of this one.
        fresh: weights that this one has.

    Raises:
        MisfitError: an output of the other one has more or fewer rows than tokens.
    """
    with building_of(stored.path):
        there = TokenTable.from_state(stored.settings["tokens"])
    match, weights = Match(MAIN, tokens, MAIN, there), dict(stored.state)
    for name in (f"model.prediction.{_EMBEDDING}", "model.output.weight", "model.output.bias"):
        take_rows(weights, stored.state, name, name, fresh[name], match)
    return weights, "" if tokens.tokens == there.tokens else f"the weights of {match.to_text()}"


def with_prediction(
    stored: StoredModel, tokens: TokenTable, fresh: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], str]:
    """Returns the weights of a transducer, its prediction network that of a language model of its tokens.

    Embeddings go by the names of tokens, and that of the beginning of a sentence becomes that of blank. The output of
    the language model is left out, as in Graves, Mohamed & Hinton 2013.

    Args:
        stored: the language model.
        tokens: the table of the transducer.
        fresh: weights that the transducer has.

    Returns:
        The weights, and what is to be said of them.

    Raises:
        CheckpointError: the language model knows none of the tokens, or has other sizes.
    """
    words = Vocabulary.of(str(stored.settings["vocabulary"]).split("\n"))
    rows = [BEGIN, *(words.ids.get(token, -1) for token in tokens.tokens[1:])]
    new = [token for token, row in zip(tokens.tokens, rows, strict=True) if row < 0]
    if len(new) == len(tokens) - 1:
        found = (
            f"knows none of the {len(new)} tokens, such as {describe(new[0])}" if new else "is of no use without tokens"
        )
        raise CheckpointError(stored.path, found, "train it on texts whose words are the tokens")
    weights = dict(fresh)
    for name, value in fresh.items():
        part = name.removeprefix("model.prediction.")
        if part != name:
            taken = _taken(stored, f"model.{part}", value, len(words) if part == _EMBEDDING else None)
            weights[name] = _rows(taken, value, rows) if part == _EMBEDDING else taken
    num_known, num_tokens = len(tokens) - 1 - len(new), len(tokens) - 1
    return weights, f"the prediction network knows {num_known} of {num_tokens} tokens{naming(new)}"


def _taken(stored: StoredModel, name: str, fresh: Tensor, num_rows: int | None) -> Tensor:
    """Returns a weight of a language model, which must have the shape of another, or so many rows."""
    shape = fresh.shape if num_rows is None else torch.Size((num_rows, *fresh.shape[1:]))
    taken = stored.state.get(name)
    if not isinstance(taken, Tensor) or taken.shape != shape:
        there = list(taken.shape) if isinstance(taken, Tensor) else "not there"
        found = f"does not fit the prediction network ({name} is {there}, expected {list(shape)})"
        remedy = "give model.transducer the embedding_dim, hidden_dim and num_layers of the language model"
        raise CheckpointError(stored.path, found, remedy)
    return taken


def _rows(taken: Tensor, fresh: Tensor, rows: list[int]) -> Tensor:
    """Returns values by row: those of the row that is named, and fresh ones for -1."""
    index = torch.tensor(rows, device=fresh.device)
    found = taken.to(fresh)[index.clamp(min=0)]
    return torch.where(index[:, None] < 0, fresh, found)
