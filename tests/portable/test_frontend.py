"""The front end in NumPy computes what the one in torch does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from asr.checkpoints.model_file.onnx_encoder import portable_frontend
from asr.features.frontend import FrontEnd

SETTINGS: tuple[dict[str, Any], ...] = (
    {"num_mels": 40, "cmvn": "speech"},
    {"num_mels": 40, "cmvn": "speech", "use_energy": True, "delta_order": 2},
    {"kind": "mfcc", "num_mels": 23, "cmvn": "speech", "delta_order": 1},
    {"kind": "mfcc", "num_mels": 23, "cmvn": "speech", "use_energy": True},
    {"kind": "mfcc", "num_mels": 23, "num_ceps": 12, "cmvn": "utterance", "use_energy": True, "delta_order": 2},
    {"num_mels": 20, "cmvn": "none", "sample_rate": 8000, "frame_length_ms": 20.0},
    {"num_mels": 40, "cmvn": "global", "delta_order": 1},
)


def recording(seconds: float, seed: int) -> torch.Tensor:
    """Returns noise with syllables, a pause of two seconds in long ones, and digital silence at its end."""
    generator = torch.Generator().manual_seed(seed)
    times = torch.arange(round(seconds * 16000)) / 16000
    loudness = 0.3 * 10 ** (torch.sin(2 * torch.pi * 4 * times) - 1.2)
    loudness[(times > 2.0) & (times < 4.0)] = 0.002
    waveform = loudness * torch.randn(len(times), generator=generator)
    waveform[times > seconds - 0.2] = 0.0
    return waveform


@pytest.mark.parametrize("settings", SETTINGS)
def test_features_equal_those_of_torch(settings: dict[str, Any]) -> None:
    frontend = FrontEnd(**settings)
    if settings["cmvn"] == "global":
        frontend.set_statistics(
            torch.linspace(-3, 3, frontend.feature_dim), torch.linspace(0.5, 2, frontend.feature_dim)
        )
    portable = portable_frontend(frontend)
    for seed, seconds in enumerate((0.006, 0.03, 0.4, 3.0, 7.0)):
        waveform = recording(seconds, seed)
        expected, lengths = frontend(waveform[None], torch.tensor([len(waveform)]))
        found = portable(waveform.numpy())
        assert found.dtype == np.float32
        assert found.shape == (portable.frame_length(len(waveform)), frontend.feature_dim) == expected[0].shape
        assert lengths.tolist() == [len(found)]
        assert np.abs(found - expected[0].numpy()).max() < 1e-4 * max(1.0, float(expected.abs().max()))
