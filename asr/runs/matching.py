"""The weights of an acoustic model for one with other heads or tokens: heads go by unit, rows of outputs by token."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from asr.checkpoints.attention import PREFIX as ATTENTION
from asr.text.tokens import TokenTable, describe
from asr.text.writing import MAIN

_NUM_NAMED = 5
_HEADS = "model.heads."
_LAYER = re.compile(r"(model\.encoder\.recurrent\.(?:layers|norms))\.(\d+)\.")


class MisfitError(Exception):
    """Weights that are not those of their tokens."""


@dataclass(frozen=True)
class Match:
    """A head of a model and the head of another one whose weights it takes.

    Attributes:
        name: of the head.
        tokens: of the head.
        source: name of the other head; None if there is none, and the weights keep their values.
        source_tokens: of the other head.
    """

    name: str
    tokens: TokenTable
    source: str | None
    source_tokens: TokenTable

    @property
    def rows(self) -> tuple[list[int], list[int]]:
        """The rows that are taken, and where from."""
        pairs = [(row, self.source_tokens.ids.get(token)) for row, token in enumerate(self.tokens.tokens)]
        found = [(row, other) for row, other in pairs if other is not None] if self.source else []
        return [row for row, _ in found], [other for _, other in found]

    def to_text(self) -> str:
        """Returns how many of its tokens are taken, and the first of those that are new."""
        known = self.source_tokens.ids if self.source else {}
        new = [token for token in self.tokens.tokens if token not in known]
        return f"{len(self.tokens) - len(new)} of {len(self.tokens)} tokens are taken by name{naming(new)}"


def naming(new: Sequence[str]) -> str:
    """Returns the end of a sentence that names the first of the tokens that are new; nothing if none is.

    Example:
        >>> naming(["A", "B"])
        "; new are 'A', 'B'"
    """
    rest = f" and {len(new) - _NUM_NAMED} more" if len(new) > _NUM_NAMED else ""
    return f"; new are {', '.join(map(describe, new[:_NUM_NAMED]))}{rest}" if new else ""


def match_heads(here: Mapping[str, TokenTable], there: Mapping[str, TokenTable]) -> list[Match]:
    """Returns the heads of a model, each with the head of another model that has the same unit, if there is one.

    Of several with that unit, the one of the same name is taken, or the first. Models with one head each match whatever
    their units.

    Args:
        here: token tables by head, the main one first.
        there: those of the other model.

    Example:
        >>> letters, phones = TokenTable.build(["AB"], "char"), TokenTable.build(["aa"], "phone")
        >>> matches = match_heads({"main": phones, "char": letters}, {"main": letters})
        >>> [(match.name, match.source) for match in matches]
        [('main', None), ('char', 'main')]
    """
    if len(here) == len(there) == 1:
        return [Match(MAIN, here[MAIN], MAIN, there[MAIN])]
    matches = []
    for name, tokens in here.items():
        found = [other for other, table in there.items() if table.unit == tokens.unit]
        source = name if name in found else next(iter(found), None)
        matches.append(Match(name, tokens, source, there[source or MAIN]))
    return matches


def matched_weights(
    matches: list[Match], trained: Mapping[str, Tensor], fresh: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Returns the weights of a model, those of another one where it has them; other misfits are left to the loading.

    An attention decoder is left out, see :mod:`asr.runs.attention_parts`.

    A last layer of its own that a head has is taken from the last layer that its source was computed by, and so is that
    of the encoder for the main head.

    Args:
        matches: the heads of the model.
        trained: weights of the other model by name, as in a checkpoint.
        fresh: weights that the model has.

    Raises:
        MisfitError: an output of the other model has more or fewer rows than tokens.
    """
    matched = {name for name in fresh if name.startswith(_output(MAIN))}
    weights = {
        name: value
        for name, value in trained.items()
        if name not in matched and not name.startswith((_HEADS, ATTENTION))
    }
    for match in matches:
        own = {name: value for name, value in fresh.items() if name.startswith(_output(match.name))}
        if match.name != MAIN:
            own |= {name: value for name, value in fresh.items() if name.startswith(_head(match.name))}
        if match.source is None:
            weights |= own
            continue
        for name, value in own.items():
            part = name.removeprefix(_output(match.name))
            if part != name:
                take_rows(weights, trained, name, _output(match.source) + part, value, match)
        weights |= last_layer(match.name, match.source, trained, fresh)
    return weights


def _head(name: str) -> str:
    return f"{_HEADS}{name}."


def _output(name: str) -> str:
    return "model.output." if name == MAIN else f"{_head(name)}output."


def take_rows(
    weights: dict[str, Tensor], trained: Mapping[str, Tensor], name: str, source: str, fresh: Tensor, match: Match
) -> None:
    """Puts an output into the weights, with the rows that are taken; one of another width is left as it is."""
    taken = trained.get(source)
    if not isinstance(taken, Tensor):
        return
    if taken.shape == (len(match.source_tokens), *fresh.shape[1:]):
        to_rows, from_rows = match.rows
        weights[name] = fresh.clone()
        weights[name][to_rows] = taken[from_rows].to(fresh)
    elif taken.shape == fresh.shape:
        raise MisfitError(f"{source} has {len(taken)} rows for {len(match.source_tokens)} tokens")
    else:
        weights[name] = taken


def last_layer(name: str, source: str, trained: Mapping[str, Tensor], fresh: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns the weights of the last layer of a head, from the last layer of another one.

    Args:
        name: the head.
        source: the other one.
        trained: weights of the model that has the other one, by name, as in a checkpoint.
        fresh: those of the model that has the head.
    """
    own = _layer_names(source, trained) if source != MAIN else {}
    if name == MAIN and not own:  # both are the encoder's, and in place
        return {}
    to_names, from_names = _layer_names(name, fresh), own or _layer_names(MAIN, trained)
    return {name: trained[from_names[part]] for part, name in to_names.items() if part in from_names}


def _layer_names(head: str, weights: Mapping[str, Tensor]) -> dict[str, str]:
    """Returns the names of the weights of a head's last layer, by what they are in a stack of one layer."""
    if head != MAIN:
        prefix = f"{_head(head)}layer."
        return {name.removeprefix(prefix): name for name in weights if name.startswith(prefix)}
    found = {name: match for name in weights if (match := _LAYER.match(name))}
    last = max((int(match[2]) for match in found.values()), default=0)
    return {
        f"{match[1].rpartition('.')[2]}.0.{name[match.end() :]}": name
        for name, match in found.items()
        if int(match[2]) == last
    }
