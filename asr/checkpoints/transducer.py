"""The record of transducers, whose checkpoints decode without any other file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

from asr.checkpoints.archive import NOT_ONE
from asr.checkpoints.building import BuildError, check_arguments, shown
from asr.checkpoints.encoding import StoredEncoding, sizes_of, with_table
from asr.checkpoints.kind import Kind, LoadedModel
from asr.checkpoints.reading import StoredModel
from asr.checkpoints.rows import Row, acoustic_rows, settings_row
from asr.checkpoints.weights import load_network, num_values
from asr.models.transducer import Transducer, TransducerSizes
from asr.text.policy import TextPolicy, recorded_policy
from asr.text.tokens import BLANK, TokenTable


@dataclass(frozen=True, eq=False)
class LoadedTransducer(LoadedModel):
    """A transducer from a checkpoint.

    Attributes:
        model: on the CPU, in evaluation mode.
        tokens: the table of its outputs.
        policy: applied to the transcripts that this was trained on.
        settings: of front end and encoder, as ``class_path`` and ``init_args``.
        sizes: of what is beside the encoder.
    """

    model: Transducer
    tokens: TokenTable
    policy: TextPolicy
    settings: dict[str, Any]
    sizes: TransducerSizes

    def describe_model(self) -> list[Row]:
        """Returns encoder, front end, sizes beside the encoder, input, output, parameters, tokens and text policy."""
        encoder, front, *rest = acoustic_rows(self.settings, sizes_of(self.model), self.tokens, self.policy)
        return [encoder, front, settings_row("transducer", "Transducer", asdict(self.sizes)), *rest]


def _build(stored: StoredModel) -> LoadedTransducer:
    tokens = TokenTable.from_state(stored.settings["tokens"])
    policy = recorded_policy(stored.settings["text_policy"])
    found = stored.settings["transducer"]
    if not isinstance(found, Mapping) or any(not isinstance(name, str) for name in found):
        raise BuildError(f"its sizes are {shown(found)}, not settings by name")
    check_arguments(TransducerSizes, found, largest=num_values(stored.state))
    sizes, encoding = TransducerSizes(**found), StoredEncoding.of(stored)
    model = load_network(
        stored,
        lambda: Transducer(encoding.frontend, encoding.make_encoder(), len(tokens), sizes),
        lambda model: model.scores(*encoding.trial, torch.full((1, 2), BLANK)),
        NOT_ONE,
    )
    encoding.check_statistics()
    return LoadedTransducer(model, tokens, policy, encoding.settings, sizes)


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the state of the token table, whose file the configuration may name, and the objective without nulls."""
    model = with_table(config["model"])
    objective = dict(model.get("objective") or {})
    given = objective.get("init_args")
    if isinstance(given, Mapping):  # debug=overfit switches off what only CTC has
        objective["init_args"] = {name: value for name, value in given.items() if value is not None}
    return {"tokens": model["tokens"]} | ({"objective": objective} if objective else {})


TRANSDUCER = Kind(
    task="transducer",
    needed=("frontend", "encoder", "tokens", "text_policy", "transducer"),
    incomplete="holds no {}, so it is not a whole checkpoint of a model",
    lacking="is no checkpoint of a transducer: it lacks {}",
    remedy=NOT_ONE,
    named_by="transducer",
    names=lambda settings: TokenTable.from_state(settings["tokens"]).tokens,
    mismatch=None,
    settings=_settings,
    build=_build,
)
