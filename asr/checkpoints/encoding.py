"""Front end and encoder of a checkpoint, which every model that hears has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from asr.checkpoints.building import ENCODERS, FRONT_ENDS, check_arguments, chosen
from asr.checkpoints.reading import StoredModel
from asr.checkpoints.weights import num_values
from asr.errors import CheckpointError
from asr.features.frontend import FrontEnd
from asr.models.acoustic import AcousticModel
from asr.models.transducer import Transducer
from asr.text.tokens import TokenTable

_FRAMES = 8  # of the trial run of a model


@dataclass(frozen=True, eq=False)
class StoredEncoding:
    """Front end and encoder as the settings of a checkpoint say.

    Attributes:
        path: the file, for errors.
        frontend: the front end, without its statistics until the weights are loaded.
        make_encoder: builds the encoder.
        settings: of front end and encoder, as ``class_path`` and ``init_args``.
    """

    path: Path
    frontend: FrontEnd
    make_encoder: Callable[[], nn.Module]
    settings: dict[str, Any]

    @classmethod
    def of(cls, stored: StoredModel) -> StoredEncoding:
        """Returns those of a checkpoint.

        Raises:
            BuildError: a setting names no class of the closed list, or does not fit it.
        """
        made, arguments = chosen(stored.settings["frontend"], FRONT_ENDS, "front end")
        check_arguments(made, arguments)
        frontend = made(**arguments)
        encoder, sizes = chosen(stored.settings["encoder"], ENCODERS, "encoder")
        check_arguments(encoder, sizes, "feature_dim", largest=num_values(stored.state))
        settings = {name: _plain(stored.settings[name]) for name in ("frontend", "encoder")}
        return cls(stored.path, frontend, lambda: encoder(frontend.feature_dim, **sizes), settings)

    @property
    def trial(self) -> tuple[Tensor, Tensor]:
        """Features of one short utterance, all zero, and their length, for the trial run of a model."""
        return torch.zeros(1, _FRAMES, self.frontend.feature_dim), torch.tensor([_FRAMES])

    def check_statistics(self) -> None:
        """Refuses a front end that normalises by statistics and has none, once its weights are loaded.

        Raises:
            CheckpointError: it does.
        """
        if self.frontend.cmvn == "global" and not bool(self.frontend.has_statistics):
            found = "its front end normalises by statistics of the training set and has none"
            raise CheckpointError(self.path, found, "train it with them")


def sizes_of(model: AcousticModel | Transducer) -> tuple[int, int, float, int]:
    """Returns sample rate in Hz, values of a feature frame, seconds of an encoder frame, parameters."""
    frontend, num_parameters = model.frontend, sum(parameter.numel() for parameter in model.parameters())
    return frontend.sample_rate, frontend.feature_dim, model.frame_seconds, num_parameters


def with_table(settings: Any) -> Any:
    """Returns settings with the state of their token table in place of the file that ``tokens`` may name.

    Raises:
        DataError: the file is no token table.
    """
    if not isinstance(settings, Mapping):
        return settings
    tokens = settings["tokens"]
    return {**settings, "tokens": TokenTable.load(Path(tokens)).state() if isinstance(tokens, str) else tokens}


def _plain(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"class_path": spec["class_path"], "init_args": dict(spec.get("init_args") or {})}
