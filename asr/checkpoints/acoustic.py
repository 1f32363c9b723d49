"""The record of acoustic models, whose checkpoints transcribe without any other file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from asr.checkpoints.archive import NOT_ONE
from asr.checkpoints.attention import attention_rows, read_attention
from asr.checkpoints.encoding import StoredEncoding, sizes_of, with_table
from asr.checkpoints.heads import read_heads
from asr.checkpoints.kind import Kind, LoadedModel
from asr.checkpoints.reading import StoredModel
from asr.checkpoints.rows import Row, acoustic_rows, tokens_row
from asr.checkpoints.weights import load_network
from asr.errors import CheckpointError, ConfigError
from asr.models.acoustic import AcousticModel
from asr.models.sparsity import cleared_share
from asr.text.policy import TextPolicy, recorded_policy
from asr.text.tokens import BLANK, TokenTable
from asr.text.writing import MAIN, Writing

_SPARSE = 0.05  # rounding to 8 bits alone clears a hundredth


@dataclass(frozen=True, eq=False)
class Loaded(LoadedModel):
    """An acoustic model from a checkpoint.

    Attributes:
        model: on the CPU, in evaluation mode.
        tokens: the table of its main output.
        policy: applied to the transcripts that this was trained on.
        settings: of front end and encoder, as ``class_path`` and ``init_args``.
        beside: how the heads beside the main one write, by name.
    """

    model: AcousticModel
    tokens: TokenTable
    policy: TextPolicy
    settings: dict[str, Any]
    beside: Mapping[str, Writing] = field(default_factory=dict)

    def head(self, name: str | None) -> Loaded:
        """Returns the model with one of its heads as its only output.

        Args:
            name: of the head; that of the main head, if no other has it, is the unit of its tokens, such as "phone".
                None leaves all heads there.

        Raises:
            ConfigError: there is none of that name; the message lists the names.
        """
        if name is None:
            return self
        if name in self.beside:
            own = self.beside[name]
            return replace(self, model=self.model.of_head(name), tokens=own.tokens, policy=own.policy, beside={})
        if name not in (MAIN, self.tokens.unit):
            names = ", ".join((self.tokens.unit, *self.beside))
            raise ConfigError(f"head {name!r}", "the model has none of that name", f"choose from {names}")
        return replace(self, model=self.model.of_head(MAIN), beside={})

    def describe_model(self) -> list[Row]:
        """Returns encoder, front end, input, output, parameters, tokens and text policy of each head, and attention."""
        rows = acoustic_rows(self.settings, sizes_of(self.model), self.tokens, self.policy)
        cleared = cleared_share(self.model)
        if cleared >= _SPARSE:
            rows.append(("sparsity", f"{100 * cleared:.1f} % of the encoder's weights are zero"))
        rows += [row for name, writing in self.beside.items() for row in _head_rows(name, writing)]
        return rows + attention_rows(self.model)


def _head_rows(name: str, writing: Writing) -> list[Row]:
    policy = f"{writing.policy.name} ({writing.policy.hash})"
    return [tokens_row(f"head {name}", writing.tokens), (f"head {name}", f"text policy {policy}")]


def _build(stored: StoredModel) -> Loaded:
    if "transducer" in stored.settings:
        remedy = "asr decode, asr info and asr report take it; give one that was trained with CTC"
        raise CheckpointError(stored.path, "holds a transducer, not a model with CTC outputs", remedy)
    tokens = TokenTable.from_state(stored.settings["tokens"])
    policy = recorded_policy(stored.settings["text_policy"])
    beside, heads = read_heads(stored.settings)
    encoding, attending = StoredEncoding.of(stored), read_attention(stored)
    model = load_network(
        stored,
        lambda: AcousticModel(encoding.frontend, encoding.make_encoder(), len(tokens), heads, attending),
        lambda model: _try(model, *encoding.trial),
        NOT_ONE,
    )
    encoding.check_statistics()
    return Loaded(model, tokens, policy, encoding.settings, beside)


def _try(model: AcousticModel, features: Tensor, lengths: Tensor) -> None:
    """Runs all outputs of a model."""
    encoded, encoded_lengths = model.encode_heads(features, lengths)
    for name, frames in encoded.items():
        model.classify_layers(name, frames)
    if model.attention is not None:
        model.attention(encoded[model.attention_head][-1], encoded_lengths, torch.full((1, 2), BLANK))


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the states of the token tables, whose files the configuration may name, and the heads without nulls."""
    model = config["model"]
    heads = {name: with_table(head) for name, head in (model.get("heads") or {}).items() if head is not None}
    return {"tokens": with_table(model)["tokens"]} | ({"heads": heads} if "heads" in model else {})


ACOUSTIC = Kind(
    task=None,
    needed=("frontend", "encoder", "tokens", "text_policy"),
    incomplete="holds no {}, so it is not a whole checkpoint of a model",
    lacking="its hyper_parameters lack {}",
    remedy=NOT_ONE,
    named_by="tokens",
    names=lambda settings: TokenTable.from_state(settings["tokens"]).tokens,
    mismatch=None,
    settings=_settings,
    build=_build,
    optional=("heads", "attention"),
)

load_checkpoint = ACOUSTIC.load
"""Reads what Lightning's trainer saved of a ``CTCModule``: a dict with ``hyper_parameters`` and ``state_dict``."""
