"""Writes acoustic models so that they run without torch: the network as ONNX, the front end as tables."""

from __future__ import annotations

import copy
import importlib.util
import io
import logging
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from asr.checkpoints.acoustic import ACOUSTIC, Loaded
from asr.checkpoints.model_file.arrays import Precision
from asr.checkpoints.model_file.members import Written
from asr.checkpoints.model_file.portable import NETWORK, TABLES
from asr.checkpoints.reading import StoredModel
from asr.dependencies import DependencyError
from asr.errors import AsrError, ConfigError
from asr.features.frontend import FrontEnd
from asr.files import temporary_folder
from asr.models.acoustic import AcousticModel
from asr.models.cells.cell import RecurrentCell
from asr.models.cells.gated import VanillaGRU, VanillaRNN
from asr.models.cells.lstm import VanillaLSTM
from asr.models.encoder import LatencyControlledEncoder
from asr.portable.frontend import PortableFrontEnd
from asr.portable.network import Network
from asr.text.writing import MAIN

OPSET = 17
TOLERANCE = 1e-3
"""Largest difference of log-probabilities from torch's with which a network is written."""

_REMEDY = "leave --backend out: torch runs this model"
_NATIVE: dict[type[RecurrentCell], type[nn.RNNBase]] = {VanillaLSTM: nn.LSTM, VanillaGRU: nn.GRU, VanillaRNN: nn.RNN}
_TRACED = (2, 16)  # utterances and frames of the run that is recorded
_TRIALS = ((37, 12, 1), (5,), (64, 64))  # frames of each utterance of batches that are compared


class _Classifier(nn.Module):
    def __init__(self, model: AcousticModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        return self.model.classify(features, lengths)[0]


def write_portable(
    stored: StoredModel, loaded: Loaded, precision: Precision, part: str, written: Written
) -> dict[str, Any]:
    """Writes a model with its main head, to run without torch; returns what the manifest has to say of it.

    Args:
        stored: the checkpoint that it is from.
        loaded: the model of it, on the CPU.
        precision: of its matrices: "float32", or "int8" for onnxruntime's dynamic quantisation.
        part: folder of the members.
        written: the members.

    Raises:
        ConfigError: ONNX cannot hold the network exactly, or not in that precision.
        DependencyError: onnx or onnxruntime is not installed.
    """
    if precision == "float16":
        raise ConfigError("--precision", "float16 is none of ONNX on a CPU", "give float32 or int8")
    missing = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        found = f"the extra export is needed to write ONNX, and {' and '.join(missing)} cannot be found"
        raise DependencyError(stored.path, found, "install it: pip install onnx onnxruntime")
    model = loaded.head(MAIN).model
    if isinstance(model.encoder, LatencyControlledEncoder):
        raise ConfigError(str(stored.path), "its network runs chunk by chunk, which ONNX cannot hold", _REMEDY)
    content = _export(model, stored.path, len(loaded.tokens))
    written.add(f"{part}/{NETWORK}", _quantised(content) if precision == "int8" else content, is_packed=False)
    frontend = portable_frontend(model.frontend)
    tables = {name: table for name in TABLES if (table := getattr(frontend, name)) is not None}
    for name, table in tables.items():
        written.add(f"{part}/{name}", table.astype("<f4").tobytes())
    return {
        "settings": {name: stored.settings[name] for name in ACOUSTIC.needed} | loaded.settings,
        "training_step": stored.training_step,
        "epoch": stored.epoch,
        "num_parameters": sum(parameter.numel() for parameter in model.parameters()),
        "time_stride": model.encoder.time_stride,
        "sample_rate": frontend.sample_rate,
        "hop_length": frontend.hop_length,
        "delta_order": frontend.delta_order,
        "cmvn": frontend.cmvn,
        "use_energy": frontend.use_energy,
        "silent_level": frontend.silent_level,
        "tables": {name: list(table.shape) for name, table in tables.items()},
    }


def portable_frontend(frontend: FrontEnd) -> PortableFrontEnd:
    """Returns the front end in NumPy that computes what one in torch does in evaluation."""
    cepstra, to_levels, from_levels = (
        None if table is None else table.numpy()
        for table in (frontend.cepstra, frontend.to_levels, frontend.from_levels)
    )
    return PortableFrontEnd(
        frontend.sample_rate,
        frontend.hop_length,
        frontend.delta_order,
        frontend.cmvn,
        frontend.use_energy,
        frontend.silent_level,
        frontend.window.numpy(),
        frontend.filters.numpy(),
        cepstra,
        to_levels,
        from_levels,
        frontend.cmvn_mean.numpy(),
        frontend.cmvn_std.numpy(),
    )


def _export(model: AcousticModel, path: Path, num_tokens: int) -> bytes:
    """Returns the network as ONNX, after comparing what it computes with torch."""
    classifier = _Classifier(_with_native_units(model, path)).eval()
    batch_size, num_frames = _TRACED
    features, lengths = torch.zeros(batch_size, num_frames, model.frontend.feature_dim), torch.tensor([num_frames, 7])
    content = io.BytesIO()  # which torch's annotations lack
    with warnings.catch_warnings():  # that torch has a newer exporter, which fixes the number of frames
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                classifier,
                (features, lengths),
                content,  # type: ignore[arg-type]
                dynamo=False,
                opset_version=OPSET,
                input_names=["features", "lengths"],
                output_names=["log_probs"],
                dynamic_axes={"features": [0, 1], "lengths": [0], "log_probs": [0, 1]},
            )
        except Exception as error:  # whatever an operator without a counterpart raises
            reason = str(error).strip().partition("\n")[0][:200]
            raise ConfigError(str(path), f"its network cannot be written as ONNX ({reason})", _REMEDY) from error
    _compare(model, content.getvalue(), path, num_tokens)
    return content.getvalue()


