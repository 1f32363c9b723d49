"""Acoustic models that run without torch: what a model file holds of them, and how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from asr.checkpoints.model_file.members import Members
from asr.checkpoints.rows import Row, acoustic_rows, progress_row
from asr.portable.frontend import PortableFrontEnd
from asr.portable.model import PortableModel
from asr.portable.network import Network
from asr.records import Record
from asr.text.policy import TextPolicy, recorded_policy
from asr.text.tokens import TokenTable

NETWORK = "network.onnx"
TABLES = ("window", "filters", "cepstra", "to_levels", "from_levels", "mean", "std")
"""Arrays of a front end, all but the first two and the last two optional."""

_NORMALISATIONS: Mapping[str, Literal["none", "global", "utterance", "speech"]] = {
    "none": "none",
    "global": "global",
    "utterance": "utterance",
    "speech": "speech",
}
_MOST_NUMBERS = 1 << 24  # of a table
_TRIAL_SECONDS = 0.1


@dataclass(frozen=True, eq=False)
class LoadedPortable:
    """An acoustic model from a model file, which needs no torch.

    Attributes:
        model: the model.
        tokens: the table of its outputs.
        policy: applied to its training transcripts.
        settings: of front end and encoder, as ``class_path`` and ``init_args``.
        num_parameters: of the network that it was made of.
        training_step: optimiser steps taken; None if unknown.
        epoch: in which it was written; None if unknown.
    """

    model: PortableModel
    tokens: TokenTable
    policy: TextPolicy
    settings: Mapping[str, Any]
    num_parameters: int
    training_step: int | None
    epoch: int | None

    def describe(self) -> list[Row]:
        """Returns the lines of ``asr info``."""
        frontend = self.model.frontend
        sizes = frontend.sample_rate, len(frontend.mean), self.model.frame_seconds, self.num_parameters
        return [
            *acoustic_rows(self.settings, sizes, self.tokens, self.policy),
            ("runs on", "NumPy and onnxruntime"),
            progress_row(self.training_step, self.epoch),
        ]


def read_portable(members: Members, found: Record, part: str) -> LoadedPortable:
    """Reads what :func:`asr.checkpoints.model_file.onnx_encoder.write_portable` wrote, and runs it once.

    Raises:
        AsrError: something is missing, of another size, or does not run.
    """
    settings = found.record("settings")
    tokens = TokenTable.from_state(settings.record("tokens").fields)
    policy = recorded_policy(settings.text("text_policy"))
    for name in ("frontend", "encoder"):
        settings.record(name).text("class_path")
        settings.record(name).record("init_args")
    frontend = _read_frontend(members, found, part)
    time_stride = found.whole("time_stride", 1)
    content, is_quantised = members.read(f"{part}/{NETWORK}"), members.manifest.text("precision") == "int8"
    network = Network(members.path, content, time_stride, len(tokens), is_quantised=is_quantised)
    model = PortableModel(frontend, network, time_stride)
    model.log_probs([np.zeros(max(frontend.hop_length, int(_TRIAL_SECONDS * frontend.sample_rate)), np.float32)])
    step, epoch = (found.whole(name) if found.has(name) else None for name in ("training_step", "epoch"))
    plain = {name: settings.record(name).fields for name in ("frontend", "encoder")}
    return LoadedPortable(model, tokens, policy, plain, found.whole("num_parameters"), step, epoch)


def _read_frontend(members: Members, found: Record, part: str) -> PortableFrontEnd:
    shapes = found.record("tables")
    tables = {name: _read_table(members, shapes, part, name) for name in TABLES if shapes.has(name)}
    cmvn = _NORMALISATIONS.get(found.text("cmvn"))
    if cmvn is None:
        raise found.error("cmvn", f"one of {', '.join(_NORMALISATIONS)}")
    unfit = members.foreign("the tables of its front end do not fit together")
    if any(name not in tables for name in ("window", "filters", "mean", "std")):
        raise unfit
    frontend = PortableFrontEnd(
        sample_rate=found.whole("sample_rate", 1000),
        hop_length=found.whole("hop_length", 1),
        delta_order=found.whole("delta_order", 0),
        cmvn=cmvn,
        use_energy=found.flag("use_energy"),
        silent_level=found.number("silent_level"),
        window=tables["window"],
        filters=tables["filters"],
        cepstra=tables.get("cepstra"),
        to_levels=tables.get("to_levels"),
        from_levels=tables.get("from_levels"),
        mean=tables["mean"],
        std=tables["std"],
    )
    if not _fits(frontend):
        raise unfit
    return frontend


def _fits(frontend: PortableFrontEnd) -> bool:
    """Says whether the tables of a front end fit each other."""
    window, filters, cepstra = frontend.window, frontend.filters, frontend.cepstra
    to_levels, from_levels = frontend.to_levels, frontend.from_levels
    if [window.ndim, filters.ndim, frontend.mean.ndim] != [1, 2, 1] or frontend.mean.shape != frontend.std.shape:
        return False
    width = filters.shape[1] + frontend.use_energy
    if cepstra is not None:
        if cepstra.ndim != 2 or cepstra.shape[0] != filters.shape[1]:
            return False
        width = cepstra.shape[1]
    levels = (to_levels is None) == (from_levels is None)
    if to_levels is not None and from_levels is not None:
        levels = to_levels.ndim == 2 and to_levels.shape[0] == width and from_levels.shape == to_levels.shape[::-1]
    is_framed = frontend.hop_length <= len(window) <= 2 * (len(filters) - 1)
    is_scaled = frontend.cmvn != "global" or bool((frontend.std > 0).all())
    return levels and is_framed and is_scaled and len(frontend.mean) == width * (frontend.delta_order + 1)


def _read_table(members: Members, shapes: Record, part: str, name: str) -> NDArray[np.float32]:
    shape = shapes.items(name)
    is_shape = len(shape) in (1, 2) and all(type(size) is int and size > 0 for size in shape)
    if not is_shape or prod(shape) > _MOST_NUMBERS:
        raise shapes.error(name, "the sizes of a table")
    values = np.frombuffer(members.read(f"{part}/{name}", 4 * prod(shape)), "<f4").astype(np.float32).reshape(shape)
    if not np.isfinite(values).all():
        raise members.foreign(f"{part}/{name} holds what is no number")
    return values
