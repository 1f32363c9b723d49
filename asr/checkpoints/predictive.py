"""The record of predictive models, from whose checkpoints encoders of acoustic models begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from asr.checkpoints.building import check_arguments
from asr.checkpoints.encoding import StoredEncoding
from asr.checkpoints.kind import Kind, LoadedModel, parameters_row
from asr.checkpoints.reading import StoredModel
from asr.checkpoints.rows import Row, settings_row
from asr.checkpoints.weights import load_network, num_values
from asr.models.predictive import PredictiveModel

_SIZES = ("method", "ahead", "window")
_REMEDY = "give one that asr train --config-name predictive wrote, such as last.ckpt"


@dataclass(frozen=True, eq=False)
class LoadedPredictive(LoadedModel):
    """A predictive model from a checkpoint.

    Attributes:
        model: on the CPU, in evaluation mode.
        settings: of front end and encoder, as ``class_path`` and ``init_args``, and of what was learned.
    """

    model: PredictiveModel
    settings: dict[str, Any]

    def describe_model(self) -> list[Row]:
        """Returns what was learned, encoder, front end and parameters."""
        specs = (("encoder", self.settings["encoder"]), ("front end", self.settings["frontend"]))
        made = [(name, spec["class_path"].rpartition(".")[2], spec["init_args"]) for name, spec in specs]
        learned = {name: self.settings[name] for name in _SIZES[1:]}
        return [
            settings_row("learned by", self.settings["method"], learned),
            *(settings_row(*each) for each in made),
            parameters_row(self.model),
        ]


def _build(stored: StoredModel) -> LoadedPredictive:
    sizes = {name: stored.settings[name] for name in _SIZES}
    check_arguments(PredictiveModel, sizes, "frontend", "encoder", largest=num_values(stored.state))
    encoding = StoredEncoding.of(stored)
    model = load_network(
        stored,
        lambda: PredictiveModel(encoding.frontend, encoding.make_encoder(), **sizes),
        lambda model: model(*encoding.trial),
        _REMEDY,
    )
    return LoadedPredictive(model, encoding.settings | sizes)


PREDICTIVE = Kind(
    task="predictive-model",
    needed=("frontend", "encoder", *_SIZES),
    incomplete="is not a whole checkpoint of a model",
    lacking="is no checkpoint of a predictive model: it lacks {}",
    remedy=_REMEDY,
    named_by="method",
    names=lambda settings: (str(settings["method"]),),
    mismatch=("it was learned by another method", "take the model.method that it was trained with"),
    settings=lambda _: {},
    build=_build,
)

load_predictive = PREDICTIVE.load
"""Reads what Lightning's trainer saved of a ``PredictiveModule``; see :meth:`Kind.load`."""