def _with_native_units(model: AcousticModel, path: Path) -> AcousticModel:
    """Returns a copy whose units are those that ONNX has operators for."""
    model = copy.deepcopy(model)
    for parent in list(model.modules()):
        for name, unit in list(parent.named_children()):
            if isinstance(unit, RecurrentCell):
                setattr(parent, name, _native(unit, path))
    return model


def _native(unit: RecurrentCell, path: Path) -> nn.RNNBase:
    made = _NATIVE.get(type(unit))
    if made is None:
        found = f"its units ({type(unit).__name__}) are none that ONNX has an operator for as torch writes it"
        raise ConfigError(str(path), found, _REMEDY)
    if unit.zoneout:
        found = "its units were trained with zoneout and keep a share of their old values, which ONNX's do not"
        raise ConfigError(str(path), found, _REMEDY)
    native = made(unit.input_dim, unit.hidden_dim, batch_first=True)  # type: ignore[call-arg,arg-type]
    native.load_state_dict(unit.state_dict())
    return native


@torch.inference_mode()
def _compare(model: AcousticModel, content: bytes, path: Path, num_tokens: int) -> None:
    generator = torch.Generator().manual_seed(0)
    try:
        network = Network(path, content, model.encoder.time_stride, num_tokens)
        for frames in _TRIALS:
            features = [torch.randn(length, model.frontend.feature_dim, generator=generator) for length in frames]
            padded = nn.utils.rnn.pad_sequence(features, batch_first=True)
            expected, lengths = model.classify(padded, torch.tensor(frames))
            found = network([each.numpy() for each in features])
            for row, length, each in zip(expected, lengths.tolist(), found, strict=True):
                difference = float(np.abs(row[:length].numpy() - each).max())
                if not difference <= TOLERANCE:
                    told = f"its log-probabilities in ONNX differ from torch's by {difference:.2g}"
                    raise ConfigError(str(path), told, _REMEDY)
    except ConfigError:
        raise
    except AsrError as error:
        raise ConfigError(str(path), f"its network does not run as ONNX ({error.found})", _REMEDY) from error


def _quantised(content: bytes) -> bytes:
    """Returns a network with matrices in 8 bits, and with activations that are rounded as they come."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.disable(logging.WARNING)  # onnxruntime recommends a step that recurrent networks do not need
    try:
        with tempfile.TemporaryDirectory(dir=temporary_folder()) as folder:
            whole, small = Path(folder, "whole.onnx"), Path(folder, "small.onnx")
            whole.write_bytes(content)
            quantize_dynamic(whole, small, weight_type=QuantType.QInt8, op_types_to_quantize=["LSTM", "MatMul", "Gemm"])
            return small.read_bytes()
    finally:
        logging.disable(logging.NOTSET)
