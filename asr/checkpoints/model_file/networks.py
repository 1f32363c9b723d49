"""The networks of a model file: settings as JSON and weights in float32, float16 or 8 bits, without training state.

An 8-bit weight is an integer from -127 to 127 times the scale of its row, the largest magnitude in the row over 127.
Only matrices are rounded: vectors and small tensors make up a thousandth of a network, and buffers are statistics.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from asr.checkpoints.kind import Kind, LoadedModel
from asr.checkpoints.kinds import kind_of
from asr.checkpoints.model_file.arrays import Precision
from asr.checkpoints.model_file.members import Members, Written
from asr.checkpoints.reading import StoredModel
from asr.errors import CheckpointError, ConfigError
from asr.records import Record

_PREFIX = "model."
_SMALL = 1 << 10  # tensors with fewer numbers are not worth rounding
_DENSE = 0.7  # of the numbers are not zero: only below it, deflating makes a tensor smaller
_LONG = 1 << 12  # longer text settings become members of their own
_MOST_DIMENSIONS = 8
_FORMS = {
    "float32": ("<f4", torch.float32),
    "float16": ("<f2", torch.float16),
    "int64": ("<i8", torch.int64),
    "bool": ("|u1", torch.bool),
}


def write_network(
    stored: StoredModel, network: nn.Module, precision: Precision, part: str, written: Written
) -> dict[str, Any]:
    """Writes a network and returns its entry in the manifest.

    Args:
        stored: its checkpoint.
        network: the network, on the CPU.
        precision: precision of its matrices.
        part: folder of its members.
        written: the members.

    Raises:
        ConfigError: a weight exceeds the range of float16.
    """
    kind = kind_of(stored.settings)
    assert kind is not None
    settings = {name: stored.settings[name] for name in kind.needed}
    settings |= {name: stored.settings[name] for name in kind.optional if stored.settings.get(name)}
    texts = [name for name, value in settings.items() if isinstance(value, str) and len(value) > _LONG]
    for name in texts:
        written.add(f"{part}/{name}", settings.pop(name).encode())
    parameters = {name for name, _ in network.named_parameters(remove_duplicate=False)}
    known: dict[tuple[int, torch.Size], str] = {}
    weights: list[dict[str, Any]] = []
    for name, tensor in network.state_dict().items():
        same = known.setdefault((tensor.data_ptr(), tensor.shape), name) if tensor.numel() else name
        if same != name:
            weights.append({"name": name, "same": same})
            continue
        form = _form(tensor, precision if name in parameters else "float32")
        if form == "float16" and not bool(tensor.half().isfinite().all()):
            raise ConfigError(str(stored.path), f"its {name} is beyond float16", "give --precision float32 or int8")
        content = _rows(tensor) if form == "int8" else tensor.numpy().astype(_FORMS[form][0]).tobytes()
        written.add(f"{part}/{name}", content, is_packed=_is_sparse(tensor))
        weights.append({"name": name, "shape": list(tensor.shape), "form": form})
    progress = {"training_step": stored.training_step, "epoch": stored.epoch}
    return {"settings": settings, "texts": texts, **progress, "weights": weights}


def read_network(members: Members, found: Record, part: str) -> LoadedModel:
    """Builds what :func:`write_network` wrote, as from a checkpoint: only classes of the closed list.

    Raises:
        AsrError: a weight is missing or has another size, or the network cannot be built.
    """
    stored = read_stored(members, found, part)
    kind: Kind[LoadedModel] | None = kind_of(stored.settings)
    if kind is None:
        raise CheckpointError(members.path, "holds a model of no kind that this version knows", "export it again")
    return kind.load_stored(stored)


def read_stored(members: Members, found: Record, part: str) -> StoredModel:
    """Returns the settings and weights that :func:`write_network` wrote, 8-bit ones in float32; errors as for it."""
    settings = dict(found.record("settings").fields)
    for name in found.items("texts"):
        settings[str(name)] = members.text(f"{part}/{name}")
    state: dict[str, Tensor] = {}
    for each in found.records("weights"):
        name = each.text("name")
        if each.has("same"):
            if each.text("same") not in state:
                raise each.error("same", "a weight before it")
            state[name] = state[each.text("same")]
        else:
            state[name] = _read_weight(members, each, f"{part}/{name}")
    step, epoch = (found.whole(name) if found.has(name) else None for name in ("training_step", "epoch"))
    weights = {f"{_PREFIX}{name}": tensor for name, tensor in state.items()}
    return StoredModel(members.path, settings, weights, step, epoch)


def _form(tensor: Tensor, precision: str) -> str:
    if tensor.dtype != torch.float32:
        return str(tensor.dtype).removeprefix("torch.")
    return precision if tensor.dim() > 1 and tensor.numel() >= _SMALL else "float32"


def _is_sparse(tensor: Tensor) -> bool:
    return tensor.numel() >= _SMALL and int(tensor.count_nonzero()) < _DENSE * tensor.numel()


def _rows(tensor: Tensor) -> bytes:
    """Returns the scales of the rows in float32, followed by the rows in 8 bits."""
    rows = tensor.detach().numpy().reshape(len(tensor), -1)
    scales = (np.abs(rows).max(axis=1) / 127).astype("<f4")
    values = np.rint(rows / np.where(scales > 0, scales, 1)[:, None])
    return b"".join((scales.tobytes(), np.clip(values, -127, 127).astype(np.int8).tobytes()))


def _read_weight(members: Members, found: Record, name: str) -> Tensor:
    shape = found.items("shape")
    if len(shape) > _MOST_DIMENSIONS or not all(type(size) is int and 0 <= size < 1 << 40 for size in shape):
        raise found.error("shape", "a list of a few sizes")
    form, count = found.text("form"), prod(shape)
    if form == "int8" and count:
        scales = np.frombuffer(content := members.read(name, count + 4 * shape[0]), "<f4", shape[0])
        values = np.frombuffer(content, np.int8, offset=4 * shape[0]).reshape(shape[0], -1)
        return torch.from_numpy(values * scales[:, None].astype(np.float32)).reshape(shape)
    if form not in _FORMS:
        raise found.error("form", f"one of {', '.join(_FORMS)}, int8")
    layout, dtype = _FORMS[form]
    content = members.read(name, count * np.dtype(layout).itemsize)
    values = np.frombuffer(content, layout).astype(np.dtype(layout).newbyteorder("="))
    return torch.from_numpy(values).to(dtype).reshape(shape)
